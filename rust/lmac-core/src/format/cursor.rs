//! `Cursor`: fields of a header, read one after the other; `write_varint`, its mirror image for numbers.

use crate::error::{Error, Result};

/// Nine groups of seven bits: a varint is below 2^63.
const MAX_VARINT_LEN: usize = 9;

/// Reads fields from a byte slice, one after the other, and never past its end.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    data: &'a [u8],
    /// At most `data.len()`.
    position: usize,
    /// Where `data` begins in what the caller reads; only error messages need it.
    base: u64,
}

impl<'a> Cursor<'a> {
    /// Begins at the first byte.
    #[must_use]
    pub const fn new(data: &'a [u8]) -> Self {
        Self::at(0, data)
    }

    /// Begins at the first byte of `data`, which is byte `base` of a longer input.
    #[must_use]
    pub const fn at(base: u64, data: &'a [u8]) -> Self {
        Self {
            data,
            position: 0,
            base,
        }
    }

    /// How many bytes were taken.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Where it stands in what the caller reads.
    pub(super) const fn offset(&self) -> u64 {
        self.base.saturating_add(self.position as u64)
    }

    /// Whether every byte was taken.
    #[must_use]
    pub const fn is_at_end(&self) -> bool {
        self.position == self.data.len()
    }

    /// The bytes that were taken since it stood at `start`.
    pub(super) fn taken_since(&self, start: usize) -> &'a [u8] {
        &self.data[start..self.position]
    }

    /// All bytes that were not taken.
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.data[self.position..]
    }

    /// Takes `len` bytes, which are part of `what`.
    pub fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8]> {
        let taken = self.rest().get(..len).ok_or(Error::Truncated(what))?;
        self.position += len;
        Ok(taken)
    }

    /// Takes a number below 2^63 in its shortest LEB128 form.
    pub fn take_varint(&mut self, what: &'static str) -> Result<u64> {
        let mut value = 0;
        for group in 0..MAX_VARINT_LEN {
            let byte = self.take(1, what)?[0];
            value |= u64::from(byte & 0x7F) << (7 * group);
            if byte == 0 && group > 0 {
                return Err(Error::InvalidHeader("a number is padded with zeros"));
            }
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Error::InvalidHeader("a number is not below 2^63"))
    }

    /// Takes a check.
    pub(crate) fn take_check(&mut self, what: &'static str) -> Result<u32> {
        let mut check = [0; 4];
        check.copy_from_slice(self.take(4, what)?);
        Ok(u32::from_le_bytes(check))
    }
}

/// Appends a number below 2^63 in its shortest LEB128 form.
pub(crate) fn write_varint(mut value: u64, output: &mut Vec<u8>) {
    debug_assert!(value >> (7 * MAX_VARINT_LEN) == 0);
    while value >= 0x80 {
        output.push(value as u8 | 0x80);
        value >>= 7;
    }
    output.push(value as u8);
}
