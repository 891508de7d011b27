//! Pure: a container's numbers from the Engine's one-shot stats.
//!
//! Source: Docker Engine API, `GET /containers/ID/stats`. A one-shot answer has no previous sample inside, so CPU is computed from the
//! sample read before. Fields that cgroup v1, v2 and Podman do not have in common are optional.

use std::borrow::Cow;
use std::collections::BTreeMap;

use pilotfish_protocol::{ContainerId, ContainerStats, Percent, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Turns stats into numbers, CPU from two samples of one container in a row.
///
/// Holds 2 numbers per container; [`ContainerMeter::forget`] those that went.
#[derive(Debug, Default)]
pub struct ContainerMeter {
    previous: BTreeMap<ContainerId, CpuCounters>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CpuCounters {
    /// CPU time that the container used, in nanoseconds.
    container: u64,
    /// CPU time that passed on all cores of the host, in nanoseconds.
    system: u64,
}

impl ContainerMeter {
    /// Reads the Engine's `stats` of container `id`, taken at `at`.
    ///
    /// What is not known is `None`: CPU at the first sample and after the container was started again, memory where the kernel does not
    /// account for it, everything but the name once the container has stopped.
    ///
    /// # Errors
    ///
    /// When `stats` are not the JSON that the Engine API describes; the sample before is kept.
    pub fn take(
        &mut self,
        id: &ContainerId,
        stats: &[u8],
        at: Timestamp,
    ) -> Result<ContainerStats, serde_json::Error> {
        let stats: Stats<'_> = serde_json::from_slice(stats)?;
        let cpu = stats.cpu();
        let before = match cpu {
            Some(cpu) => self.previous.insert(id.clone(), cpu),
            None => self.previous.remove(id),
        };
        let cores = stats.cores();
        let memory_usage = stats.memory_stats.used();
        let memory_limit = stats.memory_stats.limit.filter(|limit| *limit > 0);
        Ok(ContainerStats {
            container_id: id.clone(),
            container_name: stats.name.trim_start_matches('/').to_owned(),
            cpu_percent: before
                .zip(cpu)
                .and_then(|(before, now)| cpu_percent(before, now, cores)),
            memory_usage,
            memory_limit,
            memory_percent: memory_usage
                .zip(memory_limit)
                .and_then(|(used, limit)| Percent::of(used, limit)),
            network_rx: stats.network(|interface| interface.rx_bytes),
            network_tx: stats.network(|interface| interface.tx_bytes),
            disk_read: stats.disk("read"),
            disk_write: stats.disk("write"),
            timestamp: Some(at),
        })
    }

    /// Forgets a container that is not running any more.
    pub fn forget(&mut self, id: &ContainerId) {
        self.previous.remove(id);
    }

    /// Forgets all containers but those that `stays` names.
    pub fn keep_only(&mut self, stays: impl Fn(&ContainerId) -> bool) {
        self.previous.retain(|id, _| stays(id));
    }
}

fn cpu_percent(before: CpuCounters, now: CpuCounters, cores: u32) -> Option<Percent> {
    let used = now.container.checked_sub(before.container)?;
    let passed = now.system.checked_sub(before.system)?;
    let cores = u64::from(cores);
    Percent::of(used.checked_mul(cores)?, passed)
}

#[derive(Deserialize)]
struct Stats<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(default)]
    cpu_stats: CpuStats,
    #[serde(default)]
    memory_stats: MemoryStats,
    #[serde(borrow, default)]
    networks: Option<BTreeMap<Cow<'a, str>, Interface>>,
    #[serde(borrow, default)]
    blkio_stats: BlockStats<'a>,
}

#[derive(Default, Deserialize)]
struct CpuStats {
    #[serde(default)]
    cpu_usage: CpuUsage,
    #[serde(default)]
    system_cpu_usage: Option<u64>,
    #[serde(default)]
    online_cpus: Option<u32>,
}

#[derive(Default, Deserialize)]
struct CpuUsage {
    #[serde(default)]
    total_usage: Option<u64>,
    /// Only counted.
    #[serde(default)]
    percpu_usage: Option<Vec<IgnoredAny>>,
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
    /// Only cgroup v2 has it.
    #[serde(default)]
    anon: Option<u64>,
    #[serde(default)]
    active_file: Option<u64>,
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
    fn cpu(&self) -> Option<CpuCounters> {
        let container = self.cpu_stats.cpu_usage.total_usage?;
        let system = self.cpu_stats.system_cpu_usage?;
        Some(CpuCounters { container, system })
    }

    fn cores(&self) -> u32 {
        let listed = self.cpu_stats.cpu_usage.percpu_usage.as_ref().map(Vec::len);
        let listed = listed.and_then(|len| u32::try_from(len).ok());
        let online = self.cpu_stats.online_cpus.filter(|cores| *cores > 0);
        online.or(listed).unwrap_or(1).max(1)
    }

    /// The sum over all interfaces; `None` for a container without its own network.
    fn network(&self, bytes: fn(&Interface) -> u64) -> Option<u64> {
        let interfaces = self.networks.as_ref()?.values();
        Some(interfaces.fold(0, |sum, interface| sum.saturating_add(bytes(interface))))
    }

    /// The sum over all devices of `op`, which cgroup v1 writes with a capital; `None` when no device was counted.
    fn disk(&self, op: &str) -> Option<u64> {
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
    /// Memory that the container needs: file cache that was not used lately can be taken back and does not count.
    fn used(&self) -> Option<u64> {
        let details = self.stats.as_ref();
        if let Some(anon) = details.and_then(|details| details.anon) {
            let active_file = details
                .and_then(|details| details.active_file)
                .unwrap_or_default();
            return Some(anon.saturating_add(active_file));
        }
        let usage = self.usage?;
        let inactive_file = details
            .and_then(|details| details.inactive_file)
            .unwrap_or_default();
        Some(if inactive_file < usage {
            usage - inactive_file
        } else {
            usage
        })
    }
}

#[cfg(test)]
mod tests;
