//! `lmac._core`: the Python binding of `lmac-core`.
//!
//! It converts types, detaches from the interpreter while the core works, and maps the error; it
//! decides nothing. What users see is the package `lmac` around it (python/lmac).
//!
//! * [`codec`]: `compress`, `decompress`, both for many records, `inspect`.
//! * [`stream`]: frames a piece at a time.
//! * [`model`]: `Model`, `Executor` and `ContextHasher`.
//! * [`adapter`]: any Python predictor as a `Predictor` of the core.
//! * [`vocabulary`]: `Vocabulary`, the tokens of a language model.
//! * [`processor`]: what this processor computes with.
//! * [`arrays`]: numpy arrays in and out.
//! * [`watch`]: progress reports, Ctrl-C, and errors raised by Python code that the core calls.
//! * [`error`]: the family of exceptions.

mod adapter;
mod arrays;
mod codec;
mod error;
mod model;
mod processor;
mod stream;
mod vocabulary;
mod watch;

use pyo3::prelude::*;
use pyo3::types::PyModule;

#[pymodule(gil_used = false)]
mod _core {
    use super::{Bound, PyModule, PyModuleMethods, PyResult};
    use crate::error::out_of_memory_error;

    #[pymodule_export]
    use crate::codec::{
        FrameInfo, Settings, compress, compress_many, decompress, decompress_many, inspect,
    };
    #[pymodule_export]
    use crate::error::{
        CorruptedDataError, FormatError, LmacError, ModelMismatchError, PredictorError,
    };
    #[pymodule_export]
    use crate::model::{ContextHasher, Executor, Model, OnnxSummary};
    #[pymodule_export]
    use crate::processor::{cpu_features, instruction_sets};
    #[pymodule_export]
    use crate::stream::{
        Block, Compressor, Decompressor, FrameReader, blocks_at_once, decompress_blocks,
    };

    /// Exports what no attribute can.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("OutOfMemoryError", out_of_memory_error(module.py())?)
    }

    #[pymodule_export]
    use crate::vocabulary::Vocabulary;
    #[pymodule_export]
    use crate::watch::Report;

    #[pymodule_export]
    const MAX_HEADER_LEN: usize = lmac_core::format::frame_reader::MAX_HEADER_LEN;

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "the name Python gives to versions")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
