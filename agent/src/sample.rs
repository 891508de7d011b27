//! Readings of the host and of its containers.

pub mod base_dialect;
pub mod container;
pub mod host;
pub mod host_files;
pub mod host_sampler;
pub mod sampler;
pub mod schedule;
pub mod tick;
