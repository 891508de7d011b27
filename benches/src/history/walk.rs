//! Hosts whose numbers walk as real ones do: counters in ms and KiB, a clock that jitters by some ms, five of twenty containers at work, the others
//! with a tick of CPU time now and then.

use pilotfish_protocol::{ShortId, Subject};
use pilotfish_server::telemetry::measure::Measure;

/// Containers of a host.
pub(crate) const CONTAINERS: u64 = 20;

/// Of them at work.
const BUSY: u64 = 5;

/// Rows of one tick.
type Rows = Vec<(Subject, Vec<(Measure, f64)>)>;

/// One host.
#[derive(Debug)]
pub(crate) struct Host {
    random: u64,
    at_unix_ms: u64,
    span_ms: u64,
    containers: Vec<Container>,
    disk_kib: f64,
    celsius: f64,
    load: f64,
}

/// One container.
#[derive(Debug, Clone, Copy)]
struct Container {
    is_busy: bool,
    cpu_ms: f64,
    memory_kib: f64,
    pids: f64,
    traffic_kib: f64,
}

impl Host {
    /// Rows of one tick: the host, an interface, a file system, a sensor, and the containers.
    pub(crate) const ROWS: u64 = CONTAINERS + 4;

    pub(crate) fn new(number: u64) -> Self {
        let container = |place: u64| Container {
            is_busy: place < BUSY,
            cpu_ms: 600.0 + 900.0 * place as f64,
            memory_kib: 40_000.0 + 9_000.0 * place as f64,
            pids: 3.0 + place as f64,
            traffic_kib: 200.0,
        };
        Self {
            random: number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            at_unix_ms: 0,
            span_ms: 10_000,
            containers: (0..CONTAINERS).map(container).collect(),
            disk_kib: 9_000_000.0,
            celsius: 48.0,
            load: 0.7,
        }
    }

    pub(crate) fn container_id(place: u64) -> ShortId {
        let [.., a, b] = place.to_be_bytes();
        ShortId([1, 2, 3, 4, a, b])
    }

    /// Goes on to a tick about `at_unix_ms`; gives when it was and what it stands for.
    pub(crate) fn step(&mut self, at_unix_ms: u64) -> (u64, u64) {
        self.uniform();
        let at = at_unix_ms + (self.random >> 32) % 12;
        self.span_ms = (10_000 + at % 12).saturating_sub(self.at_unix_ms % 12);
        self.at_unix_ms = at;
        let mut containers = std::mem::take(&mut self.containers);
        for container in &mut containers {
            let (noise, other) = (self.normal(), self.normal());
            if container.is_busy {
                container.cpu_ms = (container.cpu_ms + noise * 60.0).clamp(50.0, 9_000.0);
                container.memory_kib =
                    (container.memory_kib + (other * 30.0).round() * 4.0).max(4_000.0);
                container.traffic_kib =
                    (container.traffic_kib * (noise * 0.2).exp()).clamp(5.0, 90_000.0);
                if other > 1.5 {
                    container.pids = (container.pids + noise.round()).max(1.0);
                }
            } else if noise > 2.0 {
                container.memory_kib += (other * 2.0).round() * 4.0;
            }
        }
        self.containers = containers;
        self.disk_kib += (self.normal().abs() * 40.0).round() * 4.0;
        self.celsius = (self.celsius + self.normal() * 0.4).clamp(35.0, 80.0);
        self.load = (self.load + self.normal() * 0.05).max(0.0);
        (at, 10_000)
    }

    /// What is measured in this tick, as the server derives it from counters.
    pub(crate) fn rows(&mut self) -> Rows {
        let mut rows = Vec::with_capacity(usize::try_from(Self::ROWS).unwrap_or_default());
        let mut cpu_ms = 0.0;
        let mut traffic_kib = 0.0;
        let mut memory_kib = 300_000.0;
        for place in 0..self.containers.len() {
            let values = self.container(place, &mut cpu_ms, &mut traffic_kib, &mut memory_kib);
            let id = Self::container_id(place as u64);
            let name = format!("c{place}");
            rows.push((Subject::Container { id, name }, values));
        }
        let user = percent(cpu_ms * 0.7 / 4.0, self.span_ms);
        let system = percent(cpu_ms * 0.3 / 4.0 + self.uniform() * 40.0, self.span_ms);
        let iowait = percent((self.normal() * 8.0).max(0.0), self.span_ms);
        let written_kib = (self.normal() * 300.0 + 200.0).max(0.0);
        let written = self.rate(written_kib);
        let host = vec![
            (Measure::CpuPercent, user + system),
            (Measure::UserPercent, user),
            (Measure::SystemPercent, system),
            (Measure::IowaitPercent, iowait),
            (Measure::StealPercent, 0.0),
            (Measure::MemoryBytes, (memory_kib / 4.0).round() * 4096.0),
            (Measure::MemoryLimitBytes, 8_000_000.0 * 1024.0),
            (Measure::SwapUsedBytes, 0.0),
            (Measure::ReceivedBytesPerSec, self.rate(traffic_kib)),
            (Measure::SentBytesPerSec, self.rate(traffic_kib * 0.6)),
            (Measure::ReadBytesPerSec, 0.0),
            (Measure::WrittenBytesPerSec, written),
            (Measure::Load1, self.load),
            (Measure::Load5, self.load * 0.9),
            (Measure::Load15, self.load * 0.8),
            (Measure::IoStallPercent, iowait / 2.0),
        ];
        rows.push((Subject::Host, host));
        let interface = vec![
            (Measure::ReceivedBytesPerSec, self.rate(traffic_kib)),
            (Measure::SentBytesPerSec, self.rate(traffic_kib * 0.6)),
        ];
        rows.push((Subject::Interface("eth0".to_owned()), interface));
        let used = self.disk_kib * 1024.0;
        let filesystem = vec![
            (Measure::UsedBytes, used),
            (Measure::AvailableBytes, 3.2e10 - used),
            (Measure::SizeBytes, 3.2e10),
        ];
        rows.push((Subject::Filesystem("/".to_owned()), filesystem));
        rows.push((
            Subject::Sensor("cpu".to_owned()),
            vec![(Measure::Celsius, self.celsius)],
        ));
        rows
    }

    fn container(
        &mut self,
        place: usize,
        cpu: &mut f64,
        traffic: &mut f64,
        memory: &mut f64,
    ) -> Vec<(Measure, f64)> {
        let Container {
            is_busy,
            cpu_ms,
            memory_kib,
            pids,
            traffic_kib,
        } = self.containers[place];
        let (a, b) = (self.normal(), self.normal());
        let (cpu_ms, received, sent, written) = if is_busy {
            let cpu_ms = (cpu_ms * (1.0 + a * 0.15)).max(1.0).round();
            let received = (traffic_kib * (1.0 + b * 0.25)).max(0.0).round();
            let written = if b > 0.8 {
                (b * 64.0).round() * 4.0
            } else {
                0.0
            };
            (
                cpu_ms,
                received,
                (received * (0.6 + a * 0.05)).max(0.0).round(),
                written,
            )
        } else {
            (if a > 1.0 { 1.0 } else { 0.0 }, 0.0, 0.0, 0.0)
        };
        *cpu += cpu_ms;
        *traffic += received;
        *memory += memory_kib;
        let stall = |share: f64| percent((cpu_ms * share).floor(), 10_000);
        vec![
            (Measure::CpuPercent, percent(cpu_ms, self.span_ms)),
            (Measure::MemoryBytes, memory_kib * 1024.0),
            (Measure::ReceivedBytesPerSec, self.rate(received)),
            (Measure::SentBytesPerSec, self.rate(sent)),
            (Measure::ReadBytesPerSec, 0.0),
            (Measure::WrittenBytesPerSec, self.rate(written)),
            (Measure::Pids, pids),
            (Measure::ThrottledPercent, 0.0),
            (Measure::CpuStallPercent, stall(0.02)),
            (Measure::MemoryStallPercent, 0.0),
            (
                Measure::IoStallPercent,
                if written > 0.0 { stall(0.004) } else { 0.0 },
            ),
            (Measure::MemoryLimitBytes, 512.0 * 1_048_576.0),
        ]
    }

    fn rate(&self, kib: f64) -> f64 {
        kib.round() * 1024.0 * 1000.0 / self.span_ms as f64
    }

    fn uniform(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal: the sum of twelve.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

fn percent(ms: f64, span_ms: u64) -> f64 {
    100.0 * ms / span_ms as f64
}
