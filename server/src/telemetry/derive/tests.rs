//! Rates and percentages of two readings, also of counters that no kernel would tell.

use proptest::prelude::*;

use super::*;

fn reading<M: Metric>(values: &[(M, i64)]) -> Reading {
    let mut reading = Reading::EMPTY;
    for (metric, value) in values {
        reading.set(*metric, *value);
    }
    reading
}

fn container(
    before: &[(ContainerMetric, i64)],
    now: &[(ContainerMetric, i64)],
    ms: u64,
) -> ContainerSample {
    let (before, now) = (reading(before), reading(now));
    let step = Step {
        before: &before,
        now: &now,
        interval_ms: Some(ms),
    };
    step.container(Some(4 << 30), 7)
}

#[test]
fn a_container_on_one_and_a_half_cores_shows_150_percent() {
    use ContainerMetric as M;
    let before = [(M::CpuMs, 1000), (M::ThrottledMs, 0), (M::IoStallMs, 5)];
    let now = [(M::CpuMs, 4000), (M::ThrottledMs, 500), (M::IoStallMs, 5)];
    let sample = container(&before, &now, 2000);
    assert_eq!(sample.cpu_percent, Some(150.0));
    assert_eq!(sample.throttled_percent, Some(25.0));
    assert_eq!(sample.stall.io_percent, Some(0.0));
    assert_eq!(sample.stall.cpu_percent, None);
    assert_eq!(sample.at_unix_ms, 7);
}

#[test]
fn memory_is_of_the_limit_or_of_the_hosts_memory() {
    use ContainerMetric as M;
    let limited = container(
        &[],
        &[(M::MemoryKib, 1024), (M::MemoryLimitKib, 4096)],
        1000,
    );
    assert_eq!(limited.memory_percent, Some(25.0));
    assert_eq!(limited.memory_limit_bytes, Some(4 << 20));
    let unlimited = container(&[], &[(M::MemoryKib, 1 << 20)], 1000);
    assert_eq!(unlimited.memory_percent, Some(25.0));
    assert_eq!(unlimited.memory_limit_bytes, None);
}

#[test]
fn a_counter_that_went_back_is_unknown_for_that_tick_only() {
    use ContainerMetric as M;
    let reset = container(&[(M::SentKib, 500)], &[(M::SentKib, 10)], 1000);
    assert_eq!(
        (reset.rates.sent, reset.network_tx_bytes),
        (None, Some(10 << 10))
    );
    let after = container(&[(M::SentKib, 10)], &[(M::SentKib, 12)], 1000);
    assert_eq!(after.rates.sent, Some(2048));
}

#[test]
fn without_a_reading_before_or_a_time_between_rates_are_unknown() {
    use ContainerMetric as M;
    let now = [(M::CpuMs, 5), (M::Pids, 3), (M::ReceivedKib, 9)];
    let first = container(&[], &now, 1000);
    assert_eq!(
        (first.cpu_percent, first.rates.received, first.pids),
        (None, None, Some(3))
    );
    let same_time = container(&now, &now, 0);
    assert_eq!(
        (same_time.cpu_percent, same_time.rates.received),
        (None, None)
    );
}

#[test]
fn the_hosts_cpu_is_what_is_neither_idle_nor_waits_for_io() {
    use HostMetric as M;
    let zero = [M::UserMs, M::SystemMs, M::IowaitMs, M::StealMs, M::IdleMs].map(|m| (m, 0));
    let now = [
        (M::UserMs, 300),
        (M::SystemMs, 100),
        (M::IowaitMs, 200),
        (M::StealMs, 100),
        (M::IdleMs, 1300),
        (M::Load1, 150),
        (M::UnderVoltage, 1),
    ];
    let (before, now) = (reading(&zero), reading(&now));
    let step = |now| Step {
        before: &before,
        now,
        interval_ms: Some(1000),
    };
    let sample = step(&now).host(1);
    assert_eq!(sample.cpu_percent, Some(25.0));
    assert_eq!(
        (sample.user_percent, sample.steal_percent),
        (Some(15.0), Some(5.0))
    );
    assert_eq!(
        (sample.load, sample.under_voltage),
        ([Some(1.5), None, None], Some(true))
    );
    // A kernel that tells neither waiting nor stealing.
    let mut few = now;
    few.clear(M::IowaitMs);
    few.clear(M::StealMs);
    assert_eq!(step(&few).host(1).cpu_percent, Some(23.53));
    let mut none = few;
    none.clear(M::IdleMs);
    assert_eq!(step(&none).host(1).cpu_percent, None);
}

proptest! {
    #[test]
    fn whatever_is_told_a_sample_has_only_finite_numbers(
        before in proptest::collection::vec(any::<i64>(), 20),
        now in proptest::collection::vec(any::<i64>(), 20),
        ms in any::<Option<u64>>(),
    ) {
        let fill = |values: &[i64]| {
            let mut reading = Reading::EMPTY;
            for (metric, value) in HostMetric::ALL.iter().zip(values) {
                reading.set(*metric, *value);
            }
            reading
        };
        let (before, now) = (fill(&before), fill(&now));
        let step = Step { before: &before, now: &now, interval_ms: ms };
        let container = step.container(Some(1), 1);
        let host = step.host(1);
        let numbers = [
            container.cpu_percent, container.throttled_percent, container.memory_percent, container.cpu_limit_percent,
            host.cpu_percent, host.user_percent, host.iowait_percent, host.memory_percent, host.load[0],
            host.thermal_throttles_per_sec, step.temperature("t").celsius, step.interface("i").receive_faults,
        ];
        for number in numbers.into_iter().flatten() {
            prop_assert!(number.is_finite() && number >= -273.15, "{}", number);
        }
    }
}
