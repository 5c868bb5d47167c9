//! Numpy arrays in and out, by calling numpy from Rust.
//!
//! Only predictors written in Python and direct use of the executor's classes come through here,
//! where a copy is nothing beside the prediction. That is why the binding does not link numpy's C
//! interface, and why compressing with the native executor never imports numpy.

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};

/// The bytes of any bytes-like object; only what is not `bytes` already is copied.
pub fn bytes_of<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    match data.cast::<PyBytes>() {
        Ok(bytes) => Ok(bytes.clone()),
        Err(_) => Ok(PyMemoryView::from(data)?
            .call_method0(intern!(data.py(), "tobytes"))?
            .cast_into()?),
    }
}

/// Shape and values of an array of integers, of any type that int64 can hold.
///
/// # Errors
///
/// `TypeError` for floats, whose rounding would differ between machines.
pub fn integers(array: &Bound<'_, PyAny>) -> PyResult<(Vec<usize>, Vec<i64>)> {
    let py = array.py();
    let numpy = py.import(intern!(py, "numpy"))?;
    let array = numpy.call_method1(intern!(py, "asarray"), (array,))?;
    let kind = (intern!(py, "int64"), intern!(py, "C"), intern!(py, "safe"));
    let array = array.call_method1(intern!(py, "astype"), kind)?;
    let bytes = bytes_of(&array.call_method0(intern!(py, "tobytes"))?)?;
    let (words, _) = bytes.as_bytes().as_chunks::<8>();
    let values = words.iter().map(|&word| i64::from_ne_bytes(word)).collect();
    Ok((array.getattr(intern!(py, "shape"))?.extract()?, values))
}

/// Symbols of shape `(lanes, steps)`, each at most `alphabet_size`.
///
/// # Errors
///
/// `ValueError` for another shape or for symbols out of range.
pub fn read_symbols(
    array: &Bound<'_, PyAny>,
    lanes: usize,
    alphabet_size: usize,
) -> PyResult<(Vec<u32>, usize)> {
    let (shape, values) = integers(array)?;
    let steps = match shape[..] {
        [rows, steps] if rows == lanes => steps,
        _ => {
            let message = format!("symbols must have the shape ({lanes}, steps), not {shape:?}");
            return Err(PyValueError::new_err(message));
        }
    };
    let symbols: Option<Vec<u32>> = values
        .iter()
        .map(|&value| {
            u32::try_from(value)
                .ok()
                .filter(|&symbol| symbol as usize <= alphabet_size)
        })
        .collect();
    let message = format!("symbols must be between 0 and {alphabet_size}");
    Ok((
        symbols.ok_or_else(|| PyValueError::new_err(message))?,
        steps,
    ))
}

/// An array of numpy's type `dtype`, of which every word holds one value in native byte order.
///
/// The array is read-only, since it lies in a `bytes` object.
pub fn to_array<'py, const N: usize>(
    py: Python<'py>,
    words: impl ExactSizeIterator<Item = [u8; N]>,
    dtype: &str,
    shape: &[usize],
) -> PyResult<Bound<'py, PyAny>> {
    let bytes: Vec<u8> = words.flatten().collect();
    let numpy = py.import(intern!(py, "numpy"))?;
    let flat = numpy.call_method1(intern!(py, "frombuffer"), (PyBytes::new(py, &bytes), dtype))?;
    flat.call_method1(intern!(py, "reshape"), (shape,))
}
