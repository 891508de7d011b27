//! Pure: statistics in the base dialect's JSON.
//!
//! A number that is not known is absent, never 0.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::ids::ContainerId;
use crate::lenient;
use crate::numbers::Percent;
use crate::time::{self, Timestamp};

/// One sample of one container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerStats {
    /// The container's full id.
    pub container_id: ContainerId,
    /// Its name; a DockMon agent may put a slash before it, see [`ContainerStats::name`].
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub container_name: String,
    /// CPU, 100 % is one core.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::percent"
    )]
    pub cpu_percent: Option<Percent>,
    /// Memory used, without reclaimable file cache, in bytes.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::count"
    )]
    pub memory_usage: Option<u64>,
    /// Memory limit in bytes.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::count"
    )]
    pub memory_limit: Option<u64>,
    /// Used memory of the limit.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::percent"
    )]
    pub memory_percent: Option<Percent>,
    /// Bytes received since the container started.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::count"
    )]
    pub network_rx: Option<u64>,
    /// Bytes sent since the container started.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::count"
    )]
    pub network_tx: Option<u64>,
    /// Bytes read from block devices since the container started.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::count"
    )]
    pub disk_read: Option<u64>,
    /// Bytes written to block devices since the container started.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::count"
    )]
    pub disk_write: Option<u64>,
    /// When the sample was taken, by the agent's clock.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "time::optional"
    )]
    pub timestamp: Option<Timestamp>,
}

impl ContainerStats {
    /// The container's name without a leading slash.
    #[must_use]
    pub fn name(&self) -> &str {
        self.container_name.trim_start_matches('/')
    }
}

/// One sample of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostStats {
    /// CPU of all cores together, 0 to 100 %.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::percent"
    )]
    pub cpu_percent: Option<Percent>,
    /// Memory that is not available, of all.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::percent"
    )]
    pub mem_percent: Option<Percent>,
    /// Bytes per second received and sent together.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::count"
    )]
    pub net_bytes_per_sec: Option<u64>,
}
