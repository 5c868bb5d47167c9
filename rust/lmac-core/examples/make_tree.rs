//! Makes the tree of the symbols: `src/adaptive/tree.bin`.
//!
//!     cargo run --release --example make_tree -- OUTPUT FOLDER
//!
//! Every subfolder of the folder is one sort of text, and all count alike; a tenth of the weight is for what is
//! no text. The symbols of a kind become one subtree. In it, they keep their order (the best such tree is
//! that of Gilbert and Moore, 1959), and kinds are joined as by Huffman.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

const SYMBOLS: usize = 256;

/// The weight of all symbols; each has at least 1.
const ONE: u64 = 1 << 40;

/// What belongs together.
enum Kind {
    Symbols(Vec<u8>),
    Kinds(Vec<Kind>),
}

fn all_symbols() -> Kind {
    let one = |symbol| range(symbol..=symbol);
    let of = |symbols: &[u8]| Kind::Symbols(symbols.to_vec());
    let control = [range(0..=8), range(11..=12), range(14..=31)];
    let white_space = [one(b'\t'), one(b'\n'), one(b'\r'), one(b' ')];
    let punctuation = [
        range(b'!'..=b'/'),
        range(b':'..=b'@'),
        range(b'['..=b'`'),
        range(b'{'..=127),
    ];
    let letters = [of(b"aeiouy"), of(b"lmnrsthd"), of(b"bcfgjkpqvwxz")];
    // Of UTF-8: what goes on, and what begins two, three and four bytes.
    let beyond_ascii = [
        range(128..=191),
        range(192..=223),
        range(224..=239),
        range(240..=255),
    ];
    Kind::Kinds(vec![
        Kind::Kinds(control.into()),
        Kind::Kinds(white_space.into()),
        Kind::Kinds(punctuation.into()),
        range(b'0'..=b'9'),
        range(b'A'..=b'Z'),
        Kind::Kinds(letters.into()),
        Kind::Kinds(beyond_ascii.into()),
    ])
}

fn range(symbols: RangeInclusive<u8>) -> Kind {
    Kind::Symbols(symbols.collect())
}

/// From left to right: symbols and their depths.
type Leaves = Vec<(u8, u8)>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [output, folder] = arguments.as_slice() else {
        return Err("usage: make_tree OUTPUT FOLDER".into());
    };
    let weights = weights(folder)?;
    let leaves = tree(&all_symbols(), &weights);
    let bits: u64 = leaves
        .iter()
        .map(|&(symbol, depth)| weights[usize::from(symbol)] * u64::from(depth))
        .sum();
    println!("{:.2} bits a symbol", bits as f64 / ONE as f64);
    std::fs::write(
        output,
        leaves
            .iter()
            .flat_map(|&(symbol, depth)| [symbol, depth])
            .collect::<Vec<u8>>(),
    )?;
    Ok(())
}

/// How frequent each symbol is, in all sorts of texts together.
fn weights(folder: &Path) -> std::io::Result<[u64; SYMBOLS]> {
    let mut all_counts = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let mut counts = [0; SYMBOLS];
        count(&entry?.path(), &mut counts)?;
        all_counts.push(counts);
    }
    // What is no text has many zeros, and any byte.
    let mut weights = [1 + ONE / 10 * 6 / 10 / SYMBOLS as u64; SYMBOLS];
    weights[0] += ONE / 10 * 3 / 10;
    weights[255] += ONE / 10 / 10;
    let of_one = u128::from(ONE / 10 * 9) / all_counts.len().max(1) as u128;
    for counts in all_counts {
        let total = u128::from(counts.iter().sum::<u64>().max(1));
        for (weight, count) in weights.iter_mut().zip(counts) {
            *weight += (u128::from(count) * of_one / total) as u64;
        }
    }
    Ok(weights)
}

fn count(path: &Path, counts: &mut [u64; SYMBOLS]) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            count(&entry?.path(), counts)?;
        }
    } else {
        for symbol in std::fs::read(path)? {
            counts[usize::from(symbol)] += 1;
        }
    }
    Ok(())
}

fn tree(kind: &Kind, weights: &[u64; SYMBOLS]) -> Leaves {
    match kind {
        Kind::Symbols(symbols) => in_order(symbols, weights),
        Kind::Kinds(kinds) => join(
            kinds.iter().map(|kind| tree(kind, weights)).collect(),
            weights,
        ),
    }
}

/// The tree with the fewest bits in which the symbols keep their order: of all, the cheapest for every range, short ones first.
fn in_order(symbols: &[u8], weights: &[u64; SYMBOLS]) -> Leaves {
    let len = symbols.len();
    let mut best: Vec<Vec<(u64, Leaves)>> = vec![
        symbols
            .iter()
            .map(|&symbol| (0, vec![(symbol, 0)]))
            .collect(),
    ];
    for extent in 2..=len {
        let of_range = |first: usize| {
            let halves = |left: usize| {
                (
                    &best[left - 1][first],
                    &best[extent - left - 1][first + left],
                )
            };
            let cheapest = (1..extent).min_by_key(|&left| halves(left).0.0 + halves(left).1.0);
            let (left, right) = halves(cheapest.expect("two symbols at least"));
            let weight: u64 = symbols[first..first + extent]
                .iter()
                .map(|&symbol| weights[usize::from(symbol)])
                .sum();
            (left.0 + right.0 + weight, beside(&left.1, &right.1))
        };
        best.push((0..=len - extent).map(of_range).collect());
    }
    best[len - 1][0].1.clone()
}

/// Huffman's algorithm: the two lightest trees become one, until there is only one.
fn join(mut trees: Vec<Leaves>, weights: &[u64; SYMBOLS]) -> Leaves {
    let weight_of = |leaves: &Leaves| {
        leaves
            .iter()
            .map(|&(symbol, _)| weights[usize::from(symbol)])
            .sum::<u64>()
    };
    while trees.len() > 1 {
        trees.sort_by_key(|leaves| std::cmp::Reverse(weight_of(leaves)));
        let [one, other] = [trees.pop(), trees.pop()].map(Option::unwrap_or_default);
        let (left, right) = if one[0].0 < other[0].0 {
            (one, other)
        } else {
            (other, one)
        };
        trees.push(beside(&left, &right));
    }
    trees.pop().unwrap_or_default()
}

fn beside(left: &Leaves, right: &Leaves) -> Leaves {
    left.iter()
        .chain(right)
        .map(|&(symbol, depth)| (symbol, depth + 1))
        .collect()
}
