//! Numpy arrays in and out, by calling numpy from Rust.
//!
//! Only predictors written in Python and direct use of the executor's classes come through here,
//! where a copy is nothing beside the prediction. That is why the binding does not link numpy's C
//! interface, and why compressing with the native executor never imports numpy.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};

/// The bytes of any bytes-like object, in C order; only what is not `bytes` already is copied.
///
/// # Errors
///
/// `TypeError` if it has no bytes, or only the addresses of objects.
pub fn bytes_of<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    if let Ok(bytes) = data.cast::<PyBytes>() {
        return Ok(bytes.clone());
    }
    let view = PyMemoryView::from(data)?;
    let format: String = view.getattr("format")?.extract()?;
    if holds_addresses(&format) {
        return Err(PyTypeError::new_err(
            "an array of objects has no bytes but their addresses: serialize the objects first",
        ));
    }
    Ok(view.call_method0("tobytes")?.cast_into()?)
}

/// Whether a buffer's format, as the module `struct` and PEP 3118 have it, has objects or pointers in it: `O`, `P`, `&`,
/// outside of the names of fields, which stand between colons.
fn holds_addresses(format: &str) -> bool {
    let types = format.split(':').step_by(2);
    types.into_iter().any(|part| part.contains(['O', 'P', '&']))
}

/// Shape and values of an array of integers, of any type that int64 can hold.
///
/// # Errors
///
/// `TypeError` for floats, whose rounding would differ between machines.
pub fn integers(array: &Bound<'_, PyAny>) -> PyResult<(Vec<usize>, Vec<i64>)> {
    let py = array.py();
    let numpy = py.import("numpy")?;
    let array = numpy.call_method1("asarray", (array,))?;
    let kind = ("int64", "C", "safe");
    let array = array.call_method1("astype", kind)?;
    let bytes = bytes_of(&array.call_method0("tobytes")?)?;
    let (words, _) = bytes.as_bytes().as_chunks::<8>();
    let values = words.iter().map(|&word| i64::from_ne_bytes(word)).collect();
    Ok((array.getattr("shape")?.extract()?, values))
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
    let numpy = py.import("numpy")?;
    let flat = numpy.call_method1("frombuffer", (PyBytes::new(py, &bytes), dtype))?;
    flat.call_method1("reshape", (shape,))
}
