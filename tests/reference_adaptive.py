"""The adaptive layer once more, for `reference.py`: slow, clear, and written from docs/adaptive.md alone.

Names, formulas and the order of the sections are the document's. What it says of arrays is true of
the dictionaries here, too, which hold only what was touched. Nothing but the standard library is
used, and of lmac nothing but the trees and the initial values, which are part of the format: about
1,000 symbols a second.
"""

import struct
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

FILES = Path(__file__).parents[1] / "rust/lmac-core/src/coding/adaptive"

CONTEXTS = 11
INPUTS = 32
GROUPS = ((32, 1), (8, 256), (1, 6144), (1, 4096), (12, 8), (1, 4096))  # of each set, and the vectors of a group
CLASSES = 32
BYTES_BEFORE = (0, 1, 2, 3, 5, 9)  # a token, of which the contexts of its end know


class Mixture:
    """What a block has learned so far; it decodes the block's symbols one after the other."""

    def __init__(self, lane_lens: list[int], has_network: bool) -> None:
        content_len = sum(lane_lens)
        initial = initial_values(has_network)
        ends = accumulate(lane_lens)
        self.past = Past(content_len)
        self.lanes = [Lane(self.past, end - length, end) for end, length in zip(ends, lane_lens, strict=True)]
        self.hashes: list[int] = []  # of the contexts, for the symbol at hand
        self.slots = Slots(content_len, initial.meanings)
        self.matches = Matches(content_len, initial.probabilities)
        self.order_zero = [Chance(2**21, 0, 1023) for _ in range(2048)]
        self.mixers = Mixers(initial.weights)
        self.refinement = Refinement(content_len)
        self.calibrations = [Refinement(content_len) for _ in range(2)] if has_network else []

    def decode(self, number: int, frequencies: list[int], decode_bit: Callable[[int], int]) -> int:
        """Returns the next symbol of lane `number`.

        Without a network there are no frequencies; `decode_bit` maps the probability of a 1 to a bit.
        """
        lane = self.lanes[number]
        self.matches.look(lane)
        tree = tree_after(lane.last_symbol(1))
        network = Network(frequencies, tree)
        self.hashes = lane.hashes(self.matches.promise() ^ tree.number << 16)
        node = tree.root()
        while node.question:
            if node.depth % 4 == 0:
                self.slots.find_group(self.hashes, node)
            bit = decode_bit(self.predict(node, lane, network))
            self.learn(node, bit)
            node = node.child(bit)
        symbol = node.symbol()
        self.matches.learn_symbol(lane, symbol)
        lane.learn_symbol(symbol)
        return symbol

    def predict(self, node: "Node", lane: "Lane", network: "Network") -> int:
        """The probability of a 1 at a node."""
        inputs, known = self.slots.predict(node)
        inputs += self.matches.predict(node)
        order_1, order_2, _, _, word, _, shapes, *_ = self.hashes
        inputs += network.predict(node)
        calibrated = [refinement.predict(inputs[-2], node, h) for refinement, h in zip(self.calibrations, (order_1, word), strict=False)]
        inputs += map(stretch, calibrated or [2**15, 2**15])
        inputs += [stretch(self.order_zero[node.number()].probability()), stretch(node.uniform()), 256, 0]
        selected = [
            self.matches.spoken_class,
            network.sureness * 256 + lane.last_symbol(1),
            self.matches.expectation() * 2048 + node.number(),
            order_2 >> 20,
            known * 8 + min(node.depth, 7),
            shapes >> 20,
        ]
        mixed = self.mixers.predict(inputs, selected, (node.question, shapes >> 20))
        refined = self.refinement.predict(mixed, node, order_2)
        return clip((5 * squash(mixed) + 3 * refined) >> 3, 1, 65535)

    def learn(self, node: "Node", bit: int) -> None:
        """Teaches the bit at the node of the last prediction to everything."""
        self.slots.learn(bit)
        self.matches.learn(bit)
        self.order_zero[node.number()].learn(bit)
        self.mixers.learn(bit)
        for refinement in (self.refinement, *self.calibrations):
            refinement.learn(bit)


def clip(x: int, a: int, b: int) -> int:
    """The number between a and b that is nearest to x."""
    return a if x < a else b if x > b else x


# The trees ---------------------------------------------------------------------------------------


class Tree:
    """A binary tree whose leaves are the symbols."""

    def __init__(self, number: int, leaves: bytes) -> None:
        self.number = number
        self.symbols = leaves[::2]
        self.ranks = {symbol: rank for rank, symbol in enumerate(self.symbols)}
        self.questions = questions(leaves[1::2])

    def root(self) -> "Node":
        """Where the first bit of a symbol stands."""
        return Node(self, 0, 256, self.questions[0, 256])

    def way_to(self, symbol: int) -> list[int]:
        """All bits of a symbol."""
        bits = []
        node = self.root()
        while node.question:
            bits.append(int(self.ranks[symbol] >= node.question))
            node = node.child(bits[-1])
        return bits


class Node(NamedTuple):
    """Where the next bit stands; at a symbol, the question is 0."""

    tree: Tree
    first: int
    end: int
    question: int
    depth: int = 0
    in_group: int = 1
    bit: int = 0
    parent: int = 0  # its question; 0 at the root

    def number(self) -> int:
        """The number among the nodes of all trees."""
        return 256 * self.tree.number + self.question

    def child(self, bit: int) -> "Node":
        """Where the tree goes on after a bit."""
        first, end = (self.question, self.end) if bit else (self.first, self.question)
        in_group = 1 if self.in_group >= 8 else 2 * self.in_group + bit
        return Node(self.tree, first, end, self.tree.questions.get((first, end), 0), self.depth + 1, in_group, bit, self.question)

    def bit_to(self, symbol: int) -> int | None:
        """The bit on the way to a symbol; none if the node does not lead there."""
        rank = self.tree.ranks[symbol]
        return int(rank >= self.question) if self.first <= rank < self.end else None

    def uniform(self) -> int:
        """The probability of a 1 if all symbols that are left are equally likely."""
        return ((self.end - self.question) * 2**16) // (self.end - self.first)

    def symbol(self) -> int:
        """The only symbol that is left."""
        return self.tree.symbols[self.first]


def questions(depths: bytes) -> dict[tuple[int, int], int]:
    """The question of each node, which is a range of ranks."""
    of_nodes = {}
    waiting: list[tuple[int, int, int]] = []
    for rank, of_symbol in enumerate(depths):
        depth, first, end = of_symbol, rank, rank + 1
        while waiting and waiting[-1][0] == depth:
            _, left, _ = waiting.pop()
            of_nodes[left, end] = first
            depth, first = depth - 1, left
        waiting.append((depth, first, end))
    return of_nodes


TREE_BYTES = (FILES / "tree.bin").read_bytes()
TREES = [Tree(number, TREE_BYTES[256 + 512 * number :][:512]) for number in range(8)]


def tree_after(symbol: int) -> Tree:
    """The tree for what comes after a symbol."""
    return TREES[TREE_BYTES[symbol]]


# Logistic domain ---------------------------------------------------------------------------------

LIMIT = 6143

ODDS = [2**62]
while len(ODDS) <= LIMIT:
    ODDS.append((ODDS[-1] * 4602687609541841169) >> 62)


@cache
def squash(x: int) -> int:
    """Maps a stretched probability to a probability."""
    if x < 0:
        return 65536 - squash(-x)
    odds = ODDS[4 * (min(x, LIMIT) // 4) + 2]
    return min((2**78 + (2**62 + odds) // 2) // (2**62 + odds), 65535)


@cache
def stretch(p: int) -> int:
    """Maps a probability to a stretched probability."""
    return -smallest(p, 2**16) if p <= 2**15 else -stretch(2**16 - p)


@cache
def rough_stretch(p: int) -> int:
    """Stretches a probability, of which it looks at the upper 12 bits only."""
    i = p >> 4
    return -smallest(2 * i + 1, 2**13) if i < 2048 else -rough_stretch((4095 - i) << 4)


def smallest(p: int, one: int) -> int:
    """The smallest k, at most LIMIT, for which e^(-k/512) is not above the odds p : one - p."""
    return bisect_left(range(LIMIT), True, key=lambda k: ODDS[k] * (one - p) <= p * 2**62)


# Chances -----------------------------------------------------------------------------------------


class Chance:
    """A probability c of 22 bits with a count n."""

    def __init__(self, c: int, n: int, limit: int) -> None:
        self.c = c
        self.n = n
        self.limit = limit

    def probability(self) -> int:
        """The probability that it is used as."""
        return max(self.c >> 6, 1)

    def learn(self, bit: int) -> None:
        """Moves towards the bit, the less the more it has seen."""
        target = 2**22 - 1 if bit else 0
        self.c += ((target - self.c) * (2**17 // (2 * self.n + 3))) >> 16
        self.n = min(self.n + 1, self.limit)


# Bit histories -----------------------------------------------------------------------------------

BOUNDS = (37, 24, 12, 8, 6, 5)

Triple = tuple[int, int, int]  # zeros, ones, last


def is_allowed(zeros: int, ones: int) -> bool:
    """Tells whether there are triples of these two numbers."""
    fewer, more = sorted((zeros, ones))
    return fewer < len(BOUNDS) and more <= BOUNDS[fewer]


TRIPLES: list[Triple] = [
    (zeros, ones, last)
    for zeros in range(BOUNDS[0] + 1)
    for ones in range(BOUNDS[0] + 1)
    for last in (0, 1)
    if zeros + ones > 4 and is_allowed(zeros, ones) and (zeros, ones)[last] > 0
]
HISTORIES = {triple: 31 + number for number, triple in enumerate(TRIPLES)}


@cache
def successor(history: int, bit: int) -> int:
    """The history after one more bit."""
    if history < 15:
        return 2 * (history + 1) + bit - 1
    if history < 31:
        ones = (history + 1 - 16).bit_count()
        counts = [4 - ones, ones]
    else:
        counts = list(TRIPLES[history - 31][:2])
    counts[bit] += 1
    if counts[1 - bit] > 5:
        counts[1 - bit] = min((counts[1 - bit] + 5) // 2, 7)
    while not is_allowed(*counts):
        counts[0 if counts[0] > counts[1] else 1] -= 1
    return HISTORIES[counts[0], counts[1], bit]


# Slots -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cell:
    """What a context has counted at a node; the document packs it into a word, which is 0 at first."""

    probability: int = 2**15
    count: int = 0
    history: int = 0


class Bucket:
    """The cells of a context for a group of nodes."""

    def __init__(self) -> None:
        self.check = 0
        self.cells = [Cell()] * 16  # the first one is not used: nodes count from 1


class Slots:
    """The statistics of the contexts."""

    def __init__(self, content_len: int, meanings: list[list[int]]) -> None:
        self.bucket_count = -(-min(22 * content_len, 786_432) // 64) * 64
        self.buckets: defaultdict[int, Bucket] = defaultdict(Bucket)
        self.meanings = meanings
        self.found: list[Bucket] = []
        self.cells: list[Cell] = []
        self.in_group = 1

    def find_group(self, hashes: list[int], node: Node) -> None:
        """Finds the buckets of the group that begins at a node."""
        self.found = []
        for h in hashes:
            b = (h * self.bucket_count) >> 32
            g = h
            if node.depth > 0:
                g = ((h ^ (node.question * 0x9E3779B1 % 2**32)) * 0x2C1B3C6D) % 2**32
                b = b // 64 * 64 + (g >> 26)
            self.found.append(self.find(b, g))

    def find(self, b: int, h: int) -> Bucket:
        """Finds a bucket for a hash near bucket number b."""
        check = (h & (2**24 - 1)) | 2**24
        candidates = self.buckets[b], self.buckets[b ^ 1]
        for bucket in candidates:
            if bucket.check == check:
                return bucket
        bucket = min(candidates, key=lambda bucket: bucket.cells[1].count)
        bucket.check = check
        bucket.cells = [Cell()] * 16
        return bucket

    def predict(self, node: Node) -> tuple[list[int], int]:
        """What the contexts say at a node, and how many of them are known."""
        self.in_group = node.in_group
        self.cells = [bucket.cells[self.in_group] for bucket in self.found]
        inputs = []
        for cell, meaning in zip(self.cells, self.meanings, strict=True):
            inputs += [rough_stretch(cell.probability), rough_stretch(meaning[cell.history] >> 16)]
        return inputs, sum(cell.count != 0 for cell in self.cells)

    def learn(self, bit: int) -> None:
        """Teaches a bit to the cells of the last prediction."""
        mirror32, mirror16 = (2**32 - 1, 2**16 - 1) if bit else (0, 0)
        for bucket, cell, meaning in zip(self.found, self.cells, self.meanings, strict=True):
            d = meaning[cell.history] ^ mirror32
            meaning[cell.history] = (d - (d >> 7)) ^ mirror32
            d = cell.probability ^ mirror16
            probability = (d - ((d * ((5 * 2**16) // (5 * cell.count + 7))) >> 16)) ^ mirror16
            learned = Cell(probability, min(cell.count + 1, 127), successor(cell.history, bit))
            bucket.cells[self.in_group] = learned


# Contexts ----------------------------------------------------------------------------------------


@cache
def hash_factor(kind: int) -> int:
    """The number that distinguishes the hashes of one kind."""
    return kind * 0x9E3779B97F4A7C15 % 2**64


def hash_of(kind: int, x: int) -> int:
    """A hash of 32 bits; the document calls it `hash`."""
    y = ((x ^ hash_factor(kind)) * 0xD6E8FEB86659FD93) % 2**64
    y = ((y ^ (y >> 32)) * 0xD6E8FEB86659FD93) % 2**64
    return y >> 32


def is_of_a_word(c: int) -> bool:
    """Tells whether a symbol is a digit, an ASCII letter or not ASCII."""
    return c >= 128 or chr(c).isalnum()


def shape(c: int) -> int:
    """What kind of a symbol it is."""
    if 48 <= c <= 57:
        return 48
    if 65 <= c <= 90:
        return 65
    return 97 if 97 <= c <= 122 or c >= 128 else c


class Past:
    """What all lanes have in common: the content of the block, as far as it is known, and followers."""

    def __init__(self, content_len: int) -> None:
        self.content = bytearray(content_len)
        self.is_known = [False] * content_len
        self.followers: defaultdict[int, int] = defaultdict(int)


class Lane:
    """The past of a lane, and its match."""

    def __init__(self, past: Past, begin: int, end: int) -> None:
        self.past = past
        self.begin = self.position = begin
        self.end = end
        self.current = self.previous = 0
        self.line = self.line_before = begin
        self.record_len = 4
        self.distance = self.seen = 0
        self.occurrences: dict[int, int] = {}
        self.match_position = self.match_length = self.recovery = 0

    def last_symbol(self, n: int) -> int:
        """The symbol n positions before the next one; 0 before the beginning of the lane."""
        return self.past.content[self.position - n] if self.position - n >= self.begin else 0

    def last(self, n: int) -> int:
        """The last n symbols as a number."""
        return int.from_bytes(self.past.content[max(self.position - n, self.begin) : self.position], "big")

    def hashes(self, promise: int) -> list[int]:
        """The hashes of all contexts; `promise` is what the match promises, and in which tree."""
        s1 = self.last_symbol(1)
        column = self.position - self.line
        is_above = self.line_before + column < self.line
        above_line = self.past.content[self.line_before + column] if is_above else 10
        above_record = self.last_symbol(self.record_len)
        follower = self.past.followers[self.last(2)]
        return [
            *(hash_of(n, self.last(n)) for n in (1, 2, 3, 6)),
            hash_of(10, self.current << 8 ^ s1),
            hash_of(11, self.current << 8 ^ s1 ^ self.previous << 32),
            hash_of(9, int.from_bytes(map(shape, self.last(6).to_bytes(8, "big")), "big")),
            hash_of(12, above_line << 8 ^ s1 ^ min(column, 255) << 16),
            hash_of(13, above_record << 8 ^ s1 ^ self.record_len << 16),
            hash_of(14, follower << 16 ^ self.last(2)),
            hash_of(15, promise),
        ]

    def learn_symbol(self, c: int) -> None:
        """Appends a symbol to the lane."""
        followers, last_two = self.past.followers, self.last(2)
        followers[last_two] = (followers[last_two] * 2**8 + c) % 2**16
        self.learn_word(c)
        self.learn_record(c)
        self.past.content[self.position] = c
        self.past.is_known[self.position] = True
        self.position += 1
        if c == 10:
            self.line_before, self.line = self.line, self.position

    def learn_word(self, c: int) -> None:
        """Appends a symbol to the current word, or ends it."""
        if is_of_a_word(c):
            lower = c + 32 if 65 <= c <= 90 else c
            self.current = ((self.current + lower + 1) * 0x2F0B4C47) % 2**32
        elif self.current != 0:
            self.previous, self.current = self.current, 0

    def learn_record(self, c: int) -> None:
        """Looks for a distance at which symbols occur again and again."""
        d = self.position - self.occurrences.get(c, self.position)
        self.occurrences[c] = self.position
        if d <= 2:
            return
        if d == self.distance:
            self.seen += 1
            if self.seen > 3:
                self.record_len = d
        else:
            self.distance, self.seen = d, 0


# Matches -----------------------------------------------------------------------------------------


def class_of(length: int, recovery: int) -> int:
    """The class of a match."""
    of_length = length // 2 + 1 if length < 16 else 9 + sum(length >= least for least in (24, 32, 64, 128, 512, 2048))
    return of_length + (16 if recovery > 0 else 0)


class Matches:
    """Where the last symbols of a lane were coded before, and what followed there."""

    def __init__(self, content_len: int, probabilities: list[int]) -> None:
        self.size = min(1 << (content_len - 1).bit_length(), 2**20)
        self.tables: dict[int, dict[int, int]] = {8: {}, 5: {}}
        self.chances = [Chance(64 * probability, 10, 250) for probability in probabilities]
        self.length_class = 0
        self.spoken_class = 0
        self.promised: int | None = None
        self.expected: int | None = None

    def look(self, lane: Lane) -> None:
        """Looks for a match, unless the lane has a long one, and for the symbol that it promises."""
        for m, table in self.tables.items():
            if lane.position - lane.begin >= m:
                index = hash_of(m, lane.last(m)) % self.size
                entry = table.get(index)
                table[index] = lane.position
                if lane.match_length < 32 and entry not in (None, lane.match_position):
                    agreeing = agreement(lane, entry)
                    if agreeing >= m and agreeing > lane.match_length:
                        lane.match_position, lane.match_length, lane.recovery = entry, agreeing, 0
        self.promised = None
        is_within = lane.match_position < len(lane.past.content)
        if lane.match_position > 0 and is_within and lane.past.is_known[lane.match_position]:
            self.promised = lane.past.content[lane.match_position]
            self.length_class = class_of(lane.match_length, lane.recovery)

    def promise(self) -> int:
        """The symbol that is promised and the class of the match; 0 if there is none."""
        return 0 if self.promised is None else self.length_class << 9 ^ 256 ^ self.promised

    def predict(self, node: Node) -> list[int]:
        """What the match says at a node."""
        self.expected = None if self.promised is None else node.bit_to(self.promised)
        self.spoken_class = 0
        if self.expected is None:
            return [0, 0]
        self.spoken_class = self.length_class
        p = self.chances[self.spoken_class].probability()
        sign = 1 if self.expected == 1 else -1
        return [sign * stretch(p), sign * ((p - 32768) >> 5)]

    def learn(self, bit: int) -> None:
        """Teaches the chance whether the expected bit came."""
        if self.expected is not None:
            self.chances[self.spoken_class].learn(int(bit == self.expected))

    def expectation(self) -> int:
        """1 or 2 if the match has said that a 0 or a 1 comes next; 0 if it has said nothing."""
        return 0 if self.expected is None else 1 + self.expected

    def learn_symbol(self, lane: Lane, symbol: int) -> None:
        """Follows the match of the lane, and trusts it more or less."""
        if symbol == self.promised:
            lane.match_length = min(lane.match_length + 1, 65535)
            lane.recovery = max(lane.recovery - 1, 0)
        else:
            lane.match_length //= 2
            lane.recovery = 8
        if lane.match_position > 0:
            lane.match_position += 1


def agreement(lane: Lane, p: int) -> int:
    """How many symbols before p agree with the last ones of the lane."""
    content = lane.past.content
    for number in range(min(32, lane.position - lane.begin, p)):
        if content[p - 1 - number] != content[lane.position - 1 - number]:
            return number
    return min(32, lane.position - lane.begin, p)


# The network -------------------------------------------------------------------------------------


class Network:
    """The frequencies of a symbol; none without a network."""

    def __init__(self, frequencies: list[int], tree: Tree) -> None:
        self.sureness = 0
        self.starts: list[int] = []  # by rank: the sum of the frequencies of all symbols of lower rank
        if frequencies:
            f = max(frequencies)  # that of the first symbol with the largest logit: the remainder went to it
            self.sureness = min(24 - (max(2**24 - f, 1).bit_length() - 1), 7)
            self.starts = list(accumulate((frequencies[symbol] for symbol in tree.symbols), initial=0))

    def predict(self, node: Node) -> list[int]:
        """What the network says at a node."""
        if not self.starts:
            return [0, 0]
        start, middle, end = (self.starts[rank] for rank in (node.first, node.question, node.end))
        p = clip(((end - middle) * 2**16) // (end - start), 1, 65535)
        return [stretch(p), (p - 32768) >> 5]


# Mixers ------------------------------------------------------------------------------------------


class Mixer:
    """A set of weight vectors, one of which is selected for each bit."""

    def __init__(self, vectors: list[list[int]]) -> None:
        self.vectors = vectors
        self.weights: list[int] = []
        self.inputs: list[int] = []
        self.output = 0

    def predict(self, inputs: list[int], selected: int) -> int:
        """The output of the set."""
        self.weights = self.vectors[selected]
        self.inputs = inputs
        products = [weight * x for weight, x in zip(self.weights, inputs, strict=True)]
        pairs = zip(products[::2], products[1::2], strict=True)
        self.output = clip(sum((a + b) >> 2 for a, b in pairs) >> 11, -LIMIT, LIMIT)
        return self.output

    def learn(self, bit: int, rate: int) -> None:
        """Moves the selected weights."""
        step = ((bit * 2**16 - squash(self.output)) * rate) >> 13
        moved = [weight + ((x * step + 2**14) >> 15) for weight, x in zip(self.weights, self.inputs, strict=True)]
        if max(moved) >= 2**15 or min(moved) < -(2**15):
            moved = [clip(weight, -(2**15), 2**15 - 1) for weight in moved]
        self.weights[:] = moved


class Mixers:
    """The six sets, and the last two, which mix their outputs."""

    def __init__(self, weights: list[list[list[int]]]) -> None:
        self.sets = [Mixer(vectors) for vectors in weights]
        self.last_sets = [Mixer([[1365] * len(GROUPS) for _ in range(values)]) for values in (256, 4096)]
        self.rate = 1800 * 2**16  # the document calls it R

    def predict(self, inputs: list[int], selected: list[int], last_selected: tuple[int, int]) -> int:
        """The mixed stretched probability."""
        outputs = [mixer.predict(inputs, number) for mixer, number in zip(self.sets, selected, strict=True)]
        return sum(mixer.predict(outputs, number) for mixer, number in zip(self.last_sets, last_selected, strict=True)) >> 1

    def learn(self, bit: int) -> None:
        """Teaches a bit to all sets."""
        for mixer in self.sets:
            mixer.learn(bit, max(self.rate >> 16, 400))
        for mixer in self.last_sets:
            mixer.learn(bit, 250)
        self.rate -= self.rate >> 18


# Refinement --------------------------------------------------------------------------------------


class Refinement:
    """Curves that say what came true of probabilities."""

    FIRST = tuple(squash(s - (s >> 5)) for s in range(-6143, 6146, 512))

    def __init__(self, content_len: int) -> None:
        self.curve_count = clip(1 << (8 * content_len - 1).bit_length(), 2**8, 2**14)
        self.curves: defaultdict[int, list[int]] = defaultdict(lambda: list(self.FIRST))
        self.curve: list[int] = []
        self.i = 0

    def predict(self, x: int, node: Node, h: int) -> int:
        """The refined probability of a stretched one at a node, after what has the hash h."""
        pair = ((h ^ node.parent * 0x9E3779B1 % 2**32) * 0x2C1B3C6D % 2**32) >> 7
        self.curve = self.curves[(pair & (self.curve_count - 2)) + node.bit]
        self.i, beyond = divmod(x + 6143, 512)
        low, high = self.curve[self.i], self.curve[self.i + 1]
        return max(low + (((high - low) * beyond) >> 9), 1)

    def learn(self, bit: int) -> None:
        """Teaches a bit to both points of the last prediction."""
        target = 65535 if bit else 0
        for i in (self.i, self.i + 1):
            self.curve[i] += ((target - self.curve[i]) * 1600) >> 16


# Tokens ------------------------------------------------------------------------------------------


class Speller:
    """Spells the symbols of a block whose predictor has a vocabulary, byte by byte.

    A node of the tree is a range of symbols, which are in order.
    """

    def __init__(self, strings: list[bytes], prefix: bytes, lane_lens: list[int]) -> None:
        self.strings = strings
        self.mixture = Mixture(lane_lens, has_network=True)
        self.endings = Endings(sum(lane_lens))
        self.prefixes = [prefix for _ in lane_lens]  # as far as the lane has not spelled it

    def decode(self, number: int, frequencies: list[int], decode_bit: Callable[[int], int]) -> int | None:
        """Returns the next symbol of lane `number`; none if the payload is damaged."""
        node = range(len(self.strings))
        d = 0
        while node:
            while len(self.strings[node[0]]) == d:  # a complete symbol
                if self.ends(node, d, number, frequencies, decode_bit):
                    return node[0]
                node = node[1:]
            b = self.decode_byte(node, d, number, frequencies, decode_bit)
            node = self.going_on_with(b, node, d)
            d += 1
        return None

    def ends(self, node: range, d: int, number: int, frequencies: list[int], decode_bit: Callable[[int], int]) -> bool:
        """Decodes whether the next symbol of a lane is the first one of the node."""
        if len(node) == 1:
            return True
        sum_after = sum(frequencies[s] for s in node)
        p = clip((frequencies[node[0]] * 2**16) // sum_after, 1, 65535)
        bit = decode_bit(self.endings.predict(node[0], d, self.mixture.lanes[number], p))
        self.endings.learn(bit)
        return bit == 1

    def decode_byte(self, node: range, d: int, number: int, frequencies: list[int], decode_bit: Callable[[int], int]) -> int | None:
        """Decodes the next byte of the next symbol of a lane; none if there is none."""
        lane = self.mixture.lanes[number]
        if lane.position == lane.end:
            return None
        if self.prefixes[number]:
            b, self.prefixes[number] = self.prefixes[number][0], self.prefixes[number][1:]
            return b
        weights = [0] * 256  # the document calls them W_b
        for s in node:
            weights[self.strings[s][d]] += frequencies[s]
        only = self.strings[node[0]][d]
        if weights[only] == sum(weights):
            bits = iter(tree_after(lane.last_symbol(1)).way_to(only))
            return self.mixture.decode(number, [], lambda _: next(bits))
        return self.mixture.decode(number, frequencies_of_bytes(weights), decode_bit)

    def going_on_with(self, b: int | None, node: range, d: int) -> range:
        """The node of the symbols of a node whose next byte is b."""
        symbols = [s for s in node if self.strings[s][d] == b]
        return range(symbols[0], symbols[-1] + 1) if symbols else range(0)


def frequencies_of_bytes(weights: list[int]) -> list[int]:
    """Turns sums of frequencies into frequencies of bytes that sum to 2^24."""
    k = 24 - (sum(weights).bit_length() - 1)
    multiplier = ((2**24 - 256) * 2**31) // (sum(weights) << k)
    frequencies = [1 + (((weight << k) * multiplier) >> 31) for weight in weights]
    frequencies[weights.index(max(weights))] += 2**24 - sum(frequencies)
    return frequencies


class Endings:
    """What a block has learned about the ends of its tokens."""

    def __init__(self, content_len: int) -> None:
        self.chance_count = min(1 << (content_len - 1).bit_length(), 2**20)  # the document calls it `chances`
        self.chances: list[defaultdict[int, Chance]] = [defaultdict(lambda: Chance(2**21, 0, 60)) for _ in BYTES_BEFORE]
        self.mixer = Mixer([[8_192, *[1_024] * 6, 0] for _ in range(56)])
        self.selected: list[Chance] = []

    def predict(self, s: int, d: int, lane: Lane, p: int) -> int:
        """The probability that a lane's symbol is s, whose d bytes are spelled; p is the network's."""
        self.selected = [chances[h % self.chance_count] for chances, h in zip(self.chances, self.hashes(s, d, lane), strict=True)]
        inputs = [stretch(p), *(stretch(chance.probability()) for chance in self.selected), 256]
        known = max((place for place, chance in enumerate(self.selected, 1) if chance.n > 0), default=0)
        class_of_p = (8 * (stretch(p) + LIMIT)) // (2 * LIMIT + 1)
        return clip(squash(self.mixer.predict(inputs, class_of_p * 7 + known)), 1, 65535)

    def hashes(self, s: int, d: int, lane: Lane) -> list[int]:
        """The hashes of the symbol and of more and more of the bytes before it."""
        h = [hash_of(s, 0)]
        for j in range(1, BYTES_BEFORE[-1] + 1):
            h.append(hash_of(h[-1], lane.last_symbol(d + j)))
        return [h[n] for n in BYTES_BEFORE]

    def learn(self, bit: int) -> None:
        """Teaches a bit to the weights and the chances of the last prediction."""
        self.mixer.learn(bit, 2000)
        for chance in self.selected:
            chance.learn(bit)


# Initial values ----------------------------------------------------------------------------------


class Initial(NamedTuple):
    """What a mixture begins with."""

    weights: list[list[list[int]]]  # (set, vector, input)
    meanings: list[list[int]]  # (context, history)
    probabilities: list[int]  # of the chances of the matches


def initial_values(has_network: bool) -> Initial:
    """Reads the initial values of blocks with or without the network."""
    signed = sum(groups for groups, _ in GROUPS) * INPUTS
    layout = struct.Struct(f"<{signed}h{CONTEXTS * 256}H{CLASSES}H")
    numbers = iter(layout.unpack_from((FILES / "initial.bin").read_bytes(), 0 if has_network else layout.size))

    def take(length: int, unit: int) -> list[int]:
        return [next(numbers) * unit for _ in range(length)]

    weights = []
    for groups, vectors in GROUPS:
        starts = [take(INPUTS, 1) for _ in range(groups)]
        weights.append([start.copy() for start in starts for _ in range(vectors)])
    meanings = [take(256, 2**16) for _ in range(CONTEXTS)]
    return Initial(weights, meanings, take(CLASSES, 1))
