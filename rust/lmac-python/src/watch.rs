//! `Watch` and `Report`: what happens in Python while the core works detached from the interpreter.
//!
//! The core reports progress often and cheaply. Every few dozen milliseconds the watch attaches to
//! the interpreter, lets Python handle signals (Ctrl-C) and calls the user's progress function.
//! An exception raised there, or by a predictor written in Python, is kept here while the core
//! unwinds with an error of its own, and then raised unchanged.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lmac_core::error::Error;
use lmac_core::progress;
use pyo3::prelude::*;

use crate::error::to_py_err;

/// Short enough for Ctrl-C to feel immediate, long enough to cost nothing.
const INTERVAL: Duration = Duration::from_millis(50);

/// The first exception raised by Python code that the core called.
#[derive(Default)]
pub struct Failure(Mutex<Option<PyErr>>);

impl Failure {
    /// Keeps an exception until the core has returned.
    pub fn keep(&self, error: PyErr) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.get_or_insert(error);
    }

    /// The exception behind a core error: the one kept, if any.
    pub fn explain(self, error: &Error) -> PyErr {
        let kept = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        kept.unwrap_or_else(|| to_py_err(error))
    }
}

/// How far a call is, in bytes.
#[pyclass(frozen, get_all, module = "lmac._core")]
pub struct Report {
    /// The share of the content that is done.
    done: u64,
    /// How much content of the block at hand, or of those that are coded at the same time, was coded or restored so far, in the pass under way.
    pass_content_len: u64,
    /// How much payload was written for that, or read.
    pass_payload_len: u64,
}

impl From<progress::Report> for Report {
    fn from(report: progress::Report) -> Self {
        Self {
            done: report.done,
            pass_content_len: report.pass_content_len,
            pass_payload_len: report.pass_payload_len,
        }
    }
}

/// Passes progress on to Python, at intervals.
pub struct Watch<'f> {
    progress: Option<Py<PyAny>>,
    failure: &'f Failure,
    next_report: Instant,
}

impl<'f> Watch<'f> {
    /// Creates a watch; `progress`, if any, is called with a `Report`.
    pub fn new(progress: Option<Py<PyAny>>, failure: &'f Failure) -> Self {
        let next_report = Instant::now() + INTERVAL;
        Self {
            progress,
            failure,
            next_report,
        }
    }

    /// Whether to go on.
    pub fn tell(&mut self, report: progress::Report) -> bool {
        if Instant::now() < self.next_report {
            return true;
        }
        let outcome = Python::attach(|py| {
            py.check_signals()?;
            match &self.progress {
                Some(progress) => progress.call1(py, (Report::from(report),)).map(drop),
                None => Ok(()),
            }
        });
        self.next_report = Instant::now() + INTERVAL;
        outcome.map_err(|error| self.failure.keep(error)).is_ok()
    }
}
