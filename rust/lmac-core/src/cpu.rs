//! `InstructionSet`: what this processor computes with, or what the environment variable `LMAC_SIMD` names instead.
//!
//! The executor has a kernel for each; frequency tables and the adaptive mixture have code for some of them. All
//! compute the same integers.

#[cfg(target_arch = "aarch64")]
use std::arch::is_aarch64_feature_detected;

use crate::error::{Error, Result};

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

    /// Whether this processor has it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "aarch64")]
            Self::Neon => is_aarch64_feature_detected!("neon"),
            #[cfg(target_arch = "aarch64")]
            Self::DotProd => Self::Neon.is_available() && is_aarch64_feature_detected!("dotprod"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("bmi1")
                    && is_x86_feature_detected!("bmi2")
                    && is_x86_feature_detected!("popcnt")
            }
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => Self::Avx2.is_available() && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vnni")
                    && is_x86_feature_detected!("avx512vbmi")
            }
            #[cfg(not(target_arch = "aarch64"))]
            Self::Neon | Self::DotProd => false,
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::AvxVnni | Self::Avx512 => false,
        }
    }

    /// Every instruction set that this processor has, the best one last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let all = Self::ALL.into_iter();
        all.filter(|set| set.is_available()).collect()
    }

    /// The one named by `LMAC_SIMD`, or else the best one available.
    ///
    /// # Errors
    ///
    /// `Predictor` if the name is none, or of instructions that this processor has not got.
    pub fn from_environment() -> Result<Self> {
        let best = || Self::ALL.into_iter().rfind(|set| set.is_available());
        match std::env::var_os("LMAC_SIMD") {
            Some(name) => Self::named(&name.to_string_lossy()),
            None => Ok(best().unwrap_or(Self::Scalar)),
        }
    }

    fn named(name: &str) -> Result<Self> {
        let available = Self::available();
        let found = available.iter().find(|set| set.name() == name);
        found.copied().ok_or_else(|| {
            let names: Vec<&str> = available.iter().map(|set| set.name()).collect();
            let names = names.join(" or ");
            Error::Predictor(format!(
                "LMAC_SIMD is {name:?}; set it to {names}, or unset it"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_processor_can_do_without_instructions_of_its_own() {
        assert_eq!(InstructionSet::available()[0], InstructionSet::Scalar);
    }

    #[test]
    fn a_name_of_what_this_processor_has_not_got_is_an_error() {
        for instruction_set in InstructionSet::available() {
            let found = InstructionSet::named(instruction_set.name());
            assert_eq!(found.unwrap(), instruction_set);
        }
        let all = InstructionSet::ALL.into_iter();
        let missing = all.filter(|set| !set.is_available());
        for name in ["", "AVX2", "mmx", "scalar "]
            .into_iter()
            .chain(missing.map(InstructionSet::name))
        {
            assert!(matches!(
                InstructionSet::named(name),
                Err(Error::Predictor(reason)) if reason.contains("set it to scalar")
            ));
        }
    }
}
