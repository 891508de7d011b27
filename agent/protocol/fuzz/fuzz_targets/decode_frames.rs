//! Any bytes as frames, each after its length.
#![no_main]
#![expect(dead_code, reason = "two targets share one file of checks")]

mod check_binary;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check_binary::decode_frames(bytes));
