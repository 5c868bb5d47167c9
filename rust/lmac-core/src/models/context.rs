//! `ContextHasher`: which row of every context table is looked up at a position
//! (docs/exact-transformer.md, section 4).
//!
//! Hashed n-gram and word embeddings cost no multiplications and no dependence between lanes, so
//! they are computed outside the graph: by the native executor for itself, and by the binding for
//! ONNX Runtime, which takes them as an input. One hasher follows one context.

use crate::models::architecture::{Architecture, Context, ContextKind, MAX_ORDER};

/// Multiplies the hash after every symbol or word.
const MIX: u32 = 0x2F0B_4C47;
/// Multiplies the folded hash, whose upper bits become the row.
const SPREAD: u32 = 0x4F1B_BCDD;
/// Keeps the hashes of words apart from those of n-grams.
const WORD_SEED: u32 = 256;

/// Computes the row indices of one context, symbol by symbol.
#[derive(Debug, Clone)]
pub struct ContextHasher {
    contexts: Vec<Context>,
    context_rows_log2: u32,
    alphabet_size: u32,
    /// The last symbols, most recent first; `alphabet_size` before the first.
    symbols: [u32; MAX_ORDER as usize],
    /// The hashes of the completed words, most recent first; 0 where there is none.
    words: [u32; MAX_ORDER as usize],
    /// The hash of the word that is running, 0 between words.
    running_word: u32,
}

impl ContextHasher {
    /// Creates the hasher of an empty context.
    #[must_use]
    pub fn new(architecture: &Architecture) -> Self {
        let alphabet_size = architecture.alphabet_size;
        Self {
            contexts: architecture.contexts.clone(),
            context_rows_log2: architecture.context_rows_log2,
            alphabet_size,
            symbols: [alphabet_size; MAX_ORDER as usize],
            words: [0; MAX_ORDER as usize],
            running_word: 0,
        }
    }

    /// Forgets all symbols.
    pub fn reset(&mut self) {
        self.symbols.fill(self.alphabet_size);
        self.words.fill(0);
        self.running_word = 0;
    }

    /// Number of row indices that `push` writes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.contexts.len()
    }

    /// Whether the model has no hashed contexts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contexts.is_empty()
    }

    /// Appends a symbol and writes the rows that its position looks up.
    ///
    /// `rows` is `(contexts)`: for every context its table's index times the rows of a table, plus
    /// the row within the table, as the graph's input `context_rows` wants it. Fewer are written
    /// if `rows` is shorter.
    pub fn push(&mut self, symbol: u32, rows: &mut [u32]) {
        self.follow_words(symbol);
        self.symbols.rotate_right(1);
        self.symbols[0] = symbol;
        for (table, (context, row)) in self.contexts.iter().zip(rows).enumerate() {
            let hash = match context.kind {
                ContextKind::Ngram => self.ngram(context.order),
                ContextKind::Word => self.word(context.order),
            };
            let spread = (hash ^ (hash >> 15)).wrapping_mul(SPREAD);
            let within_table = spread >> (32 - self.context_rows_log2);
            *row = ((table as u32) << self.context_rows_log2) + within_table;
        }
    }

    /// Completes, begins or continues a word; `self.symbols` does not hold `symbol` yet.
    fn follow_words(&mut self, symbol: u32) {
        if let Some(letter) = word_letter(symbol) {
            self.running_word = mix(self.running_word, letter);
        } else if word_letter(self.symbols[0]).is_some() {
            self.words.rotate_right(1);
            self.words[0] = self.running_word;
            self.running_word = 0;
        }
    }

    fn ngram(&self, order: u32) -> u32 {
        let symbols = &self.symbols[..order as usize];
        symbols
            .iter()
            .fold(order, |hash, &symbol| mix(hash, symbol))
    }

    fn word(&self, order: u32) -> u32 {
        let symbol = self.symbols[0];
        let first = if word_letter(symbol).is_some() {
            self.running_word
        } else {
            symbol + 1
        };
        let completed = &self.words[..order as usize - 1];
        completed
            .iter()
            .fold(mix(WORD_SEED + order, first), |hash, &word| mix(hash, word))
    }
}

fn mix(hash: u32, item: u32) -> u32 {
    hash.wrapping_add(item).wrapping_add(1).wrapping_mul(MIX)
}

/// The letter that a byte contributes to a word, or `None` if it belongs to no word.
fn word_letter(symbol: u32) -> Option<u32> {
    let byte = u8::try_from(symbol).ok()?;
    let in_word = byte.is_ascii_alphanumeric() || byte >= 128;
    in_word.then(|| u32::from(byte.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(contexts: &[(ContextKind, u32)]) -> ContextHasher {
        let contexts: Vec<Context> = contexts
            .iter()
            .map(|&(kind, order)| Context { kind, order })
            .collect();
        ContextHasher {
            contexts,
            context_rows_log2: 20,
            alphabet_size: 256,
            symbols: [256; 16],
            words: [0; 16],
            running_word: 0,
        }
    }

    fn last_row(kind: ContextKind, order: u32, text: &[u8]) -> u32 {
        let mut hasher = hasher(&[(kind, order)]);
        let mut row = [0];
        for &byte in text {
            hasher.push(u32::from(byte), &mut row);
        }
        row[0]
    }

    #[test]
    fn words_ignore_case_and_what_separates_them() {
        let row = last_row(ContextKind::Word, 3, b"The quick brown");
        assert_eq!(
            row,
            last_row(ContextKind::Word, 3, b"xyz the, (QUICK)\n brown")
        );
        assert_ne!(row, last_row(ContextKind::Word, 3, b"The quack brown"));
        assert_ne!(row, last_row(ContextKind::Word, 2, b"The quick brown"));
    }

    #[test]
    fn punctuation_after_a_word_has_rows_of_its_own() {
        let comma = last_row(ContextKind::Word, 2, b"the,");
        assert_ne!(comma, last_row(ContextKind::Word, 2, b"the."));
        assert_eq!(comma, last_row(ContextKind::Word, 2, b"THE  ,"));
    }

    #[test]
    fn ngrams_see_exactly_their_order() {
        let row = last_row(ContextKind::Ngram, 3, b"xxabc");
        assert_eq!(row, last_row(ContextKind::Ngram, 3, b"yyyabc"));
        assert_ne!(row, last_row(ContextKind::Ngram, 3, b"xxAbc"));
    }

    #[test]
    fn reset_equals_a_new_hasher() {
        let contexts = [(ContextKind::Ngram, 4), (ContextKind::Word, 2)];
        let (mut used, mut new) = (hasher(&contexts), hasher(&contexts));
        let (mut used_rows, mut new_rows) = ([0; 2], [0; 2]);
        b"some words"
            .iter()
            .for_each(|&byte| used.push(u32::from(byte), &mut used_rows));
        used.reset();
        used.push(256, &mut used_rows);
        new.push(256, &mut new_rows);
        assert_eq!(used_rows, new_rows);
        assert_eq!(used_rows[1] >> 20, 1);
    }
}
