"""A second decoder of lmac's format: slow, clear, and written from docs/format.md alone.

It exists to keep the document honest and the Rust core with it: what either can decode, both must
decode, to the same bytes. So it shares nothing with lmac, uses nothing but the standard library,
and prefers the document's own words and formulas to speed: about 10,000 symbols a second in static
mode. Adaptive mode needs docs/adaptive.md as well: `reference_adaptive.py`.

The names are the document's. The sections follow it from the outside in: frames, blocks, lanes,
tokens, frequencies, range coder. Numbers are Python's integers, which have no width; where the document
says "mod 2^64", so does the code.

    >>> decompress(bytes.fromhex("AC4C21 F1F1F1 01 00 F9E7095D 61"), predictor)
    b'a'
"""

import re
import zlib
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple, Protocol

from reference_adaptive import TREES, Chance, Mixture, Speller

MAGIC_NUMBER = b"\xac\x4c"
FORMAT_VERSION = 1
STATIC_LANE_LEN = 16_384
MAX_LEN = 2**24
MAX_LANES = 4096
MAX_NUMBERS = 2**20 - 256
MAX_FINGERPRINT_LEN = 48
TOTAL = 2**24

EXP2 = (
    *(16777216, 16065917, 15384775, 14732511, 14107901, 13509772, 12937002, 12388516),
    *(11863283, 11360319, 10878679, 10417458, 9975792, 9552851, 9147842, 8760003),
)


class Vocabulary(NamedTuple):
    """What the numbers of a predictor spell."""

    strings: list[bytes]  # by number; an empty one: the number never occurs
    prefix: bytes


class Predictor(Protocol):
    """What gives logits: the contexts of several lanes that advance in lock-step."""

    @property
    def alphabet_size(self) -> int:
        """The number of symbols, 256, or of the numbers of the vocabulary."""

    @property
    def model_id(self) -> bytes:
        """The content id of the model, 32 bytes."""

    @property
    def fingerprint(self) -> str | None:
        """The conditions under which it computes in floating point; none if it is exact."""

    @property
    def vocabulary(self) -> Vocabulary | None:
        """What its numbers spell; none if its symbols are bytes."""

    def start(self, lanes: int) -> None:
        """Begins empty contexts, forgetting all earlier ones."""

    def advance(self, symbols: list[list[int]]) -> list[list[list[int]]]:
        """Maps symbols (lanes, steps) to the logits that follow (lanes, steps, alphabet)."""


class InvalidFileError(Exception):
    """The input breaks a rule of docs/format.md; the message says which."""


def decompress(data: bytes, predictor: Predictor) -> bytes:
    """Restores the content of a file: of its frames, one after the other."""
    alphabet_size = 256 if predictor.vocabulary is None else len(predictor.vocabulary.strings)
    require(predictor.alphabet_size == alphabet_size, "symbols are bytes, or strings of the vocabulary")
    reader = Reader(data)
    content = decode_frame(reader, predictor)
    while not reader.is_at_end():
        content += decode_frame(reader, predictor)
    return content


def require(condition: bool, rule: str) -> None:
    """Raises an error unless the rule holds."""
    if not condition:
        raise InvalidFileError(rule)


class Reader:
    """Takes fields from the input, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def is_at_end(self) -> bool:
        """Tells whether nothing is left."""
        return self.position == len(self.data)

    def take(self, length: int) -> bytes:
        """Takes the next bytes."""
        taken = self.data[self.position : self.position + length]
        require(len(taken) == length, "the input ends inside a frame")
        self.position += length
        return taken

    def take_check(self) -> int:
        """Takes a check."""
        return int.from_bytes(self.take(4), "little")

    def take_varint(self) -> int:
        """Takes a number in LEB128."""
        value = 0
        for group in range(9):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << (7 * group)
            if byte < 0x80:
                require(byte != 0 or group == 0, "a varint has its shortest form")
                return value
        raise InvalidFileError("a varint is below 2^63")


# Frames ------------------------------------------------------------------------------------------


class Frame(NamedTuple):
    """What the header of a frame says about its blocks."""

    is_adaptive: bool
    content_size: int | None
    lane_len: int | None
    single_block: bool


class Place(NamedTuple):
    """Where a block stands in its frame."""

    offset: int
    check_before: int

    def check(self, content: bytes) -> int:
        """The check of a block with this content here; without content, of the end of the frame."""
        return zlib.crc32(self.offset.to_bytes(8, "little") + self.check_before.to_bytes(4, "little") + content)


def decode_frame(reader: Reader, predictor: Predictor) -> bytes:
    """Decodes one frame and returns its content."""
    start = reader.position
    frame = decode_frame_header(reader, predictor)
    check = zlib.crc32(reader.data[start : reader.position])
    content = b""
    while (block := decode_block(reader, Place(len(content), check), frame, predictor)) is not None:
        content += block.content
        check = block.check
        if frame.single_block:
            break
    if not frame.single_block and frame.content_size is None:
        require(reader.take_check() == Place(len(content), check).check(b""), "the end is that of the blocks before it")
    require(frame.content_size in (None, len(content)), "the blocks add up to the content size")
    return content


def decode_frame_header(reader: Reader, predictor: Predictor) -> Frame:
    """Decodes the header of a frame."""
    require(reader.take(2) == MAGIC_NUMBER, "a frame begins with its magic number")
    descriptor = reader.take(1)[0]
    require(descriptor >> 5 == FORMAT_VERSION, "the format version is 1")
    require(reader.take(3) == predictor.model_id[:3], "the model is the writer's")
    content_size = reader.take_varint() if descriptor & 0b100 else None
    lane_len = reader.take_varint() if descriptor & 0b10 else None
    require(lane_len is None or 1 <= lane_len <= MAX_LEN, "lane_len is between 1 and 2^24")
    fingerprint = take_fingerprint(reader) if descriptor & 0b1_0000 else None
    require(fingerprint == predictor.fingerprint, "the conditions are the writer's")
    return Frame(descriptor & 0b1000 != 0, content_size, lane_len, descriptor & 0b1 != 0)


def take_fingerprint(reader: Reader) -> str:
    """Takes the conditions under which the writer's model has computed."""
    length = reader.take_varint()
    require(1 <= length <= MAX_FINGERPRINT_LEN, "a fingerprint has 1 to 48 bytes")
    short = reader.take(length)
    require(all(byte in PARTS for byte in short), "every byte of a fingerprint stands for something")
    return "".join(PARTS[byte] for byte in short)


def parts_of_fingerprints() -> dict[int, str]:
    """What a byte of a fingerprint stands for; the phrases are those of the document's table."""
    document = (Path(__file__).parents[1] / "docs" / "format.md").read_text(encoding="utf-8")
    characters = {byte: chr(byte) for byte in range(0x20, 0x7F)}
    digits = {0x80 + number: f"{number:02}" for number in range(100)}
    phrases = {int(byte, 16): phrase for byte, phrase in re.findall(r'^    ([0-9A-F]{2}) "(.*)"$', document, re.MULTILINE)}
    return characters | digits | phrases


PARTS = parts_of_fingerprints()


# Blocks ------------------------------------------------------------------------------------------


class Block(NamedTuple):
    """A block that was decoded."""

    content: bytes
    check: int


def decode_block(reader: Reader, place: Place, frame: Frame, predictor: Predictor) -> Block | None:
    """Decodes one block; None is the end of the frame."""
    content_len = reader.take_varint()
    require(content_len <= MAX_LEN, "content_len is at most 2^24")
    if content_len == 0:
        return None
    coding = reader.take_varint()
    coded_len, without_network = divmod(coding, 2) if frame.is_adaptive else (coding, 0)
    is_order_zero = frame.is_adaptive and coding == 1
    if is_order_zero:
        coded_len = reader.take_varint()
    require(coding == 0 or 1 <= coded_len < content_len, "coded_len is at least 1 and less than content_len")
    check = reader.take_check()
    if coding == 0:
        content = reader.take(content_len)
    elif is_order_zero:
        content = decode_order_zero(reader.take(coded_len), content_len)
    else:
        lane_lens = list(lane_lens_of(content_len, 1 if without_network else lanes_of(content_len, frame)))
        network = None if without_network else predictor
        content = decode_payload(reader.take(coded_len), lane_lens, frame.is_adaptive, network)
    require(place.check(content) == check, "the block is the one that was written in its place")
    return Block(content, check)


# Lanes -------------------------------------------------------------------------------------------


def decode_payload(payload: bytes, lane_lens: list[int], is_adaptive: bool, network: Predictor | None) -> bytes:
    """Decodes the content of a block."""
    decoder = RangeDecoder(payload)
    if network is not None and network.vocabulary is not None:
        lanes = decode_tokens(decoder, lane_lens, is_adaptive, network, network.vocabulary)
    else:
        lanes = decode_bytes(decoder, lane_lens, is_adaptive, network)
    decoder.finish()
    return b"".join(lanes)


def decode_order_zero(payload: bytes, content_len: int) -> bytes:
    """Decodes the content of a block whose symbols are coded by their frequencies alone."""
    decoder, content = RangeDecoder(payload), bytearray()
    chances = [Chance(2**21, 0, 1023) for _ in range(256)]
    for _ in range(content_len):
        node = TREES[0].root()
        while node.question:
            chance = chances[node.question]
            bit = decoder.decode_bit(chance.probability())
            chance.learn(bit)
            node = node.child(bit)
        content.append(node.symbol())
    decoder.finish()
    return bytes(content)


def decode_bytes(decoder: "RangeDecoder", lane_lens: list[int], is_adaptive: bool, network: Predictor | None) -> list[bytes]:
    """Decodes the symbols of a block in the order (step, lane)."""
    lanes: list[list[int]] = [[] for _ in lane_lens]
    mixture = Mixture(lane_lens, network is not None) if is_adaptive else None
    if network is not None:
        network.start(len(lanes))
    for step in range(max(lane_lens)):
        frequencies = next_frequencies(lanes, network)
        for number, lane in enumerate(lanes):
            if step < lane_lens[number] and mixture is not None:
                lane.append(mixture.decode(number, frequencies[number], decoder.decode_bit))
            elif step < lane_lens[number]:
                lane.append(decoder.decode(frequencies[number]))
    return [bytes(lane) for lane in lanes]


def next_frequencies(lanes: list[list[int]], network: Predictor | None) -> list[list[int]]:
    """The frequencies of each lane's next symbol; none without a network."""
    if network is None:
        return [[] for _ in lanes]
    received = [lane[-1] if lane else 256 for lane in lanes]
    logits = network.advance([[symbol] for symbol in received])
    return [frequencies_of(steps[0]) for steps in logits]


def lanes_of(content_len: int, frame: Frame) -> int:
    """The number of lanes of a block with the network."""
    default = content_len if frame.is_adaptive else STATIC_LANE_LEN
    return min(max(-(-content_len // (frame.lane_len or default)), 1), MAX_LANES)


def lane_lens_of(content_len: int, lanes: int) -> Iterator[int]:
    """Yields the number of symbols of each lane."""
    for lane in range(lanes):
        yield content_len // lanes + (1 if lane < content_len % lanes else 0)


# Tokens ------------------------------------------------------------------------------------------


class Symbol(NamedTuple):
    """A string, and the number that the predictor has for it; symbols are sorted by both."""

    string: bytes
    number: int


def symbols_of(strings: list[bytes]) -> list[Symbol]:
    """All symbols in order."""
    symbols = [Symbol(string, number) for number, string in enumerate(strings) if string]
    escapes = [Symbol(bytes([b]), len(strings) + 1 + b) for b in range(256) if bytes([b]) not in strings]
    require(1 <= len(strings) <= MAX_NUMBERS, "there are at most 2^20 symbols")
    return sorted(symbols + escapes)


def logits_of_symbols(logits: list[int], symbols: list[Symbol]) -> list[int]:
    """The logits of the symbols, given those of the numbers."""
    largest = max((logits[symbol.number] for symbol in symbols if symbol.number < len(logits)), default=-32_768)
    escape = max(largest - 288, -32_768)
    return [logits[symbol.number] if symbol.number < len(logits) else escape for symbol in symbols]


class TokenLane:
    """A lane whose symbols are strings: what they have spelled, and the number that its context receives next."""

    def __init__(self, vocabulary: Vocabulary, lane_len: int) -> None:
        self.prefix = vocabulary.prefix
        self.whole_len = len(self.prefix) + lane_len
        self.spelled = b""
        self.received = len(vocabulary.strings)

    def is_complete(self) -> bool:
        """Tells whether the lane has no further symbol."""
        return len(self.spelled) == self.whole_len

    def append(self, symbol: Symbol) -> None:
        """Appends a symbol to the lane."""
        self.spelled += symbol.string
        self.received = symbol.number
        require(len(self.spelled) <= self.whole_len, "tokens end with their lane")
        require(self.spelled.startswith(self.prefix[: len(self.spelled)]), "the tokens of a lane begin with the prefix")


def decode_tokens(decoder: "RangeDecoder", lane_lens: list[int], is_adaptive: bool, network: Predictor, vocabulary: Vocabulary) -> list[bytes]:
    """Decodes the symbols of a block in the order (step, lane), and passes over lanes that are complete."""
    symbols = symbols_of(vocabulary.strings)
    lanes = [TokenLane(vocabulary, lane_len) for lane_len in lane_lens]
    speller = Speller([symbol.string for symbol in symbols], vocabulary.prefix, lane_lens) if is_adaptive else None
    network.start(len(lanes))
    while not all(lane.is_complete() for lane in lanes):
        logits = network.advance([[lane.received] for lane in lanes])
        for number, lane in enumerate(lanes):
            if lane.is_complete():
                continue
            frequencies = frequencies_of(logits_of_symbols(logits[number][0], symbols))
            if speller is None:
                lane.append(symbols[decoder.decode(frequencies)])
            elif (symbol := speller.decode(number, frequencies, decoder.decode_bit)) is not None:
                lane.append(symbols[symbol])
            else:
                raise InvalidFileError("tokens spell their lane exactly")
    return [lane.spelled[len(lane.prefix) :] for lane in lanes]


# Frequencies -------------------------------------------------------------------------------------


def frequencies_of(logits: list[int]) -> list[int]:
    """Turns logits in units of 1/16 bit into frequencies that sum to 2^24."""
    largest = max(logits)
    weights = [EXP2[(largest - logit) % 16] >> ((largest - logit) // 16) for logit in logits]
    multiplier = ((TOTAL - len(logits)) * 2**31) // sum(weights)
    frequencies = [1 + ((weight * multiplier) >> 31) for weight in weights]
    favourite = logits.index(largest)
    frequencies[favourite] += TOTAL - sum(frequencies)
    return frequencies


# The range coder ---------------------------------------------------------------------------------


class RangeDecoder:
    """Finds the symbols that a payload stands for, given the frequencies of each."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.asked_for = 8
        self.code = int.from_bytes(payload[:8].ljust(8, b"\0"), "big")
        self.range = 2**64 - 1

    def decode(self, frequencies: list[int]) -> int:
        """Returns the next symbol."""
        unit = self.range >> 24
        target = min(self.code // unit, TOTAL - 1)
        ends = list(accumulate(frequencies))
        symbol = next(symbol for symbol, end in enumerate(ends) if target < end)
        start = ends[symbol] - frequencies[symbol]
        self.code -= unit * start
        self.range = unit * frequencies[symbol]
        self.normalize()
        return symbol

    def decode_bit(self, probability: int) -> int:
        """Returns the next bit, given the probability of a 1 (docs/adaptive.md)."""
        ones = (self.range >> 16) * probability
        bit = 1 if self.code < ones else 0
        if bit == 1:
            self.range = ones
        else:
            self.code -= ones
            self.range -= ones
        self.normalize()
        return bit

    def normalize(self) -> None:
        """Takes bytes from the payload until the range is wide enough."""
        if self.range < 2**40:
            self.code = (self.code * 2**24 + self.next_bytes()) % 2**64
            self.range *= 2**24

    def next_bytes(self) -> int:
        """Returns the number that the next three bytes of the payload spell; past its end they are zeros."""
        position = self.asked_for
        self.asked_for += 3
        require(self.asked_for - 8 < len(self.payload), "a payload has a byte for all it needs")
        return int.from_bytes(self.payload[position : position + 3].ljust(3, b"\0"), "big")

    def finish(self) -> None:
        """Checks that the payload was used up."""
        last = next(last for last in (1, 2, 3) if self.range >= 2 ** (64 - 8 * last))
        require(self.asked_for - 8 + last == len(self.payload), "a payload has no bytes left over")
