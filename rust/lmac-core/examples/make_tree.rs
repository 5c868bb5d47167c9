//! Makes the trees of the symbols: `src/coding/adaptive/tree.bin`.
//!
//!     cargo run --release --example make_tree -- OUTPUT FOLDER
//!
//! There is a tree for what comes after each sort of symbol. Every subfolder of the folder is one sort of text, and all count alike. For three parts of text
//! there is one of what is no text, where any symbol follows any other, and in text every thirtieth symbol is one of these, too. The symbols of a kind become one subtree. In it, they keep their order
//! (the best such tree is that of Gilbert and Moore, 1959), and kinds are joined as by Huffman.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

const SYMBOLS: usize = 256;
const TREES: usize = 8;

/// By tree: how often each symbol comes there.
type Table = [[f64; SYMBOLS]; TREES];

/// The tree for what comes after a symbol; the beginning counts as a 0.
fn tree_after(symbol: u8) -> usize {
    match symbol {
        b'a' | b'e' | b'i' | b'o' | b'u' | b'y' => 1,
        b'a'..=b'z' => 2,
        b'\t' | b'\n' | b'\r' | b' ' => 3,
        b'0'..=b'9' => 4,
        b'A'..=b'Z' => 5,
        128.. => 6,
        0..32 => 0,
        _ => 7,
    }
}

/// What belongs together.
enum Kind {
    Symbols(Vec<u8>),
    Kinds(Vec<Kind>),
}

fn all_symbols() -> Kind {
    let one = |symbol| range(symbol..=symbol);
    let control = [range(0..=8), range(11..=12), range(14..=31)];
    let white_space = [one(b'\t'), one(b'\n'), one(b'\r'), one(b' ')];
    let punctuation = [
        range(b'!'..=b'/'),
        range(b':'..=b'@'),
        range(b'['..=b'`'),
        range(b'{'..=127),
    ];
    let vowels_first = b"aeiouybcfgjkpqvwxzlmnrsthd";
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
        Kind::Symbols(vowels_first.to_vec()),
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
    let of_text = of_text(folder)?;
    let no_text: [f64; SYMBOLS] = std::array::from_fn(|symbol| of_no_text(symbol as u8));
    let trees: [Leaves; TREES] = std::array::from_fn(|number| {
        let used_in_text: f64 = of_text[number].iter().sum();
        let before = (0..=255).filter(|&symbol| tree_after(symbol) == number);
        let used_elsewhere: f64 = before.map(of_no_text).sum();
        let used_for_any = used_elsewhere / 3.0 + used_in_text / 30.0;
        let weights = std::iter::zip(&of_text[number], no_text)
            .map(|(of_text, of_any)| 1 + (1e12 * (of_text + used_for_any * of_any)) as u64);
        tree(&all_symbols(), &weights.collect::<Vec<u64>>())
    });
    let leaves = std::iter::zip(&of_text, &trees);
    let bits = leaves.flat_map(|(of_text, leaves)| {
        leaves
            .iter()
            .map(|&(symbol, depth)| of_text[usize::from(symbol)] * f64::from(depth))
    });
    println!("{:.2} bits a symbol of text", bits.sum::<f64>());
    let numbers = (0..=255).map(|symbol| tree_after(symbol) as u8);
    let leaves = trees
        .iter()
        .flatten()
        .flat_map(|&(symbol, depth)| [symbol, depth]);
    std::fs::write(output, numbers.chain(leaves).collect::<Vec<u8>>())?;
    Ok(())
}

/// In all sorts of text together; the sum is 1.
fn of_text(folder: &Path) -> std::io::Result<Table> {
    let sorts: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    let mut shares = [[0.0; SYMBOLS]; TREES];
    for sort in &sorts {
        let mut counts = [[0.0; SYMBOLS]; TREES];
        count(sort, &mut counts)?;
        let total = counts.as_flattened().iter().sum::<f64>().max(1.0) * sorts.len() as f64;
        for (share, count) in std::iter::zip(shares.as_flattened_mut(), counts.as_flattened()) {
            *share += count / total;
        }
    }
    Ok(shares)
}

/// How frequent a symbol is in what is no text.
fn of_no_text(symbol: u8) -> f64 {
    let more = match symbol {
        0 => 0.3,
        255 => 0.1,
        _ => 0.0,
    };
    more + 0.6 / SYMBOLS as f64
}

fn count(path: &Path, counts: &mut Table) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            count(&entry?.path(), counts)?;
        }
    } else {
        let mut before = 0;
        for symbol in std::fs::read(path)? {
            counts[tree_after(before)][usize::from(symbol)] += 1.0;
            before = symbol;
        }
    }
    Ok(())
}

fn tree(kind: &Kind, weights: &[u64]) -> Leaves {
    match kind {
        Kind::Symbols(symbols) => in_order(symbols, weights),
        Kind::Kinds(kinds) => join(
            kinds.iter().map(|kind| tree(kind, weights)).collect(),
            weights,
        ),
    }
}

/// The tree with the fewest bits in which the symbols keep their order: of all, the cheapest for every range, short ones first.
fn in_order(symbols: &[u8], weights: &[u64]) -> Leaves {
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
fn join(mut trees: Vec<Leaves>, weights: &[u64]) -> Leaves {
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
