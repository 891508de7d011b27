//! Pure: samples as the API writes them (docs/api.md).

use std::fmt;

use pilotfish_protocol::extension::{Cadence, CollectorReport, Missing, Slowed, Spending};
use pilotfish_protocol::{ShortId, Text, extension::ContainerSource};
use serde::{Serialize, Serializer};

use crate::telemetry::sample::{ContainerSample, HostSample, Stall};

/// A number that is written without decimals where it has none.
#[derive(Debug, Clone, Copy)]
struct Number(f32);

/// A host's stats.
#[derive(Debug, Serialize)]
pub struct HostStatsView<'a> {
    at_unix_ms: u64,
    cpu_percent: Option<Number>,
    cpu_modes: CpuModesView,
    load: Option<[Number; 3]>,
    memory_percent: Option<Number>,
    memory_used_bytes: Option<u64>,
    memory_bytes: Option<u64>,
    swap_used_bytes: Option<u64>,
    swap_bytes: Option<u64>,
    network_rx_bytes_per_sec: Option<u64>,
    network_tx_bytes_per_sec: Option<u64>,
    network_bytes_per_sec: Option<u64>,
    disk_read_bytes_per_sec: Option<u64>,
    disk_write_bytes_per_sec: Option<u64>,
    stall: StallView,
    under_voltage: Option<bool>,
    thermal_throttles: Option<u64>,
    interfaces: Vec<InterfaceView<'a>>,
    filesystems: Vec<FilesystemView<'a>>,
    temperatures: Vec<TemperatureView<'a>>,
}

#[derive(Debug, Serialize)]
struct CpuModesView {
    user_percent: Option<Number>,
    system_percent: Option<Number>,
    iowait_percent: Option<Number>,
    steal_percent: Option<Number>,
}

#[derive(Debug, Serialize)]
struct StallView {
    cpu_percent: Option<Number>,
    memory_percent: Option<Number>,
    io_percent: Option<Number>,
}

#[derive(Debug, Serialize)]
struct InterfaceView<'a> {
    name: &'a str,
    rx_bytes_per_sec: Option<u64>,
    tx_bytes_per_sec: Option<u64>,
    rx_faults_per_sec: Option<Number>,
    tx_faults_per_sec: Option<Number>,
}

#[derive(Debug, Serialize)]
struct FilesystemView<'a> {
    name: &'a str,
    used_bytes: Option<u64>,
    available_bytes: Option<u64>,
    size_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct TemperatureView<'a> {
    name: &'a str,
    celsius: Option<Number>,
}

/// A container's stats.
#[derive(Debug, Serialize)]
pub struct ContainerStatsView {
    at_unix_ms: u64,
    cpu_percent: Option<Number>,
    cpu_limit_percent: Option<Number>,
    throttled_percent: Option<Number>,
    memory_bytes: Option<u64>,
    memory_limit_bytes: Option<u64>,
    memory_percent: Option<Number>,
    network_rx_bytes: Option<u64>,
    network_tx_bytes: Option<u64>,
    network_rx_bytes_per_sec: Option<u64>,
    network_tx_bytes_per_sec: Option<u64>,
    network_bytes_per_sec: Option<u64>,
    disk_read_bytes: Option<u64>,
    disk_write_bytes: Option<u64>,
    disk_read_bytes_per_sec: Option<u64>,
    disk_write_bytes_per_sec: Option<u64>,
    pids: Option<u64>,
    oom_kills: Option<u64>,
    stall: StallView,
}

/// Containers' stats by their short ids.
#[derive(Debug)]
pub struct ContainersStats<'a>(pub &'a [(ShortId, ContainerSample)]);

/// How a host is measured.
#[derive(Debug, Serialize)]
pub struct CollectorView<'a> {
    containers: &'static str,
    why: Option<&'a str>,
    cgroup_driver: Option<&'a str>,
    missing: Vec<MissingView<'a>>,
    boot_id: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct MissingView<'a> {
    value: &'a str,
    why: &'a str,
    remedy: Option<&'a str>,
}

/// How often stats come.
#[derive(Debug, Serialize)]
pub struct CadenceView {
    interval_ms: u64,
    asked_ms: u64,
    slowed: Option<&'static str>,
}

/// What an agent sent since its day began.
#[derive(Debug, Serialize)]
pub struct SpendingView {
    budget_bytes: Option<u64>,
    since_ms: u64,
    stats_bytes: u64,
    events_bytes: u64,
    answers_bytes: u64,
    lists_bytes: u64,
    spool_bytes: u64,
    upkeep_bytes: u64,
    received_bytes: u64,
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = f64::from(self.0);
        if whole.fract() == 0.0 && whole.abs() < 1e15 {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
            return serializer.serialize_i64(whole as i64);
        }
        serializer.serialize_f32(self.0)
    }
}

impl Serialize for ContainersStats<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let views = self.0.iter();
        serializer.collect_map(views.map(|(id, sample)| (Key(id), ContainerStatsView::of(sample))))
    }
}

/// Writes what can be shown as text.
struct Key<T>(T);

impl<T: fmt::Display> Serialize for Key<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'a> HostStatsView<'a> {
    /// Shows a host's sample.
    pub fn of(sample: &'a HostSample) -> Self {
        let [load1, load5, load15] = sample.load.map(number);
        Self {
            at_unix_ms: sample.at_unix_ms,
            cpu_percent: number(sample.cpu_percent),
            cpu_modes: CpuModesView {
                user_percent: number(sample.user_percent),
                system_percent: number(sample.system_percent),
                iowait_percent: number(sample.iowait_percent),
                steal_percent: number(sample.steal_percent),
            },
            load: load1
                .zip(load5)
                .zip(load15)
                .map(|((load1, load5), load15)| [load1, load5, load15]),
            memory_percent: number(sample.memory_percent),
            memory_used_bytes: sample.memory_used_bytes,
            memory_bytes: sample.memory_bytes,
            swap_used_bytes: sample.swap_used_bytes,
            swap_bytes: sample.swap_bytes,
            network_rx_bytes_per_sec: sample.rates.received,
            network_tx_bytes_per_sec: sample.rates.sent,
            network_bytes_per_sec: sample.network_bytes_per_sec,
            disk_read_bytes_per_sec: sample.rates.read,
            disk_write_bytes_per_sec: sample.rates.written,
            stall: StallView::of(&sample.stall),
            under_voltage: sample.under_voltage,
            thermal_throttles: sample.thermal_throttles,
            interfaces: sample
                .interfaces
                .iter()
                .map(|interface| InterfaceView {
                    name: &interface.name,
                    rx_bytes_per_sec: interface.received,
                    tx_bytes_per_sec: interface.sent,
                    rx_faults_per_sec: number(interface.receive_faults),
                    tx_faults_per_sec: number(interface.send_faults),
                })
                .collect(),
            filesystems: sample
                .filesystems
                .iter()
                .map(|filesystem| FilesystemView {
                    name: &filesystem.name,
                    used_bytes: filesystem.used_bytes,
                    available_bytes: filesystem.available_bytes,
                    size_bytes: filesystem.size_bytes,
                })
                .collect(),
            temperatures: sample
                .temperatures
                .iter()
                .map(|temperature| TemperatureView {
                    name: &temperature.name,
                    celsius: number(temperature.celsius),
                })
                .collect(),
        }
    }
}

impl StallView {
    fn of(stall: &Stall) -> Self {
        Self {
            cpu_percent: number(stall.cpu_percent),
            memory_percent: number(stall.memory_percent),
            io_percent: number(stall.io_percent),
        }
    }
}

impl ContainerStatsView {
    /// Shows a container's sample.
    pub fn of(sample: &ContainerSample) -> Self {
        Self {
            at_unix_ms: sample.at_unix_ms,
            cpu_percent: number(sample.cpu_percent),
            cpu_limit_percent: number(sample.cpu_limit_percent),
            throttled_percent: number(sample.throttled_percent),
            memory_bytes: sample.memory_bytes,
            memory_limit_bytes: sample.memory_limit_bytes,
            memory_percent: number(sample.memory_percent),
            network_rx_bytes: sample.network_rx_bytes,
            network_tx_bytes: sample.network_tx_bytes,
            network_rx_bytes_per_sec: sample.rates.received,
            network_tx_bytes_per_sec: sample.rates.sent,
            network_bytes_per_sec: sample.rates.network(),
            disk_read_bytes: sample.disk_read_bytes,
            disk_write_bytes: sample.disk_write_bytes,
            disk_read_bytes_per_sec: sample.rates.read,
            disk_write_bytes_per_sec: sample.rates.written,
            pids: sample.pids,
            oom_kills: sample.oom_kills,
            stall: StallView::of(&sample.stall),
        }
    }
}

impl<'a> CollectorView<'a> {
    /// Shows what an agent reported.
    pub fn of(report: &'a CollectorReport) -> Self {
        Self {
            containers: match report.containers {
                ContainerSource::CgroupV2 => "cgroup_v2",
                ContainerSource::CgroupV1 => "cgroup_v1",
                ContainerSource::Engine => "engine",
                ContainerSource::Nothing => "nothing",
            },
            why: report.why.as_ref().map(Text::as_str),
            cgroup_driver: report.cgroup_driver.as_ref().map(Text::as_str),
            missing: report.missing.iter().map(MissingView::of).collect(),
            boot_id: report.boot_id.as_ref().map(Text::as_str),
        }
    }
}

impl<'a> MissingView<'a> {
    fn of(missing: &'a Missing) -> Self {
        Self {
            value: missing.value.as_str(),
            why: missing.why.as_str(),
            remedy: missing.remedy.as_ref().map(Text::as_str),
        }
    }
}

impl CadenceView {
    /// Shows what an agent told.
    pub fn of(cadence: &Cadence) -> Self {
        Self {
            interval_ms: cadence.stats_interval_ms,
            asked_ms: cadence.asked_ms,
            slowed: cadence.slowed.map(|slowed| match slowed {
                Slowed::Minimum => "minimum",
                Slowed::Budget => "budget",
            }),
        }
    }
}

impl SpendingView {
    /// Shows what an agent told.
    pub fn of(spending: &Spending) -> Self {
        Self {
            budget_bytes: spending.budget_bytes,
            since_ms: spending.since_ms,
            stats_bytes: spending.stats_bytes,
            events_bytes: spending.events_bytes,
            answers_bytes: spending.answers_bytes,
            lists_bytes: spending.lists_bytes,
            spool_bytes: spending.spool_bytes,
            upkeep_bytes: spending.upkeep_bytes,
            received_bytes: spending.received_bytes,
        }
    }
}

fn number(value: Option<f32>) -> Option<Number> {
    value.map(Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_no_more_decimals_than_it_needs() {
        for (value, expected) in [(3.0, "3"), (12.5, "12.5"), (0.07, "0.07"), (1e6, "1000000")] {
            assert_eq!(serde_json::to_string(&Number(value)).unwrap(), expected);
        }
    }

    #[test]
    fn containers_are_written_by_their_short_ids_and_what_is_unknown_is_null() {
        let samples = [(
            ShortId([0, 0x12, 3, 4, 5, 0xab]),
            ContainerSample::default(),
        )];
        let value = serde_json::to_value(ContainersStats(&samples)).unwrap();
        assert_eq!(value["0012030405ab"]["pids"], serde_json::Value::Null);
    }
}
