//! Any bytes into every decoder of the wire.
#![no_main]

mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::decode_json(bytes));
