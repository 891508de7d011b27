//! Any bytes into every parser of what is told about a container.
#![no_main]

mod check_container;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check_container::container_files(bytes));
