//! Contents to compress: what repeats, what nothing shrinks.

/// What repeats: a predictor of byte pairs can shrink it, and statistics shrink it to nearly nothing.
pub fn text(len: usize) -> Vec<u8> {
    b"she sells sea shells by the sea shore; "
        .iter()
        .copied()
        .cycle()
        .take(len)
        .collect()
}

/// Bytes that nothing shrinks (xorshift64).
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next_byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 56) as u8
    };
    (0..len).map(|_| next_byte()).collect()
}
