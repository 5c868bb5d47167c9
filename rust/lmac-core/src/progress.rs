//! `Progress` and `Report`: what a caller is told while the work goes on, and how it ends the work.
//!
//! A block may be coded more than once: without the network, on trial, with the network, and again
//! to prove that it can be restored. Each time is a *pass*. How much is done is counted over all of
//! them; how well the content compresses is what the pass under way shows, so that it is known from
//! the first symbols on and not only when a block is complete. Of records that go together (records.rs)
//! there is one report, when all of them are complete.

use crate::error::{Error, Result};

/// Told now and then how far the work is; answers whether to go on.
pub type Progress<'a> = dyn FnMut(Report) -> bool + 'a;

/// How many symbols pass between two reports.
const REPORT_LEN: usize = 128;

/// How far the work is, in bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The share of the content that is done, all passes considered.
    pub done: u64,
    /// How much content of the block at hand the pass under way has coded or restored; of all blocks of a call, if they are coded
    /// at the same time.
    pub pass_content_len: u64,
    /// How much payload it has written for that, or read.
    pub pass_payload_len: u64,
}

impl Report {
    /// Of a pass that is all the work there is.
    pub(crate) const fn of_pass(content_len: usize, payload_len: usize) -> Self {
        Self {
            done: content_len as u64,
            pass_content_len: content_len as u64,
            pass_payload_len: payload_len as u64,
        }
    }

    /// The same with another share of the content.
    pub(crate) const fn with_done(self, done: u64) -> Self {
        Self { done, ..self }
    }

    /// The same after `done` bytes of content that were done before.
    pub(crate) const fn after(self, done: u64) -> Self {
        self.with_done(done + self.done)
    }

    /// Tells `progress`; an error if the work is to end.
    pub(crate) fn tell(self, progress: &mut Progress<'_>) -> Result<()> {
        if progress(self) {
            Ok(())
        } else {
            Err(Error::Interrupted)
        }
    }
}

/// Counts the content of one pass and reports it, but not symbol by symbol.
pub(crate) struct Reporter<'a, 'b> {
    progress: &'a mut Progress<'b>,
    content_len: usize,
    reported_len: usize,
}

impl<'a, 'b> Reporter<'a, 'b> {
    pub(crate) fn new(progress: &'a mut Progress<'b>) -> Self {
        Self {
            progress,
            content_len: 0,
            reported_len: 0,
        }
    }

    /// Counts `more_len` bytes of content; `payload_len` is that of the whole pass so far.
    pub(crate) fn add(&mut self, more_len: usize, payload_len: usize) -> Result<()> {
        self.content_len += more_len;
        if self.content_len - self.reported_len < REPORT_LEN {
            return Ok(());
        }
        self.reported_len = self.content_len;
        Report::of_pass(self.content_len, payload_len).tell(self.progress)
    }
}
