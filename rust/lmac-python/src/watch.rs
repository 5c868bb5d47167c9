//! `Watch` and `Report`: what happens in Python while the core works detached from the interpreter.
//!
//! The core reports progress often and cheaply. Every few dozen milliseconds the watch attaches to
//! the interpreter, lets Python handle signals (Ctrl-C) and calls the user's progress function.
//! An exception raised there, or by a predictor written in Python, is kept here while the core
//! unwinds with an error of its own, and then raised unchanged.
//!
//! When the interpreter ends, the calls of daemon threads end first (`end_other_calls`): an interpreter that is gone
//! cannot be attached to, and one that is going would tear down the thread's stack through our frames.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use lmac_core::error::Error;
use lmac_core::progress;
use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;

use crate::error::to_py_err;

/// Short enough for Ctrl-C to feel immediate, long enough to cost nothing.
const INTERVAL: Duration = Duration::from_millis(50);

/// The thread that ends the interpreter, once it does.
static ENDED_BY: OnceLock<ThreadId> = OnceLock::new();

/// Ends the calls of all other threads, those under way and those to come: the interpreter is about to end.
#[pyfunction]
pub fn end_other_calls() {
    ENDED_BY.get_or_init(|| thread::current().id());
}

/// Whether this thread may go on.
///
/// # Errors
///
/// `SystemExit`, which ends a thread without a word, if the interpreter is about to end.
pub fn check_running() -> PyResult<()> {
    match ENDED_BY.get() {
        Some(&thread) if thread != thread::current().id() => Err(PySystemExit::new_err(())),
        _ => Ok(()),
    }
}

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

/// Runs `call` attached to the interpreter.
///
/// # Errors
///
/// Those of `call`; `SystemExit` if there is no interpreter to attach to any more.
pub fn attach<T>(call: impl FnOnce(Python<'_>) -> PyResult<T>) -> PyResult<T> {
    check_running()?;
    Python::try_attach(call).unwrap_or_else(|| Err(PySystemExit::new_err(())))
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
        let outcome = check_running().and_then(|()| self.attach_if_due(report));
        outcome.map_err(|error| self.failure.keep(error)).is_ok()
    }

    fn attach_if_due(&mut self, report: progress::Report) -> PyResult<()> {
        if Instant::now() < self.next_report {
            return Ok(());
        }
        let outcome = attach(|py| {
            py.check_signals()?;
            match &self.progress {
                Some(progress) => progress.call1(py, (Report::from(report),)).map(drop),
                None => Ok(()),
            }
        });
        self.next_report = Instant::now() + INTERVAL;
        outcome
    }
}
