//! Pure: containers as a small host has them, walking at random within ranges that were chosen, not measured.

use fastrand::Rng;
use pilotfish_protocol::{
    ContainerId, ContainerMetric as C, ContainerStats, HostMetric as H, Percent, Reading, ShortId,
    Subject, Timestamp,
};

/// The time between two ticks, give or take some milliseconds.
pub(crate) const INTERVAL_MS: u64 = 10_000;

/// A host's containers, and what was measured of them in the present tick.
#[derive(Debug)]
pub(crate) struct Workload {
    random: Rng,
    at_ms: u64,
    samples: Vec<(Subject, Reading)>,
    /// The work of each sample.
    works: Vec<Work>,
}

/// What a container does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// It is the host, with all that its containers do.
    Host,
    /// Nothing that a tick would show.
    Idle,
    /// Answers requests: some CPU, network both ways, memory that breathes.
    Web,
    /// Reads and writes: less network, more disk.
    Database,
    /// Computes: a core, held back by its limit now and then, hardly anything else.
    Compute,
}

impl Workload {
    /// `busy` of `containers` are at work, spread among the others.
    pub(crate) fn new(containers: usize, busy: usize) -> Self {
        let works = (0..containers).map(|n| {
            // The busy ones are where a line of this slope passes a whole number.
            let is_busy = (n + 1) * busy / containers > n * busy / containers;
            let kinds = [Work::Web, Work::Database, Work::Web, Work::Compute];
            if is_busy {
                kinds[n * busy / containers % kinds.len()]
            } else {
                Work::Idle
            }
        });
        let works: Vec<Work> = works.collect();
        let samples = (0_u32..).zip(&works).map(|(n, work)| {
            let [_, _, high, low] = n.to_be_bytes();
            let subject = Subject::Container {
                id: ShortId([0xc0, 0xff, 0xee, 0, high, low]),
                name: format!("project-service-{n}"),
            };
            (subject, first(*work))
        });
        Self {
            random: Rng::with_seed(7),
            at_ms: 1_795_467_900_000,
            samples: samples.collect(),
            works,
        }
    }

    /// Adds the host itself.
    pub(crate) fn with_host(mut self) -> Self {
        self.works.push(Work::Host);
        self.samples.push((Subject::Host, first(Work::Host)));
        self
    }

    pub(crate) fn containers(&self) -> usize {
        let host = self.works.iter().filter(|work| **work == Work::Host);
        self.works.len() - host.count()
    }

    /// The tick's time, Unix ms.
    pub(crate) fn at_ms(&self) -> u64 {
        self.at_ms
    }

    /// What was measured in this tick.
    pub(crate) fn samples(&self) -> &[(Subject, Reading)] {
        &self.samples
    }

    /// The next tick.
    pub(crate) fn step(&mut self) {
        self.at_ms += INTERVAL_MS + self.random.u64(0..5);
        for ((_, reading), work) in self.samples.iter_mut().zip(&self.works) {
            for (metric, low, high, share) in work.container_walk() {
                walk(reading, &mut self.random, *metric, (*low, *high, *share));
            }
            for (metric, low, high) in work.host_walk() {
                walk(reading, &mut self.random, *metric, (*low, *high, 100));
            }
        }
    }

    /// The present tick as an agent says it to a DockMon backend.
    pub(crate) fn base_dialect(&self) -> Vec<ContainerStats> {
        let at = i64::try_from(self.at_ms).unwrap_or_default();
        let containers = self.samples.iter().filter_map(|(subject, reading)| {
            let Subject::Container { id, name } = subject else {
                return None;
            };
            let bytes = |metric| u64::try_from(reading.get(metric)? * 1024).ok();
            Some(ContainerStats {
                container_id: ContainerId::new(format!("{id}{}", "0".repeat(52))).ok()?,
                container_name: name.clone(),
                cpu_percent: Some(Percent::from_tenths(125)),
                memory_usage: bytes(C::MemoryKib),
                memory_limit: Some(8_201_056_256),
                memory_percent: Some(Percent::from_tenths(30)),
                network_rx: bytes(C::ReceivedKib),
                network_tx: bytes(C::SentKib),
                disk_read: bytes(C::ReadKib),
                disk_write: bytes(C::WrittenKib),
                timestamp: Some(Timestamp::from_unix_ms(at)),
            })
        });
        containers.collect()
    }
}

/// A container that has run for a while.
fn first(work: Work) -> Reading {
    let mut reading = Reading::EMPTY;
    if work == Work::Host {
        H::ALL
            .iter()
            .for_each(|metric| reading.set(*metric, 500_000));
    } else {
        C::ALL
            .iter()
            .for_each(|metric| reading.set(*metric, 50_000));
        reading.clear(C::MemoryLimitKib);
        reading.clear(C::CpuLimitMillicores);
    }
    reading
}

/// Changes a value in `share` of 100 ticks by something from `low` to `high`.
fn walk(
    reading: &mut Reading,
    random: &mut Rng,
    metric: impl pilotfish_protocol::Metric,
    (low, high, share): (i64, i64, u8),
) {
    if random.u8(0..100) < share {
        let last = reading.get(metric).unwrap_or_default();
        reading.set(metric, last + random.i64(low..=high));
    }
}

impl Work {
    /// Per metric the least and the most change in 10 s, and in how many of 100 ticks it changes.
    fn container_walk(self) -> &'static [(C, i64, i64, u8)] {
        match self {
            Self::Host | Self::Idle => &[],
            Self::Web => &[
                (C::CpuMs, 50, 900, 100),
                (C::MemoryKib, -800, 820, 90),
                (C::ReceivedKib, 5, 400, 100),
                (C::SentKib, 20, 3000, 100),
                (C::WrittenKib, 4, 60, 30),
                (C::CpuStallMs, 1, 60, 90),
                (C::Pids, -2, 2, 15),
                (C::IoStallMs, 1, 5, 10),
            ],
            Self::Database => &[
                (C::CpuMs, 100, 2500, 100),
                (C::MemoryKib, -2000, 2000, 70),
                (C::ReceivedKib, 5, 200, 100),
                (C::SentKib, 5, 400, 100),
                (C::WrittenKib, 16, 2000, 90),
                (C::ReadKib, 4, 400, 30),
                (C::CpuStallMs, 1, 100, 90),
                (C::IoStallMs, 1, 300, 60),
                (C::Pids, -1, 1, 5),
            ],
            Self::Compute => &[
                (C::CpuMs, 9700, 10_000, 100),
                (C::MemoryKib, -64, 64, 50),
                (C::CpuStallMs, 5, 900, 100),
                (C::ThrottledMs, 20, 400, 80),
            ],
        }
    }

    fn host_walk(self) -> &'static [(H, i64, i64)] {
        match self {
            Self::Idle | Self::Web | Self::Database | Self::Compute => &[],
            Self::Host => &[
                (H::UserMs, 1000, 12_000),
                (H::SystemMs, 200, 3000),
                (H::IowaitMs, 0, 200),
                (H::MemoryUsedKib, -3000, 3000),
                (H::Load1, -20, 20),
                (H::WrittenKib, 20, 3000),
                (H::ReadKib, 0, 400),
                (H::Load5, -5, 5),
                (H::Load15, -2, 2),
                (H::CpuStallMs, 5, 900),
                (H::IoStallMs, 0, 300),
                (H::IdleMs, 25_000, 38_000),
            ],
        }
    }
}
