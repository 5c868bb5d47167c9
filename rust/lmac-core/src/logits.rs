//! Where floating point ends: the logits of a float model become integers in units of 1/16 bit.
//!
//! Behind this there are only integers. In front of it, encoder and decoder must compute the very same
//! floats: rounding makes differences rare, but it cannot make them harmless.

use crate::error::{Error, Result};

/// Units of 1/16 bit in a nat: 16 / ln 2.
const UNITS_PER_NAT: f32 = 16.0 * std::f32::consts::LOG2_E;

/// The least logit: far beyond what any frequency can express.
const LEAST: f32 = -32_000.0;

/// Added to a small float, this leaves its nearest integer in the low bits of the sum: the way to round
/// without an instruction that not every processor has.
const ROUNDER: f32 = 1.5 * (1 << 23) as f32;

/// Turns logits in nats into logits in units of 1/16 bit; the largest becomes 0.
///
/// # Errors
///
/// `Predictor` if a logit is not a number, or the largest is infinite.
///
/// # Panics
///
/// If the lengths differ.
pub fn quantize(logits: &[f32], quantized: &mut [i16]) -> Result<()> {
    assert_eq!(logits.len(), quantized.len());
    let (chunks, rest) = logits.as_chunks::<16>();
    let mut largest = [f32::NEG_INFINITY; 16];
    let mut is_valid = true;
    for chunk in chunks {
        for (largest, &logit) in largest.iter_mut().zip(chunk) {
            *largest = if logit > *largest { logit } else { *largest };
            is_valid &= !logit.is_nan();
        }
    }
    is_valid &= rest.iter().all(|logit| !logit.is_nan());
    let largest = largest
        .iter()
        .chain(rest)
        .fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    if !is_valid || !largest.is_finite() {
        let reason =
            "the model gave logits that are no numbers: it is damaged, or its numbers overflow";
        return Err(Error::Predictor(reason.into()));
    }
    for (quantized, &logit) in quantized.iter_mut().zip(logits) {
        let units = (logit - largest) * UNITS_PER_NAT;
        let units = if units > LEAST { units } else { LEAST };
        *quantized = (units + ROUNDER).to_bits() as i16;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logits_are_rounded_to_sixteenths_of_a_bit_below_the_largest() {
        let nats_per_bit = std::f32::consts::LN_2;
        for offset in [0.0, 100.0, -1e6] {
            let mut logits = vec![offset - 1.0; 40];
            logits[38] = offset + nats_per_bit * 2.0;
            logits[39] = offset + nats_per_bit;
            logits[3] = f32::NEG_INFINITY;
            let mut quantized = vec![1; 40];
            quantize(&logits, &mut quantized).unwrap();
            assert_eq!(
                (quantized[38], quantized[39], quantized[3]),
                (0, -16, -32_000)
            );
            assert_eq!(quantized[0], -55); // 2 bits and 1 nat: 32 + 23.08
        }
    }

    #[test]
    fn what_is_no_number_is_an_error() {
        for wrong in [f32::NAN, f32::INFINITY] {
            for place in [0, 20] {
                let mut logits = vec![0.0; 21];
                logits[place] = wrong;
                assert!(quantize(&logits, &mut [0; 21]).is_err());
            }
        }
        assert!(quantize(&[f32::NEG_INFINITY; 3], &mut [0; 3]).is_err());
    }
}
