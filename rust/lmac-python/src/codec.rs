//! `compress`, `decompress` and `inspect`: buffers in, bytes out, the interpreter free meanwhile.

use lmac_core::codec;
use lmac_core::error::Result;
use lmac_core::format::frame::{self, Mode};
use lmac_core::format::frame_reader;
use lmac_core::limits::Limits;
use lmac_core::predictor::Predictor;
use lmac_core::progress::Progress;
use lmac_core::records::{self, Form};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::adapter::Adapter;
use crate::arrays::bytes_of;
use crate::error::{to_bytes, to_py_err};
use crate::model::Executor;
use crate::values::{Arguments, arguments, limit, show};
use crate::watch::{Failure, Watch, check_running};

/// Compresses `data` to one frame.
#[pyfunction]
#[pyo3(signature = (data, predictor, settings, *, progress=None))]
pub fn compress<'py>(
    data: &Bound<'py, PyAny>,
    predictor: &Bound<'py, PyAny>,
    settings: &Settings,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let content = bytes_of(data)?;
    let content = content.as_bytes();
    let frame = run(predictor, progress, |predictor, progress| {
        codec::compress(content, predictor, &settings.0, progress)
    })?;
    to_bytes(data.py(), &frame)
}

/// Restores the content of all frames in `data`.
#[pyfunction]
#[pyo3(signature = (data, predictor, *, max_output_size=None, max_memory=None, progress=None))]
#[expect(clippy::needless_pass_by_value, reason = "as Python passes them")]
pub fn decompress<'py>(
    data: &Bound<'py, PyAny>,
    predictor: &Bound<'py, PyAny>,
    max_output_size: Option<Bound<'py, PyAny>>,
    max_memory: Option<u64>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let max_output_size = limit("max_output_size", max_output_size.as_ref(), u64::MAX)?;
    let frames = bytes_of(data)?;
    let frames = frames.as_bytes();
    let limits = Limits {
        max_output: max_output_size,
        max_memory,
    };
    let content = run(predictor, progress, |predictor, progress| {
        codec::decompress(frames, predictor, limits, progress)
    })?;
    to_bytes(data.py(), &content)
}

/// How content is divided and coded.
#[pyclass(frozen, eq, hash, module = "lmac._core")]
#[derive(PartialEq, Eq, Hash)]
pub struct Settings(pub codec::Settings);

#[pymethods]
impl Settings {
    #[new]
    #[pyo3(signature = (*, adaptive, block_len, lane_len, verify, max_memory=None))]
    #[expect(clippy::needless_pass_by_value, reason = "as Python passes them")]
    fn new(
        adaptive: bool,
        block_len: Option<Bound<'_, PyAny>>,
        lane_len: Option<Bound<'_, PyAny>>,
        verify: bool,
        max_memory: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let mode = if adaptive {
            Mode::Adaptive
        } else {
            Mode::Static
        };
        let settings = codec::Settings {
            mode,
            block_len: limit("block_len", block_len.as_ref(), usize::MAX)?,
            lane_len: limit("lane_len", lane_len.as_ref(), usize::MAX)?,
            verify,
            max_memory: limit("max_memory", max_memory.as_ref(), u64::MAX)?,
        };
        settings.check().map_err(|error| to_py_err(&error))?;
        Ok(Self(settings))
    }

    /// Whether the model is mixed with what the content itself has shown.
    #[getter]
    fn adaptive(&self) -> bool {
        self.0.mode == Mode::Adaptive
    }

    /// Bytes of a block, if it was said.
    #[getter]
    fn block_len(&self) -> Option<usize> {
        self.0.block_len
    }

    /// Bytes of a lane, if it was said.
    #[getter]
    fn lane_len(&self) -> Option<usize> {
        self.0.lane_len
    }

    /// Whether what a model in floating point has coded is decoded again.
    #[getter]
    fn verify(&self) -> bool {
        self.0.verify
    }

    /// Bytes that the blocks under way may take, if it was said.
    #[getter]
    fn max_memory(&self) -> Option<u64> {
        self.0.max_memory
    }

    fn __getnewargs_ex__<'py>(&self, py: Python<'py>) -> PyResult<Arguments<'py>> {
        let named = PyDict::new(py);
        named.set_item("adaptive", self.adaptive())?;
        named.set_item("block_len", self.block_len())?;
        named.set_item("lane_len", self.lane_len())?;
        named.set_item("verify", self.verify())?;
        named.set_item("max_memory", self.max_memory())?;
        Ok(arguments(named))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        show("Settings", &self.__getnewargs_ex__(py)?.1)
    }
}

/// Compresses every record to a blob: a frame, or the bare form.
#[pyfunction]
#[pyo3(signature = (records, predictor, settings, *, bare, progress=None))]
#[expect(clippy::needless_pass_by_value, reason = "as Python passes them")]
pub fn compress_many<'py>(
    records: Vec<Bound<'py, PyAny>>,
    predictor: &Bound<'py, PyAny>,
    settings: &Settings,
    bare: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    let records = records.iter().map(bytes_of).collect::<PyResult<Vec<_>>>()?;
    let records: Vec<&[u8]> = records.iter().map(PyBytesMethods::as_bytes).collect();
    let blobs = run(predictor, progress, |predictor, progress| {
        records::compress_many(&records, form_of(bare), predictor, &settings.0, progress)
    })?;
    let py = predictor.py();
    blobs.iter().map(|blob| to_bytes(py, blob)).collect()
}

/// Restores every record of `compress_many`.
#[pyfunction]
#[pyo3(signature = (blobs, predictor, settings, *, bare, max_output_size=None, progress=None))]
#[expect(clippy::needless_pass_by_value, reason = "as Python passes them")]
pub fn decompress_many<'py>(
    blobs: Vec<Bound<'py, PyAny>>,
    predictor: &Bound<'py, PyAny>,
    settings: &Settings,
    bare: bool,
    max_output_size: Option<Bound<'py, PyAny>>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    let max_output_size = limit("max_output_size", max_output_size.as_ref(), u64::MAX)?;
    let blobs = blobs.iter().map(bytes_of).collect::<PyResult<Vec<_>>>()?;
    let blobs: Vec<&[u8]> = blobs.iter().map(PyBytesMethods::as_bytes).collect();
    let (form, mode) = (form_of(bare), settings.0.mode);
    let limits = Limits {
        max_output: max_output_size,
        max_memory: settings.0.max_memory,
    };
    let records = run(predictor, progress, |predictor, progress| {
        records::decompress_many(&blobs, form, predictor, mode, limits, progress)
    })?;
    let py = predictor.py();
    records.iter().map(|record| to_bytes(py, record)).collect()
}

fn form_of(bare: bool) -> Form {
    if bare { Form::Bare } else { Form::Frame }
}

/// Runs `work` detached from the interpreter, with a native executor or a Python predictor.
pub fn run<T, F>(predictor: &Bound<'_, PyAny>, progress: Option<Py<PyAny>>, work: F) -> PyResult<T>
where
    T: Send,
    F: FnOnce(&mut dyn Predictor, &mut Progress<'_>) -> Result<T> + Send,
{
    let failure = Failure::default();
    let mut watch = Watch::new(progress, &failure);
    let mut progress = |report| watch.tell(report);
    let py = predictor.py();
    check_running()?;
    let outcome = if let Ok(executor) = predictor.cast::<Executor>() {
        let mut native = executor.get().native.lock()?;
        let executor = &mut native.executor;
        py.detach(|| work(executor, &mut progress))
    } else {
        let mut adapter = Adapter::new(predictor, &failure)?;
        py.detach(|| work(&mut adapter, &mut progress))
    };
    outcome.map_err(|error| failure.explain(&error))
}

/// What the headers of one frame say; all lengths are in bytes.
#[pyclass(frozen, get_all, eq, hash, module = "lmac")]
#[derive(PartialEq, Eq, Hash)]
pub struct FrameInfo {
    /// The first bytes of the model's content id.
    model_id: Vec<u8>,
    /// Whether symbols are coded by a mixture of the model and what the content itself has shown.
    adaptive: bool,
    /// The lane length that the header states, if any.
    lane_len: Option<usize>,
    /// The content size that the header states, if any.
    content_size: Option<u64>,
    /// The conditions that the header states, if the model computes in floating point.
    fingerprint: Option<String>,
    /// Length of the content of all blocks.
    content_len: u64,
    /// Length of the whole frame.
    frame_len: u64,
    /// Length of all payloads; the rest of the frame is headers.
    payload_len: u64,
    /// How many blocks there are.
    blocks: u64,
    /// How many of them are stored as they are.
    stored_blocks: u64,
    /// How many of them are coded without the model.
    blocks_without_network: u64,
}

#[pymethods]
impl FrameInfo {
    #[new]
    #[pyo3(signature = (
        *, model_id, adaptive, lane_len, content_size, fingerprint, content_len, frame_len, payload_len, blocks, stored_blocks,
        blocks_without_network
    ))]
    #[expect(clippy::too_many_arguments, reason = "the fields, by name")]
    const fn new(
        model_id: Vec<u8>,
        adaptive: bool,
        lane_len: Option<usize>,
        content_size: Option<u64>,
        fingerprint: Option<String>,
        content_len: u64,
        frame_len: u64,
        payload_len: u64,
        blocks: u64,
        stored_blocks: u64,
        blocks_without_network: u64,
    ) -> Self {
        Self {
            model_id,
            adaptive,
            lane_len,
            content_size,
            fingerprint,
            content_len,
            frame_len,
            payload_len,
            blocks,
            stored_blocks,
            blocks_without_network,
        }
    }

    fn __getnewargs_ex__<'py>(&self, py: Python<'py>) -> PyResult<Arguments<'py>> {
        let named = PyDict::new(py);
        named.set_item("model_id", PyBytes::new(py, &self.model_id))?;
        named.set_item("adaptive", self.adaptive)?;
        named.set_item("lane_len", self.lane_len)?;
        named.set_item("content_size", self.content_size)?;
        named.set_item("fingerprint", &self.fingerprint)?;
        named.set_item("content_len", self.content_len)?;
        named.set_item("frame_len", self.frame_len)?;
        named.set_item("payload_len", self.payload_len)?;
        named.set_item("blocks", self.blocks)?;
        named.set_item("stored_blocks", self.stored_blocks)?;
        named.set_item("blocks_without_network", self.blocks_without_network)?;
        Ok(arguments(named))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        show("FrameInfo", &self.__getnewargs_ex__(py)?.1)
    }
}

/// How many bytes a fingerprint takes in a frame.
#[pyfunction]
pub fn fingerprint_len(text: &str) -> usize {
    frame::fingerprint_len(text)
}

/// Reads the headers of all frames in `data`, without a model and without decoding.
#[pyfunction]
pub fn inspect(data: &Bound<'_, PyAny>) -> PyResult<Vec<FrameInfo>> {
    let frames = codec::inspect(bytes_of(data)?.as_bytes()).map_err(|error| to_py_err(&error))?;
    Ok(frames.into_iter().map(FrameInfo::from).collect())
}

impl From<frame_reader::FrameInfo> for FrameInfo {
    fn from(info: frame_reader::FrameInfo) -> Self {
        Self {
            model_id: info.model_id.to_vec(),
            adaptive: info.mode == Mode::Adaptive,
            lane_len: info.lane_len,
            content_size: info.content_size,
            fingerprint: info.fingerprint,
            content_len: info.content_len,
            frame_len: info.frame_len,
            payload_len: info.payload_len,
            blocks: info.blocks,
            stored_blocks: info.stored_blocks,
            blocks_without_network: info.blocks_without_network,
        }
    }
}
