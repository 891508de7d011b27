//! Readings of the host and of its containers.

pub mod base_dialect;
pub mod cgroup;
pub mod container;
pub mod containers;
pub mod engine_stats;
pub mod host;
pub mod host_files;
pub mod host_sampler;
pub mod roots;
pub mod sampler;
pub mod schedule;
pub mod tick;
