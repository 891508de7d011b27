//! Pure: host CPU, memory and network from what the kernel writes to /proc and /sys.
//!
//! Sources: proc_stat(5), proc_meminfo(5), the kernel's `Documentation/ABI/testing/sysfs-class-net` and `…-net-statistics`.

pub mod cpu;
pub mod disks;
pub mod lines;
pub mod memory;
pub mod mounts;
pub mod network;
pub mod pressure;
pub mod sensors;

use std::collections::BTreeMap;
use std::time::Instant;

use pilotfish_protocol::{HostStats, Percent};

/// What was read at one moment. A file that could not be read is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostReading {
    /// `/proc/stat`, at least its first line.
    pub stat: Vec<u8>,
    /// `/proc/meminfo`, at least up to `MemAvailable`.
    pub meminfo: Vec<u8>,
    /// The interfaces that [`counts`]; `None` when they are not known.
    pub interfaces: Option<BTreeMap<String, Traffic>>,
}

/// Bytes that an interface carried since it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
}

/// Turns readings into numbers, each from two readings in a row where it takes two.
#[derive(Debug, Default)]
pub struct HostMeter {
    cpu: Option<CpuTimes>,
    traffic: Option<(Instant, BTreeMap<String, Traffic>)>,
}

/// CPU time of all cores since the start, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CpuTimes {
    total: u64,
    /// Waiting for work or for a disk.
    idle: u64,
}

impl HostMeter {
    /// Takes a reading. What is not known is `None`: CPU and network at the first reading, all that cannot be read.
    pub fn take(&mut self, reading: HostReading, now: Instant) -> HostStats {
        let cpu = cpu_times(&reading.stat);
        let cpu_before = std::mem::replace(&mut self.cpu, cpu);
        let traffic = reading.interfaces.map(|interfaces| (now, interfaces));
        let traffic_before = std::mem::replace(&mut self.traffic, traffic);
        HostStats {
            cpu_percent: cpu_before
                .zip(cpu)
                .and_then(|(before, now)| busy(before, now)),
            mem_percent: memory_used(&reading.meminfo),
            net_bytes_per_sec: traffic_before
                .as_ref()
                .zip(self.traffic.as_ref())
                .and_then(rate),
        }
    }
}

/// Tells whether an interface's traffic is the host's own: `operstate` is the text of its file, `None` when that cannot be read.
#[must_use]
pub fn counts(name: &str, operstate: Option<&str>) -> bool {
    network::is_own(name.as_bytes()) && network::is_in_use(operstate.map(str::as_bytes))
}

fn cpu_times(stat: &[u8]) -> Option<CpuTimes> {
    let line = stat
        .split_inclusive(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(b"cpu "))?;
    // A number may be cut where the reading ended.
    let line = str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    // user, nice, system, idle, iowait, irq, softirq, steal; guest time is part of user.
    let mut times = [0_u64; 8];
    let mut words = line.split_ascii_whitespace();
    for time in &mut times {
        *time = words.next()?.parse().ok()?;
    }
    let total = times
        .iter()
        .try_fold(0_u64, |sum, time| sum.checked_add(*time))?;
    Some(CpuTimes {
        total,
        idle: times[3].checked_add(times[4])?,
    })
}

fn busy(before: CpuTimes, now: CpuTimes) -> Option<Percent> {
    let total = now.total.checked_sub(before.total)?;
    // The kernel lets iowait go back.
    let idle = now.idle.saturating_sub(before.idle).min(total);
    Percent::of(total - idle, total)
}

fn memory_used(meminfo: &[u8]) -> Option<Percent> {
    let value = |name: &[u8]| -> Option<u64> {
        let lines = meminfo.split_inclusive(|byte| *byte == b'\n');
        let line = lines
            .filter_map(|line| line.strip_suffix(b"\n"))
            .find_map(|line| line.strip_prefix(name))?;
        let line = str::from_utf8(line.strip_prefix(b":")?).ok()?;
        line.trim().strip_suffix(" kB")?.trim_end().parse().ok()
    };
    let total = value(b"MemTotal")?;
    Percent::of(total.checked_sub(value(b"MemAvailable")?)?, total)
}

type At = (Instant, BTreeMap<String, Traffic>);

fn rate(((before_at, before), (now_at, now)): (&At, &At)) -> Option<u64> {
    let ms = now_at.saturating_duration_since(*before_at).as_millis();
    // An interface that is new or was made anew says nothing about this interval.
    let grown = now.iter().filter_map(|(name, now)| {
        let before = before.get(name)?;
        let rx = now.rx_bytes.checked_sub(before.rx_bytes)?;
        let tx = now.tx_bytes.checked_sub(before.tx_bytes)?;
        Some(u128::from(rx) + u128::from(tx))
    });
    u64::try_from((grown.sum::<u128>() * 1000).checked_div(ms)?).ok()
}

#[cfg(test)]
mod tests;
