//! Pure: ticks as the base dialect tells them, with percentages and rates, each from two readings in a row where it takes two.

use std::collections::BTreeMap;

use pilotfish_protocol::{
    ContainerMetric, ContainerStats, HostMetric, HostStats, InterfaceMetric, Percent, Reading,
    ShortId, Subject, Timestamp,
};

use super::tick::{ContainerSample, Tick};

const KIB: u64 = 1024;

/// What the tick before said.
#[derive(Debug, Default)]
pub struct BaseDialect {
    host: Option<Before>,
    interfaces: BTreeMap<String, Reading>,
    containers: BTreeMap<ShortId, Before>,
}

#[derive(Clone, Copy, Debug)]
struct Before {
    at_ms: u64,
    reading: Reading,
}

impl BaseDialect {
    /// The host's message; `None` of a tick without the host.
    pub fn host(&mut self, tick: &Tick) -> Option<HostStats> {
        let reading = tick
            .host
            .iter()
            .find_map(|(subject, reading)| (*subject == Subject::Host).then_some(*reading))?;
        let now = Before {
            at_ms: tick.at_ms,
            reading,
        };
        let before = self.host.replace(now);
        let net_bytes_per_sec = self.network(tick, before.map(|before| before.at_ms));
        let memory = |metric| count(&reading, metric);
        Some(HostStats {
            cpu_percent: before.and_then(|before| busy(&before.reading, &reading)),
            mem_percent: memory(HostMetric::MemoryUsedKib)
                .zip(memory(HostMetric::MemoryKib))
                .and_then(|(used, all)| Percent::of(used, all)),
            net_bytes_per_sec,
        })
    }

    /// A message for each container.
    pub fn containers(&mut self, tick: &Tick, at: Timestamp) -> Vec<ContainerStats> {
        let host = tick.host.first().map(|(_, reading)| *reading);
        let host_memory = host.and_then(|host| count(&host, HostMetric::MemoryKib));
        let mut before = std::mem::take(&mut self.containers);
        let stats = tick.containers.iter().map(|sample| {
            let id = ShortId::of(&sample.id);
            let now = Before {
                at_ms: tick.at_ms,
                reading: sample.reading,
            };
            self.containers.insert(id, now);
            container(sample, before.remove(&id), now, host_memory, at)
        });
        stats.collect()
    }

    /// Bytes per second of all interfaces; one that is new, or was made anew, says nothing of this interval.
    fn network(&mut self, tick: &Tick, before_ms: Option<u64>) -> Option<u64> {
        let traffic = |reading: &Reading| {
            let received = reading.get(InterfaceMetric::ReceivedKib)?;
            Some(received.saturating_add(reading.get(InterfaceMetric::SentKib)?))
        };
        let mut before = std::mem::take(&mut self.interfaces);
        let mut grown = 0_u64;
        for (subject, reading) in &tick.host {
            if let Subject::Interface(name) = subject {
                let old = before.remove(name).as_ref().and_then(traffic);
                let change = traffic(reading)
                    .zip(old)
                    .map(|(now, old)| now.saturating_sub(old));
                grown = grown.saturating_add(change.map_or(0, to_count));
                self.interfaces.insert(name.clone(), *reading);
            }
        }
        let ms = tick.at_ms.checked_sub(before_ms?).filter(|ms| *ms > 0)?;
        Some(grown.saturating_mul(KIB).saturating_mul(1000) / ms)
    }
}

fn container(
    sample: &ContainerSample,
    before: Option<Before>,
    now: Before,
    host_memory_kib: Option<u64>,
    at: Timestamp,
) -> ContainerStats {
    let reading = &sample.reading;
    let bytes = |metric| Some(count(reading, metric)?.saturating_mul(KIB));
    let memory_usage = bytes(ContainerMetric::MemoryKib);
    // As the Engine has it: who has no limit of his own may use the whole host.
    let memory_limit = bytes(ContainerMetric::MemoryLimitKib).or_else(|| {
        memory_usage
            .and(host_memory_kib)
            .map(|kib| kib.saturating_mul(KIB))
    });
    let cpu_percent = before.and_then(|before| {
        let used = grown(&before.reading, reading, ContainerMetric::CpuMs)?;
        Percent::of(used, now.at_ms.checked_sub(before.at_ms)?)
    });
    ContainerStats {
        container_id: sample.id.clone(),
        container_name: sample.name.to_string(),
        cpu_percent,
        memory_usage,
        memory_limit,
        memory_percent: memory_usage
            .zip(memory_limit)
            .and_then(|(used, limit)| Percent::of(used, limit)),
        network_rx: bytes(ContainerMetric::ReceivedKib),
        network_tx: bytes(ContainerMetric::SentKib),
        disk_read: bytes(ContainerMetric::ReadKib),
        disk_write: bytes(ContainerMetric::WrittenKib),
        timestamp: Some(at),
    }
}

/// CPU that was neither idle nor waiting for a disk, of all that passed.
fn busy(before: &Reading, now: &Reading) -> Option<Percent> {
    let ms = |metric| grown(before, now, metric);
    let steal = ms(HostMetric::StealMs).unwrap_or_default();
    let busy = ms(HostMetric::UserMs)? + ms(HostMetric::SystemMs)? + steal;
    // The kernel lets iowait go back.
    let iowait = ms(HostMetric::IowaitMs).unwrap_or_default();
    Percent::of(busy, busy + ms(HostMetric::IdleMs)? + iowait)
}

/// How much a counter grew; `None` when it is not known, or went back.
fn grown(before: &Reading, now: &Reading, metric: impl pilotfish_protocol::Metric) -> Option<u64> {
    count(now, metric)?.checked_sub(count(before, metric)?)
}

fn count(reading: &Reading, metric: impl pilotfish_protocol::Metric) -> Option<u64> {
    reading.get(metric).map(to_count)
}

fn to_count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use pilotfish_protocol::ContainerId;

    use super::*;

    fn tick(at_ms: u64, host: &[(HostMetric, i64)], interface_kib: i64, cpu_ms: i64) -> Tick {
        let mut reading = Reading::EMPTY;
        for (metric, value) in host {
            reading.set(*metric, *value);
        }
        let mut interface = Reading::EMPTY;
        interface.set(InterfaceMetric::ReceivedKib, interface_kib);
        interface.set(InterfaceMetric::SentKib, 0);
        let mut container = Reading::EMPTY;
        container.set(ContainerMetric::CpuMs, cpu_ms);
        container.set(ContainerMetric::MemoryKib, 100);
        Tick {
            at_ms,
            host: vec![
                (Subject::Host, reading),
                (Subject::Interface("eth0".into()), interface),
            ],
            containers: vec![ContainerSample {
                id: ContainerId::new("0123456789ab").unwrap(),
                name: "web".into(),
                reading: container,
            }],
        }
    }

    fn host(user: i64, idle: i64) -> [(HostMetric, i64); 5] {
        [
            (HostMetric::UserMs, user),
            (HostMetric::SystemMs, 0),
            (HostMetric::IdleMs, idle),
            (HostMetric::MemoryUsedKib, 250),
            (HostMetric::MemoryKib, 1000),
        ]
    }

    #[test]
    fn percentages_and_rates_come_with_the_second_tick() {
        let mut dialect = BaseDialect::default();
        let at = Timestamp::from_unix_ms(0);
        let first = tick(1000, &host(0, 0), 10, 0);
        let stats = dialect.host(&first).unwrap();
        assert_eq!((stats.cpu_percent, stats.net_bytes_per_sec), (None, None));
        assert_eq!(stats.mem_percent, Some(Percent::from_tenths(250)));
        assert_eq!(dialect.containers(&first, at)[0].cpu_percent, None);
        let second = tick(3000, &host(1000, 3000), 30, 3000);
        let stats = dialect.host(&second).unwrap();
        assert_eq!(stats.cpu_percent, Some(Percent::from_tenths(250)));
        assert_eq!(stats.net_bytes_per_sec, Some(10 * KIB));
        let stats = &dialect.containers(&second, at)[0];
        assert_eq!(stats.cpu_percent, Some(Percent::from_tenths(1500)));
        assert_eq!(
            (stats.memory_usage, stats.memory_limit),
            (Some(100 * KIB), Some(1000 * KIB))
        );
        assert_eq!(stats.network_rx, None);
    }

    #[test]
    fn a_counter_that_went_back_gives_no_percentage() {
        let mut dialect = BaseDialect::default();
        let at = Timestamp::from_unix_ms(0);
        dialect.containers(&tick(1000, &[], 0, 500), at);
        assert_eq!(
            dialect.containers(&tick(2000, &[], 0, 5), at)[0].cpu_percent,
            None
        );
    }
}
