//! The most 8-bit multiply-adds a second that this machine's instructions allow, by a plain matrix
//! product whose operands stay in the first-level cache.

use std::hint::black_box;

use lmac_core::cpu::InstructionSet;

/// Length of the sums, in quads of bytes.
const QUADS: usize = 48;
const ROUNDS: usize = 2000;

/// Does some multiply-adds and returns their number.
pub fn multiply_adds(instruction_set: InstructionSet) -> usize {
    match instruction_set {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the executor runs with these instructions, so the processor has them.
        InstructionSet::Avx512 => unsafe { avx512() },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        InstructionSet::Avx2 => unsafe { avx2() },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        InstructionSet::AvxVnni => unsafe { avxvnni() },
        _ => plain(),
    }
}

fn plain() -> usize {
    let weights = black_box([[1_i8; 4 * QUADS]; 16]);
    let row = black_box([1_u8; 4 * QUADS]);
    for _ in 0..ROUNDS / 16 {
        let mut sums = [0_i32; 16];
        for (sum, weights) in sums.iter_mut().zip(&weights) {
            let products = weights
                .iter()
                .zip(&row)
                .map(|(&w, &a)| i32::from(w) * i32::from(a));
            *sum = products.sum();
        }
        black_box(sums);
    }
    ROUNDS / 16 * 16 * 4 * QUADS
}

/// Eight rows by two vectors of outputs.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
fn avx512() -> usize {
    use std::arch::x86_64::{_mm512_dpbusd_epi32, _mm512_set1_epi32, _mm512_setzero_si512};
    let weights = black_box([[_mm512_set1_epi32(0x0102_0304); 2]; QUADS]);
    let rows = black_box([[0x0102_0304_i32; 8]; QUADS]);
    for _ in 0..ROUNDS {
        let mut sums = [[_mm512_setzero_si512(); 2]; 8];
        for (weights, rows) in weights.iter().zip(&rows) {
            for (sums, &row) in sums.iter_mut().zip(rows) {
                let row = _mm512_set1_epi32(row);
                sums[0] = _mm512_dpbusd_epi32(sums[0], row, weights[0]);
                sums[1] = _mm512_dpbusd_epi32(sums[1], row, weights[1]);
            }
        }
        black_box(sums);
    }
    ROUNDS * QUADS * 8 * 2 * 64
}

/// Four rows by two vectors of outputs.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2() -> usize {
    use std::arch::x86_64::{
        _mm256_add_epi32, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi16,
        _mm256_set1_epi32, _mm256_setzero_si256,
    };
    let weights = black_box([[_mm256_set1_epi32(0x0102_0304); 2]; QUADS]);
    let rows = black_box([[0x0102_0304_i32; 4]; QUADS]);
    let ones = _mm256_set1_epi16(1);
    for _ in 0..ROUNDS {
        let mut sums = [[_mm256_setzero_si256(); 2]; 4];
        for (weights, rows) in weights.iter().zip(&rows) {
            for (sums, &row) in sums.iter_mut().zip(rows) {
                let row = _mm256_set1_epi32(row);
                for (sum, &weights) in sums.iter_mut().zip(weights) {
                    let pairs = _mm256_maddubs_epi16(row, weights);
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
                }
            }
        }
        black_box(sums);
    }
    ROUNDS * QUADS * 4 * 2 * 32
}

/// Four rows by two vectors of outputs.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avxvnni")]
fn avxvnni() -> usize {
    use std::arch::x86_64::{_mm256_dpbusd_avx_epi32, _mm256_set1_epi32, _mm256_setzero_si256};
    let weights = black_box([[_mm256_set1_epi32(0x0102_0304); 2]; QUADS]);
    let rows = black_box([[0x0102_0304_i32; 4]; QUADS]);
    for _ in 0..ROUNDS {
        let mut sums = [[_mm256_setzero_si256(); 2]; 4];
        for (weights, rows) in weights.iter().zip(&rows) {
            for (sums, &row) in sums.iter_mut().zip(rows) {
                let row = _mm256_set1_epi32(row);
                sums[0] = _mm256_dpbusd_avx_epi32(sums[0], row, weights[0]);
                sums[1] = _mm256_dpbusd_avx_epi32(sums[1], row, weights[1]);
            }
        }
        black_box(sums);
    }
    ROUNDS * QUADS * 4 * 2 * 32
}
