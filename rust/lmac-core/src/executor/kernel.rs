//! `Kernel`: the arithmetic of an exact Transformer, once for every instruction set.
//!
//! The scalar kernel defines each operation; the others compute the same integers faster. Which
//! one runs is decided when an executor is built: the best that the processor has, or the one that
//! the environment variable `LMAC_SIMD` names.

use super::attention::{Attention, Scratch};
use super::matrix::Panels;
use super::scalar::Scalar;
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};
use crate::error::{Error, Result};

/// The operations that take time.
pub(crate) trait Kernel: Sync {
    /// Multiplies every activation row with the panels and requantizes.
    ///
    /// `activations` is `(rows, inputs)`, offset to unsigned bytes; `results` is `(rows, outputs)`.
    fn multiply(&self, panels: Panels<'_>, activations: &[u8], results: &mut [i32]);

    /// Normalizes one row of the residual stream (section 5); `normed` is offset by 128.
    fn norm(&self, residual: &[i32], normed: &mut [u8]);

    /// Attends from one position (section 6): `queries` and `outputs` are `(heads * head_dim)`,
    /// outputs offset by 128.
    fn attend(
        &self,
        attention: Attention<'_>,
        queries: &[i8],
        scratch: &mut Scratch,
        outputs: &mut [u8],
    );

    /// Squares what is positive (section 7).
    fn squared_relu(&self, results: &[i32], hidden: &mut [u8]);

    /// Adds a branch to the residual stream and clips it.
    fn add_branch(&self, residual: &mut [i32], branch: &[i32]);
}

/// Instructions that a kernel is written for, the better the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum InstructionSet {
    /// Plain Rust: every processor.
    Scalar,
    /// 256-bit integer vectors: `x86_64` processors since 2013.
    Avx2,
    /// 512-bit integer vectors with products of bytes (VNNI) and permutations of them (VBMI).
    Avx512,
}

impl InstructionSet {
    /// Every instruction set that there is a kernel for, the best one last.
    pub const ALL: [Self; 3] = [Self::Scalar, Self::Avx2, Self::Avx512];

    /// Every instruction set that this processor has, the best one last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        Self::ALL
            .into_iter()
            .filter(|set| set.kernel().is_some())
            .collect()
    }

    /// The one named by `LMAC_SIMD` (`scalar`, `avx2` or `avx512`), or else the best one available.
    pub fn from_environment() -> Result<Self> {
        match std::env::var_os("LMAC_SIMD") {
            Some(name) => Self::named(&name.to_string_lossy()),
            None => Ok(Self::available().last().copied().unwrap_or(Self::Scalar)),
        }
    }

    fn named(name: &str) -> Result<Self> {
        match name {
            "scalar" => Ok(Self::Scalar),
            "avx2" => Ok(Self::Avx2),
            "avx512" => Ok(Self::Avx512),
            _ => {
                let reason =
                    format!("LMAC_SIMD is {name:?}; set it to scalar, avx2 or avx512, or unset it");
                Err(Error::Predictor(reason))
            }
        }
    }

    /// The kernel, if this processor can run it.
    pub(crate) fn kernel(self) -> Option<&'static dyn Kernel> {
        match self {
            Self::Scalar => Some(&Scalar),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Avx2::detect().map(|kernel| kernel as &dyn Kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Avx512::detect().map(|kernel| kernel as &dyn Kernel),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_instruction_sets_are_errors() {
        for (name, expected) in [
            ("scalar", InstructionSet::Scalar),
            ("avx2", InstructionSet::Avx2),
            ("avx512", InstructionSet::Avx512),
        ] {
            assert_eq!(InstructionSet::named(name).unwrap(), expected);
        }
        for name in ["", "AVX2", "neon", "scalar "] {
            assert!(matches!(
                InstructionSet::named(name),
                Err(Error::Predictor(_))
            ));
        }
    }

    #[test]
    fn the_scalar_kernel_is_always_available() {
        assert_eq!(InstructionSet::available()[0], InstructionSet::Scalar);
    }
}
