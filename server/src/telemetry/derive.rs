//! Pure: rates and percentages out of two readings in a row. A counter that went back, or a value no machine has, is not known.

use pilotfish_protocol::{
    ContainerMetric, FilesystemMetric, HostMetric, InterfaceMetric, Metric, Reading, SensorMetric,
};

use crate::telemetry::sample::{
    ContainerSample, FilesystemSample, HostSample, InterfaceSample, Rates, Stall, Temperature,
    hundredths,
};

/// The largest percentage that is believed: of more cores than a host may have.
const MOST_PERCENT: f64 = 100.0 * pilotfish_protocol::limits::CPUS as f64;

/// Two readings of one subject, and the time between them.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The earlier one; empty when there is none that can be compared.
    pub before: &'a Reading,
    /// The later one.
    pub now: &'a Reading,
    /// The time between them; `None` when it is not known.
    pub interval_ms: Option<u64>,
}

impl Step<'_> {
    /// How much a counter grew.
    fn grown(&self, metric: impl Metric) -> Option<u64> {
        let grown = self
            .now
            .get(metric)?
            .checked_sub(self.before.get(metric)?)?;
        u64::try_from(grown).ok()
    }

    fn interval_ms(&self) -> Option<u64> {
        self.interval_ms.filter(|ms| *ms > 0)
    }

    /// How fast a counter grew, per second.
    fn per_sec(&self, metric: impl Metric) -> Option<f32> {
        let (grown, ms) = (self.grown(metric)?, self.interval_ms()?);
        hundredths(grown as f64 * 1000.0 / ms as f64)
    }

    /// How fast a counter of KiB grew, in bytes per second.
    fn bytes_per_sec(&self, metric: impl Metric) -> Option<u64> {
        let (grown, ms) = (self.grown(metric)?, self.interval_ms()?);
        u64::try_from(u128::from(grown) * 1024 * 1000 / u128::from(ms)).ok()
    }

    /// How much of the time a counter of milliseconds grew by, in percent.
    fn percent(&self, metric: impl Metric) -> Option<f32> {
        let (grown, ms) = (self.grown(metric)?, self.interval_ms()?);
        believed(grown as f64 * 100.0 / ms as f64)
    }

    /// How much of `whole_ms` a counter of milliseconds grew by, in percent.
    fn share(&self, metric: impl Metric, whole_ms: Option<f64>) -> Option<f32> {
        let whole_ms = whole_ms.filter(|whole_ms| *whole_ms > 0.0)?;
        believed(self.grown(metric)? as f64 * 100.0 / whole_ms)
    }

    fn count(&self, metric: impl Metric) -> Option<u64> {
        u64::try_from(self.now.get(metric)?).ok()
    }

    /// A value of KiB in bytes.
    fn bytes(&self, metric: impl Metric) -> Option<u64> {
        self.count(metric)?.checked_mul(1024)
    }

    fn stall(&self, cpu: impl Metric, memory: impl Metric, io: impl Metric) -> Stall {
        Stall {
            cpu_percent: self.percent(cpu),
            memory_percent: self.percent(memory),
            io_percent: self.percent(io),
        }
    }

    /// A container's sample; `host_memory_bytes` is what one without a limit may use.
    pub fn container(&self, host_memory_bytes: Option<u64>, at_unix_ms: u64) -> ContainerSample {
        use ContainerMetric as M;
        let memory_bytes = self.bytes(M::MemoryKib);
        let memory_limit_bytes = self.bytes(M::MemoryLimitKib);
        ContainerSample {
            at_unix_ms,
            cpu_percent: self.percent(M::CpuMs),
            cpu_limit_percent: self
                .count(M::CpuLimitMillicores)
                .and_then(|millicores| believed(millicores as f64 / 10.0)),
            throttled_percent: self.percent(M::ThrottledMs),
            memory_bytes,
            memory_limit_bytes,
            memory_percent: part(memory_bytes, memory_limit_bytes.or(host_memory_bytes)),
            network_rx_bytes: self.bytes(M::ReceivedKib),
            network_tx_bytes: self.bytes(M::SentKib),
            disk_read_bytes: self.bytes(M::ReadKib),
            disk_write_bytes: self.bytes(M::WrittenKib),
            rates: Rates {
                received: self.bytes_per_sec(M::ReceivedKib),
                sent: self.bytes_per_sec(M::SentKib),
                read: self.bytes_per_sec(M::ReadKib),
                written: self.bytes_per_sec(M::WrittenKib),
            },
            pids: self.count(M::Pids),
            oom_kills: self.count(M::OomKills),
            stall: self.stall(M::CpuStallMs, M::MemoryStallMs, M::IoStallMs),
        }
    }

    /// The host's sample, without its parts.
    pub fn host(&self, at_unix_ms: u64) -> HostSample {
        use HostMetric as M;
        let grown = |metric| self.grown(metric).map(|ms| ms as f64);
        // A kernel or container runtime that does not tell the last two counts them as 0.
        let is_absent = |metric| self.now.get(metric).is_none();
        let lesser = |metric| {
            if is_absent(metric) {
                Some(0.0)
            } else {
                grown(metric)
            }
        };
        let busy = || Some(grown(M::UserMs)? + grown(M::SystemMs)? + lesser(M::StealMs)?);
        let whole = || Some(busy()? + grown(M::IdleMs)? + lesser(M::IowaitMs)?);
        let (busy_ms, whole_ms) = (busy(), whole());
        let memory_bytes = self.bytes(M::MemoryKib);
        let memory_used_bytes = self.bytes(M::MemoryUsedKib);
        let load = |metric| {
            self.count(metric)
                .and_then(|load| hundredths(load as f64 / 100.0))
        };
        HostSample {
            at_unix_ms,
            cpu_percent: busy_ms
                .zip(whole_ms.filter(|whole_ms| *whole_ms > 0.0))
                .and_then(|(busy_ms, whole_ms)| hundredths(busy_ms * 100.0 / whole_ms)),
            user_percent: self.share(M::UserMs, whole_ms),
            system_percent: self.share(M::SystemMs, whole_ms),
            iowait_percent: self.share(M::IowaitMs, whole_ms),
            steal_percent: self.share(M::StealMs, whole_ms),
            load: [load(M::Load1), load(M::Load5), load(M::Load15)],
            memory_percent: part(memory_used_bytes, memory_bytes),
            memory_used_bytes,
            memory_bytes,
            swap_used_bytes: self.bytes(M::SwapUsedKib),
            swap_bytes: self.bytes(M::SwapKib),
            rates: Rates {
                received: None,
                sent: None,
                read: self.bytes_per_sec(M::ReadKib),
                written: self.bytes_per_sec(M::WrittenKib),
            },
            network_bytes_per_sec: None,
            stall: self.stall(M::CpuStallMs, M::MemoryStallMs, M::IoStallMs),
            under_voltage: self.count(M::UnderVoltage).map(|is_low| is_low != 0),
            thermal_throttles: self.count(M::ThermalThrottles),
            thermal_throttles_per_sec: self.per_sec(M::ThermalThrottles),
            interfaces: Vec::new(),
            filesystems: Vec::new(),
            temperatures: Vec::new(),
        }
    }

    /// A network interface's sample.
    pub fn interface(&self, name: &str) -> InterfaceSample {
        use InterfaceMetric as M;
        InterfaceSample {
            name: name.to_owned(),
            received: self.bytes_per_sec(M::ReceivedKib),
            sent: self.bytes_per_sec(M::SentKib),
            receive_faults: self.per_sec(M::ReceiveFaults),
            send_faults: self.per_sec(M::SendFaults),
        }
    }

    /// A file system's sample.
    pub fn filesystem(&self, name: &str) -> FilesystemSample {
        use FilesystemMetric as M;
        FilesystemSample {
            name: name.to_owned(),
            used_bytes: self.bytes(M::UsedKib),
            available_bytes: self.bytes(M::AvailableKib),
            size_bytes: self.bytes(M::SizeKib),
        }
    }

    /// A sensor's temperature; none below the absolute zero or above what melts a machine.
    pub fn temperature(&self, name: &str) -> Temperature {
        let told = self.now.get(SensorMetric::DeciCelsius);
        let told = told.filter(|deci| (-2731..=10_000).contains(deci));
        Temperature {
            name: name.to_owned(),
            celsius: told.and_then(|deci| hundredths(deci as f64 / 10.0)),
        }
    }
}

/// A percentage, unless no machine has it.
fn believed(percent: f64) -> Option<f32> {
    hundredths(percent).filter(|_| percent <= MOST_PERCENT)
}

/// `part` of `whole` in percent.
fn part(part: Option<u64>, whole: Option<u64>) -> Option<f32> {
    let whole = whole.filter(|whole| *whole > 0)?;
    believed(part? as f64 * 100.0 / whole as f64)
}

#[cfg(test)]
mod tests;
