//! The shell of host readings: one pass over files of /proc and /sys that stay open.

mod filesystems;
mod held;
mod roots;
mod sources;
mod temperatures;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use pilotfish_protocol::extension::Missing;
use pilotfish_protocol::metric::{HostMetric, InterfaceMetric, SensorMetric};
use pilotfish_protocol::{Reading, Subject, Text};

use super::cgroup::pressure::some_ms;
use super::cgroup::text::words;
use super::host::cpu::{cpu_times, cpus, hundredths, load};
use super::host::disks::{DiskLine, DiskSums};
use super::host::lines::only_number;
use super::host::memory::Memory;
use super::host::network::InterfaceLine;
use crate::clock;
use filesystems::Filesystem;
use held::Held;
pub use roots::HostRoots;
use sources::{Sources, carried, own_interface, word};

/// The longest file that is read in one go is a few KiB; of longer ones only the beginning is used.
const BUFFER_BYTES: usize = 8 * 1024;
/// How often all files are looked for again.
const FIND_PERIOD: Duration = Duration::from_secs(300);
/// How soon after the last time they are looked for when one could not be read, or an interface appeared.
const FIND_AGAIN: Duration = Duration::from_secs(30);
/// How often what changes slowly is read.
const SLOW_PERIOD: Duration = Duration::from_millis(9_500);

/// How the host is measured.
#[derive(Clone, Debug)]
pub struct HostCollector {
    /// Values that cannot be known.
    pub missing: Vec<Missing>,
    /// The kernel's id of this boot.
    pub boot_id: Option<Text<64>>,
    /// How long the host has been up.
    pub uptime_ms: Option<u64>,
}

/// Reads the host's counters and gauges.
#[derive(Debug)]
pub struct HostSampler {
    roots: HostRoots,
    data_root: Option<PathBuf>,
    sources: Sources,
    filesystems: Vec<(Filesystem, Option<Reading>)>,
    disks: DiskSums,
    /// What changes slowly, as it was read last.
    slow: Slow,
    find_at: Instant,
    found_at: Instant,
    /// Whether the first pass after that could read all files: what it could not, no further search will mend.
    was_whole: Option<bool>,
    buffer: Box<[u8]>,
}

#[derive(Clone, Copy, Debug)]
struct Slow {
    cpus: Option<i64>,
    thermal_throttles: Option<i64>,
    read_at: Option<Instant>,
}

impl HostSampler {
    /// Opens the host's files.
    #[must_use]
    pub fn new(roots: HostRoots) -> Self {
        let now = clock::now();
        let mut sampler = Self {
            roots,
            data_root: None,
            sources: Sources::default(),
            filesystems: Vec::new(),
            disks: DiskSums::default(),
            slow: Slow {
                cpus: None,
                thermal_throttles: None,
                read_at: None,
            },
            find_at: now,
            found_at: now,
            was_whole: None,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
        };
        sampler.find(now);
        sampler
    }

    /// Tells where the Engine keeps its data (`DockerRootDir`), so that how full that file system is can be shown.
    pub fn set_data_root(&mut self, path: Option<PathBuf>) {
        if self.data_root != path {
            self.data_root = path;
            self.find_at = clock::now();
        }
    }

    /// Reads everything once: the host first, then its interfaces, file systems and sensors. What cannot be read is absent.
    ///
    /// These files are in memory, or their answer was timed before: reading them does not wait.
    pub fn sample(&mut self) -> Vec<(Subject, Reading)> {
        let now = clock::now();
        if now >= self.find_at {
            self.find(now);
        }
        let sources = &self.sources;
        let count = sources.interfaces.len() + self.filesystems.len() + sources.temperatures.len();
        let mut samples = Vec::with_capacity(1 + count);
        samples.push((Subject::Host, Reading::EMPTY));
        let mut host = Reading::EMPTY;
        let mut is_whole = self.read_usage(&mut host);
        is_whole &= self.read_disks(&mut host);
        is_whole &= self.read_interfaces(&mut samples);
        self.read_slow(&mut host, &mut samples, now);
        samples[0].1 = host;
        if *self.was_whole.get_or_insert(is_whole) && !is_whole {
            self.find_at = self.find_at.min(self.found_at + FIND_AGAIN);
        }
        samples
    }

    /// Tells whether a report would say what `told` does, but for the time. Reads nothing.
    #[must_use]
    pub fn is_reported(&self, told: &HostCollector) -> bool {
        self.sources.missing == told.missing
    }

    /// What cannot be known and why, as it was when the files were looked for last; and since when the host is up.
    #[must_use]
    pub fn report(&self) -> HostCollector {
        let boot_id = word(&self.roots.proc.join("sys/kernel/random/boot_id"));
        let uptime = word(&self.roots.proc.join("uptime")).unwrap_or_default();
        let uptime = words(uptime.as_bytes()).next().and_then(hundredths);
        HostCollector {
            missing: self.sources.missing.clone(),
            boot_id: boot_id.as_deref().map(Text::cut),
            uptime_ms: uptime.and_then(|hundredths| hundredths.checked_mul(10)),
        }
    }

    fn find(&mut self, now: Instant) {
        let before = std::mem::take(&mut self.sources);
        self.sources = Sources::find(&self.roots, &mut self.buffer, before);
        self.was_whole = None;
        let faults = &mut self.sources.missing;
        let found = Filesystem::find(&self.roots, self.data_root.as_deref(), faults);
        self.filesystems = found.into_iter().map(|it| (it, None)).collect();
        self.disks
            .keep_only(std::mem::take(&mut self.sources.disks));
        self.slow.read_at = None;
        self.found_at = now;
        self.find_at = now + FIND_PERIOD;
    }

    /// Reads what says how busy the host is; `false` when a file could not be read.
    fn read_usage(&mut self, host: &mut Reading) -> bool {
        let (sources, buffer) = (&self.sources, &mut self.buffer);
        let mut is_whole = true;
        if let Some(times) = told(&sources.stat, buffer, &mut is_whole, cpu_times) {
            host.set_if_known(HostMetric::UserMs, signed(times.user_ms));
            host.set_if_known(HostMetric::SystemMs, signed(times.system_ms));
            host.set_if_known(HostMetric::IdleMs, signed(times.idle_ms));
            host.set_if_known(HostMetric::IowaitMs, signed(times.iowait_ms));
            host.set_if_known(HostMetric::StealMs, signed(times.steal_ms));
        }
        if let Some(load) = told(&sources.loadavg, buffer, &mut is_whole, load) {
            let metrics = [HostMetric::Load1, HostMetric::Load5, HostMetric::Load15];
            for (metric, hundredths) in metrics.into_iter().zip(load) {
                host.set_if_known(metric, signed(hundredths));
            }
        }
        let parse = |bytes: &[u8]| Some(Memory::parse(bytes));
        if let Some(memory) = told(&sources.meminfo, buffer, &mut is_whole, parse) {
            let known = |kib: Option<u64>| kib.and_then(signed);
            host.set_if_known(HostMetric::MemoryKib, known(memory.total_kib));
            host.set_if_known(HostMetric::MemoryUsedKib, known(memory.used_kib()));
            host.set_if_known(HostMetric::SwapKib, known(memory.swap_kib));
            host.set_if_known(HostMetric::SwapUsedKib, known(memory.swap_used_kib()));
        }
        let metrics = [
            HostMetric::CpuStallMs,
            HostMetric::MemoryStallMs,
            HostMetric::IoStallMs,
        ];
        for (metric, file) in metrics.into_iter().zip(&sources.pressure) {
            let stall_ms = told(file, buffer, &mut is_whole, some_ms);
            host.set_if_known(metric, stall_ms.and_then(signed));
        }
        let under_voltage = told(&sources.under_voltage, buffer, &mut is_whole, only_number);
        host.set_if_known(
            HostMetric::UnderVoltage,
            under_voltage.map(|it| i64::from(it != 0)),
        );
        is_whole
    }

    fn read_disks(&mut self, host: &mut Reading) -> bool {
        let Some(file) = &self.sources.diskstats else {
            return true;
        };
        let disks = &mut self.disks;
        let read = file.lines(&mut self.buffer, |line| {
            if let Some(line) = DiskLine::parse(line) {
                disks.take(line);
            }
        });
        if read.is_err() {
            return false;
        }
        let (read_kib, written_kib) = disks.sums_kib();
        host.set_if_known(HostMetric::ReadKib, signed(read_kib));
        host.set_if_known(HostMetric::WrittenKib, signed(written_kib));
        true
    }

    fn read_interfaces(&mut self, samples: &mut Vec<(Subject, Reading)>) -> bool {
        let Some(file) = &self.sources.net_dev else {
            return true;
        };
        let (interfaces, unused) = (&self.sources.interfaces, &self.sources.unused);
        let mut is_whole = true;
        let read = file.lines(&mut self.buffer, |line| {
            let Some((name, line)) = own_interface(line) else {
                return;
            };
            if let Some(name) = interfaces.iter().find(|known| *known == name) {
                samples.push((Subject::Interface(name.clone()), interface(&line)));
                return;
            }
            // One that is new, or was not in use and carries something now.
            let idle = (name, carried(&line));
            is_whole &= unused
                .iter()
                .any(|(name, bytes)| (name.as_str(), *bytes) == idle);
        });
        is_whole && read.is_ok()
    }

    fn read_slow(
        &mut self,
        host: &mut Reading,
        samples: &mut Vec<(Subject, Reading)>,
        now: Instant,
    ) {
        let (sources, buffer) = (&mut self.sources, &mut self.buffer);
        let is_due = self.slow.read_at.is_none_or(|at| now >= at + SLOW_PERIOD);
        if is_due {
            let number = |file: &Held, buffer: &mut [u8]| only_number(file.read(buffer).ok()?);
            let online = sources
                .cpus
                .as_ref()
                .and_then(|file| cpus(file.read(buffer).ok()?));
            let counts = sources.throttles.iter().map(|file| number(file, buffer));
            let throttles = counts.flatten().reduce(i64::saturating_add);
            self.slow = Slow {
                cpus: online.and_then(signed),
                thermal_throttles: throttles,
                read_at: Some(now),
            };
            for (filesystem, reading) in &mut self.filesystems {
                *reading = filesystem.read();
            }
        }
        host.set_if_known(HostMetric::Cpus, self.slow.cpus);
        host.set_if_known(HostMetric::ThermalThrottles, self.slow.thermal_throttles);
        for (filesystem, reading) in &self.filesystems {
            if let Some(reading) = reading {
                samples.push((Subject::Filesystem(filesystem.name.clone()), *reading));
            }
        }
        for sensor in &mut sources.temperatures {
            sensor.refresh(buffer, now);
            if let Some(deci_celsius) = sensor.deci_celsius {
                let mut reading = Reading::EMPTY;
                reading.set(SensorMetric::DeciCelsius, deci_celsius);
                samples.push((Subject::Sensor(sensor.name.clone()), reading));
            }
        }
    }
}

/// Reads a file that is there; `is_whole` becomes `false` when it does not tell what it should.
fn told<T>(
    file: &Option<Held>,
    buffer: &mut [u8],
    is_whole: &mut bool,
    parse: impl FnOnce(&[u8]) -> Option<T>,
) -> Option<T> {
    let value = parse(file.as_ref()?.read(buffer).unwrap_or_default());
    *is_whole &= value.is_some();
    value
}

fn interface(line: &InterfaceLine<'_>) -> Reading {
    let mut reading = Reading::EMPTY;
    reading.set_if_known(
        InterfaceMetric::ReceivedKib,
        signed(line.received_bytes / 1024),
    );
    reading.set_if_known(InterfaceMetric::SentKib, signed(line.sent_bytes / 1024));
    reading.set_if_known(InterfaceMetric::ReceiveFaults, signed(line.receive_faults));
    reading.set_if_known(InterfaceMetric::SendFaults, signed(line.send_faults));
    reading
}

fn signed(value: u64) -> Option<i64> {
    i64::try_from(value).ok()
}

#[cfg(test)]
mod tests;
