//! `Lanes`: how the content of a block is divided into segments that advance in lock-step.
//!
//! Format: docs/format.md, "Lanes".

/// The greatest number of lanes in a block; it bounds what a hostile header can make a predictor
/// allocate.
pub const MAX_LANES: usize = 4096;

/// How a block's content is divided into lanes.
///
/// Every lane has `short_len` or `short_len + 1` symbols, the long ones come first. At least one
/// symbol is in each lane, so the symbol before step `t >= 1` exists in every lane, also in those
/// that have no symbol at the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lanes {
    count: usize,
    short_len: usize,
    long_count: usize,
}

impl Lanes {
    /// Divides `content_len >= 1` bytes into lanes of about `lane_len >= 1` bytes.
    #[must_use]
    pub fn of(content_len: usize, lane_len: usize) -> Self {
        let count = content_len.div_ceil(lane_len).clamp(1, MAX_LANES);
        Self {
            count,
            short_len: content_len / count,
            long_count: content_len % count,
        }
    }

    /// One lane for all of `content_len >= 1` bytes.
    #[must_use]
    pub fn single(content_len: usize) -> Self {
        Self::of(content_len, content_len)
    }

    /// How many lanes there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Length of the content of all lanes, in bytes.
    #[must_use]
    pub fn content_len(&self) -> usize {
        self.start(self.count)
    }

    /// Where a lane begins in the content.
    #[inline]
    #[must_use]
    pub fn start(&self, lane: usize) -> usize {
        lane * self.short_len + lane.min(self.long_count)
    }

    /// The lane of a symbol of the content.
    #[inline]
    #[must_use]
    pub fn lane_at(&self, position: usize) -> usize {
        let long_end = self.start(self.long_count);
        if position < long_end {
            position / (self.short_len + 1)
        } else {
            self.long_count + (position - long_end) / self.short_len
        }
    }

    /// How many steps the longest lane has.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.short_len + usize::from(self.long_count > 0)
    }

    /// How many lanes, from the first, have a symbol at this step.
    #[inline]
    #[must_use]
    pub fn count_at(&self, step: usize) -> usize {
        if step < self.short_len {
            self.count
        } else {
            self.long_count
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_position_is_in_the_lane_that_begins_before_it() {
        for content_len in 1..200 {
            for lane_len in 1..20 {
                let lanes = Lanes::of(content_len, lane_len);
                assert_eq!(lanes.content_len(), content_len);
                for position in 0..content_len {
                    let lane = lanes.lane_at(position);
                    assert!((lanes.start(lane)..lanes.start(lane + 1)).contains(&position));
                }
            }
        }
    }
}
