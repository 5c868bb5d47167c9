//! `Kernel`: the arithmetic of an exact Transformer, once for every instruction set.
//!
//! The scalar kernel defines each operation; the others compute the same integers faster. Which
//! one runs is decided when an executor is built: the best that the processor has, or the one that
//! the environment variable `LMAC_SIMD` names.

use super::attention::{Attention, Scratch};
use super::matrix::Panels;
#[cfg(target_arch = "aarch64")]
use super::neon::Neon;
use super::scalar::Scalar;
use super::sparse::{Active, STRIP, Strip};
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};
use crate::error::{Error, Result};

/// The operations that take time.
pub(crate) trait Kernel: Sync {
    /// Multiplies every activation row with the panels and requantizes.
    ///
    /// `activations` is `(rows, inputs)`, offset to unsigned bytes; `results` is `(rows, outputs)`.
    fn multiply(&self, panels: Panels<'_>, activations: &[u8], results: &mut [i32]);

    /// Finds what is not zero in a row of activations, `(inputs)`, a multiple of 32.
    fn gather(&self, activations: &[u8], active: &mut Active);

    /// Multiplies the active inputs of one row with a strip and requantizes.
    fn multiply_active(&self, strip: &Strip, active: &Active) -> [i32; STRIP];

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

/// Instructions that a kernel is written for; of those that a processor has, the better the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum InstructionSet {
    /// Plain Rust: every processor.
    Scalar,
    /// 128-bit integer vectors of ARM: every `aarch64` processor.
    Neon,
    /// NEON with products of bytes: `aarch64` processors since 2018.
    DotProd,
    /// 256-bit integer vectors: `x86_64` processors since 2013.
    Avx2,
    /// The same with products of bytes: `x86_64` processors without the next, of Intel since 2021.
    AvxVnni,
    /// 512-bit integer vectors with products of bytes (VNNI) and permutations of them (VBMI).
    Avx512,
}

impl InstructionSet {
    /// Every instruction set that there is a kernel for, the best one last.
    pub const ALL: [Self; 6] = [
        Self::Scalar,
        Self::Neon,
        Self::DotProd,
        Self::Avx2,
        Self::AvxVnni,
        Self::Avx512,
    ];

    /// The name by which `LMAC_SIMD` asks for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Neon => "neon",
            Self::DotProd => "dotprod",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avxvnni",
            Self::Avx512 => "avx512",
        }
    }

    /// Every instruction set that this processor has, the best one last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        Self::ALL
            .into_iter()
            .filter(|set| set.kernel().is_some())
            .collect()
    }

    /// The one named by `LMAC_SIMD`, or else the best one available.
    pub fn from_environment() -> Result<Self> {
        match std::env::var_os("LMAC_SIMD") {
            Some(name) => Self::named(&name.to_string_lossy()),
            None => Ok(Self::available().last().copied().unwrap_or(Self::Scalar)),
        }
    }

    fn named(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|set| set.name() == name);
        found.ok_or_else(|| {
            let names = Self::available().into_iter().map(Self::name);
            let names: Vec<&str> = names.collect();
            let names = names.join(" or ");
            Error::Predictor(format!(
                "LMAC_SIMD is {name:?}; set it to {names}, or unset it"
            ))
        })
    }

    /// The kernel, if this processor can run it.
    pub(crate) fn kernel(self) -> Option<&'static dyn Kernel> {
        match self {
            Self::Scalar => Some(&Scalar),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => Neon::<false>::detect().map(|kernel| kernel as &dyn Kernel),
            #[cfg(target_arch = "aarch64")]
            Self::DotProd => Neon::<true>::detect().map(|kernel| kernel as &dyn Kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Avx2::<false>::detect().map(|kernel| kernel as &dyn Kernel),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => Avx2::<true>::detect().map(|kernel| kernel as &dyn Kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Avx512::detect().map(|kernel| kernel as &dyn Kernel),
            #[cfg(not(target_arch = "aarch64"))]
            Self::Neon | Self::DotProd => None,
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::AvxVnni | Self::Avx512 => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_instruction_sets_are_errors() {
        for instruction_set in InstructionSet::ALL {
            let found = InstructionSet::named(instruction_set.name());
            assert_eq!(found.unwrap(), instruction_set);
        }
        for name in ["", "AVX2", "mmx", "scalar "] {
            assert!(matches!(
                InstructionSet::named(name),
                Err(Error::Predictor(reason)) if reason.contains("set it to scalar")
            ));
        }
    }

    #[test]
    fn the_scalar_kernel_is_always_available() {
        assert_eq!(InstructionSet::available()[0], InstructionSet::Scalar);
    }
}
