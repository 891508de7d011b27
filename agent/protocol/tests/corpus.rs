//! Replays what the fuzzer is seeded with and what it found: on every toolchain, with every test run.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

// The fuzzer's own functions, so that both hold the decoders to the same; they are in the fuzzer's crate, which is not built here.
#[path = "../fuzz/fuzz_targets/check.rs"]
mod check;
#[path = "../fuzz/fuzz_targets/check_binary.rs"]
mod check_binary;

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_file_of_the_corpora_is_read_without_fault() {
    replay("decode_json", check::decode_json);
    replay("decode_frames", check_binary::decode_frames);
    replay("decode_batch", check_binary::decode_batch);
}

#[test]
fn every_golden_message_seeds_the_corpus() {
    let corpus: Vec<Vec<u8>> = files(&of_crate("fuzz/corpus/decode_json"))
        .iter()
        .map(|path| fs::read(path).unwrap())
        .collect();
    for side in ["agent", "server", "extension/agent", "extension/server"] {
        for path in files(&of_crate("tests/golden").join(side)) {
            for line in fs::read_to_string(&path).unwrap().lines() {
                let is_seed = corpus.iter().any(|seed| seed == line.as_bytes());
                assert!(is_seed, "{}: {line}", path.display());
            }
        }
    }
}

#[track_caller]
fn replay(target: &str, check: fn(&[u8])) {
    let corpus = files(&of_crate("fuzz/corpus").join(target));
    assert!(!corpus.is_empty(), "{target}");
    for path in corpus {
        check(&fs::read(path).unwrap());
    }
}

fn of_crate(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}
