//! The family of exceptions, and the one place where core errors become exceptions.

use lmac_core::error::Error;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;

create_exception!(
    lmac,
    LmacError,
    PyException,
    "What every error of lmac is an instance of."
);
create_exception!(
    lmac,
    FormatError,
    LmacError,
    "The data is no lmac frame, or the model file is no exact model, that this version can read."
);
create_exception!(
    lmac,
    ModelMismatchError,
    LmacError,
    "The frame was compressed with another model."
);
create_exception!(
    lmac,
    CorruptedDataError,
    LmacError,
    "The frame was damaged or cut short after it was written."
);
create_exception!(
    lmac,
    PredictorError,
    LmacError,
    "A predictor broke its contract, or an executor failed its self-test."
);

/// The exception for a core error. (The orphan rule forbids `From` between two foreign types.)
pub fn to_py_err(error: &Error) -> PyErr {
    let message = error.to_string();
    let kind = match error {
        Error::InRecord { error, .. } => error,
        _ => error,
    };
    match kind {
        Error::WrongMagicNumber { .. }
        | Error::UnsupportedVersion(_)
        | Error::InvalidHeader(_)
        | Error::InvalidModel(_) => FormatError::new_err(message),
        Error::Truncated(_)
        | Error::CorruptedBlock { .. }
        | Error::ContentSizeMismatch { .. }
        | Error::WrongEnd { .. } => CorruptedDataError::new_err(message),
        Error::ModelMismatch { .. } | Error::FingerprintMismatch { .. } => {
            ModelMismatchError::new_err(message)
        }
        Error::KnownAnswerMismatch { .. } | Error::Predictor(_) => PredictorError::new_err(message),
        Error::InvalidSetting(_) => PyValueError::new_err(message),
        Error::Interrupted => PyKeyboardInterrupt::new_err(message),
        _ => LmacError::new_err(message),
    }
}
