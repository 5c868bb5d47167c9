//! `Vocabulary`: what the symbols of a language model spell, in order and as a tree.
//!
//! A language model predicts *tokens*, numbers that stand for strings of bytes. Coding wants something else: a
//! way to spell any bytes whatever, and the sum of the frequencies of all tokens that begin alike. So the *symbols*
//! here are the tokens that may occur, sorted by their strings, together with an *escape* for every byte that is no
//! token: what begins with the same bytes is then a range of symbols, and the tree of these ranges is made once.
//!
//! Format: docs/format.md, "Tokens".

use crate::error::{Error, Result};

/// The most symbols of a vocabulary: a frequency each leaves 15/16 of the total to the model.
pub const MAX_SYMBOLS: usize = 1 << 20;

/// How much less likely an escaped byte is than the most likely token, in 1/16 bit.
const ESCAPE_DISTANCE: i16 = 18 << 4;

/// No symbol.
const NONE: u32 = u32::MAX;

/// The tokens of a language model.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Vocabulary {
    /// How many numbers the model predicts, whether they are tokens or not.
    alphabet_size: usize,
    /// What every lane begins with that is no content.
    prefix: Vec<u8>,
    /// By symbol: the number of the token; `alphabet_size + 1 + byte` for an escaped byte.
    numbers: Vec<u32>,
    /// By number: the symbol, or `NONE`.
    symbols: Vec<u32>,
    /// By symbol: where its string ends in `text`; it begins where the one before ends.
    ends: Vec<usize>,
    text: Vec<u8>,
    /// Breadth first: the root is the first, and the children of a node follow each other by `byte`.
    nodes: Vec<Node>,
}

/// Symbols that begin alike: a node of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    /// The last byte of what they begin with.
    byte: u8,
    /// They are `first .. end`.
    pub(crate) first: usize,
    pub(crate) end: usize,
    /// How many of them, from `first`, have no further byte.
    pub(crate) complete: usize,
    /// Where its children begin in `nodes`, and how many there are.
    first_child: usize,
    children: usize,
}

impl Vocabulary {
    /// Of `tokens`, `(alphabet_size)`: the string of each number, empty for one that never occurs.
    ///
    /// `prefix` is what the model expects before any text (a space, often): every lane spells it first.
    ///
    /// # Errors
    ///
    /// `Predictor` if there are no numbers or too many.
    pub fn new<S: AsRef<[u8]>>(tokens: &[S], prefix: &[u8]) -> Result<Self> {
        if tokens.is_empty() || tokens.len() > MAX_SYMBOLS - 256 {
            let reason = format!("a vocabulary has 1 to {} tokens", MAX_SYMBOLS - 256);
            return Err(Error::Predictor(reason));
        }
        let alphabet_size = tokens.len();
        let escapes: Vec<[u8; 1]> = (0..=u8::MAX).map(|byte| [byte]).collect();
        let mut is_token = [false; 256];
        for token in tokens {
            if let [byte] = token.as_ref() {
                is_token[usize::from(*byte)] = true;
            }
        }
        let mut sorted: Vec<(&[u8], usize)> = tokens
            .iter()
            .enumerate()
            .map(|(number, token)| (token.as_ref(), number))
            .filter(|(string, _)| !string.is_empty())
            .collect();
        sorted.extend(
            escapes
                .iter()
                .filter(|byte| !is_token[usize::from(byte[0])])
                .map(|byte| (&byte[..], alphabet_size + 1 + usize::from(byte[0]))),
        );
        sorted.sort_unstable();
        let mut symbols = vec![NONE; alphabet_size + 1 + 256];
        for (symbol, &(_, number)) in sorted.iter().enumerate() {
            symbols[number] = symbol as u32;
        }
        let mut end = 0;
        let ends = sorted.iter().map(|(string, _)| {
            end += string.len();
            end
        });
        Ok(Self {
            alphabet_size,
            prefix: prefix.to_vec(),
            ends: ends.collect(),
            numbers: sorted.iter().map(|&(_, number)| number as u32).collect(),
            symbols,
            text: sorted
                .iter()
                .flat_map(|(string, _)| *string)
                .copied()
                .collect(),
            nodes: tree(&sorted),
        })
    }

    /// How many symbols there are: at least 256.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Never: every byte can be spelled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// How many numbers the model predicts.
    #[must_use]
    pub fn alphabet_size(&self) -> usize {
        self.alphabet_size
    }

    /// What every lane spells before its content.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// The symbol of a number: of a token, or of the escaped byte `number - alphabet_size - 1`.
    #[must_use]
    pub fn symbol_of(&self, number: u32) -> Option<usize> {
        let symbol = self.symbols.get(number as usize)?;
        (*symbol != NONE).then_some(*symbol as usize)
    }

    /// The number of a symbol.
    ///
    /// # Panics
    ///
    /// If there is no such symbol.
    #[must_use]
    pub fn number_of(&self, symbol: usize) -> u32 {
        self.numbers[symbol]
    }

    /// What a symbol spells; never empty.
    ///
    /// # Panics
    ///
    /// If there is no such symbol.
    #[must_use]
    pub fn string(&self, symbol: usize) -> &[u8] {
        let start = symbol.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[symbol]]
    }

    /// Puts logits of numbers, `(alphabet_size)`, into the order of symbols, `(len)`, and adds those
    /// of escaped bytes.
    pub(crate) fn sort_logits(&self, logits: &[i16], sorted: &mut [i16]) {
        let mut largest = i16::MIN;
        for (sorted, &number) in sorted.iter_mut().zip(&self.numbers) {
            *sorted = logits.get(number as usize).copied().unwrap_or(i16::MIN);
            largest = largest.max(*sorted);
        }
        for &symbol in &self.symbols[self.alphabet_size + 1..] {
            if symbol != NONE {
                sorted[symbol as usize] = largest.saturating_sub(ESCAPE_DISTANCE);
            }
        }
    }

    /// The node of all symbols.
    pub(crate) fn root(&self) -> &Node {
        &self.nodes[0]
    }

    /// Where a node's symbols go on, by byte.
    pub(crate) fn children(&self, node: &Node) -> &[Node] {
        &self.nodes[node.first_child..][..node.children]
    }

    /// Those of a node's symbols that go on with a byte.
    pub(crate) fn child(&self, node: &Node, byte: u8) -> Option<&Node> {
        let children = self.children(node);
        let index = children.binary_search_by_key(&byte, |child| child.byte);
        Some(&children[index.ok()?])
    }
}

impl Node {
    /// The last byte of what its symbols begin with.
    pub(crate) fn byte(&self) -> u8 {
        self.byte
    }
}

/// The nodes over sorted strings.
fn tree(sorted: &[(&[u8], usize)]) -> Vec<Node> {
    let node_of = |byte, first, end| Node {
        byte,
        first,
        end,
        complete: 0,
        first_child: 0,
        children: 0,
    };
    let mut nodes = vec![node_of(0, 0, sorted.len())];
    let mut depth = 0;
    let mut level_end = 1;
    let mut index = 0;
    while index < nodes.len() {
        if index == level_end {
            (depth, level_end) = (depth + 1, nodes.len());
        }
        let Node { first, end, .. } = nodes[index];
        let symbols = &sorted[first..end];
        let complete = symbols.partition_point(|(string, _)| string.len() == depth);
        let first_child = nodes.len();
        let mut start = first + complete;
        for group in symbols[complete..].chunk_by(|a, b| a.0[depth] == b.0[depth]) {
            nodes.push(node_of(group[0].0[depth], start, start + group.len()));
            start += group.len();
        }
        nodes[index] = Node {
            complete,
            first_child,
            children: nodes.len() - first_child,
            ..nodes[index]
        };
        index += 1;
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symbol_is_found_by_its_bytes() {
        let tokens = ["he", "", "hello", "h", "he", "\u{e9}"];
        let vocabulary = Vocabulary::new(&tokens, b"").unwrap();
        assert_eq!(vocabulary.len(), 5 + 255); // "h" is a token already
        for symbol in 0..vocabulary.len() {
            assert_eq!(
                vocabulary.symbol_of(vocabulary.number_of(symbol)),
                Some(symbol)
            );
            let mut node = vocabulary.root();
            for &byte in vocabulary.string(symbol) {
                node = vocabulary.child(node, byte).unwrap();
                assert!((node.first..node.end).contains(&symbol));
            }
            assert!((node.first..node.first + node.complete).contains(&symbol));
        }
        assert_eq!(vocabulary.symbol_of(1), None);
        assert_eq!(vocabulary.symbol_of(6), None); // the beginning of a context
        assert_eq!(vocabulary.symbol_of(7 + u32::from(b'h')), None);
        assert_eq!(vocabulary.symbol_of(7 + 256), None);
    }

    #[test]
    fn logits_follow_their_tokens_and_escapes_are_less_likely() {
        let vocabulary = Vocabulary::new(&["b", "a", ""], b"").unwrap();
        let mut sorted = vec![0; vocabulary.len()];
        vocabulary.sort_logits(&[-5, 16, 300], &mut sorted);
        assert_eq!(sorted[usize::from(b'a')], 16);
        assert_eq!(sorted[usize::from(b'b')], -5);
        assert_eq!(sorted[usize::from(b'c')], 16 - 288);
    }
}
