//! Pure: a container's reading from the Engine's one-shot stats, for hosts whose cgroup files cannot be read.
//!
//! Source: Docker Engine API, `GET /containers/ID/stats`. What cgroup v1, v2 and Podman do not have in common is optional.

use std::borrow::Cow;
use std::collections::BTreeMap;

use pilotfish_protocol::{ContainerMetric, Reading};
use serde::Deserialize;

/// Reads what the Engine says of a container; empty once that has stopped.
///
/// # Errors
///
/// When `stats` are not the JSON that the Engine API describes.
pub fn reading(stats: &[u8]) -> Result<Reading, serde_json::Error> {
    use ContainerMetric as Metric;
    let stats: Stats<'_> = serde_json::from_slice(stats)?;
    let mut reading = Reading::EMPTY;
    let mut set = |metric: Metric, value: Option<u64>| {
        let value = value.and_then(|value| i64::try_from(value).ok());
        reading.set_if_known(metric, value);
    };
    let ms = |ns: u64| ns / 1_000_000;
    let kib = |bytes: u64| bytes / 1024;
    // A container that has stopped has zeros: the processes of one that runs have used some CPU time.
    let cpu_ns = stats.cpu_stats.cpu_usage.total_usage.filter(|ns| *ns > 0);
    set(Metric::CpuMs, cpu_ns.map(ms));
    let throttled_ns = stats.cpu_stats.throttling_data.throttled_time;
    set(Metric::ThrottledMs, cpu_ns.and(throttled_ns).map(ms));
    set(Metric::MemoryKib, stats.memory_stats.used_bytes().map(kib));
    let limit = stats.memory_stats.limit.filter(|limit| *limit > 0);
    set(Metric::MemoryLimitKib, limit.map(kib));
    let network = |bytes| stats.network_bytes(bytes).map(kib);
    set(Metric::ReceivedKib, network(|it| it.rx_bytes));
    set(Metric::SentKib, network(|it| it.tx_bytes));
    set(Metric::ReadKib, stats.block_bytes("read").map(kib));
    set(Metric::WrittenKib, stats.block_bytes("write").map(kib));
    set(Metric::Pids, stats.pids_stats.current);
    Ok(reading)
}

#[derive(Deserialize)]
struct Stats<'a> {
    #[serde(default)]
    cpu_stats: CpuStats,
    #[serde(default)]
    memory_stats: MemoryStats,
    #[serde(borrow, default)]
    networks: Option<BTreeMap<Cow<'a, str>, Interface>>,
    #[serde(borrow, default)]
    blkio_stats: BlockStats<'a>,
    #[serde(default)]
    pids_stats: PidsStats,
}

#[derive(Default, Deserialize)]
struct CpuStats {
    #[serde(default)]
    cpu_usage: CpuUsage,
    #[serde(default)]
    throttling_data: ThrottlingData,
}

#[derive(Default, Deserialize)]
struct CpuUsage {
    #[serde(default)]
    total_usage: Option<u64>,
}

#[derive(Default, Deserialize)]
struct ThrottlingData {
    #[serde(default)]
    throttled_time: Option<u64>,
}

#[derive(Default, Deserialize)]
struct PidsStats {
    #[serde(default)]
    current: Option<u64>,
}

#[derive(Default, Deserialize)]
struct MemoryStats {
    #[serde(default)]
    usage: Option<u64>,
    #[serde(default)]
    limit: Option<u64>,
    #[serde(default)]
    stats: Option<MemoryDetails>,
}

#[derive(Default, Deserialize)]
struct MemoryDetails {
    /// Only cgroup v1 has it.
    #[serde(default)]
    total_inactive_file: Option<u64>,
    #[serde(default)]
    inactive_file: Option<u64>,
}

#[derive(Deserialize)]
struct Interface {
    #[serde(default)]
    rx_bytes: u64,
    #[serde(default)]
    tx_bytes: u64,
}

#[derive(Default, Deserialize)]
struct BlockStats<'a> {
    #[serde(borrow, default)]
    io_service_bytes_recursive: Option<Vec<BlockCounter<'a>>>,
}

#[derive(Deserialize)]
struct BlockCounter<'a> {
    #[serde(borrow, default)]
    op: Cow<'a, str>,
    #[serde(default)]
    value: u64,
}

impl Stats<'_> {
    /// The sum over all interfaces; `None` for a container without a network of its own.
    fn network_bytes(&self, bytes: fn(&Interface) -> u64) -> Option<u64> {
        let interfaces = self.networks.as_ref()?.values();
        Some(interfaces.fold(0, |sum, interface| sum.saturating_add(bytes(interface))))
    }

    /// The sum over all devices of `op`, which cgroup v1 writes with a capital; `None` when no device was counted.
    fn block_bytes(&self, op: &str) -> Option<u64> {
        let counters = self.blkio_stats.io_service_bytes_recursive.as_deref()?;
        let values = counters
            .iter()
            .filter(|counter| counter.op.eq_ignore_ascii_case(op));
        values
            .map(|counter| counter.value)
            .reduce(u64::saturating_add)
    }
}

impl MemoryStats {
    /// As the Docker CLI defines it (`calculateMemUsageUnixNoCache`); `None` where the kernel does not account memory, which Engines tell as 0.
    fn used_bytes(&self) -> Option<u64> {
        let usage = self.usage.filter(|bytes| *bytes > 0)?;
        let details = self.stats.as_ref();
        let is_less = |bytes: &u64| *bytes < usage;
        let total = details.and_then(|it| it.total_inactive_file);
        let own = details.and_then(|it| it.inactive_file);
        let inactive = total.filter(is_less).or_else(|| own.filter(is_less));
        Some(usage - inactive.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(stats: &str) -> Vec<(ContainerMetric, i64)> {
        let reading = reading(stats.as_bytes()).unwrap();
        let all = ContainerMetric::ALL.iter();
        all.filter_map(|metric| Some((*metric, reading.get(*metric)?)))
            .collect()
    }

    #[test]
    fn cgroup_v1_is_read() {
        use ContainerMetric as Metric;
        let stats = r#"{"pids_stats":{"current":3},"blkio_stats":{"io_service_bytes_recursive":[
            {"major":8,"minor":0,"op":"Read","value":4096},{"major":8,"minor":0,"op":"Write","value":8192},
            {"major":8,"minor":16,"op":"Write","value":1024},{"major":8,"minor":0,"op":"Total","value":12288}]},
            "cpu_stats":{"cpu_usage":{"total_usage":697998822},"throttling_data":{"periods":15,"throttled_time":636193840}},
            "memory_stats":{"usage":577536,"stats":{"inactive_file":1,"total_inactive_file":4096},"limit":67108864},
            "networks":{"eth0":{"rx_bytes":2048,"tx_bytes":1023},"eth1":{"rx_bytes":1024,"tx_bytes":1}}}"#;
        let expected = [
            (Metric::CpuMs, 697),
            (Metric::MemoryKib, 560),
            (Metric::ReceivedKib, 3),
            (Metric::SentKib, 1),
            (Metric::WrittenKib, 9),
            (Metric::ReadKib, 4),
            (Metric::Pids, 3),
            (Metric::ThrottledMs, 636),
            (Metric::MemoryLimitKib, 65536),
        ];
        assert_eq!(values(stats), expected);
    }

    #[test]
    fn cgroup_v2_has_small_letters_and_no_totals() {
        use ContainerMetric as Metric;
        let stats = r#"{"blkio_stats":{"io_service_bytes_recursive":[{"op":"read","value":1024},{"op":"write","value":2048}]},
            "cpu_stats":{"cpu_usage":{"total_usage":1000000}},
            "memory_stats":{"usage":10240,"stats":{"anon":1,"inactive_file":1024}}}"#;
        let expected = [
            (Metric::CpuMs, 1),
            (Metric::MemoryKib, 9),
            (Metric::WrittenKib, 2),
            (Metric::ReadKib, 1),
        ];
        assert_eq!(values(stats), expected);
    }

    #[test]
    fn what_the_engine_does_not_know_is_absent() {
        for nothing in [
            "{}",
            r#"{"memory_stats":{},"networks":null,"blkio_stats":{"io_service_bytes_recursive":null}}"#,
            r#"{"cpu_stats":{"cpu_usage":{"total_usage":0},"throttling_data":{"throttled_time":0}},"memory_stats":{"usage":0,"limit":0}}"#,
            r#"{"blkio_stats":{"io_service_bytes_recursive":[]}}"#,
        ] {
            assert_eq!(values(nothing), []);
        }
        assert!(reading(b"7").is_err());
    }
}
