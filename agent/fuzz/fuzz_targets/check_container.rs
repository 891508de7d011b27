//! What must hold of any bytes that the kernel or an Engine, or something in its place, tells about a container.
//!
//! `tests/corpus.rs` replays the corpus through the same function.

use pilotfish_agent::sample::cgroup::diagnosis::{Host, Metrics, Seen, missing};
use pilotfish_agent::sample::cgroup::gather::{Gathered, SOURCES};
use pilotfish_agent::sample::cgroup::membership::{container_path, path_of};
use pilotfish_agent::sample::cgroup::mounts::cgroup_mounts;
use pilotfish_agent::sample::cgroup::process::start_ticks;
use pilotfish_agent::sample::engine_stats;
use pilotfish_protocol::{ContainerMetric, Reading};

const ID: &str = "c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1";

/// Feeds `bytes` to every parser and checks what it reads.
pub(crate) fn container_files(bytes: &[u8]) {
    readings(bytes);
    places(bytes);
    reasons(bytes);
    let _ticks = start_ticks(bytes);
    if let Ok(reading) = engine_stats::reading(bytes) {
        check(&reading);
    }
}

fn readings(bytes: &[u8]) {
    let mut gathered = Gathered::default();
    let sources = || SOURCES.iter().flat_map(|(_, sources)| *sources);
    for _ in 0..2 {
        for source in sources() {
            gathered.take(source.tells, bytes);
            check(gathered.reading());
        }
    }
    for source in sources() {
        gathered.lose(source.tells);
    }
    assert_eq!(gathered.reading(), &Reading::EMPTY);
    // A file that was cut tells of no line that is not whole.
    let mut lines = Gathered::default();
    let whole = bytes.iter().rposition(|&byte| byte == b'\n');
    for source in sources() {
        gathered.take(source.tells, bytes);
        lines.take(source.tells, &bytes[..whole.map_or(0, |end| end + 1)]);
    }
    assert_eq!(gathered.reading().known() & !lines.reading().known(), 0);
}

#[track_caller]
fn check(reading: &Reading) {
    for metric in ContainerMetric::ALL {
        assert!(
            reading.get(*metric).is_none_or(|value| value >= 0),
            "{metric:?}"
        );
    }
}

fn places(bytes: &[u8]) {
    let mounts = cgroup_mounts(bytes);
    for controller in [None, Some("memory"), Some("cpuacct")] {
        let Some(path) = path_of(bytes, controller) else {
            continue;
        };
        if let Some(container) = container_path(path, ID) {
            assert!(path.starts_with(container) && container.contains(ID));
        }
        for mount in &mounts {
            if let Some(below) = mount.path_below(path) {
                assert!(!below.starts_with('/') && below.split('/').all(|part| part != ".."));
            }
        }
    }
}

fn reasons(bytes: &[u8]) {
    let seen = Seen {
        lacking: Metrics::lacking(0),
        ..Seen::default()
    };
    for is_v1 in [true, false] {
        let host = Host {
            is_v1,
            cgroups: bytes,
            cmdline: bytes,
            controllers: bytes,
            ..Host::default()
        };
        for missing in missing(&seen, &host) {
            assert!(!missing.why.as_str().is_empty());
        }
    }
}
