//! Replays what the fuzzer is seeded with and what it found: on every toolchain, with every test run.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

// The fuzzer's own functions, so that both hold the parsers to the same; they are in the fuzzer's crate, which is not built here.
#[path = "../fuzz/fuzz_targets/check_container.rs"]
mod check_container;
#[path = "../fuzz/fuzz_targets/check_host.rs"]
mod check_host;

use std::fs;
use std::path::Path;

#[test]
fn every_file_of_the_hosts_corpus_is_read_without_fault() {
    replay("host_files", check_host::host_files);
}

#[test]
fn every_file_of_the_containers_corpus_is_read_without_fault() {
    replay("container_files", check_container::container_files);
}

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        check(&fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 0, "{target}");
}
