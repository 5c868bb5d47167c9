//! `Vocabulary`: the tokens of a language model, made once and shared by all calls.

use std::sync::Arc;

use lmac_core::coding::vocabulary;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::to_py_err;

/// What the numbers that a language model predicts spell.
#[pyclass(frozen, eq, hash, module = "lmac")]
#[derive(PartialEq, Eq, Hash)]
pub struct Vocabulary(pub Arc<vocabulary::Vocabulary>);

#[pymethods]
impl Vocabulary {
    /// `tokens` has a string for every number, empty for one that never occurs; `prefix` is spelled
    /// before any content.
    #[new]
    #[pyo3(signature = (tokens, prefix=None))]
    #[expect(clippy::needless_pass_by_value, reason = "as Python passes them")]
    fn new(tokens: Vec<Bound<'_, PyBytes>>, prefix: Option<Bound<'_, PyBytes>>) -> PyResult<Self> {
        let tokens: Vec<&[u8]> = tokens.iter().map(PyBytesMethods::as_bytes).collect();
        let prefix = prefix.as_ref().map_or(&[][..], |prefix| prefix.as_bytes());
        let vocabulary = vocabulary::Vocabulary::new(&tokens, prefix);
        vocabulary
            .map(|vocabulary| Self(Arc::new(vocabulary)))
            .map_err(|error| to_py_err(&error))
    }

    /// How many numbers the model predicts.
    #[getter]
    fn alphabet_size(&self) -> usize {
        self.0.alphabet_size()
    }

    /// What is spelled before any content.
    #[getter]
    fn prefix<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.prefix())
    }

    /// What a number spells: a token, or the byte `number - alphabet_size - 1`, escaped; `None` if it never occurs.
    fn spell<'py>(&self, py: Python<'py>, number: u32) -> Option<Bound<'py, PyBytes>> {
        let symbol = self.0.symbol_of(number)?;
        Some(PyBytes::new(py, self.0.string(symbol)))
    }

    /// What it is made of: pickled like that.
    fn __getnewargs__<'py>(
        &self,
        py: Python<'py>,
    ) -> (Vec<Bound<'py, PyBytes>>, Bound<'py, PyBytes>) {
        let numbers = 0..self.0.alphabet_size() as u32;
        let tokens = numbers.map(|number| {
            let token = self.spell(py, number);
            token.unwrap_or_else(|| PyBytes::new(py, b""))
        });
        (tokens.collect(), self.prefix(py))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (size, prefix) = (self.0.alphabet_size(), self.prefix(py).repr()?);
        Ok(format!("<Vocabulary of {size} numbers, prefix={prefix}>"))
    }
}
