//! `Adapter`: any Python object with the methods of `lmac.Predictor` as a `Predictor` of the core.
//!
//! It attaches to the interpreter for every call, converts symbols and logits, and checks what the
//! Python side promised: integers, in range, of the right shape. Floating-point logits are taken only
//! from a predictor with a fingerprint, because nothing else keeps them equal from one machine to the next.

use std::sync::Arc;

use lmac_core::coding::vocabulary;
use lmac_core::error::{Error, Result};
use lmac_core::format::frame::check_fingerprint;
use lmac_core::logits::quantize;
use lmac_core::models::model_id::ModelId;
use lmac_core::predictor::Predictor;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arrays::{integers, to_array};
use crate::error::{PredictorError, to_py_err};
use crate::vocabulary::Vocabulary;
use crate::watch::{self, Failure};

/// A predictor written in Python.
pub struct Adapter<'f> {
    predictor: Py<PyAny>,
    alphabet_size: usize,
    model_id: ModelId,
    vocabulary: Option<Arc<vocabulary::Vocabulary>>,
    fingerprint: Option<String>,
    ignores_fingerprint: bool,
    lanes: usize,
    failure: &'f Failure,
}

impl<'f> Adapter<'f> {
    /// Reads the attributes of the Python object; exceptions of its methods go to `failure`.
    pub fn new(predictor: &Bound<'_, PyAny>, failure: &'f Failure) -> PyResult<Self> {
        let model_id: Vec<u8> = predictor.getattr("model_id")?.extract()?;
        let model_id = model_id.try_into().map_err(|_| {
            PredictorError::new_err(
                "predictor.model_id must be 32 bytes: the SHA-256 of the model's content",
            )
        })?;
        let vocabulary = optional(predictor, "vocabulary")?
            .map(Bound::cast_into::<Vocabulary>)
            .transpose()?;
        let fingerprint = optional(predictor, "fingerprint")?;
        let fingerprint: Option<String> = fingerprint.map(|text| text.extract()).transpose()?;
        if let Some(fingerprint) = &fingerprint {
            check_fingerprint(fingerprint).map_err(|error| to_py_err(&error))?;
        }
        let ignores_fingerprint = match optional(predictor, "ignores_fingerprint")? {
            Some(ignores) => ignores.is_truthy()?,
            None => false,
        };
        Ok(Self {
            predictor: predictor.clone().unbind(),
            alphabet_size: predictor.getattr("alphabet_size")?.extract()?,
            model_id: ModelId(model_id),
            vocabulary: vocabulary.map(|vocabulary| Arc::clone(&vocabulary.get().0)),
            fingerprint,
            ignores_fingerprint,
            lanes: 0,
            failure,
        })
    }

    /// Runs `call` attached, and keeps its exception while the core unwinds.
    fn attach(&self, call: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<()>) -> Result<()> {
        watch::attach(|py| call(self.predictor.bind(py))).map_err(|error| {
            self.failure.keep(error);
            Error::Predictor("the predictor raised an exception".into())
        })
    }
}

impl Predictor for Adapter<'_> {
    fn alphabet_size(&self) -> usize {
        self.alphabet_size
    }

    fn vocabulary(&self) -> Option<Arc<vocabulary::Vocabulary>> {
        self.vocabulary.clone()
    }

    fn tokenize(&mut self, content: &[u8]) -> Result<Vec<u32>> {
        let mut numbers = Vec::new();
        self.attach(|predictor| {
            let py = predictor.py();
            let content = PyBytes::new(py, content);
            let tokens = predictor.call_method1("tokenize", (content,))?;
            for number in tokens.try_iter()? {
                numbers.push(number?.extract()?);
            }
            Ok(())
        })?;
        Ok(numbers)
    }

    fn fingerprint(&self) -> Option<&str> {
        self.fingerprint.as_deref()
    }

    fn accepts(&self, fingerprint: Option<&str>) -> bool {
        self.ignores_fingerprint || self.fingerprint.as_deref() == fingerprint
    }

    fn model_id(&self) -> ModelId {
        self.model_id
    }

    fn context_bytes(&self, lanes: usize, steps: usize) -> usize {
        let ask = |predictor: &Bound<'_, PyAny>| -> PyResult<usize> {
            match optional(predictor, "context_bytes")? {
                Some(context_bytes) => context_bytes.call1((lanes, steps))?.extract(),
                None => Ok(0),
            }
        };
        Python::attach(|py| ask(self.predictor.bind(py))).unwrap_or_else(|error| {
            self.failure.keep(error); // raised when the core returns
            usize::MAX
        })
    }

    fn start(&mut self, lanes: usize) -> Result<()> {
        self.lanes = lanes;
        self.attach(|predictor| {
            predictor.call_method1("start", (lanes,))?;
            Ok(())
        })
    }

    fn advance(&mut self, symbols: &[u32], steps: usize, logits: &mut [i16]) -> Result<()> {
        let words = symbols
            .iter()
            .map(|&symbol| i64::from(symbol).to_ne_bytes());
        self.attach(|predictor| {
            let py = predictor.py();
            let symbols = to_array(py, words, "int64", &[self.lanes, steps])?;
            let result = predictor.call_method1("advance", (symbols,))?;
            let shape = [self.lanes, steps, self.alphabet_size];
            match PyBuffer::<f32>::get(&result) {
                Ok(floats) if self.fingerprint.is_some() => {
                    read_floats(py, &floats, &shape, logits)
                }
                _ => read_logits(&result, &shape, logits),
            }
        })
    }
}

/// An attribute that a predictor may have: `None` if it has not, or if it is `None`.
fn optional<'py>(predictor: &Bound<'py, PyAny>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(predictor
        .getattr_opt(name)?
        .filter(|value| !value.is_none()))
}

/// Turns what a model in floating point returned into integers.
fn read_floats(
    py: Python<'_>,
    floats: &PyBuffer<f32>,
    expected: &[usize],
    logits: &mut [i16],
) -> PyResult<()> {
    check_shape(floats.shape(), expected)?;
    let values = floats.to_vec(py)?;
    let alphabet_size = expected[expected.len() - 1];
    let rows = values.chunks_exact(alphabet_size);
    for (row, logits) in rows.zip(logits.chunks_exact_mut(alphabet_size)) {
        quantize(row, logits).map_err(|error| to_py_err(&error))?;
    }
    Ok(())
}

fn check_shape(actual: &[usize], expected: &[usize]) -> PyResult<()> {
    if actual == expected {
        return Ok(());
    }
    let message =
        format!("predictor.advance must return logits of shape {expected:?}, not {actual:?}");
    Err(PredictorError::new_err(message))
}

/// Copies what the predictor returned into `logits`, if it is what the protocol asks for.
fn read_logits(result: &Bound<'_, PyAny>, expected: &[usize], logits: &mut [i16]) -> PyResult<()> {
    let (shape, values) = integers(result).map_err(|cause| {
        let py = result.py();
        let is_theirs =
            cause.is_instance_of::<PyTypeError>(py) || cause.is_instance_of::<PyValueError>(py);
        if !is_theirs {
            return cause; // of a signal handler, perhaps
        }
        let error = PredictorError::new_err(
            "predictor.advance must return an array of integers, in units of 1/16 bit",
        );
        error.set_cause(py, Some(cause));
        error
    })?;
    check_shape(&shape, expected)?;
    for (logit, value) in logits.iter_mut().zip(values) {
        *logit = i16::try_from(value).map_err(|_| {
            PredictorError::new_err(format!(
                "logit {value} does not fit 16 bits; clip logits to -32768..32767"
            ))
        })?;
    }
    Ok(())
}
