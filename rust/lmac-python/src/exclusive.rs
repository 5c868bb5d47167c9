//! `Exclusive`: what holds the state of one call, and so serves one at a time.
//!
//! Waiting for one's turn is the business of the package (python/lmac/coding/turns.py). This is behind it, for whoever comes
//! past it, and for a process that was forked in the middle of another thread's call: an error, neither a mixture nor a hang.

use std::sync::{Mutex, MutexGuard, TryLockError};

use pyo3::prelude::*;

use crate::error::LmacError;

/// A value for one call at a time.
pub struct Exclusive<T>(Mutex<T>);

impl<T> Exclusive<T> {
    pub const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// The value, for one call.
    ///
    /// # Errors
    ///
    /// `LmacError` if another call has it.
    pub fn lock(&self) -> PyResult<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(value) => Ok(value),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(LmacError::new_err(
                "in use by another call, or was when this process was forked; use one for each thread and process",
            )),
        }
    }
}
