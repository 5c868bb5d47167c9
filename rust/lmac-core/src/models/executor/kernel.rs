//! `Kernel`: the arithmetic of an exact Transformer, once for every instruction set.
//!
//! The scalar kernel defines each operation; the others compute the same integers faster. Which
//! one runs is decided when an executor is built (choice.rs).

use super::attention::{Attention, Scratch};
use crate::models::weights::matrix::Panels;
use crate::models::weights::sparse::{Active, STRIP, Strip};

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
