//! Learns where a mixture begins: `src/adaptive/initial.bin`.
//!
//!     cargo run --release --example train_mixture -- MODEL.onnx OUTPUT FOLDER
//!
//! Every file of the folder (text that the model was not trained on) is coded twice, with and
//! without the network, up to a limit; what the mixture has learned by then is where it begins
//! the next. The mean over the last pass is written.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use lmac_core::adaptive::{Initial, Mixture};
use lmac_core::executor::Executor;
use lmac_core::frequency::FrequencyTable;
use lmac_core::lanes::Lanes;
use lmac_core::model::Model;
use lmac_core::predictor::Predictor;
use lmac_core::range_coder::RangeEncoder;

/// How much of each document is coded: beginnings are what the initial values are for.
const DOCUMENT_LEN: usize = 1 << 14;

const PASSES: usize = 3;

const ALPHABET_SIZE: usize = 256;

struct Document {
    content: Vec<u8>,
    logits: Vec<i16>, // (content, ALPHABET_SIZE)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [model, output, folder] = arguments.as_slice() else {
        return Err("usage: train_mixture MODEL.onnx OUTPUT FOLDER".into());
    };
    let model = Arc::new(Model::from_bytes(&std::fs::read(model)?)?);
    let mut executor = Executor::new(model, None)?;
    let mut paths = files_below(folder)?;
    paths.sort_by_key(|path| fnv(path.as_os_str().as_encoded_bytes())); // kinds mixed
    let mut documents = Vec::new();
    for path in paths {
        let mut content = std::fs::read(path)?;
        content.truncate(DOCUMENT_LEN);
        if !content.is_empty() {
            documents.push(score(content, &mut executor)?);
        }
    }
    let both = [true, false].map(|has_network| learn(&documents, has_network));
    std::fs::write(output, Initial::to_bytes(&both))?;
    Ok(())
}

fn files_below(folder: &PathBuf) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

fn fnv(bytes: &[u8]) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, step)
}

fn score(content: Vec<u8>, executor: &mut Executor) -> lmac_core::error::Result<Document> {
    let mut symbols = vec![ALPHABET_SIZE as u16];
    symbols.extend(
        content[..content.len() - 1]
            .iter()
            .map(|&byte| u16::from(byte)),
    );
    let mut logits = vec![0; content.len() * ALPHABET_SIZE];
    executor.start(1)?;
    executor.advance(&symbols, symbols.len(), &mut logits)?;
    Ok(Document { content, logits })
}

fn learn(documents: &[Document], has_network: bool) -> Initial {
    let mut initial = Initial::untrained(has_network);
    let mut last_pass = Vec::new();
    for pass in 0..PASSES {
        let mut bytes = 0;
        for document in documents {
            let len;
            (initial, len) = learn_one(document, &initial, has_network);
            bytes += len;
            if pass + 1 == PASSES {
                last_pass.push(initial.clone());
            }
        }
        println!("pass {pass}, network {has_network}: {bytes} bytes");
    }
    Initial::mean(&last_pass)
}

fn learn_one(document: &Document, initial: &Initial, has_network: bool) -> (Initial, usize) {
    let Document { content, logits } = document;
    let mut mixture = Mixture::beginning_with(initial, Lanes::of(content.len(), content.len()));
    let mut encoder = RangeEncoder::new();
    let mut table = FrequencyTable::new(ALPHABET_SIZE);
    for (&symbol, logits) in content.iter().zip(logits.chunks_exact(ALPHABET_SIZE)) {
        table.set_logits(logits);
        mixture.encode(0, symbol, has_network.then_some(&table), &mut encoder);
    }
    (mixture.learned(), encoder.finish().len())
}
