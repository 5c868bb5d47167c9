//! Noise: content that nothing shrinks, such as random, encrypted or well compressed bytes, found before it is coded.
//!
//! The mixture takes microseconds a byte to say that it has nothing to say. Here all of a block is looked at, in
//! nanoseconds a byte, so that it is not judged by its first part:
//!
//! - how unequally frequent its bytes are, piece by piece, and their differences from those 1 to 4 places before (the next
//!   samples of sound, the next pixel, the next field of a record);
//! - how much of it stood before in the same block: of the places whose next bytes have a certain hash, 1 in 32, those
//!   whose next bytes were met before are counted.
//!
//! Both are made an estimate of the bytes that could be saved. It is made to be too high rather than too low: content that is
//! taken for noise is stored.

/// What could save less than one byte in this many is noise: it would cost every reader the time of the mixture.
const WORTH: usize = 1024;

/// Frequencies are counted in pieces, so that few bytes of another kind stand out.
const PIECE_LEN: usize = 1 << 14;

/// How far back the differences reach; 0 is the bytes themselves.
const LAGS: usize = 5;

/// The mean of a chi-squared of 256 frequencies: what chance alone makes of them.
const BY_CHANCE: f64 = 255.0;

/// Bits of information are chi-squared over `2 ln 2`, as long as frequencies are nearly equal; this in bytes.
const CHI_SQUARED_PER_BYTE: f64 = 16.0 * std::f64::consts::LN_2;

/// One place in this many is remembered, chosen by its next bytes so that it is chosen again where they come again.
const SAMPLING: u32 = 32;

/// So many bytes must agree.
const REPEATED_LEN: usize = 8;

/// Entries of the table of places, at most.
const MAX_PLACES: usize = 1 << 18;

/// Whether coding `content` would save next to nothing.
pub(super) fn is_noise(content: &[u8]) -> bool {
    let worth = content.len() / WORTH;
    saved_by_frequencies(content) < worth as f64 && repeated_len(content) < worth
}

/// How many bytes the most unequal of all frequencies would save.
fn saved_by_frequencies(content: &[u8]) -> f64 {
    let pieces = (content.len() / PIECE_LEN).max(1);
    let mut excess = [0.0; LAGS];
    for piece in content.chunks(content.len().div_ceil(pieces)) {
        for (lag, excess) in excess.iter_mut().enumerate() {
            *excess += chi_squared(piece, lag) - BY_CHANCE;
        }
    }
    excess.into_iter().fold(0.0, f64::max) / CHI_SQUARED_PER_BYTE
}

/// How far the frequencies of differences at a lag, or of bytes at lag 0, are from equal ones.
fn chi_squared(piece: &[u8], lag: usize) -> f64 {
    let counts = if lag == 0 {
        count(piece.iter().copied())
    } else {
        let pairs = piece.iter().zip(piece.iter().skip(lag));
        count(pairs.map(|(before, byte)| byte.wrapping_sub(*before)))
    };
    let total: u32 = counts.iter().sum();
    let expected = f64::from(total.max(1)) / 256.0;
    let squares = counts.iter().map(|&count| {
        let difference = f64::from(count) - expected;
        difference * difference // `powi` may round differently elsewhere
    });
    squares.sum::<f64>() / expected
}

/// Two tables, so that equal bytes in a row need not wait for each other.
fn count(mut bytes: impl Iterator<Item = u8>) -> [u32; 256] {
    let mut counts = [[0_u32; 256]; 2];
    while let Some(first) = bytes.next() {
        counts[0][usize::from(first)] += 1;
        if let Some(second) = bytes.next() {
            counts[1][usize::from(second)] += 1;
        }
    }
    let [mut all, others] = counts;
    all.iter_mut()
        .zip(others)
        .for_each(|(all, other)| *all += other);
    all
}

/// How many bytes, about, stood before.
fn repeated_len(content: &[u8]) -> usize {
    let places = content.len().clamp(1, MAX_PLACES).next_power_of_two();
    let mut last_places = vec![0_u32; places];
    let mut hits = 0;
    for (place, next) in content.windows(REPEATED_LEN).enumerate() {
        let hash = hash(next);
        if !hash.is_multiple_of(SAMPLING) {
            continue;
        }
        let entry = (hash / SAMPLING) as usize & (places - 1);
        let before = std::mem::replace(&mut last_places[entry], place as u32) as usize;
        hits += usize::from(before < place && content[before..].starts_with(next));
    }
    hits * SAMPLING as usize
}

fn hash(next: &[u8]) -> u32 {
    let next = next
        .first_chunk()
        .map_or(0, |next| u64::from_le_bytes(*next));
    (next.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A linear congruential generator's upper bits.
    fn random(len: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn random_bytes_are_noise_however_many_they_are() {
        for len in [30_000, 100_000, 1 << 20, (1 << 24) - 3] {
            assert!(is_noise(&random(len)), "{len}");
        }
    }

    #[test]
    fn what_is_not_noise_is_found_wherever_it_stands() {
        let text = b"What is not noise, say a text as short as this one, is found. ".repeat(200);
        for place in [0, 123_456, 1 << 20] {
            let mut content = random((1 << 20) + text.len());
            content[place..place + text.len()].copy_from_slice(&text);
            assert!(!is_noise(&content), "{place}");
        }
    }

    #[test]
    fn what_stood_before_is_no_noise() {
        for (len, repeated) in [(100_000, 300), (1 << 20, 1 << 20), (1 << 22, 1 << 16)] {
            let mut content = random(len);
            content.extend_from_within(..repeated);
            assert!(!is_noise(&content), "{repeated} of {len}");
        }
    }

    #[test]
    fn bytes_that_follow_from_those_before_are_no_noise() {
        for lag in 1..LAGS {
            let mut content = random(1 << 18);
            for place in lag..content.len() {
                content[place] = content[place - lag].wrapping_add(content[place] % 200);
            }
            assert!(!is_noise(&content), "{lag}");
        }
    }
}
