//! `ColumnMatrix`: an int8 matrix for activations most of which are zero.
//!
//! The squared `ReLU` leaves more than three of four hidden activations of the models inside the
//! package at zero (docs/executor.md), and the weights that these would be multiplied with need not
//! even be read. So the matrix is laid out by inputs: the weights of one input for 64 outputs are a
//! [`Column`], as long as a cache line, and a product is a sum of the columns of the [`Active`]
//! inputs.
//!
//! These come in eights, with values of at most 63; greater ones, which are rare, are entered
//! several times. Since weights lie in -63..=63 as well, the eight products of an output add up to at
//! most `8 * 63 * 63 < 2^15`: a kernel adds them in 16 bits and widens their sum.

use crate::error::Result;
use crate::memory::{filled, prefetch};

/// Outputs that are computed together.
pub(crate) const STRIP: usize = 64;
/// Active inputs that are computed together.
pub(crate) const EIGHT: usize = 8;
/// The greatest value of an entry.
pub(crate) const MAX_VALUE: u8 = 63;

/// The weights of one input for 64 outputs; byte `i` belongs to output `output_of(i)`.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Column(pub [i8; STRIP]);

/// Which output of a strip the byte of a column belongs to.
///
/// A kernel for x86 interleaves the bytes of two columns, the lower eight of every 128 bits and the upper
/// eight, and in the end parts even and odd sums: in this order, each of the four vectors that come of it has
/// sixteen outputs in a row.
pub(crate) const fn output_of(byte: usize) -> usize {
    let (part, eight, pair, odd) = (byte / 16, byte / 8 % 2, byte / 2 % 4, byte % 2);
    16 * (2 * eight + odd) + 4 * part + pair
}

/// Sixty-four outputs of a matrix.
#[derive(Debug)]
pub(crate) struct Strip {
    /// One for every input.
    columns: Vec<Column>,
    /// How the sums begin: the rounding of the requantization.
    pub biases: [i32; STRIP],
    /// By how many bits the sums are shifted to the right in the end: 0..=22.
    pub shifts: [i32; STRIP],
}

/// A matrix laid out by inputs.
#[derive(Debug)]
pub(crate) struct ColumnMatrix {
    inputs: usize,
    strips: Vec<Strip>,
}

impl ColumnMatrix {
    /// Lays out `weights` `(outputs, inputs)`, every one in -63..=63; every shift is in 0..=22.
    pub fn pack(weights: &[i8], shifts: &[u8]) -> Self {
        let outputs = shifts.len();
        let inputs = weights.len() / outputs;
        let rows = weights.chunks(STRIP * inputs);
        let strips = rows.zip(shifts.chunks(STRIP));
        Self {
            inputs,
            strips: strips
                .map(|(rows, shifts)| Strip::pack(inputs, rows, shifts))
                .collect(),
        }
    }

    /// Length of an activation row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The outputs, 64 in a strip; what the last one has too many is 0.
    pub fn strips(&self) -> &[Strip] {
        &self.strips
    }
}

impl Strip {
    fn pack(inputs: usize, rows: &[i8], shifts: &[u8]) -> Self {
        let mut strip = Self {
            columns: vec![Column([0; STRIP]); inputs],
            biases: [0; STRIP],
            shifts: [0; STRIP],
        };
        for (output, &shift) in shifts.iter().enumerate() {
            strip.biases[output] = (1 << shift) >> 1;
            strip.shifts[output] = i32::from(shift);
        }
        for (input, Column(weights)) in strip.columns.iter_mut().enumerate() {
            for (byte, weight) in weights.iter_mut().enumerate() {
                let row = rows.chunks_exact(inputs).nth(output_of(byte));
                *weight = row.map_or(0, |row| row[input]);
            }
        }
        strip
    }
}

/// The inputs that are not zero, in eights: which ones, and their values.
#[derive(Debug)]
pub(crate) struct Active {
    inputs: Vec<u16>,
    values: Vec<u8>,
    /// A multiple of eight.
    len: usize,
}

impl Active {
    /// Room for the active ones of as many inputs, at most 4,096.
    pub fn new(inputs: usize) -> Result<Self> {
        // Eight are written at a time, however few are kept.
        let room = inputs * usize::from(u8::MAX.div_ceil(MAX_VALUE)) + EIGHT;
        Ok(Self {
            inputs: filled(0, room)?,
            values: filled(0, room)?,
            len: 0,
        })
    }

    /// Begins anew; nothing is there before `Entries::finish`.
    pub fn refill(&mut self) -> Entries<'_> {
        // Slices of the same length, so that one check of a place does for both.
        let room = self.inputs.len().min(self.values.len());
        Entries {
            inputs: &mut self.inputs[..room],
            values: &mut self.values[..room],
            len: 0,
            active_len: &mut self.len,
        }
    }

    /// The columns of the inputs, and the values; the last eight may be filled up with values of 0.
    pub fn columns<'a>(
        &'a self,
        strip: &'a Strip,
    ) -> impl Iterator<Item = ([&'a Column; EIGHT], &'a [u8; EIGHT])> {
        self.eights().map(|(inputs, values)| {
            // Not `map`: the compiler would keep the references in memory.
            let mut columns = [&strip.columns[0]; EIGHT];
            for (column, input) in columns.iter_mut().zip(inputs) {
                *column = &strip.columns[usize::from(*input)];
            }
            (columns, values)
        })
    }

    /// Asks the memory for what row number `row` of `rows` will read of a strip: its columns, or its share of
    /// all, which the rows need together, whichever are fewer.
    pub fn expect(&self, strip: &Strip, row: usize, rows: usize) {
        let share = strip.columns.len().div_ceil(rows);
        if self.len < share {
            let inputs = self.inputs[..self.len].iter();
            inputs.for_each(|&input| prefetch(&strip.columns, usize::from(input)));
        } else {
            (row * share..(row + 1) * share).for_each(|input| prefetch(&strip.columns, input));
        }
    }

    fn eights(&self) -> impl Iterator<Item = (&[u16; EIGHT], &[u8; EIGHT])> {
        let (inputs, _) = self.inputs[..self.len].as_chunks();
        inputs.iter().zip(self.values[..self.len].as_chunks().0)
    }
}

/// Active inputs that are being found.
#[derive(Debug)]
pub(crate) struct Entries<'a> {
    inputs: &'a mut [u16],
    values: &'a mut [u8],
    len: usize,
    active_len: &'a mut usize,
}

impl Entries<'_> {
    /// Appends an input, as many times as its activation needs: never if that is 0.
    pub fn push(&mut self, input: usize, mut activation: u8) {
        while activation > 0 {
            let value = activation.min(MAX_VALUE);
            self.inputs[self.len] = input as u16;
            self.values[self.len] = value;
            self.len += 1;
            activation -= value;
        }
    }

    /// Where the next eight inputs and their values go; `keep` is told how many of them count.
    #[cfg_attr(
        not(any(target_arch = "x86_64", target_arch = "aarch64")),
        expect(dead_code)
    )]
    pub fn next_eight(&mut self) -> (&mut [u16; EIGHT], &mut [u8; EIGHT]) {
        let inputs = self.inputs[self.len..].first_chunk_mut().unwrap();
        (inputs, self.values[self.len..].first_chunk_mut().unwrap())
    }

    /// Keeps the first `count` of the next eight.
    #[cfg_attr(
        not(any(target_arch = "x86_64", target_arch = "aarch64")),
        expect(dead_code)
    )]
    pub fn keep(&mut self, count: usize) {
        self.len += count;
    }

    /// Fills up the last eight.
    pub fn finish(self) {
        let end = self.len.next_multiple_of(EIGHT);
        self.inputs[self.len..end].fill(0);
        self.values[self.len..end].fill(0);
        *self.active_len = end;
    }
}

/// The places of the bits that are set in a byte, then zeros.
#[cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64")),
    expect(dead_code)
)]
pub(crate) static PLACES: [[u8; EIGHT]; 256] = {
    let mut places = [[0; EIGHT]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut count, mut bit) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                places[byte][count] = bit;
                count += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    places
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_output_has_a_byte() {
        let mut outputs: Vec<usize> = (0..STRIP).map(output_of).collect();
        outputs.sort_unstable();
        assert!(outputs.into_iter().eq(0..STRIP));
    }

    #[test]
    fn places_are_those_of_the_set_bits() {
        assert_eq!(PLACES[0b1001_0010], [1, 4, 7, 0, 0, 0, 0, 0]);
        assert_eq!(PLACES[0], [0; 8]);
        assert_eq!(PLACES[255], [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn great_activations_are_entered_several_times() {
        let mut active = Active::new(32).unwrap();
        for _ in 0..2 {
            let mut entries = active.refill();
            for (input, activation) in [(3, 1), (4, 63), (5, 0), (9, 64), (31, 255)] {
                entries.push(input, activation);
            }
            entries.finish();
            let found = active.eights().flat_map(|(inputs, values)| {
                let inputs = inputs.map(usize::from);
                inputs.into_iter().zip(*values)
            });
            let expected = [
                (3, 1),
                (4, 63),
                (9, 63),
                (9, 1),
                (31, 63),
                (31, 63),
                (31, 63),
                (31, 63),
                (31, 3),
            ];
            assert!(found.eq(expected.into_iter().chain([(0, 0); 7])));
        }
    }
}
