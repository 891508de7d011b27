//! Any bytes as a spool batch.
#![no_main]
#![expect(dead_code, reason = "two targets share one file of checks")]

mod check_binary;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check_binary::decode_batch(bytes));
