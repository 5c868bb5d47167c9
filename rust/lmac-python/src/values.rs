//! Values that Python keeps, compares and pickles: they are what their constructor is told, and show it.

use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// What `__getnewargs_ex__` returns: no argument but named ones.
pub type Arguments<'py> = (Bound<'py, PyTuple>, Bound<'py, PyDict>);

/// The named arguments that make an object again.
pub fn arguments(named: Bound<'_, PyDict>) -> Arguments<'_> {
    (PyTuple::empty(named.py()), named)
}

/// `Kind(name=value, ...)`.
pub fn show(kind: &str, named: &Bound<'_, PyDict>) -> PyResult<String> {
    let values = named
        .iter()
        .map(|(name, value)| Ok(format!("{name}={}", value.repr()?)));
    let values: Vec<String> = values.collect::<PyResult<_>>()?;
    Ok(format!("{kind}({})", values.join(", ")))
}

/// A length or a limit: one that no machine could hold is the largest there is.
///
/// # Errors
///
/// `ValueError` for a negative number, `TypeError` for what is no whole number.
pub fn limit<N: TryFrom<u64>>(
    name: &str,
    value: Option<&Bound<'_, PyAny>>,
    largest: N,
) -> PyResult<Option<N>> {
    let Some(value) = value else {
        return Ok(None);
    };
    match value.extract::<u64>() {
        Ok(number) => Ok(Some(N::try_from(number).unwrap_or(largest))),
        Err(error) if !error.is_instance_of::<PyOverflowError>(value.py()) => Err(error),
        Err(_) if value.lt(0)? => {
            let message = format!("{name} must not be negative, but it is {value}");
            Err(PyValueError::new_err(message))
        }
        Err(_) => Ok(Some(largest)),
    }
}
