//! `Compressor`, `Decompressor`, `FrameReader` and `Block`: frames a piece at a time.
//!
//! The predictor is an argument of every call, as in the core.

use lmac_core::format::cursor::Cursor;
use lmac_core::format::frame_reader;
use lmac_core::limits::{Limits, at_once, restoring_bytes};
use lmac_core::stream::Flush;
use lmac_core::{codec, stream};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arrays::bytes_of;
use crate::codec::{FrameInfo, Settings, run};
use crate::error::{to_bytes, to_py_err};
use crate::exclusive::Exclusive;
use crate::values::limit;

/// Content in pieces to frames in pieces.
#[pyclass(frozen, module = "lmac._core")]
pub struct Compressor(Exclusive<stream::Compressor>);

#[pymethods]
impl Compressor {
    #[new]
    fn new(settings: &Settings) -> PyResult<Self> {
        let compressor = stream::Compressor::new(settings.0.clone());
        let compressor = compressor.map_err(|error| to_py_err(&error))?;
        Ok(Self(Exclusive::new(compressor)))
    }

    /// Announces the content size of the next frame, in bytes.
    fn pledge(&self, content_size: Option<u64>) -> PyResult<()> {
        let pledged = self.0.lock()?.pledge(content_size);
        pledged.map_err(|error| to_py_err(&error))
    }

    /// How much content of the frame that has begun is in complete blocks, in bytes.
    #[getter]
    fn compressed_len(&self) -> PyResult<u64> {
        Ok(self.0.lock()?.compressed_len())
    }

    /// How much content makes as many blocks as `predictor` codes at the same time, in bytes.
    fn piece_len(&self, predictor: &Bound<'_, PyAny>) -> PyResult<usize> {
        let compressor = self.0.lock()?;
        let compressor = &*compressor;
        run(predictor, None, |predictor, _| {
            Ok(compressor.piece_len(predictor))
        })
    }

    /// Takes content; `flush` is 0 to go on, 1 to end a block, 2 to end the frame.
    #[pyo3(signature = (data, flush, predictor, *, progress=None))]
    fn compress<'py>(
        &self,
        data: &Bound<'py, PyAny>,
        flush: u8,
        predictor: &Bound<'py, PyAny>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let flush = match flush {
            0 => Flush::Continue,
            1 => Flush::Block,
            2 => Flush::Frame,
            _ => return Err(PyValueError::new_err("unknown flush mode")),
        };
        let content = bytes_of(data)?;
        let content = content.as_bytes();
        let mut compressor = self.0.lock()?;
        let compressor = &mut *compressor;
        let output = run(predictor, progress, |predictor, progress| {
            compressor.compress(content, flush, predictor, progress)
        })?;
        to_bytes(data.py(), &output)
    }
}

/// One frame in pieces to its content in pieces.
#[pyclass(frozen, module = "lmac._core")]
pub struct Decompressor(Exclusive<stream::Decompressor>);

#[pymethods]
impl Decompressor {
    #[new]
    #[pyo3(signature = (*, max_output_size=None, max_memory=None))]
    #[expect(clippy::needless_pass_by_value, reason = "as Python passes them")]
    fn new(max_output_size: Option<Bound<'_, PyAny>>, max_memory: Option<u64>) -> PyResult<Self> {
        let limits = Limits {
            max_output: limit("max_output_size", max_output_size.as_ref(), u64::MAX)?,
            max_memory,
        };
        Ok(Self(Exclusive::new(stream::Decompressor::new(limits))))
    }

    /// Takes a piece of the frame; returns at most `max_length` bytes of content, if not `None`.
    #[pyo3(signature = (data, max_length, predictor, *, progress=None))]
    fn decompress<'py>(
        &self,
        data: &Bound<'py, PyAny>,
        max_length: Option<usize>,
        predictor: &Bound<'py, PyAny>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let piece = bytes_of(data)?;
        let piece = piece.as_bytes();
        let mut decompressor = self.0.lock()?;
        let decompressor = &mut *decompressor;
        let output = run(predictor, progress, |predictor, progress| {
            decompressor.decompress(piece, max_length, predictor, progress)
        })?;
        to_bytes(data.py(), &output)
    }

    /// Whether the frame has ended and all of its content was returned.
    #[getter]
    fn eof(&self) -> PyResult<bool> {
        Ok(self.0.lock()?.is_eof())
    }

    /// Whether nothing more can be returned before there is more input.
    #[getter]
    fn needs_input(&self) -> PyResult<bool> {
        Ok(self.0.lock()?.needs_input())
    }

    /// What was given after the end of the frame.
    #[getter]
    fn unused_data<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        to_bytes(py, self.0.lock()?.unused_data())
    }
}

/// The headers of one frame, one after the other; payloads are the caller's to read or to skip.
#[pyclass(module = "lmac._core")]
#[derive(Clone)]
pub struct FrameReader(frame_reader::FrameReader);

#[pymethods]
impl FrameReader {
    /// `data` begins with a frame, at byte `offset` of the file.
    #[new]
    #[pyo3(signature = (data, *, offset=0))]
    fn new(data: &Bound<'_, PyAny>, offset: u64) -> PyResult<Self> {
        let data = bytes_of(data)?;
        let reader = frame_reader::FrameReader::start(&mut Cursor::at(offset, data.as_bytes()));
        reader.map(Self).map_err(|error| to_py_err(&error))
    }

    /// The next block, whose header `data` begins with; `None` after the last.
    fn next_block(&mut self, data: &Bound<'_, PyAny>) -> PyResult<Option<Block>> {
        let data = bytes_of(data)?;
        let block = self.0.next_block(&mut Cursor::new(data.as_bytes()));
        let block = block.map_err(|error| to_py_err(&error))?;
        Ok(block.map(Block))
    }

    /// The next blocks that `data` holds, with their payloads, whose contents are at most `content_len` bytes together.
    fn next_blocks<'py>(
        &mut self,
        data: &Bound<'py, PyAny>,
        content_len: usize,
    ) -> PyResult<Vec<(Block, Bound<'py, PyBytes>)>> {
        let py = data.py();
        let data = bytes_of(data)?;
        let blocks = self
            .0
            .next_blocks(&mut Cursor::new(data.as_bytes()), content_len);
        let with_payload = |(block, payload)| (Block(block), PyBytes::new(py, payload));
        Ok(blocks.into_iter().map(with_payload).collect())
    }

    /// Goes behind an end that `next_block` refuses; whether `data` begins with one.
    fn skip_end(&mut self, data: &Bound<'_, PyAny>) -> PyResult<bool> {
        let data = bytes_of(data)?;
        let is_end = self.0.skip_end(&mut Cursor::new(data.as_bytes()));
        is_end.map_err(|error| to_py_err(&error))
    }

    /// Length of the frame up to the end of the last block, or of its end marker, in bytes.
    #[getter]
    fn frame_len(&self) -> u64 {
        self.0.frame_len()
    }

    /// Whether the frame has one block and no end marker.
    #[getter]
    fn single_block(&self) -> bool {
        self.0.header().single_block
    }

    /// What the headers read so far say.
    fn info(&self) -> FrameInfo {
        self.0.info().into()
    }

    /// A reader that goes on from here by itself.
    fn copy(&self) -> Self {
        self.clone()
    }
}

/// How many blocks a predictor codes at the same time.
#[pyfunction]
#[pyo3(signature = (predictor, *, max_memory=None))]
pub fn blocks_at_once(predictor: &Bound<'_, PyAny>, max_memory: Option<u64>) -> PyResult<usize> {
    run(predictor, None, |predictor, _| {
        Ok(codec::blocks_at_once(predictor, max_memory))
    })
}

/// Restores blocks, given with their payloads, as many at the same time as there are threads for; in the place of one that is
/// damaged is its error.
#[pyfunction]
#[pyo3(signature = (blocks, predictor, *, max_memory=None, progress=None))]
#[expect(clippy::needless_pass_by_value, reason = "as Python passes them")]
pub fn decompress_blocks<'py>(
    blocks: Vec<(PyRef<'py, Block>, Bound<'py, PyBytes>)>,
    predictor: &Bound<'py, PyAny>,
    max_memory: Option<u64>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let blocks: Vec<_> = blocks
        .iter()
        .map(|(block, payload)| (block.0.clone(), payload.as_bytes()))
        .collect();
    let mut contents = Vec::new();
    run(predictor, progress, |predictor, progress| {
        codec::decompress_blocks(&blocks, predictor, max_memory, progress, |content| {
            contents.push(content);
            Ok(())
        })
    })?;
    let py = predictor.py();
    let outcome = |content: lmac_core::error::Result<Vec<u8>>| match content {
        Ok(content) => Ok(to_bytes(py, &content)?.into_any()),
        Err(error) => Ok(to_py_err(&error).into_value(py).into_bound(py).into_any()),
    };
    contents.into_iter().map(outcome).collect()
}

/// A block without its payload.
#[pyclass(frozen, module = "lmac._core")]
pub struct Block(frame_reader::Block);

#[pymethods]
impl Block {
    /// Index of the block in its frame, from 0.
    #[getter]
    fn index(&self) -> u64 {
        self.0.place().block
    }

    /// Length of its content, in bytes.
    #[getter]
    fn content_len(&self) -> usize {
        self.0.content_len()
    }

    /// Length of its payload, in bytes.
    #[getter]
    fn payload_len(&self) -> usize {
        self.0.payload_len()
    }

    /// Restores the content and checks it.
    #[pyo3(signature = (payload, predictor, *, max_memory=None, progress=None))]
    fn decompress<'py>(
        &self,
        payload: &Bound<'py, PyAny>,
        predictor: &Bound<'py, PyAny>,
        max_memory: Option<u64>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let payload = bytes_of(payload)?;
        let payload = payload.as_bytes();
        let content = run(predictor, progress, |predictor, progress| {
            at_once(1, restoring_bytes(&self.0, predictor), max_memory)?;
            codec::decompress_block(&self.0, payload, predictor, progress)
        })?;
        to_bytes(predictor.py(), &content)
    }
}
