//! The short form of a fingerprint: what one reads again and again in them is a byte each.
//!
//! A fingerprint is a line of some 200 characters for people (`fingerprint.rs`), and a frame of a short message has
//! no room for it. Here two digits are one byte, and so is each of the phrases below, which are the words of lmac's
//! own fingerprints; whatever else a predictor says of itself is kept as it is. 213 characters become 19 bytes.
//!
//! Format: docs/format.md, "Fingerprints". A phrase may be added at the end; none may change.

use crate::error::{Error, Result};

/// Two digits `ab` are the byte `PAIRS + 10 * a + b`.
const PAIRS: u8 = 0x80;

/// Phrases are the bytes from 0 on that stand for no character, and then those after the digits.
const PHRASES_BELOW: u8 = 0x20;
const PHRASES_FROM: u8 = PAIRS + 100;

const PHRASES: [&str; 58] = [
    "onnxruntime=1.",
    "onnxruntime=",
    "; provider=CPU; system=Linux x86_64 glibc 2.",
    "; provider=CPU; system=Linux aarch64 glibc 2.",
    "; provider=CPU; system=Darwin arm64",
    "; provider=CPU; system=Windows AMD64",
    "; provider=CPU",
    "; provider=CUDA; device=NVIDIA ",
    "; provider=CUDA; device=",
    "; capability=",
    "; multiprocessors=",
    "; driver=",
    "; cublas=",
    "; cudnn=",
    "; workspace=:16:8 1; system=Linux x86_64 glibc 2.",
    "; workspace=:16:8 1; system=Linux aarch64 glibc 2.",
    "; workspace=:16:8 1; system=Windows AMD64",
    "; workspace=",
    "; system=Linux x86_64",
    "; system=",
    "; processor=v4",
    "; processor=v3",
    "; processor=dotprod+fp16+neon",
    "; processor=bf16+dotprod+fp16+i8mm+neon",
    "; processor=",
    "+avx512bf16",
    "+avx512fp16",
    "+avx512vnni",
    "+avxvnni",
    "+sve",
    "; cache=",
    "K; threads=",
    "; cache=unknown; threads=",
    "; cache=unknown; options=all; context=",
    "K; options=all; context=",
    "; options=all; context=",
    "; threads=",
    "; options=",
    "; context=",
    "unknown",
    "GeForce RTX ",
    "GeForce GTX ",
    "RTX ",
    "PRO ",
    "Tesla ",
    "Quadro ",
    " Ti",
    " SUPER",
    " Laptop GPU",
    " Ada Generation",
    " Blackwell ",
    "Max-Q ",
    "Workstation Edition",
    "Server Edition",
    "GB HBM3",
    "-SXM4-",
    "-SXM2-",
    "GB",
];

/// The short form of a text: at every place the longest phrase.
pub(crate) fn shorten(text: &str) -> Vec<u8> {
    let mut short = Vec::new();
    let mut rest = text.as_bytes();
    while let Some(&first) = rest.first() {
        let (byte, len) = longest_phrase(rest)
            .or_else(|| pair_of_digits(rest))
            .unwrap_or((first, 1));
        short.push(byte);
        rest = &rest[len..];
    }
    short
}

/// The text of a short form.
///
/// # Errors
///
/// `InvalidHeader` for a byte that stands for nothing.
pub(crate) fn expand(short: &[u8]) -> Result<String> {
    let mut text = String::new();
    for &byte in short {
        match byte {
            b' '..=b'~' => text.push(char::from(byte)),
            PAIRS..PHRASES_FROM => text.extend(digits(byte - PAIRS)),
            _ => text.push_str(phrase(byte)?),
        }
    }
    Ok(text)
}

fn phrase(byte: u8) -> Result<&'static str> {
    let index = match byte {
        ..PHRASES_BELOW => byte,
        _ => byte.wrapping_sub(PHRASES_FROM).wrapping_add(PHRASES_BELOW),
    };
    let phrase = PHRASES.get(usize::from(index)).copied();
    phrase.ok_or(Error::InvalidHeader(
        "the fingerprint has a byte that stands for no phrase",
    ))
}

fn digits(number: u8) -> [char; 2] {
    [number / 10, number % 10].map(|digit| char::from(b'0' + digit))
}

fn longest_phrase(text: &[u8]) -> Option<(u8, usize)> {
    let bytes = (0..PHRASES_BELOW).chain(PHRASES_FROM..=u8::MAX);
    let known = bytes.zip(PHRASES.map(str::len)).zip(PHRASES);
    known
        .filter(|(_, phrase)| text.starts_with(phrase.as_bytes()))
        .map(|(code, _)| code)
        .max_by_key(|(_, len)| *len)
}

fn pair_of_digits(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', ..] => {
            Some((PAIRS + 10 * (tens - b'0') + (ones - b'0'), 2))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_phrase_has_a_byte_of_its_own() {
        for phrase in PHRASES {
            let short = shorten(phrase);
            assert_eq!(short.len(), 1, "{phrase}");
            assert_eq!(expand(&short).unwrap(), phrase);
        }
    }

    #[test]
    fn bytes_that_stand_for_nothing_are_refused() {
        let refused: Vec<u8> = (0..=u8::MAX)
            .filter(|&byte| expand(&[byte]).is_err())
            .collect();
        assert_eq!(refused, [0x7F, 0xFE, 0xFF]);
    }

    proptest! {
        #[test]
        fn any_printable_text_comes_back(text in "[ -~]{0,60}", phrases in prop::collection::vec(prop::sample::select(&PHRASES[..]), 0..5)) {
            let text = phrases.concat() + &text;
            prop_assert_eq!(expand(&shorten(&text)).unwrap(), text);
        }

        #[test]
        fn any_bytes_are_printable_text_or_refused(short in prop::collection::vec(any::<u8>(), 0..49)) {
            if let Ok(text) = expand(&short) {
                prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            }
        }
    }
}
