//! The range coder: symbols to coded bytes and back, given each symbol's slot.
//!
//! An arithmetic coder (Martin 1979) that narrows an interval `low .. low + range` to the slot of each
//! symbol. Whenever the range has become narrow, it writes the leading three bytes of `low`, which are
//! out of reach of everything but a carry. The carry is added to the bytes already written: a run of
//! `0xFF` becomes `0x00`, and the byte before it grows by one.
//!
//! It does not ask where probabilities come from: a slot is a part `start .. start + frequency` of
//! `0 .. 2^24`, and `FrequencyTable` (frequency.rs) is where slots come from.
//!
//! **Why the range has 64 bits, and three bytes leave at once.** Slots are multiples of `range >> 24`,
//! and the rounding down of that quotient is lost. Language models are often nearly certain, so the total
//! must be large (2^24: a certain symbol costs 0.00002 bits), and a 32-bit range normalised byte by byte
//! would leave `range >> 24` as small as 1. With 64 bits it is at least 2^16. Whether to normalise is a
//! branch that the symbols decide: the more bytes at once, the more seldom it is mispredicted, and the
//! narrower the range may become. Measured over 20,000 symbols a table (tests/coding.rs,
//! `a_narrower_range_would_waste_what_this_one_keeps`), the loss over the code length is
//!
//! | table | 32 bits, a byte | 64 bits, a byte | 64 bits, three | 64 bits, four |
//! |---|---|---|---|---|
//! | flat, 8.00 bits a symbol | 0.0 % | 0.0 % | 0.0 % | 0.0 % |
//! | geometric, 2.41 bits a symbol | 4.9 % | 0.000000001 % | 0.00003 % | 0.005 % |
//! | skewed, 0.13 bits a symbol | 17.1 % | 0.00000003 % | 0.0006 % | 0.12 % |
//!
//! Format: docs/format.md, "Coded payload".

use crate::error;
use crate::memory::reserve;

/// Frequencies of a table sum to `2^TOTAL_BITS`.
pub const TOTAL_BITS: u32 = 24;

/// The sum of the frequencies of a table.
pub const TOTAL: u32 = 1 << TOTAL_BITS;

/// The probability of a bit is in units of `2^-BIT_TOTAL_BITS`.
const BIT_TOTAL_BITS: u32 = 16;

/// So many bits leave `low` at once.
const WORD_BITS: u32 = 24;
const WORD_BYTES: usize = WORD_BITS as usize / 8;

/// The range is at least this after normalisation: the topmost word of `low` is then settled but
/// for a carry.
const MIN_RANGE: u64 = 1 << (u64::BITS - WORD_BITS);

/// The bytes of `code`, with which a decoder begins.
const HEAD_BYTES: usize = 8;

/// The part `start .. start + frequency` of `0 .. TOTAL` that belongs to one symbol: never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    pub(crate) start: u32,
    pub(crate) frequency: u32,
}

impl Slot {
    /// The slot of a symbol, when all smaller ones have `start` altogether.
    ///
    /// # Panics
    ///
    /// If the slot is empty or not inside `0 .. TOTAL`.
    #[must_use]
    pub const fn new(start: u32, frequency: u32) -> Self {
        assert!(frequency >= 1 && start <= TOTAL && frequency <= TOTAL - start);
        Self { start, frequency }
    }

    /// The sum of the frequencies of all smaller symbols.
    #[must_use]
    pub const fn start(self) -> u32 {
        self.start
    }

    /// At least 1; `start + frequency` is at most `TOTAL`.
    #[must_use]
    pub const fn frequency(self) -> u32 {
        self.frequency
    }
}

/// Why a payload cannot be what an encoder wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadError {
    /// The symbols need more bytes than there are.
    TooShort,
    /// Bytes are left after the last symbol.
    TooLong,
    /// The symbols spell no content, or more than there is.
    Misspelled,
}

impl PayloadError {
    /// The broken rule, in the words of an error message.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooShort => "its payload ends before its last symbol",
            Self::TooLong => "its payload goes on after its last symbol",
            Self::Misspelled => "its tokens do not spell its content",
        }
    }
}

/// Writes symbols as bytes.
///
/// ```
/// use lmac_core::coding::range_coder::{RangeEncoder, Slot};
///
/// let mut encoder = RangeEncoder::new();
/// for _ in 0..10 {
///     encoder.encode(Slot::new(1 << 23, 1 << 23)); // one bit each
/// }
/// assert_eq!(encoder.finish(), [0xFF, 0xC0]);
/// ```
#[derive(Debug, Clone)]
pub struct RangeEncoder {
    /// The interval's lower end, without the bytes already written.
    low: u64,
    /// The interval's width; at least `MIN_RANGE` between symbols, and `u64::MAX` only before the
    /// first symbol. The interval never reaches beyond what a carry into `output` can hold.
    range: u64,
    output: Vec<u8>,
}

impl Default for RangeEncoder {
    fn default() -> Self {
        Self::new()
    }
}

impl RangeEncoder {
    /// Begins an empty payload.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            low: 0,
            range: u64::MAX,
            output: Vec::new(),
        }
    }

    /// Begins an empty payload with room for what content of this length can become: noise grows by less than one in 64.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`.
    pub(crate) fn of_content(content_len: usize) -> error::Result<Self> {
        let mut encoder = Self::new();
        reserve(&mut encoder.output, content_len + content_len / 64 + 64)?;
        Ok(encoder)
    }

    /// Appends the symbol that owns `slot`.
    #[inline]
    pub fn encode(&mut self, slot: Slot) {
        let unit = self.range >> TOTAL_BITS;
        let (low, carry) = self.low.overflowing_add(unit * u64::from(slot.start));
        if carry {
            self.propagate_carry();
        }
        self.low = low;
        self.range = unit * u64::from(slot.frequency);
        self.normalize();
    }

    /// Appends one bit; `probability`, in `1 ..= 65_535`, is that of a 1 in units of 2^-16.
    #[inline]
    pub fn encode_bit(&mut self, bit: u32, probability: u32) {
        debug_assert!((1..1 << BIT_TOTAL_BITS).contains(&probability));
        let ones = (self.range >> BIT_TOTAL_BITS) * u64::from(probability);
        if bit != 0 {
            self.range = ones;
        } else {
            let (low, carry) = self.low.overflowing_add(ones);
            if carry {
                self.propagate_carry();
            }
            self.low = low;
            self.range -= ones;
        }
        self.normalize();
    }

    /// The number of bytes written so far; `finish` adds one to three.
    #[must_use]
    pub const fn written_len(&self) -> usize {
        self.output.len()
    }

    /// Ends the payload: no byte if no symbol was encoded, else one to three more.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        if self.range == u64::MAX {
            return self.output;
        }
        // So many bytes that one of the numbers with zeros behind them is certainly inside the interval.
        let len = last_len(self.range);
        let (low, carry) = self
            .low
            .overflowing_add((1 << (u64::BITS as usize - 8 * len)) - 1);
        if carry {
            self.propagate_carry();
        }
        self.output.extend_from_slice(&low.to_be_bytes()[..len]);
        self.output
    }

    #[inline]
    fn normalize(&mut self) {
        if self.range < MIN_RANGE {
            self.output
                .extend_from_slice(&self.low.to_be_bytes()[..WORD_BYTES]);
            self.low <<= WORD_BITS;
            self.range <<= WORD_BITS;
        }
    }

    /// Adds one to the number that the output spells. It cannot overflow: the interval stays
    /// inside the first one, `0 .. 2^64`.
    #[cold]
    fn propagate_carry(&mut self) {
        for byte in self.output.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                return;
            }
        }
    }
}

/// How many bytes an encoder writes after its last symbol: the least `n` with `range >= 2^(64 - 8 * n)`.
fn last_len(range: u64) -> usize {
    (range.leading_zeros() + 1).div_ceil(8) as usize
}

/// Reads the symbols back, in two halves: `target` says where the code lies, the caller finds the
/// slot around it, `consume` removes the slot.
#[derive(Debug, Clone)]
pub struct RangeDecoder<'a> {
    /// The code's distance from the interval's lower end; below `range` in an intact payload.
    code: u64,
    /// The interval's width, equal to the encoder's after the same symbols.
    range: u64,
    payload: &'a [u8],
    /// How many bytes were read, those past the end included.
    position: usize,
}

impl<'a> RangeDecoder<'a> {
    /// Begins to read `payload`.
    #[must_use]
    pub fn new(payload: &'a [u8]) -> Self {
        let mut head = [0; HEAD_BYTES];
        let present_len = payload.len().min(head.len());
        head[..present_len].copy_from_slice(&payload[..present_len]);
        Self {
            code: u64::from_be_bytes(head),
            range: u64::MAX,
            payload,
            position: HEAD_BYTES,
        }
    }

    /// The number in `0 .. TOTAL` whose slot is the next symbol's.
    #[inline]
    #[must_use]
    pub fn target(&self) -> u32 {
        let unit = self.range >> TOTAL_BITS;
        // Only a damaged code lies above all slots; it must still fall into one of them.
        (self.code / unit).min(u64::from(TOTAL) - 1) as u32
    }

    /// Removes the symbol that owns `slot`, which contains `target()`.
    ///
    /// # Errors
    ///
    /// `TooShort` when the payload has no more bytes for what follows.
    ///
    /// # Panics
    ///
    /// If the slot does not contain `target()`.
    #[inline]
    pub fn consume(&mut self, slot: Slot) -> Result<(), PayloadError> {
        let unit = self.range >> TOTAL_BITS;
        let offset = unit * u64::from(slot.start);
        assert!(offset <= self.code);
        self.code -= offset;
        self.range = unit * u64::from(slot.frequency);
        self.normalize()
    }

    /// Removes one bit, coded with the same `probability` of a 1, in `1 ..= 65_535`.
    ///
    /// # Errors
    ///
    /// `TooShort` when the payload has no more bytes for what follows.
    #[inline]
    pub fn decode_bit(&mut self, probability: u32) -> Result<u32, PayloadError> {
        debug_assert!((1..1 << BIT_TOTAL_BITS).contains(&probability));
        let ones = (self.range >> BIT_TOTAL_BITS) * u64::from(probability);
        let bit = self.code < ones;
        if bit {
            self.range = ones;
        } else {
            self.code -= ones;
            self.range -= ones;
        }
        self.normalize()?;
        Ok(u32::from(bit))
    }

    /// The number of bytes that the symbols so far took: `written_len` of the encoder after the same
    /// symbols.
    #[must_use]
    pub const fn read_len(&self) -> usize {
        self.position - HEAD_BYTES // what `code` holds was read ahead
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// `TooLong` (or `TooShort`) unless the symbols consumed are exactly those of the payload.
    pub fn finish(self) -> Result<(), PayloadError> {
        let last_len = match self.range {
            u64::MAX => 0, // no symbol: no byte
            range => last_len(range),
        };
        match (self.read_len() + last_len).cmp(&self.payload.len()) {
            std::cmp::Ordering::Less => Err(PayloadError::TooLong),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(PayloadError::TooShort),
        }
    }

    #[inline]
    fn normalize(&mut self) -> Result<(), PayloadError> {
        if self.range < MIN_RANGE {
            let word = match self.payload.get(self.position..) {
                Some(&[first, second, third, ..]) => [first, second, third],
                _ => self.last_word()?,
            };
            self.position += WORD_BYTES;
            let [first, second, third] = word.map(u64::from);
            self.code = self.code << WORD_BITS | first << 16 | second << 8 | third;
            self.range <<= WORD_BITS;
        }
        Ok(())
    }

    /// The next word where not all of it is there: with zeros for what is missing.
    #[cold]
    fn last_word(&self) -> Result<[u8; WORD_BYTES], PayloadError> {
        // After this word, the encoder wrote at least one byte.
        if self.read_len() + WORD_BYTES >= self.payload.len() {
            return Err(PayloadError::TooShort);
        }
        let mut word = [0; WORD_BYTES];
        let left = self.payload.get(self.position..).unwrap_or_default();
        word[..left.len()].copy_from_slice(left);
        Ok(word)
    }
}
