//! What each expert of the adaptive layer earns: how much longer files become without it.
//!
//!     cargo run --release --example leave_one_out -- MODEL.onnx FILE...
//!
//! Prints a table in Markdown: bytes with all experts, with and without the network, then for each
//! expert the bytes that leaving it out adds.
#![allow(clippy::print_stdout)]

mod support;

use std::error::Error;
use std::path::PathBuf;

use lmac_core::coding::adaptive::Mixture;
use support::{Document, open_model};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let Some((model, files)) = arguments
        .split_first()
        .filter(|(_, files)| !files.is_empty())
    else {
        return Err("usage: leave_one_out MODEL.onnx FILE...".into());
    };
    let mut executor = open_model(model)?;
    let score = |path: &PathBuf| Ok(Document::score(std::fs::read(path)?, &mut executor)?);
    let documents: Vec<Document> = files
        .iter()
        .map(score)
        .collect::<Result<_, Box<dyn Error>>>()?;
    let names = files
        .iter()
        .map(|path| path.file_name().unwrap_or_default().to_string_lossy());
    println!("| | {} |", names.collect::<Vec<_>>().join(" | "));
    println!("|---|{}", "---|".repeat(files.len()));
    let code = |document: &Document, has_network: bool, left_out: Option<&str>| {
        let mut mixture =
            Mixture::new(document.lanes(), has_network).expect("memory for a mixture");
        if let Some(expert) = left_out {
            mixture.leave_out(expert);
        }
        document.code(&mut mixture, has_network)
    };
    let all: Vec<usize> = documents
        .iter()
        .map(|document| code(document, true, None))
        .collect();
    print_row("all experts, bytes", &all, |bytes| format!("{bytes}"));
    for expert in Mixture::expert_names() {
        let without = documents.iter().zip(&all).map(|(document, all)| {
            let bytes = code(document, expert != "network", Some(expert));
            bytes as i64 - *all as i64
        });
        print_row(expert, &without.collect::<Vec<_>>(), |more| {
            format!("{more:+}")
        });
    }
    Ok(())
}

fn print_row<T>(name: &str, cells: &[T], show: impl Fn(&T) -> String) {
    println!(
        "| {name} | {} |",
        cells.iter().map(show).collect::<Vec<_>>().join(" | ")
    );
}
