//! The tree of the symbols, and `Node`: where in it the next bit stands.
//!
//! A symbol is coded bit by bit: a walk down a binary tree. Frequent symbols are near the root, so that a text has five to six
//! bits a symbol, not eight, and each bit is work for all experts. Symbols of one kind (digits, capital letters,
//! vowels) are together, so that the first bits ask for the kind, and whoever knows only that can say so.
//!
//! The tree is part of the format. `cargo run --release --example make_tree` makes it.
//!
//! Format: docs/adaptive.md, "The tree".

/// How many symbols there are.
pub(super) const LEAVES: usize = 256;

/// The rank of no symbol.
pub(super) const NO_RANK: u32 = LEAVES as u32;

/// The file: from left to right, each symbol and its depth.
static BYTES: &[u8; 2 * LEAVES] = include_bytes!("tree.bin");

/// A node has a *question*, in `1 ..= 255` and unique: whether the symbol's rank is that or above.
struct Tree {
    root: u8,
    /// By question: those of the children for the bits 0 and 1; 0 where a single symbol is left.
    children: [[u8; 2]; LEAVES],
    /// The symbols from left to right, and the *rank* of each among them.
    symbols: [u8; LEAVES],
    ranks: [u8; LEAVES],
}

static TREE: Tree = read();

/// Neighbours of the same depth are the children of one node, which is less deep by one.
const fn read() -> Tree {
    let mut children = [[0; 2]; LEAVES];
    let mut symbols = [0; LEAVES];
    let mut ranks = [0; LEAVES];
    // Parts of the tree that wait for their sibling: depth, first rank, question.
    let mut parts = [(0, 0, 0); LEAVES];
    let mut waiting = 0;
    let mut rank = 0;
    while rank < LEAVES {
        symbols[rank] = BYTES[2 * rank];
        ranks[symbols[rank] as usize] = rank as u8;
        let mut part = (BYTES[2 * rank + 1], rank, 0);
        while waiting > 0 && parts[waiting - 1].0 == part.0 {
            waiting -= 1;
            let (depth, first, left) = parts[waiting];
            let (_, question, right) = part;
            children[question] = [left, right];
            part = (depth - 1, first, question as u8);
        }
        parts[waiting] = part;
        waiting += 1;
        rank += 1;
    }
    let (depth, _, root) = parts[0];
    assert!(depth == 0 && waiting == 1);
    Tree {
        root,
        children,
        symbols,
        ranks,
    }
}

/// Symbols that follow each other by number as well as by rank.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) symbol: usize,
    pub(super) rank: usize,
    pub(super) len: usize,
}

/// All runs, by rank; those at the end are empty.
pub(super) static RUNS: [Run; LEAVES] = {
    let mut runs = [Run {
        symbol: 0,
        rank: 0,
        len: 0,
    }; LEAVES];
    let mut count = 0;
    let mut rank = 0;
    while rank < LEAVES {
        let symbol = TREE.symbols[rank] as usize;
        let mut len = 1;
        while rank + len < LEAVES && TREE.symbols[rank + len] as usize == symbol + len {
            len += 1;
        }
        runs[count] = Run { symbol, rank, len };
        count += 1;
        rank += len;
    }
    runs
};

#[inline(always)]
pub(super) fn rank_of(symbol: u8) -> u32 {
    TREE.ranks[usize::from(symbol)].into()
}

/// So many bits, from the root on, have their statistics together (`slots.rs`), and then so many again.
pub(super) const GROUP_DEPTH: u32 = 4;

/// Where the next bit stands, or the symbol where the tree ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    /// 0 at a symbol.
    pub(super) question: u32,
    /// The ranks that are left: `first .. end`.
    pub(super) first: u32,
    pub(super) end: u32,
    /// How many bits came before.
    pub(super) depth: u32,
    /// The last of them; 0 at the root.
    pub(super) bit: u32,
    /// Those of the group, with a leading 1: `1 ..= 15`.
    pub(super) in_group: u32,
}

impl Node {
    /// Before the first bit.
    pub(super) const ROOT: Self = Self {
        question: TREE.root as u32,
        first: 0,
        end: LEAVES as u32,
        depth: 0,
        bit: 0,
        in_group: 1,
    };

    /// Where the tree goes on after a bit.
    #[inline(always)]
    #[must_use]
    pub(super) fn child(self, bit: u32) -> Self {
        let (first, end) = if bit == 0 {
            (self.first, self.question)
        } else {
            (self.question, self.end)
        };
        let in_group = 2 * self.in_group + bit;
        Self {
            question: TREE.children[self.question as usize % LEAVES][bit as usize & 1].into(),
            first,
            end,
            depth: self.depth + 1,
            bit,
            in_group: if in_group < 1 << GROUP_DEPTH {
                in_group
            } else {
                1
            },
        }
    }

    /// Whether it is the first node of a group, and not the root.
    #[inline(always)]
    pub(super) fn begins_group(self) -> bool {
        self.depth.is_multiple_of(GROUP_DEPTH) && self.depth > 0
    }

    /// Whether it is among the last nodes of a group.
    #[inline(always)]
    pub(super) fn ends_group(self) -> bool {
        self.depth % GROUP_DEPTH == GROUP_DEPTH - 1
    }

    /// The symbol, if only one is left.
    #[inline(always)]
    pub(super) fn symbol(self) -> Option<u8> {
        (self.question == 0).then(|| TREE.symbols[self.first as usize % LEAVES])
    }

    /// The next bit on the way to a rank that is left.
    #[inline(always)]
    pub(super) fn bit_to(self, rank: u32) -> u32 {
        u32::from(rank >= self.question)
    }

    /// The same for any rank; none if it is no longer left.
    #[inline(always)]
    pub(super) fn bit_to_any(self, rank: u32) -> Option<u32> {
        (self.first..self.end)
            .contains(&rank)
            .then(|| self.bit_to(rank))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symbol_is_where_the_file_says() {
        for [symbol, depth] in BYTES.as_chunks().0 {
            let mut node = Node::ROOT;
            while node.symbol().is_none() {
                assert!((node.first + 1..node.end).contains(&node.question));
                let bit = node.bit_to_any(rank_of(*symbol));
                node = node.child(bit.expect("a node on the way"));
            }
            assert_eq!(node.symbol(), Some(*symbol));
            assert_eq!(node.depth, u32::from(*depth));
        }
    }

    #[test]
    fn questions_are_unique() {
        let mut asked = vec![Node::ROOT.question];
        asked.extend(
            TREE.children
                .as_flattened()
                .iter()
                .map(|&question| u32::from(question)),
        );
        asked.retain(|&question| question > 0);
        asked.sort_unstable();
        assert_eq!(asked, (1..256).collect::<Vec<u32>>());
    }
}
