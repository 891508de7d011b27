//! Pure: which files tell what of a container, and how their values become one reading.

use pilotfish_protocol::{ContainerMetric, Reading};

use super::net_dev;
use super::text::number;
use super::{pressure, v1, v2};

/// A hierarchy that files are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hierarchy {
    /// That of a controller of cgroup v1.
    V1(&'static str),
    /// Cgroup v2, which on hybrid hosts has no controllers.
    V2,
    /// Not a cgroup: `/proc/PID`.
    Process,
}

impl Hierarchy {
    /// The v1 controller, `None` inside for v2; `None` for what is no cgroup.
    #[must_use]
    pub fn controller(self) -> Option<Option<&'static str>> {
        match self {
            Self::V1(controller) => Some(Some(controller)),
            Self::V2 => Some(None),
            Self::Process => None,
        }
    }
}

/// How often a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Often {
    /// In every pass, and held open.
    Always,
    /// As [`Often::Always`] in containers with a CPU limit, else as [`Often::Seldom`].
    WhenLimited,
    /// In the first pass and then in every sixth.
    Seldom,
}

/// A file that tells something of a container.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// What it tells.
    pub tells: Tells,
    /// Its path below the container's directory there.
    pub name: &'static str,
    /// How often it is read.
    pub often: Often,
    /// The v1 controller that has it as well; where that is mounted this file is not read.
    pub instead_of: Option<&'static str>,
}

/// What a file tells, and in which format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// `cpuacct.usage`
    CpuUsageV1,
    /// `cpu.stat` of v1
    ThrottledV1,
    /// `cpu.stat` of v2
    CpuStatV2,
    /// `memory.usage_in_bytes`, `memory.current`; read before its stat.
    MemoryUsage,
    /// `memory.stat` of v1
    MemoryStatV1,
    /// `memory.stat` of v2
    MemoryStatV2,
    /// `blkio.throttle.io_service_bytes_recursive`
    BlockV1,
    /// `io.stat`
    BlockV2,
    /// `pids.current`
    Pids,
    /// `cpu.pressure`
    CpuPressure,
    /// `memory.pressure`
    MemoryPressure,
    /// `io.pressure`
    IoPressure,
    /// `net/dev`
    Network,
    /// `memory.limit_in_bytes`
    MemoryLimitV1,
    /// `memory.max`
    MemoryLimitV2,
    /// `cpu.cfs_period_us`; read before its quota.
    CpuPeriodV1,
    /// `cpu.cfs_quota_us`
    CpuQuotaV1,
    /// `cpu.max`
    CpuLimitV2,
    /// `memory.oom_control`
    KillsV1,
    /// `memory.events`
    KillsV2,
}

/// The files of a container, by hierarchy. Limits come first, because they tell how often others are read.
pub const SOURCES: [(Hierarchy, &[Source]); 7] = {
    use Often::{Always, Seldom, WhenLimited};
    use Tells::*;
    [
        (
            Hierarchy::V1("cpu"),
            &[
                v1(CpuPeriodV1, "cpu.cfs_period_us", Seldom),
                v1(CpuQuotaV1, "cpu.cfs_quota_us", Seldom),
                v1(ThrottledV1, "cpu.stat", WhenLimited),
            ],
        ),
        (
            Hierarchy::V1("cpuacct"),
            &[v1(CpuUsageV1, "cpuacct.usage", Always)],
        ),
        (
            Hierarchy::V1("memory"),
            &[
                v1(MemoryLimitV1, "memory.limit_in_bytes", Seldom),
                v1(KillsV1, "memory.oom_control", Seldom),
                v1(MemoryUsage, "memory.usage_in_bytes", Always),
                v1(MemoryStatV1, "memory.stat", Always),
            ],
        ),
        (
            Hierarchy::V1("blkio"),
            &[v1(
                BlockV1,
                "blkio.throttle.io_service_bytes_recursive",
                Always,
            )],
        ),
        (Hierarchy::V1("pids"), &[v1(Pids, "pids.current", Always)]),
        (
            Hierarchy::V2,
            &[
                v2(CpuLimitV2, "cpu.max", Seldom, Some("cpu")),
                v2(CpuStatV2, "cpu.stat", Always, Some("cpuacct")),
                v2(MemoryLimitV2, "memory.max", Seldom, Some("memory")),
                v2(KillsV2, "memory.events", Seldom, Some("memory")),
                v2(MemoryUsage, "memory.current", Always, Some("memory")),
                v2(MemoryStatV2, "memory.stat", Always, Some("memory")),
                v2(BlockV2, "io.stat", Always, Some("blkio")),
                v2(Pids, "pids.current", Always, Some("pids")),
                v2(CpuPressure, "cpu.pressure", Always, None),
                v2(MemoryPressure, "memory.pressure", Always, None),
                v2(IoPressure, "io.pressure", Always, None),
            ],
        ),
        (Hierarchy::Process, &[v1(Network, "net/dev", Always)]),
    ]
};

const fn v1(tells: Tells, name: &'static str, often: Often) -> Source {
    v2(tells, name, often, None)
}

const fn v2(
    tells: Tells,
    name: &'static str,
    often: Often,
    instead_of: Option<&'static str>,
) -> Source {
    Source {
        tells,
        name,
        often,
        instead_of,
    }
}

/// What no file says: a line that is cut.
const CUT: &[u8] = b"-";

/// What was read of one container, put together file by file.
///
/// What is read seldom stays from pass to pass; all else is absent until it is read again.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    reading: Reading,
    memory_bytes: Option<u64>,
    cpu_period_usec: Option<u64>,
    /// Whether it has run since the pass before.
    has_run: bool,
    /// Whether it has neither run nor got or lost memory since the pass before, so that how the memory is used is as it was.
    is_memory_same: bool,
}

impl Gathered {
    /// What is known.
    #[must_use]
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Tells whether the container has a CPU limit.
    #[must_use]
    pub fn is_cpu_limited(&self) -> bool {
        self.reading
            .get(ContainerMetric::CpuLimitMillicores)
            .is_some()
    }

    /// Tells whether a file most likely says what it said before: `memory.stat`, the longest, of a container that does nothing.
    #[must_use]
    pub fn is_same(&self, tells: Tells) -> bool {
        matches!(tells, Tells::MemoryStatV1 | Tells::MemoryStatV2) && self.is_memory_same
    }

    /// Makes absent what a file tells.
    pub fn lose(&mut self, tells: Tells) {
        self.take(tells, CUT);
    }

    /// Takes what a file says now; what it does not say, or not as its format is, becomes absent.
    pub fn take(&mut self, tells: Tells, text: &[u8]) {
        use ContainerMetric as Metric;
        match tells {
            Tells::CpuUsageV1 => self.set_cpu(v1::cpu_ms(text)),
            Tells::ThrottledV1 => self.set(Metric::ThrottledMs, v1::throttled_ms(text)),
            Tells::CpuStatV2 => {
                self.set_cpu(v2::cpu_ms(text));
                self.set(Metric::ThrottledMs, v2::throttled_ms(text));
            }
            Tells::MemoryUsage => {
                let before = std::mem::replace(&mut self.memory_bytes, number(text));
                let is_known = self.reading.get(Metric::MemoryKib).is_some();
                self.is_memory_same = is_known && !self.has_run && self.memory_bytes == before;
                if !self.is_memory_same {
                    self.set(Metric::MemoryKib, None);
                }
            }
            Tells::MemoryStatV1 => self.set_memory(text, v1::memory_bytes),
            Tells::MemoryStatV2 => self.set_memory(text, v2::memory_bytes),
            Tells::BlockV1 => self.set_block(v1::block_bytes(text)),
            Tells::BlockV2 => self.set_block(v2::block_bytes(text)),
            Tells::Pids => self.set(Metric::Pids, number(text)),
            Tells::CpuPressure => self.set(Metric::CpuStallMs, pressure::some_ms(text)),
            Tells::MemoryPressure => self.set(Metric::MemoryStallMs, pressure::some_ms(text)),
            Tells::IoPressure => self.set(Metric::IoStallMs, pressure::some_ms(text)),
            Tells::Network => {
                let traffic = net_dev::traffic(text);
                self.set(
                    Metric::ReceivedKib,
                    traffic.map(|traffic| kib(traffic.received_bytes)),
                );
                self.set(
                    Metric::SentKib,
                    traffic.map(|traffic| kib(traffic.sent_bytes)),
                );
            }
            Tells::MemoryLimitV1 => {
                self.set(
                    Metric::MemoryLimitKib,
                    v1::memory_limit_bytes(text).map(kib),
                );
            }
            Tells::MemoryLimitV2 => {
                self.set(
                    Metric::MemoryLimitKib,
                    v2::memory_limit_bytes(text).map(kib),
                );
            }
            Tells::CpuPeriodV1 => self.cpu_period_usec = number(text),
            Tells::CpuQuotaV1 => {
                let limit = number(text).zip(self.cpu_period_usec);
                let limit = limit.and_then(|(quota, period)| v2::millicores(quota, period));
                self.set(Metric::CpuLimitMillicores, limit);
            }
            Tells::CpuLimitV2 => {
                self.set(Metric::CpuLimitMillicores, v2::cpu_limit_millicores(text));
            }
            Tells::KillsV1 => self.set(Metric::OomKills, v1::oom_kills(text)),
            Tells::KillsV2 => self.set(Metric::OomKills, v2::oom_kills(text)),
        }
    }

    fn set(&mut self, metric: ContainerMetric, value: Option<u64>) {
        let value = value.and_then(|value| i64::try_from(value).ok());
        self.reading.set_if_known(metric, value);
    }

    fn set_cpu(&mut self, ms: Option<u64>) {
        let before = self.reading.get(ContainerMetric::CpuMs);
        self.set(ContainerMetric::CpuMs, ms);
        self.has_run = self.reading.get(ContainerMetric::CpuMs) != before;
    }

    fn set_memory(&mut self, stat: &[u8], used: fn(u64, &[u8]) -> Option<u64>) {
        let used = self.memory_bytes.and_then(|bytes| used(bytes, stat));
        self.set(ContainerMetric::MemoryKib, used.map(kib));
    }

    fn set_block(&mut self, bytes: Option<(u64, u64)>) {
        self.set(ContainerMetric::ReadKib, bytes.map(|(read, _)| kib(read)));
        self.set(
            ContainerMetric::WrittenKib,
            bytes.map(|(_, written)| kib(written)),
        );
    }
}

fn kib(bytes: u64) -> u64 {
    bytes / 1024
}
