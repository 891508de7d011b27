//! What the kernel tells about the host in /proc and /sys: parsers, a file per subject.

pub mod cpu;
pub mod disks;
pub mod lines;
pub mod memory;
pub mod mounts;
pub mod network;
pub mod pressure;
pub mod sensors;
