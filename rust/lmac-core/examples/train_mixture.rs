//! Learns where a mixture begins: `src/coding/adaptive/initial.bin`.
//!
//!     cargo run --release --example train_mixture -- MODEL.onnx OUTPUT FOLDER
//!
//! The first 16 KiB of every file of the folder (text that the model was not trained on) are coded
//! with and without the network; what the mixture has learned by then is where it begins the next.
//! The mean over the last pass is written, with less trust in the network than it says.
#![allow(clippy::print_stdout)]

mod support;

use std::error::Error;
use std::path::{Path, PathBuf};

use lmac_core::coding::adaptive::{Initial, Mixture};
use support::{Document, open_model};

/// How much of each document is coded: beginnings are what the initial values are for.
const DOCUMENT_LEN: usize = 1 << 14;

const PASSES: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [model, output, folder] = arguments.as_slice() else {
        return Err("usage: train_mixture MODEL.onnx OUTPUT FOLDER".into());
    };
    let mut executor = open_model(model)?;
    let mut documents = Vec::new();
    for path in files_below(folder)? {
        let mut content = std::fs::read(path)?;
        content.truncate(DOCUMENT_LEN);
        if !content.is_empty() {
            documents.push(Document::score(content, &mut executor)?);
        }
    }
    documents.sort_by_key(|document| crc32fast::hash(&document.content)); // all kinds mixed
    let [with, without] = [true, false].map(|has_network| learn(&documents, has_network));
    std::fs::write(output, Initial::to_bytes(&[with.with_doubts(), without]))?;
    Ok(())
}

fn files_below(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
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

fn learn(documents: &[Document], has_network: bool) -> Initial {
    let mut initial = Initial::untrained(has_network);
    let mut last_pass = Vec::new();
    for pass in 0..PASSES {
        let mut payload_bytes = 0;
        for document in documents {
            let mut mixture = Mixture::beginning_with(&initial, document.lanes(), has_network)
                .expect("memory for a mixture");
            payload_bytes += document.code(&mut mixture, has_network);
            initial = mixture.learned();
            if pass + 1 == PASSES {
                last_pass.push(initial.clone());
            }
        }
        println!("pass {pass}, network {has_network}: {payload_bytes} bytes");
    }
    Initial::mean(&last_pass)
}
