//! Recorded trees; see `tests/fixtures/README.md`.

use std::fs;
use std::path::{Path, PathBuf};

use pilotfish_protocol::{ContainerId, ContainerMetric as Metric, Reading};

use super::values;
use crate::engine::process::ContainerProcess;
use crate::sample::cgroup::budget::Budget;
use crate::sample::cgroup::diagnosis::{Metrics, Seen};
use crate::sample::cgroup::files::{ContainerFiles, Reader};
use crate::sample::cgroup::place::Finder;
use crate::sample::engine_stats;
use crate::sample::roots::Roots;

const V1: &str = "cgroup_v1/cgroupfs";
const V2: &str = "cgroup_v2/made";
const V2_NO_MEMORY: &str = "cgroup_v2/no_memory";

fn recorded(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(path)
}

fn files(tree: &str, state: &str, container: &str) -> (ContainerFiles, Option<&'static str>) {
    let list = fs::read_to_string(recorded(tree).join("containers.tsv")).unwrap();
    let mut lines = list.lines().map(|line| line.split('\t'));
    let mut fields = lines
        .find(|fields| fields.clone().next() == Some(container))
        .unwrap()
        .skip(1);
    let id = ContainerId::new(fields.next().unwrap()).unwrap();
    let process = ContainerProcess {
        pid: fields.next().unwrap().parse().unwrap(),
        has_hosts_network: false,
    };
    let finder = Finder::new(Roots::below(&recorded(tree).join(state)));
    let place = finder.find(&id, &process).unwrap();
    let driver = place.driver();
    (ContainerFiles::new(place, 0), driver)
}

fn read(tree: &str, state: &str, container: &str) -> (Reading, Seen) {
    let (mut files, _) = files(tree, state, container);
    let mut reader = Reader::new(Budget::new(64));
    let reading = *files.read(&mut reader).unwrap();
    (reading, files.seen())
}

#[track_caller]
fn check(tree: &str, state: &str, container: &str, expected: &[(Metric, i64)]) {
    let (reading, seen) = read(tree, state, container);
    assert_eq!(values(&reading), expected, "{tree} {state} {container}");
    assert_eq!(seen, Seen::default(), "{tree} {state} {container}");
}

#[test]
fn cgroup_v1_with_stalls_from_v2_beside_it() {
    let busy = |cpu_ms, cpu_stall_ms, throttled_ms| {
        [
            (Metric::CpuMs, cpu_ms),
            (Metric::MemoryKib, 324),
            (Metric::ReceivedKib, 0),
            (Metric::SentKib, 0),
            (Metric::WrittenKib, 0),
            (Metric::CpuStallMs, cpu_stall_ms),
            (Metric::ReadKib, 0),
            (Metric::Pids, 1),
            (Metric::ThrottledMs, throttled_ms),
            (Metric::MemoryStallMs, 0),
            (Metric::IoStallMs, 0),
            (Metric::OomKills, 0),
            (Metric::CpuLimitMillicores, 200),
        ]
    };
    check(V1, "first", "busy", &busy(919, 2883, 2499));
    check(V1, "second", "busy", &busy(1760, 5537, 5673));
    let memory = [
        (Metric::CpuMs, 86),
        (Metric::MemoryKib, 4440),
        (Metric::ReceivedKib, 0),
        (Metric::SentKib, 0),
        (Metric::WrittenKib, 0),
        (Metric::CpuStallMs, 58),
        (Metric::ReadKib, 0),
        (Metric::Pids, 2),
        (Metric::ThrottledMs, 0),
        (Metric::MemoryStallMs, 0),
        (Metric::IoStallMs, 0),
        (Metric::MemoryLimitKib, 65536),
        (Metric::OomKills, 0),
    ];
    check(V1, "first", "memory", &memory);
}

#[test]
fn cgroup_v2_of_both_drivers() {
    let memory = [
        (Metric::CpuMs, 2811),
        (Metric::MemoryKib, 4224),
        (Metric::ReceivedKib, 0),
        (Metric::SentKib, 0),
        (Metric::WrittenKib, 10240),
        (Metric::CpuStallMs, 621),
        (Metric::ReadKib, 32064),
        (Metric::Pids, 2),
        (Metric::ThrottledMs, 0),
        (Metric::MemoryStallMs, 4),
        (Metric::IoStallMs, 54),
        (Metric::MemoryLimitKib, 65536),
        (Metric::OomKills, 1),
    ];
    check(V2, "second", "memory", &memory);
    let network = [
        (Metric::CpuMs, 170),
        (Metric::MemoryKib, 116),
        (Metric::ReceivedKib, 9),
        (Metric::SentKib, 8),
        (Metric::WrittenKib, 0),
        (Metric::CpuStallMs, 116),
        (Metric::ReadKib, 0),
        (Metric::Pids, 1),
        (Metric::ThrottledMs, 0),
        (Metric::MemoryStallMs, 0),
        (Metric::IoStallMs, 0),
        (Metric::OomKills, 0),
    ];
    check(V2, "first", "network", &network);
    assert_eq!(files(V2, "first", "memory").1, Some("systemd"));
    assert_eq!(files(V2, "first", "network").1, Some("cgroupfs"));
}

#[test]
fn a_limit_of_a_fifth_of_a_core_is_a_fifth_of_the_time() {
    for tree in [V1, V2] {
        let uptime = |state| {
            let text = fs::read_to_string(recorded(tree).join(state).join("proc/uptime")).unwrap();
            let seconds: f64 = text.split(' ').next().unwrap().parse().unwrap();
            seconds * 1000.0
        };
        let cpu_ms = |state| {
            let (reading, _) = read(tree, state, "busy");
            let ms = i32::try_from(reading.get(Metric::CpuMs).unwrap()).unwrap();
            f64::from(ms)
        };
        let percent =
            (cpu_ms("second") - cpu_ms("first")) / (uptime("second") - uptime("first")) * 100.0;
        assert!((percent - 20.0).abs() < 2.0, "{tree}: {percent}");
    }
}

#[test]
fn the_engine_says_the_same() {
    for container in ["busy", "memory", "disk", "parent"] {
        let path = recorded(V1).join(format!("engine/stats-{container}.json"));
        let told = engine_stats::reading(&fs::read(path).unwrap()).unwrap();
        let [first, second] = ["first", "second"].map(|state| read(V1, state, container).0);
        for metric in [Metric::CpuMs, Metric::ThrottledMs, Metric::Pids] {
            let [told, first, second] = [told, first, second].map(|it| it.get(metric).unwrap());
            assert!(
                (first..=second).contains(&told),
                "{container} {metric:?}: {first} {told} {second}"
            );
        }
        // Memory of the others changed between the recordings.
        if ["memory", "parent"].contains(&container) {
            assert_eq!(
                told.get(Metric::MemoryKib),
                first.get(Metric::MemoryKib),
                "{container}"
            );
        }
    }
}

#[test]
fn without_the_memory_controller_memory_is_absent_and_all_else_is_there() {
    let (reading, seen) = read(V2_NO_MEMORY, "first", "disk");
    assert_eq!(reading.get(Metric::MemoryKib), None);
    assert_eq!(reading.get(Metric::OomKills), None);
    assert_eq!(reading.get(Metric::ReadKib), Some(6336));
    assert_eq!(seen.lacking, Metrics::lacking(reading.known()));
    assert_ne!(seen.lacking, Metrics::default());
}
