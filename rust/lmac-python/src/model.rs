//! `Model`, its native `Executor`, the `ContextHasher` that the ONNX path needs, and `OnnxSummary` of any model.

use std::sync::Arc;

use lmac_core::models::model_id::ModelId;
use lmac_core::models::onnx_summary::Summary;
use lmac_core::models::{context, executor, model};
use lmac_core::predictor::Predictor;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arrays::{bytes_of, read_symbols, to_array};
use crate::error::to_py_err;
use crate::exclusive::Exclusive;

/// An exact model, read from the bytes of a model file and checked.
#[pyclass(frozen, module = "lmac._core")]
pub struct Model(Arc<model::Model>);

#[pymethods]
impl Model {
    #[new]
    fn new(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        let bytes = bytes_of(data)?;
        let bytes = bytes.as_bytes();
        let model = data.py().detach(|| model::Model::from_bytes(bytes));
        Ok(Self(Arc::new(model.map_err(|error| to_py_err(&error))?)))
    }

    /// Canonical JSON (docs/exact-transformer.md, section 2).
    #[getter]
    fn architecture(&self) -> PyResult<String> {
        let json = serde_json::to_string(self.0.architecture());
        json.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The content id of the model, 32 bytes.
    #[getter]
    fn model_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.id().0)
    }

    /// Symbols, and the SHA-256 of the logits they lead to.
    #[getter]
    fn known_answer<'py>(&self, py: Python<'py>) -> (Vec<u32>, Bound<'py, PyBytes>) {
        let answer = self.0.known_answer();
        (
            answer.symbols.clone(),
            PyBytes::new(py, &answer.logits_sha256),
        )
    }
}

/// What a file of anybody's model says of itself.
#[pyclass(frozen, get_all, module = "lmac._core")]
pub struct OnnxSummary {
    /// Whether it is an exact model of lmac's own.
    is_exact: bool,
    /// Names of the files with weights, relative to its folder.
    external_files: Vec<String>,
    /// The first operator that multiplies u8 by s8, if there is one.
    saturating: Option<String>,
}

#[pymethods]
impl OnnxSummary {
    #[new]
    fn new(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        let summary = Summary::from_bytes(bytes_of(data)?.as_bytes());
        let summary = summary.map_err(|error| to_py_err(&error))?;
        Ok(Self {
            is_exact: summary.is_exact,
            external_files: summary.external_files.into_iter().collect(),
            saturating: summary.saturating,
        })
    }
}

/// The native executor: as a predictor of the codec it runs without the interpreter.
#[pyclass(frozen, module = "lmac._core")]
pub struct Executor {
    alphabet_size: usize,
    model_id: ModelId,
    /// For the codec, too.
    pub native: Exclusive<Native>,
}

/// The executor and how many lanes it was started with.
pub struct Native {
    pub executor: executor::Executor,
    lanes: usize,
}

#[pymethods]
impl Executor {
    #[new]
    #[pyo3(signature = (model, threads=None))]
    fn new(py: Python<'_>, model: &Model, threads: Option<usize>) -> PyResult<Self> {
        let executor = py.detach(|| executor::Executor::new(Arc::clone(&model.0), threads));
        let executor = executor.map_err(|error| to_py_err(&error))?;
        Ok(Self {
            alphabet_size: executor.alphabet_size(),
            model_id: executor.model_id(),
            native: Exclusive::new(Native { executor, lanes: 0 }),
        })
    }

    /// Number of symbols.
    #[getter]
    fn alphabet_size(&self) -> usize {
        self.alphabet_size
    }

    /// The content id of the model, 32 bytes.
    #[getter]
    fn model_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.model_id.0)
    }

    /// Begins `lanes` empty contexts and forgets all earlier ones.
    fn start(&self, py: Python<'_>, lanes: usize) -> PyResult<()> {
        let mut native = self.native.lock()?;
        native.lanes = 0;
        let executor = &mut native.executor;
        let started = py.detach(|| executor.start(lanes));
        started.map_err(|error| to_py_err(&error))?;
        native.lanes = lanes;
        Ok(())
    }

    /// Appends `(lanes, steps)` symbols; returns int16 logits `(lanes, steps, alphabet_size)`.
    fn advance<'py>(&self, symbols: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = symbols.py();
        let mut native = self.native.lock()?;
        let lanes = native.lanes;
        let (symbols, steps) = read_symbols(symbols, lanes, self.alphabet_size)?;
        let mut logits = vec![0; symbols.len() * self.alphabet_size];
        let executor = &mut native.executor;
        py.detach(|| executor.advance(&symbols, steps, &mut logits))
            .map_err(|error| to_py_err(&error))?;
        let words = logits.iter().map(|logit| logit.to_ne_bytes());
        to_array(py, words, "int16", &[lanes, steps, self.alphabet_size])
    }
}

/// The rows of the hashed contexts of several lanes, which the ONNX graph takes as an input.
#[pyclass(module = "lmac._core")]
pub struct ContextHasher {
    lanes: Vec<context::ContextHasher>,
    alphabet_size: usize,
    contexts: usize,
}

#[pymethods]
impl ContextHasher {
    #[new]
    fn new(model: &Model, lanes: usize) -> Self {
        let architecture = model.0.architecture();
        let hasher = context::ContextHasher::new(architecture);
        Self {
            alphabet_size: architecture.alphabet_size as usize,
            contexts: hasher.len(),
            lanes: vec![hasher; lanes],
        }
    }

    /// Appends `(lanes, steps)` symbols; returns int64 table rows `(lanes, steps, contexts)`.
    fn push<'py>(&mut self, symbols: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = symbols.py();
        let (symbols, steps) = read_symbols(symbols, self.lanes.len(), self.alphabet_size)?;
        let mut rows = vec![0; symbols.len() * self.contexts];
        let mut row_chunks = rows.chunks_exact_mut(self.contexts.max(1));
        for (lane, hasher) in self.lanes.iter_mut().enumerate() {
            for &symbol in &symbols[lane * steps..][..steps] {
                hasher.push(symbol, row_chunks.next().unwrap_or_default());
            }
        }
        let words = rows.iter().map(|&row| i64::from(row).to_ne_bytes());
        to_array(
            py,
            words,
            "int64",
            &[self.lanes.len(), steps, self.contexts],
        )
    }
}
