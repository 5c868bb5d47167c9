//! The trees of the symbols, and `Node`: where in one the next bit stands.
//!
//! A symbol is coded bit by bit: a walk down a binary tree. Frequent symbols are near the root, so that a text has five
//! bits a symbol, not eight, and each bit is work for all experts. What is frequent depends on the symbol before: there is a tree for what
//! comes after a vowel, after another small letter, after white space, and so on. Symbols of one kind (digits, capital letters) are
//! together, so that the first bits ask for the kind, and whoever knows only that can say so.
//!
//! The trees are part of the format. `cargo run --release --example make_tree` makes them.
//!
//! Format: docs/adaptive.md, "The trees".

/// How many symbols there are.
pub(super) const LEAVES: usize = 256;

/// How many trees there are.
const TREES: usize = 8;

/// More than all numbers of nodes.
pub(super) const NODES: usize = TREES * LEAVES;

/// The rank of no symbol.
pub(super) const NO_RANK: u32 = LEAVES as u32;

/// The file: by symbol, the number of the tree that is used after it; then, for each tree from left to right, each symbol and its depth.
static BYTES: &[u8; LEAVES + TREES * 2 * LEAVES] = include_bytes!("tree.bin");

/// A node has a *question*, in `1 ..= 255` and unique in its tree: whether the symbol's rank is that or above.
pub(super) struct Tree {
    pub(super) number: u8,
    root: u8,
    /// By question: those of the children for the bits 0 and 1; 0 where a single symbol is left.
    children: [[u8; 2]; LEAVES],
    /// The symbols from left to right, and the *rank* of each among them.
    symbols: [u8; LEAVES],
    ranks: [u8; LEAVES],
    /// By rank; those at the end are empty.
    runs: [Run; LEAVES],
}

/// Symbols that follow each other by number as well as by rank.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) symbol: u8,
    pub(super) rank: u8,
    pub(super) len: u16,
}

static ALL: [Tree; TREES] = {
    let mut trees = [const { read(0) }; TREES];
    let mut number = 1;
    while number < TREES {
        trees[number] = read(number);
        number += 1;
    }
    trees
};

/// Neighbours of the same depth are the children of one node, which is less deep by one.
const fn read(number: usize) -> Tree {
    let mut children = [[0; 2]; LEAVES];
    let mut symbols = [0; LEAVES];
    let mut ranks = [0; LEAVES];
    // Parts of the tree that wait for their sibling: depth, first rank, question.
    let mut parts = [(0, 0, 0); LEAVES];
    let mut waiting = 0;
    let mut rank = 0;
    while rank < LEAVES {
        let leaf = LEAVES + 2 * (number * LEAVES + rank);
        symbols[rank] = BYTES[leaf];
        ranks[symbols[rank] as usize] = rank as u8;
        let mut part = (BYTES[leaf + 1], rank, 0);
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
        number: number as u8,
        root,
        children,
        symbols,
        ranks,
        runs: runs(&symbols),
    }
}

const fn runs(symbols: &[u8; LEAVES]) -> [Run; LEAVES] {
    let mut runs = [Run {
        symbol: 0,
        rank: 0,
        len: 0,
    }; LEAVES];
    let mut count = 0;
    let mut rank = 0;
    while rank < LEAVES {
        let symbol = symbols[rank];
        let mut len = 1;
        while rank + len < LEAVES && symbols[rank + len] as usize == symbol as usize + len {
            len += 1;
        }
        runs[count] = Run {
            symbol,
            rank: rank as u8,
            len: len as u16,
        };
        count += 1;
        rank += len;
    }
    runs
}

impl Tree {
    /// The one for what comes after a symbol.
    #[inline(always)]
    pub(super) fn after(symbol: u8) -> &'static Self {
        &ALL[usize::from(BYTES[usize::from(symbol)]) % TREES]
    }

    #[inline(always)]
    pub(super) fn rank_of(&self, symbol: u8) -> u32 {
        self.ranks[usize::from(symbol)].into()
    }

    /// All runs, by rank.
    #[inline(always)]
    pub(super) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().take_while(|run| run.len > 0)
    }
}

/// So many bits, from the root on, have their statistics together (`slots.rs`), and then so many again.
pub(super) const GROUP_DEPTH: u32 = 4;

/// Where the next bit stands, or the symbol where the tree ends.
#[derive(Clone, Copy)]
pub(super) struct Node {
    pub(super) tree: &'static Tree,
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
    #[inline(always)]
    pub(super) fn root(tree: &'static Tree) -> Self {
        Self {
            tree,
            question: tree.root.into(),
            first: 0,
            end: LEAVES as u32,
            depth: 0,
            bit: 0,
            in_group: 1,
        }
    }

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
            tree: self.tree,
            question: self.tree.children[self.question as usize % LEAVES][bit as usize & 1].into(),
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

    /// Its number among those of all trees.
    #[inline(always)]
    pub(super) fn number(self) -> usize {
        usize::from(self.tree.number) * LEAVES + self.question as usize
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
        (self.question == 0).then(|| self.tree.symbols[self.first as usize % LEAVES])
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
        let (after, leaves) = BYTES.split_at(LEAVES);
        for (number, leaves) in leaves.chunks(2 * LEAVES).enumerate() {
            let symbol = after.iter().position(|&tree| usize::from(tree) == number);
            let tree = Tree::after(symbol.expect("every tree is used") as u8);
            for [symbol, depth] in leaves.as_chunks().0 {
                let mut node = Node::root(tree);
                while node.symbol().is_none() {
                    assert!((node.first + 1..node.end).contains(&node.question));
                    let bit = node.bit_to_any(tree.rank_of(*symbol));
                    node = node.child(bit.expect("a node on the way"));
                }
                assert_eq!(node.symbol(), Some(*symbol));
                assert_eq!(node.depth, u32::from(*depth));
            }
        }
    }

    #[test]
    fn questions_are_unique() {
        for tree in &ALL {
            let children = tree.children.as_flattened();
            let mut asked: Vec<u8> = children.iter().copied().chain([tree.root]).collect();
            asked.retain(|&question| question > 0);
            asked.sort_unstable();
            assert_eq!(asked, (1..=255).collect::<Vec<u8>>());
        }
    }

    #[test]
    fn runs_are_all_symbols_in_their_order() {
        for tree in &ALL {
            let mut ranks = 0..LEAVES;
            for run in tree.runs() {
                for offset in 0..usize::from(run.len) {
                    let symbol = tree.symbols[ranks.next().expect("a rank")];
                    assert_eq!(usize::from(symbol), usize::from(run.symbol) + offset);
                }
            }
            assert!(ranks.is_empty());
        }
    }
}
