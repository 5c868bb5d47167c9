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
//! * [`values`]: what makes objects that can be pickled, and shown; limits.
//! * [`exclusive`]: what serves one call at a time.
//! * [`watch`]: progress reports, Ctrl-C, errors raised by Python code that the core calls, and the end of the interpreter.
//! * [`error`]: the family of exceptions.

mod adapter;
mod arrays;
mod codec;
mod error;
mod exclusive;
mod model;
mod processor;
mod stream;
mod values;
mod vocabulary;
mod watch;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _core {
    use pyo3::prelude::*;

    use crate::error::out_of_memory_error;

    #[pymodule_export]
    use crate::codec::{
        FrameInfo, Settings, compress, compress_many, decompress, decompress_many, fingerprint_len,
        inspect,
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

    #[pymodule_export]
    use crate::vocabulary::Vocabulary;
    #[pymodule_export]
    use crate::watch::{Report, end_other_calls};

    /// Exports what no attribute can, and makes what the core would make when it is first needed: a process that is forked
    /// in that moment would wait for ever.
    #[pymodule_init]
    fn prepare(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let _ = lmac_core::coding::adaptive::Initial::of_format(true);
        module.add("OutOfMemoryError", out_of_memory_error(module.py())?)
    }

    #[pymodule_export]
    const MAX_HEADER_LEN: usize = lmac_core::format::frame_reader::MAX_HEADER_LEN;
    #[pymodule_export]
    const MAX_FINGERPRINT_LEN: usize = lmac_core::format::frame::MAX_FINGERPRINT_LEN;

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "the name Python gives to versions")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
