//! The family of exceptions, and the one place where core errors become exceptions.

use lmac_core::error::Error;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyKeyboardInterrupt, PyMemoryError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyType};

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

/// What is an `LmacError` and a `MemoryError`, made when the module is.
static OUT_OF_MEMORY: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Makes `OutOfMemoryError`, which has two parents: `create_exception` knows only one.
pub fn out_of_memory_error(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    let make = || {
        let parents = (py.get_type::<LmacError>(), py.get_type::<PyMemoryError>());
        let attributes = PyDict::new(py);
        attributes.set_item("__module__", "lmac")?;
        attributes.set_item("__doc__", "There is not enough memory.")?;
        let kind = py.get_type::<PyType>();
        let kind = kind.call1(("OutOfMemoryError", parents, attributes))?;
        Ok::<_, PyErr>(kind.cast_into::<PyType>()?.unbind())
    };
    Ok(OUT_OF_MEMORY.get_or_try_init(py, make)?.bind(py))
}

/// The content of a `bytes` object of Python, which may not fit the memory.
pub fn to_bytes<'py>(py: Python<'py>, content: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let copy = |bytes: &mut [u8]| {
        bytes.copy_from_slice(content);
        Ok(())
    };
    PyBytes::new_with(py, content.len(), copy).map_err(|error| {
        if error.is_instance_of::<PyMemoryError>(py) {
            let bytes = content.len() as u64;
            return to_py_err(&Error::OutOfMemory { bytes });
        }
        error
    })
}

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
        Error::OutOfMemory { .. } => Python::attach(|py| match out_of_memory_error(py) {
            Ok(kind) => PyErr::from_type(kind.clone(), message),
            Err(error) => error,
        }),
        Error::Interrupted => PyKeyboardInterrupt::new_err(message),
        _ => LmacError::new_err(message),
    }
}
