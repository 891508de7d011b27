//! Recorded files of /proc, damaged ones, and counters that misbehave.

use std::time::Duration;

use super::*;

const MEMINFO: &str = "MemTotal:         948012 kB\nMemFree:          103520 kB\nMemAvailable:     711009 kB\nBuffers: 1 kB\n";

#[expect(
    clippy::disallowed_methods,
    reason = "any instant will do; only differences count"
)]
fn start() -> Instant {
    Instant::now()
}

fn reading(stat: &str, meminfo: &str, traffic: &[(&str, u64, u64)]) -> HostReading {
    let traffic = traffic
        .iter()
        .map(|&(name, rx_bytes, tx_bytes)| (name.to_owned(), Traffic { rx_bytes, tx_bytes }));
    HostReading {
        stat: stat.as_bytes().to_vec(),
        meminfo: meminfo.as_bytes().to_vec(),
        interfaces: Some(traffic.collect()),
    }
}

/// The second of two readings, two seconds apart.
fn second(first: HostReading, second: HostReading) -> HostStats {
    let mut meter = HostMeter::default();
    let start = start();
    meter.take(first, start);
    meter.take(second, start + Duration::from_secs(2))
}

#[track_caller]
fn check_cpu(before: &str, now: &str, expected_tenths: Option<u32>) {
    let stats = second(reading(before, "", &[]), reading(now, "", &[]));
    assert_eq!(stats.cpu_percent.map(Percent::tenths), expected_tenths);
}

#[track_caller]
fn check_network(before: &[(&str, u64, u64)], now: &[(&str, u64, u64)], expected: Option<u64>) {
    let stats = second(reading("", "", before), reading("", "", now));
    assert_eq!(stats.net_bytes_per_sec, expected);
}

#[test]
fn the_first_reading_knows_memory_only_and_the_second_knows_all() {
    let mut meter = HostMeter::default();
    let now = start();
    let first = meter.take(
        reading("cpu 10 0 10 80 0 0 0 0 0 0\n", MEMINFO, &[("eth0", 5, 5)]),
        now,
    );
    let memory = Some(Percent::from_tenths(250));
    assert_eq!(
        first,
        HostStats {
            mem_percent: memory,
            ..HostStats::default()
        }
    );
    let now = now + Duration::from_secs(1);
    let second = meter.take(
        reading(
            "cpu 20 0 20 160 0 0 0 0 0 0\n",
            MEMINFO,
            &[("eth0", 10, 10)],
        ),
        now,
    );
    let cpu_percent = Some(Percent::from_tenths(200));
    assert_eq!(
        second,
        HostStats {
            cpu_percent,
            mem_percent: memory,
            net_bytes_per_sec: Some(10)
        }
    );
}

#[test]
fn recorded_files_are_read() {
    let stat = include_str!("../fixtures/host/stat");
    let meminfo = include_str!("../fixtures/host/meminfo");
    assert_eq!(
        cpu_times(stat.as_bytes()),
        Some(CpuTimes {
            total: 510_172,
            idle: 442_794
        })
    );
    assert_eq!(
        memory_used(meminfo.as_bytes()),
        Some(Percent::from_tenths(27))
    );
}

#[test]
fn all_but_idle_and_iowait_is_busy() {
    check_cpu(
        "cpu  0 0 0 0 0 0 0 0 0 0\n",
        "cpu  1 1 1 90 4 1 1 1 99 99\n",
        Some(60),
    );
    check_cpu(
        "cpu 0 0 0 0 0 0 0 0\n",
        "cpu 100 0 0 0 0 0 0 0\n",
        Some(1000),
    );
    check_cpu(
        "cpu 0 0 0 0 50 0 0 0\n",
        "cpu 40 0 0 70 40 0 0 0\n",
        Some(400),
    );
}

#[test]
fn counters_that_stand_or_go_back_give_no_number() {
    check_cpu("cpu 1 1 1 1 1 1 1 1\n", "cpu 1 1 1 1 1 1 1 1\n", None);
    check_cpu("cpu 9 1 1 1 1 1 1 1\n", "cpu 1 1 1 1 1 1 1 1\n", None);
    check_cpu(
        "cpu 18446744073709551615 1 1 1 1 1 1 1\n",
        "cpu 1 1 1 1 1 1 1 1\n",
        None,
    );
}

#[test]
fn a_damaged_or_cut_stat_is_not_known() {
    let good = "cpu  10 0 10 80 0 0 0 0 0 0\n";
    for bad in [
        "",
        "cpu",
        "cpu \n",
        "cpu 1 2 3\n",
        "cpu a b c d e f g h\n",
        "cpu0 1 1 1 1 1 1 1 1\n",
        "cpu -1 1 1 1 1 1 1 1\n",
    ] {
        check_cpu(good, bad, None);
        check_cpu(bad, good, None);
    }
    for end in 0..good.len() {
        assert_eq!(cpu_times(&good.as_bytes()[..end]), None);
    }
    assert_eq!(cpu_times(b"cpu \xff 1 1 1 1 1 1 1\n"), None);
}

#[test]
fn memory_that_cannot_be_read_is_not_known() {
    for bad in [
        "",
        "MemTotal: 0 kB\nMemAvailable: 0 kB\n",
        "MemTotal: 10 kB\n",
        "MemTotal: 10 kB\nMemAvailable: 11 kB\n",
    ] {
        assert_eq!(memory_used(bad.as_bytes()), None, "{bad}");
    }
    for end in 0..MEMINFO.find("Buffers").unwrap() {
        assert_eq!(memory_used(&MEMINFO.as_bytes()[..end]), None);
    }
}

#[test]
fn network_is_the_sum_of_interfaces_per_second() {
    check_network(
        &[("eth0", 0, 0), ("wlan0", 10, 10)],
        &[("eth0", 1000, 500), ("wlan0", 15, 15)],
        Some(755),
    );
    check_network(&[], &[], Some(0));
}

#[test]
fn an_interface_that_is_new_or_went_back_is_left_out() {
    check_network(
        &[("eth0", 0, 0), ("wlan0", 100, 100)],
        &[("eth0", 20, 0), ("wlan0", 50, 500), ("usb0", 9, 9)],
        Some(10),
    );
}

#[test]
fn two_readings_at_one_moment_give_no_rate() {
    let mut meter = HostMeter::default();
    let now = start();
    meter.take(reading("", "", &[("eth0", 0, 0)]), now);
    let stats = meter.take(reading("", "", &[("eth0", 5, 5)]), now);
    assert_eq!(stats.net_bytes_per_sec, None);
}

#[test]
fn only_the_hosts_own_interfaces_that_are_not_down_count() {
    for name in ["eth0", "enp3s0", "wlan0", "usb0", "wwan0", "bond0", "end0"] {
        assert!(
            counts(name, Some("up\n")) && counts(name, Some("unknown\n")) && counts(name, None),
            "{name}"
        );
        assert!(
            !counts(name, Some("down\n")) && !counts(name, Some("dormant\n")),
            "{name}"
        );
    }
    for name in [
        "lo",
        "veth1a2b",
        "br-0f",
        "docker0",
        "docker_gwbridge",
        "virbr0",
        "tun0",
        "sit0",
        "flannel.1",
        "cali9",
    ] {
        assert!(!counts(name, Some("up\n")), "{name}");
    }
}
