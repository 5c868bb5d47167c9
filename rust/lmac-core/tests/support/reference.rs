//! The exact Transformer as docs/exact-transformer.md writes it: 64-bit integers, whole sequences,
//! no packing, no rings, no batches.

use std::collections::BTreeMap;

use lmac_core::models::architecture::{Architecture, ContextKind};

use super::{INT8, TestModel, TestTensor, UINT8};

/// The tensors as numbers.
pub struct Reference<'a> {
    a: &'a Architecture,
    tensors: BTreeMap<&'a str, Vec<i64>>,
}

impl<'a> Reference<'a> {
    pub fn new(model: &'a TestModel) -> Self {
        let tensors = model
            .tensors
            .iter()
            .map(|(name, tensor)| (&name[..], numbers(tensor)));
        Self {
            a: &model.architecture,
            tensors: tensors.collect(),
        }
    }

    /// The logits `(symbols, alphabet_size)` after every symbol of one context.
    pub fn logits(&self, symbols: &[u32]) -> Vec<i16> {
        let mut x: Vec<Vec<i64>> = (0..symbols.len()).map(|t| self.embed(symbols, t)).collect();
        for layer in 0..self.a.layers {
            self.attention(layer, &mut x);
            self.feed_forward(layer, &mut x);
        }
        let logits = x.iter().flat_map(|x| self.product("logits", &norm(x)));
        logits
            .map(|logit| logit.clamp(-32768, 32767) as i16)
            .collect()
    }

    /// Section 4.
    fn embed(&self, symbols: &[u32], t: usize) -> Vec<i64> {
        let width = self.a.width as usize;
        let shift = self.tensors["symbol_shift"][0];
        let table = &self.tensors["symbol_embedding"];
        let row = &table[symbols[t] as usize * width..][..width];
        let mut x: Vec<i64> = row.iter().map(|value| value << shift).collect();
        if !self.a.contexts.is_empty() {
            add(&mut x, &self.product("context", &self.features(symbols, t)));
        }
        x
    }

    fn features(&self, symbols: &[u32], t: usize) -> Vec<i64> {
        let tables = &self.tensors["context_tables"];
        let row_bytes = self.a.context_dim as usize / 2;
        let mut features = Vec::new();
        for row in context_rows(self.a, symbols, t) {
            let bytes = &tables[row as usize * row_bytes..][..row_bytes];
            features.extend(bytes.iter().map(|byte| (byte & 15) - 8));
            features.extend(bytes.iter().map(|byte| (byte >> 4) - 8));
        }
        features
    }

    /// Section 6.
    fn attention(&self, layer: u32, x: &mut [Vec<i64>]) {
        let width = self.a.width as usize;
        let head_dim = self.a.head_dim as usize;
        let project = |x: &Vec<i64>| self.product(&format!("layers.{layer}.qkv"), &norm(x));
        let mut qkv: Vec<Vec<i64>> = x.iter().map(project).collect();
        qkv.iter_mut()
            .flatten()
            .for_each(|value| *value = (*value).clamp(-127, 127));
        for (t, x) in x.iter_mut().enumerate() {
            let mut o = Vec::new();
            for head in 0..self.a.heads as usize {
                let e = self.weights(layer, head, &qkv, t);
                let sum: i64 = e.iter().map(|&(_, e)| e).sum();
                o.extend((0..head_dim).map(|n| {
                    let value = |p: usize| qkv[p][width + head_dim + n];
                    let weighted: i64 = e.iter().map(|&(p, e)| e * value(p)).sum();
                    (weighted as f32 / sum as f32).round_ties_even() as i64
                }));
            }
            add(x, &self.product(&format!("layers.{layer}.out"), &o));
        }
    }

    /// The pairs `(p, e[head, p])` of every position that t attends to.
    fn weights(&self, layer: u32, head: usize, qkv: &[Vec<i64>], t: usize) -> Vec<(usize, i64)> {
        let window = self.a.window(layer as usize);
        let (width, head_dim) = (self.a.width as usize, self.a.head_dim as usize);
        let bias = &self.tensors[&format!("layers.{layer}.bias")[..]];
        let table = &self.tensors["exp2_table"];
        let score = |p: usize| {
            let q = &qkv[t][head * head_dim..][..head_dim];
            let k = &qkv[p][width..][..head_dim];
            let sum: i64 = q.iter().zip(k).map(|(q, k)| q * k).sum();
            requant(sum, i64::from(self.a.score_shift)) + bias[head * window + t - p]
        };
        let seen = (0..=t).filter(|p| t - p < window);
        let scores: Vec<(usize, i64)> = seen.map(|p| (p, score(p))).collect();
        let largest = scores.iter().map(|&(_, score)| score).max().unwrap();
        let weight = |(p, score): (usize, i64)| (p, table[(largest - score).min(255) as usize]);
        scores.into_iter().map(weight).collect()
    }

    /// Section 7.
    fn feed_forward(&self, layer: u32, x: &mut [Vec<i64>]) {
        for x in x {
            let g = self.product(&format!("layers.{layer}.up"), &norm(x));
            let square = |g: i64| ((g.clamp(0, 255).pow(2) + 64) >> 7).min(255);
            let u: Vec<i64> = g.into_iter().map(square).collect();
            add(x, &self.product(&format!("layers.{layer}.down"), &u));
        }
    }

    /// The requantized product with the named matrix.
    fn product(&self, name: &str, activations: &[i64]) -> Vec<i64> {
        let weights = &self.tensors[&format!("{name}_weight")[..]];
        let shifts = &self.tensors[&format!("{name}_shift")[..]];
        let rows = weights.chunks_exact(activations.len());
        rows.zip(shifts)
            .map(|(row, shift)| {
                requant(
                    row.iter().zip(activations).map(|(w, a)| w * a).sum(),
                    *shift,
                )
            })
            .collect()
    }
}

fn numbers(tensor: &TestTensor) -> Vec<i64> {
    let bytes = tensor.raw_data.iter();
    match tensor.data_type {
        UINT8 => bytes.map(|&byte| i64::from(byte)).collect(),
        INT8 => bytes.map(|&byte| i64::from(byte as i8)).collect(),
        _ => {
            let (pairs, _) = tensor.raw_data.as_chunks();
            pairs
                .iter()
                .map(|&pair| i64::from(i16::from_le_bytes(pair)))
                .collect()
        }
    }
}

/// Section 1.
fn requant(sum: i64, shift: i64) -> i64 {
    assert!(sum.abs() + ((1 << shift) >> 1) <= 1 << 24);
    (sum + ((1 << shift) >> 1)) >> shift
}

/// Section 5.
fn norm(x: &[i64]) -> Vec<i64> {
    let sum = x.iter().map(|x| x.abs()).sum::<i64>().max(1);
    let ratio = (13 * x.len()) as f32 / sum as f32;
    let scaled = x
        .iter()
        .map(|&x| (x as f32 * ratio).round_ties_even() as i64);
    scaled.map(|y| y.clamp(-127, 127)).collect()
}

fn add(x: &mut [i64], branch: &[i64]) {
    for (x, branch) in x.iter_mut().zip(branch) {
        *x = (*x + branch).clamp(-32767, 32767);
    }
}

/// Section 4, for one position: all words are found anew.
pub fn context_rows(a: &Architecture, symbols: &[u32], t: usize) -> Vec<u32> {
    let mix = |h: u32, item: u32| {
        h.wrapping_add(item)
            .wrapping_add(1)
            .wrapping_mul(0x2F0B_4C47)
    };
    let words = word_hashes(&symbols[..=t], mix);
    let contexts = a.contexts.iter().enumerate();
    contexts
        .map(|(table, context)| {
            let item = |j: usize| match context.kind {
                ContextKind::Ngram if j > t => a.alphabet_size,
                ContextKind::Ngram => symbols[t - j],
                ContextKind::Word => words.get(j).copied().unwrap_or(0),
            };
            let seed = match context.kind {
                ContextKind::Ngram => context.order,
                ContextKind::Word => 256 + context.order,
            };
            let h = (0..context.order as usize).fold(seed, |h, j| mix(h, item(j)));
            let row = (h ^ (h >> 15)).wrapping_mul(0x4F1B_BCDD) >> (32 - a.context_rows_log2);
            ((table as u32) << a.context_rows_log2) + row
        })
        .collect()
}

/// `w[0], w[1], ..`, with `s[t] + 1` for `w[0]` between words.
fn word_hashes(symbols: &[u32], mix: impl Fn(u32, u32) -> u32) -> Vec<u32> {
    let letter = |&s: &u32| u8::try_from(s).is_ok_and(|b| b.is_ascii_alphanumeric() || b > 127);
    let lower = |s: u32| u32::from((s as u8).to_ascii_lowercase());
    let words = symbols
        .split(|symbol| !letter(symbol))
        .filter(|word| !word.is_empty());
    let hashes = words.map(|word| word.iter().fold(0, |u, &c| mix(u, lower(c))));
    let mut hashes: Vec<u32> = hashes.collect();
    let last = symbols.last().unwrap();
    if !letter(last) {
        hashes.push(*last + 1);
    }
    hashes.reverse();
    hashes
}
