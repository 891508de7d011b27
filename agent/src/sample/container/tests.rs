//! Recorded and written stats of cgroup v1 and v2, and counters that misbehave.

use super::*;

fn id() -> ContainerId {
    ContainerId::new("aea5816ccd31").unwrap()
}

fn take(meter: &mut ContainerMeter, stats: &str) -> ContainerStats {
    meter
        .take(&id(), stats.as_bytes(), Timestamp::from_unix_ms(1000))
        .unwrap()
}

fn first(stats: &str) -> ContainerStats {
    take(&mut ContainerMeter::default(), stats)
}

fn cpu(total: u64, system: u64, rest: &str) -> String {
    format!(
        r#"{{"cpu_stats":{{"cpu_usage":{{"total_usage":{total}{rest}}},"system_cpu_usage":{system},"online_cpus":2}}}}"#
    )
}

#[track_caller]
fn check_cpu(samples: &[String], expected_tenths: Option<u32>) {
    let mut meter = ContainerMeter::default();
    let last = samples
        .iter()
        .map(|sample| take(&mut meter, sample))
        .last()
        .unwrap();
    assert_eq!(last.cpu_percent.map(Percent::tenths), expected_tenths);
}

#[track_caller]
fn check_memory(
    memory_stats: &str,
    used: Option<u64>,
    limit: Option<u64>,
    percent_tenths: Option<u32>,
) {
    let stats = first(&format!(r#"{{"memory_stats":{memory_stats}}}"#));
    assert_eq!(
        (stats.memory_usage, stats.memory_limit),
        (used, limit),
        "{memory_stats}"
    );
    assert_eq!(stats.memory_percent.map(Percent::tenths), percent_tenths);
}

#[test]
fn a_recorded_pair_of_cgroup_v1_is_read() {
    let mut meter = ContainerMeter::default();
    let stats = take(
        &mut meter,
        include_str!("../fixtures/stats/docker-20.10-v1-first.json"),
    );
    assert_eq!(stats.cpu_percent, None, "one sample is no interval");
    let stats = take(
        &mut meter,
        include_str!("../fixtures/stats/docker-20.10-v1-second.json"),
    );
    assert_eq!(stats.container_name, "busy");
    assert!(stats.cpu_percent.is_some());
    assert!(stats.memory_usage.is_some() && stats.memory_percent.is_some());
    assert_eq!(
        (stats.network_rx, stats.disk_read),
        (None, None),
        "no network, no block device counted"
    );
}

#[test]
fn cgroup_v1_with_devices_is_read() {
    let stats = first(include_str!("../fixtures/stats/docker-v1-devices.json"));
    assert_eq!(
        (stats.disk_read, stats.disk_write),
        (Some(63_508_480 + 1_000), Some(200_704))
    );
    assert_eq!(
        (stats.network_rx, stats.network_tx),
        (Some(648 + 100), Some(1_296))
    );
    assert_eq!(stats.memory_usage, Some(6_537_216 - 1_024));
}

#[test]
fn cgroup_v2_is_read_with_its_small_letters() {
    let mut meter = ContainerMeter::default();
    take(
        &mut meter,
        include_str!("../fixtures/stats/docker-24-v2-first.json"),
    );
    let stats = take(
        &mut meter,
        include_str!("../fixtures/stats/docker-24-v2-second.json"),
    );
    assert_eq!(
        stats,
        ContainerStats {
            container_id: id(),
            container_name: "nginx".into(),
            // 0.5 s of 40 s on 4 cores.
            cpu_percent: Some(Percent::from_tenths(50)),
            memory_usage: Some(5_242_880 + 1_048_576),
            memory_limit: Some(970_764_288),
            memory_percent: Some(Percent::from_tenths(6)),
            network_rx: Some(2_500),
            network_tx: Some(900),
            disk_read: Some(7_593_984),
            disk_write: Some(4_096),
            timestamp: Some(Timestamp::from_unix_ms(1000)),
        }
    );
}

#[test]
fn a_container_that_has_stopped_has_a_name_only() {
    let mut meter = ContainerMeter::default();
    take(
        &mut meter,
        include_str!("../fixtures/stats/docker-24-v2-second.json"),
    );
    let stats = take(
        &mut meter,
        include_str!("../fixtures/stats/docker-24-v2-stopped.json"),
    );
    let expected = ContainerStats {
        container_name: "nginx".into(),
        ..first("{}")
    };
    assert_eq!(stats, expected);
    assert!(meter.previous.is_empty());
}

#[test]
fn cpu_is_the_share_of_one_core_since_the_sample_before() {
    check_cpu(&[cpu(0, 0, "")], None);
    check_cpu(&[cpu(0, 0, ""), cpu(50, 200, "")], Some(500));
    check_cpu(
        &[cpu(0, 0, ""), cpu(50, 200, ""), cpu(50, 400, "")],
        Some(0),
    );
    check_cpu(&[cpu(0, 0, ""), cpu(200, 200, "")], Some(2000));
    check_cpu(&[cpu(0, 0, ""), cpu(1, 4000, "")], Some(1));
}

#[test]
fn counters_that_stand_or_go_back_give_no_cpu() {
    check_cpu(&[cpu(9, 9, ""), cpu(9, 9, "")], None);
    check_cpu(&[cpu(9, 9, ""), cpu(8, 20, "")], None);
    check_cpu(&[cpu(9, 9, ""), cpu(10, 8, "")], None);
    check_cpu(&[cpu(9, 9, ""), cpu(1, 20, ""), cpu(2, 24, "")], Some(500));
    check_cpu(&[cpu(0, 0, ""), cpu(u64::MAX, u64::MAX, "")], None);
}

#[test]
fn a_forgotten_container_begins_anew() {
    let mut meter = ContainerMeter::default();
    take(&mut meter, &cpu(0, 0, ""));
    meter.forget(&id());
    assert_eq!(take(&mut meter, &cpu(50, 200, "")).cpu_percent, None);
}

#[test]
fn cores_are_those_online_else_those_listed_else_one() {
    let cores = |cpu_stats: &str| {
        let stats = format!(r#"{{"cpu_stats":{cpu_stats}}}"#);
        let stats: Stats<'_> = serde_json::from_str(&stats).unwrap();
        stats.cores()
    };
    assert_eq!(
        cores(r#"{"online_cpus":4,"cpu_usage":{"percpu_usage":[1,2]}}"#),
        4
    );
    assert_eq!(
        cores(r#"{"online_cpus":0,"cpu_usage":{"percpu_usage":[1,2]}}"#),
        2
    );
    assert_eq!(cores(r#"{"cpu_usage":{"percpu_usage":[]}}"#), 1);
    assert_eq!(cores(r#"{"cpu_usage":{"percpu_usage":null}}"#), 1);
}

#[test]
fn memory_leaves_out_cache_that_can_be_taken_back() {
    let limit = r#""limit":1000"#;
    check_memory(
        &format!(
            r#"{{"usage":500,{limit},"stats":{{"anon":100,"active_file":50,"inactive_file":300}}}}"#
        ),
        Some(150),
        Some(1000),
        Some(150),
    );
    check_memory(
        &format!(r#"{{"usage":500,{limit},"stats":{{"anon":100}}}}"#),
        Some(100),
        Some(1000),
        Some(100),
    );
    check_memory(
        &format!(r#"{{"usage":500,{limit},"stats":{{"inactive_file":300}}}}"#),
        Some(200),
        Some(1000),
        Some(200),
    );
    check_memory(
        &format!(r#"{{"usage":500,{limit},"stats":{{"inactive_file":500}}}}"#),
        Some(500),
        Some(1000),
        Some(500),
    );
    check_memory(
        &format!(r#"{{"usage":500,{limit},"stats":null}}"#),
        Some(500),
        Some(1000),
        Some(500),
    );
    check_memory(r#"{"usage":500,"limit":0}"#, Some(500), None, None);
    // A Raspberry Pi without memory accounting.
    check_memory("{}", None, None, None);
}

#[test]
fn an_answer_of_another_form_is_an_error_and_keeps_the_sample_before() {
    let mut meter = ContainerMeter::default();
    take(&mut meter, &cpu(0, 0, ""));
    for bad in [
        "",
        "7",
        "null",
        r#"{"cpu_stats":1}"#,
        r#"{"cpu_stats":{"cpu_usage":{"total_usage":-1}}}"#,
    ] {
        assert!(
            meter
                .take(&id(), bad.as_bytes(), Timestamp::default())
                .is_err(),
            "{bad}"
        );
    }
    assert_eq!(
        take(&mut meter, &cpu(50, 200, "")).cpu_percent,
        Some(Percent::from_tenths(500))
    );
}

#[test]
fn every_prefix_of_an_answer_is_an_error() {
    let whole = include_str!("../fixtures/stats/docker-24-v2-second.json").trim_end();
    for end in 0..whole.len() {
        let read =
            ContainerMeter::default().take(&id(), &whole.as_bytes()[..end], Timestamp::default());
        assert!(read.is_err(), "{end}");
    }
}
