//! Readings of the host and of its containers.

pub mod base_dialect;
pub mod cgroup;
pub mod containers;
pub mod engine_stats;
pub mod host;
pub mod host_sampler;
pub mod roots;
pub mod tick;
