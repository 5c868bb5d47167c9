//! Which kernel computes with which instructions, if this processor has them.

use super::kernel::Kernel;
#[cfg(target_arch = "aarch64")]
use super::neon::Neon;
use super::scalar::Scalar;
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};
use crate::cpu::InstructionSet;

/// The kernel for some instructions, if this processor has them.
pub(super) fn kernel_for(instruction_set: InstructionSet) -> Option<&'static dyn Kernel> {
    match instruction_set {
        InstructionSet::Scalar => Some(&Scalar),
        #[cfg(target_arch = "aarch64")]
        InstructionSet::Neon => Neon::<false>::detect().map(|kernel| kernel as &dyn Kernel),
        #[cfg(target_arch = "aarch64")]
        InstructionSet::DotProd => Neon::<true>::detect().map(|kernel| kernel as &dyn Kernel),
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2 => Avx2::<false>::detect().map(|kernel| kernel as &dyn Kernel),
        #[cfg(target_arch = "x86_64")]
        InstructionSet::AvxVnni => Avx2::<true>::detect().map(|kernel| kernel as &dyn Kernel),
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512 => Avx512::detect().map(|kernel| kernel as &dyn Kernel),
        #[cfg(not(target_arch = "aarch64"))]
        InstructionSet::Neon | InstructionSet::DotProd => None,
        #[cfg(not(target_arch = "x86_64"))]
        InstructionSet::Avx2 | InstructionSet::AvxVnni | InstructionSet::Avx512 => None,
    }
}
