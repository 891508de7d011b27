//! Any bytes as each file of /proc and /sys that tells about the host.
#![no_main]

mod check_host;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check_host::host_files(bytes));
