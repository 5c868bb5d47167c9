//! The golden frames of an exact model, on every instruction set that this processor has: what the
//! file says is what all of them write, and what all of them read.
//!
//! The other golden frames, whose predictors are written in Python, are the matter of `tests/test_format.py`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lmac_core::codec::{Settings, compress, decompress};
use lmac_core::cpu::InstructionSet;
use lmac_core::format::frame::Mode;
use lmac_core::models::executor::Executor;
use lmac_core::models::model::Model;

fn golden(name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    tests.join("golden").join(name)
}

#[test]
fn every_instruction_set_reads_and_writes_the_golden_frames() {
    let model = std::fs::read(golden("tiny.onnx")).unwrap();
    let model = Arc::new(Model::from_bytes(&model).unwrap());
    for (name, mode) in [
        ("good-exact.lmac", Mode::Static),
        ("good-adaptive-exact.lmac", Mode::Adaptive),
    ] {
        let frame = std::fs::read(golden(name)).unwrap();
        let settings = Settings {
            mode,
            lane_len: Some(50),
            ..Settings::default()
        };
        let mut contents = Vec::new();
        for instruction_set in InstructionSet::available() {
            for threads in [1, 2] {
                let mut executor =
                    Executor::with_instruction_set(model.clone(), Some(threads), instruction_set)
                        .unwrap();
                let content = decompress(&frame, &mut executor, None, &mut |_| true).unwrap();
                let written = compress(&content, &mut executor, &settings, &mut |_| true).unwrap();
                assert_eq!(written, frame, "{instruction_set:?}, {threads} threads");
                contents.push(content);
            }
        }
        assert_eq!(contents[0].len(), 600);
        assert!(contents.iter().all(|content| *content == contents[0]));
    }
}
