//! `Adapter`: any Python object with the methods of `lmac.Predictor` as a `Predictor` of the core.
//!
//! It attaches to the interpreter for every call, converts symbols and logits, and checks what the
//! Python side promised: integers, in range, of the right shape. Floating-point logits are refused
//! here, because nothing keeps them equal from one machine to the next.

use lmac_core::error::{Error, Result};
use lmac_core::model_id::ModelId;
use lmac_core::predictor::Predictor;
use pyo3::intern;
use pyo3::prelude::*;

use crate::arrays::{integers, to_array};
use crate::error::PredictorError;
use crate::watch::Failure;

/// A predictor written in Python.
pub struct Adapter<'f> {
    predictor: Py<PyAny>,
    alphabet_size: usize,
    model_id: ModelId,
    lanes: usize,
    failure: &'f Failure,
}

impl<'f> Adapter<'f> {
    /// Reads the attributes of the Python object; exceptions of its methods go to `failure`.
    pub fn new(predictor: &Bound<'_, PyAny>, failure: &'f Failure) -> PyResult<Self> {
        let py = predictor.py();
        let model_id: Vec<u8> = predictor.getattr(intern!(py, "model_id"))?.extract()?;
        let model_id = model_id.try_into().map_err(|_| {
            PredictorError::new_err(
                "predictor.model_id must be 32 bytes: the SHA-256 of the model's content",
            )
        })?;
        Ok(Self {
            predictor: predictor.clone().unbind(),
            alphabet_size: predictor.getattr(intern!(py, "alphabet_size"))?.extract()?,
            model_id: ModelId(model_id),
            lanes: 0,
            failure,
        })
    }

    /// Runs `call` attached, and keeps its exception while the core unwinds.
    fn attach(&self, call: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<()>) -> Result<()> {
        Python::attach(|py| call(self.predictor.bind(py))).map_err(|error| {
            self.failure.keep(error);
            Error::Predictor("the predictor raised an exception".into())
        })
    }
}

impl Predictor for Adapter<'_> {
    fn alphabet_size(&self) -> usize {
        self.alphabet_size
    }

    fn model_id(&self) -> ModelId {
        self.model_id
    }

    fn start(&mut self, lanes: usize) -> Result<()> {
        self.lanes = lanes;
        self.attach(|predictor| {
            predictor.call_method1(intern!(predictor.py(), "start"), (lanes,))?;
            Ok(())
        })
    }

    fn advance(&mut self, symbols: &[u16], steps: usize, logits: &mut [i16]) -> Result<()> {
        let words = symbols
            .iter()
            .map(|&symbol| i64::from(symbol).to_ne_bytes());
        self.attach(|predictor| {
            let py = predictor.py();
            let symbols = to_array(py, words, "int64", &[self.lanes, steps])?;
            let result = predictor.call_method1(intern!(py, "advance"), (symbols,))?;
            read_logits(&result, &[self.lanes, steps, self.alphabet_size], logits)
        })
    }
}

/// Copies what the predictor returned into `logits`, if it is what the protocol asks for.
fn read_logits(result: &Bound<'_, PyAny>, expected: &[usize], logits: &mut [i16]) -> PyResult<()> {
    let (shape, values) = integers(result).map_err(|cause| {
        let error = PredictorError::new_err(
            "predictor.advance must return an array of integers, in units of 1/16 bit",
        );
        error.set_cause(result.py(), Some(cause));
        error
    })?;
    if shape != expected {
        let message =
            format!("predictor.advance must return logits of shape {expected:?}, not {shape:?}");
        return Err(PredictorError::new_err(message));
    }
    for (logit, value) in logits.iter_mut().zip(values) {
        *logit = i16::try_from(value).map_err(|_| {
            PredictorError::new_err(format!(
                "logit {value} does not fit 16 bits; clip logits to -32768..32767"
            ))
        })?;
    }
    Ok(())
}
