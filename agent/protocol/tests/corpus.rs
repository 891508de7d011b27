//! Replays what the fuzzer is seeded with and what it found: on every toolchain, with every test run.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

// The fuzzer's own function, so that both hold the decoders to the same; it is in the fuzzer's crate, which is not built here.
#[path = "../fuzz/fuzz_targets/check.rs"]
mod check;

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_file_of_the_corpus_is_read_without_fault() {
    let corpus = files(&of_crate("fuzz/corpus/decode_json"));
    assert!(!corpus.is_empty());
    for path in corpus {
        check::decode_json(&fs::read(path).unwrap());
    }
}

#[test]
fn every_golden_message_seeds_the_corpus() {
    let corpus: Vec<Vec<u8>> = files(&of_crate("fuzz/corpus/decode_json"))
        .iter()
        .map(|path| fs::read(path).unwrap())
        .collect();
    for side in ["agent", "server"] {
        for path in files(&of_crate("tests/golden").join(side)) {
            for line in fs::read_to_string(&path).unwrap().lines() {
                let is_seed = corpus.iter().any(|seed| seed == line.as_bytes());
                assert!(is_seed, "{}: {line}", path.display());
            }
        }
    }
}

fn of_crate(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}
