//! `Node`: where in the binary tree of a symbol the next bit stands.

/// A symbol is coded bit by bit, the most significant one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    /// The bits so far with a leading 1: `1 ..= 255`.
    pub(super) index: u32,
    /// How many bits are left, the next one included: `1 ..= 8`.
    pub(super) bits_left: u32,
}

impl Node {
    /// Before the first bit.
    pub(super) const ROOT: Self = Self {
        index: 1,
        bits_left: 8,
    };

    /// Where the tree goes on after a bit; after the last one, `index` is 256 plus the symbol.
    #[inline(always)]
    #[must_use]
    pub(super) fn child(self, bit: u32) -> Self {
        Self {
            index: 2 * self.index + bit,
            bits_left: self.bits_left - 1,
        }
    }

    /// The same within its nibble: `1 ..= 15`.
    #[inline(always)]
    pub(super) fn in_nibble(self) -> usize {
        let depth = (8 - self.bits_left) % 4;
        (1 << depth | self.index & ((1 << depth) - 1)) as usize
    }

    /// The next bit of `symbol` (with a leading 1), if it has the bits so far.
    #[inline(always)]
    pub(super) fn bit_of(self, symbol: u32) -> Option<u32> {
        (symbol >> self.bits_left == self.index).then(|| symbol >> (self.bits_left - 1) & 1)
    }
}
