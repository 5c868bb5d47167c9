//! What this processor computes with.

use lmac_core::cpu::InstructionSet;
use pyo3::prelude::*;

/// What the native executor can compute with on this processor, the best one last.
#[pyfunction]
pub fn instruction_sets() -> Vec<&'static str> {
    let available = InstructionSet::available().into_iter();
    available.map(InstructionSet::name).collect()
}

/// The instruction sets of this processor by which libraries choose their arithmetic: what may change
/// the numbers of floating point from one processor to the next.
#[pyfunction]
pub fn cpu_features() -> Vec<&'static str> {
    let mut features = Vec::new();
    macro_rules! detect {
        ($detected:ident: $($name:tt)+) => {
            $(if std::arch::$detected!($name) {
                features.push($name);
            })+
        };
    }
    #[cfg(target_arch = "x86_64")]
    detect!(is_x86_feature_detected: "sse4.1" "avx" "f16c" "fma" "avx2" "avxvnni" "avx512f" "avx512bw" "avx512dq"
        "avx512vl" "avx512vnni" "avx512bf16" "avx512fp16");
    #[cfg(target_arch = "aarch64")]
    detect!(is_aarch64_feature_detected: "neon" "fp16" "dotprod" "bf16" "i8mm" "sve" "sve2");
    features
}
