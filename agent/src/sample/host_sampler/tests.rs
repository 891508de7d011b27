//! Trees of files as a kernel shows them, and this machine's own.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use pilotfish_protocol::metric::{FilesystemMetric, Metric};

use super::*;
use crate::sample::roots::Roots;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn value(samples: &[(Subject, Reading)], subject: &Subject, metric: impl Metric) -> Option<i64> {
    let (_, reading) = samples.iter().find(|(found, _)| found == subject)?;
    reading.get(metric)
}

fn roots(base: &Path, is_in_container: bool) -> HostRoots {
    HostRoots::new(&Roots::below(base), is_in_container)
}

fn subjects(samples: &[(Subject, Reading)]) -> Vec<&Subject> {
    samples.iter().map(|(subject, _)| subject).collect()
}

/// Where the trees are; their README says where each is from.
fn tree(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/host")
        .join(name)
}

/// All values, one a line, but how full file systems are: that is this machine's.
fn text(samples: &[(Subject, Reading)]) -> String {
    let mut text = String::new();
    for (subject, reading) in samples {
        match subject {
            Subject::Host => lines(&mut text, "host", reading, HostMetric::ALL),
            Subject::Interface(name) => lines(&mut text, name, reading, InterfaceMetric::ALL),
            Subject::Sensor(name) => lines(&mut text, name, reading, SensorMetric::ALL),
            Subject::Filesystem(name) => {
                let used = reading.get(FilesystemMetric::UsedKib);
                let size = reading.get(FilesystemMetric::SizeKib);
                assert!(used > Some(0) && used <= size, "{name}");
                writeln!(text, "{name} Filesystem").unwrap();
            }
            Subject::Container { name, .. } => panic!("the host is not {name}"),
        }
    }
    text
}

fn lines<M: Metric + std::fmt::Debug>(text: &mut String, name: &str, reading: &Reading, all: &[M]) {
    for metric in all {
        if let Some(value) = reading.get(*metric) {
            writeln!(text, "{name} {metric:?} {value}").unwrap();
        }
    }
}

/// Copies a tree.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn missing(sampler: &HostSampler) -> Vec<String> {
    let missing = sampler.report().missing;
    missing
        .iter()
        .map(|it| it.value.as_str().to_owned())
        .collect()
}

#[track_caller]
fn check_tree(name: &str, data_root: &str, expected_missing: &[&str]) {
    let tree = tree(name);
    let mut sampler = HostSampler::new(roots(&tree, false));
    sampler.set_data_root(Some(data_root.into()));
    let expected = fs::read_to_string(tree.join("expected.txt")).unwrap();
    assert_eq!(text(&sampler.sample()), expected);
    assert_eq!(missing(&sampler), expected_missing);
    assert!(
        sampler
            .report()
            .boot_id
            .is_some_and(|id| id.as_str().len() == 36)
    );
}

#[test]
fn a_virtual_machine_is_read() {
    check_tree("virtual", "/var/lib/docker", &["host.temperature"]);
}

#[test]
fn a_raspberry_pi_is_read() {
    check_tree("pi", "/var/lib/docker", &["host.pressure"]);
}

#[test]
fn a_pc_is_read() {
    // Its data root is on a disk that the machine of this test does not have.
    check_tree("pc", "/var/lib/docker", &["filesystem./var/lib/docker"]);
}

#[test]
fn a_raspberry_pi_without_its_voltage_monitor_says_what_to_load() {
    let dir = tempfile::tempdir().unwrap();
    copy(&tree("pi"), dir.path());
    fs::remove_dir_all(dir.path().join("sys/class/hwmon/hwmon1")).unwrap();
    let sampler = HostSampler::new(roots(dir.path(), false));
    assert_eq!(missing(&sampler), ["host.pressure", "host.under_voltage"]);
}

#[test]
fn in_a_container_the_mounted_files_tell_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path();
    for name in ["proc", "sys"] {
        copy(&tree("pi").join(name), &base.join("host").join(name));
    }
    fs::create_dir(base.join("host/sys/fs")).unwrap();
    let id = "0123456789abcdef".repeat(4);
    let mount = |above: &str| {
        format!(
            "1 0 0:50 / / rw - overlay overlay rw\n2 1 179:2 {above}/containers/{id}/hostname /etc/hostname rw - ext4 /dev/mmcblk0p2 rw\n"
        )
    };
    write(base, "etc/hostname", "pi\n");
    write(base, "proc/self/mountinfo", &mount("/var/lib/docker"));
    let mut sampler = HostSampler::new(roots(base, true));
    assert_eq!(missing(&sampler), ["host.pressure", "filesystem./"]);
    sampler.set_data_root(Some("/var/lib/docker".into()));
    let expected = fs::read_to_string(tree("pi").join("expected.txt")).unwrap();
    assert_eq!(text(&sampler.sample()), expected);
    assert_eq!(missing(&sampler), ["host.pressure"]);

    // The data root is a file system of its own: that of / is not seen from here.
    write(base, "proc/self/mountinfo", &mount(""));
    let mut sampler = HostSampler::new(roots(base, true));
    sampler.set_data_root(Some("/var/lib/docker".into()));
    let expected = expected.replace("/ Filesystem", "/var/lib/docker Filesystem");
    assert_eq!(text(&sampler.sample()), expected);
    assert_eq!(missing(&sampler), ["host.pressure", "filesystem./"]);
}

#[test]
fn files_that_vanish_make_values_absent_until_they_are_back() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path();
    copy(&tree("pi"), base);
    let mut sampler = HostSampler::new(roots(base, false));
    assert_eq!(
        value(&sampler.sample(), &Subject::Host, HostMetric::UnderVoltage),
        Some(1)
    );
    // As of a device that was pulled out: the open file tells nothing any more.
    fs::write(base.join("sys/class/hwmon/hwmon1/in0_lcrit_alarm"), "").unwrap();
    fs::write(base.join("proc/diskstats"), "").unwrap();
    let samples = sampler.sample();
    assert_eq!(
        value(&samples, &Subject::Host, HostMetric::UnderVoltage),
        None
    );
    assert_eq!(sampler.find_at, sampler.found_at + FIND_AGAIN);
    // What is still so after the search is left for the next regular one.
    sampler.find_at = sampler.found_at;
    sampler.sample();
    sampler.sample();
    assert_eq!(sampler.find_at, sampler.found_at + FIND_PERIOD);
    let read_kib = value(&samples, &Subject::Host, HostMetric::ReadKib);
    assert_eq!(read_kib, Some((2_411_004 + 8010) / 2));
}

#[test]
fn huge_files_are_read_to_a_limit() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path();
    copy(&tree("pc"), base);
    for file in [
        "stat",
        "meminfo",
        "loadavg",
        "pressure/cpu",
        "diskstats",
        "net/dev",
    ] {
        let path = base.join("proc").join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}{}\n{text}", "x".repeat(1 << 20))).unwrap();
    }
    let mut sampler = HostSampler::new(roots(base, false));
    let text = text(&sampler.sample());
    assert!(text.starts_with("host UserMs 91855300\n"), "{text}");
    assert!(text.contains("host Load15 1299\n"), "{text}");
}

#[test]
fn nothing_is_told_of_an_empty_tree_but_why() {
    let dir = tempfile::tempdir().unwrap();
    let mut sampler = HostSampler::new(roots(dir.path(), true));
    assert_eq!(sampler.sample(), [(Subject::Host, Reading::EMPTY)]);
    let report = sampler.report();
    let missing: Vec<_> = report.missing.iter().map(|it| it.value.as_str()).collect();
    let expected = [
        "host.cpu",
        "host.load",
        "host.memory",
        "host.pressure",
        "host.disk_io",
        "host.network",
        "host.temperature",
        "filesystem./",
    ];
    assert_eq!(missing, expected);
    assert_eq!(report.boot_id, None);
    assert_eq!(report.uptime_ms, None);
}

#[test]
fn this_host_is_read() {
    let mut sampler = HostSampler::new(HostRoots::find(false));
    sampler.set_data_root(Some("/".into()));
    let samples = sampler.sample();
    for metric in [
        HostMetric::UserMs,
        HostMetric::MemoryUsedKib,
        HostMetric::Load1,
        HostMetric::Cpus,
    ] {
        assert!(
            value(&samples, &Subject::Host, metric).is_some(),
            "{metric:?}"
        );
    }
    let subjects = subjects(&samples);
    let filesystems: Vec<_> = subjects
        .into_iter()
        .filter(|it| matches!(it, Subject::Filesystem(_)))
        .collect();
    assert_eq!(filesystems, [&Subject::Filesystem("/".to_owned())]);
    assert!(sampler.report().uptime_ms.is_some());
}

#[test]
fn an_interface_that_comes_into_use_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let table = |wlan: u64| {
        format!(
            "head\nhead\neth0: 2048 1 0 0 0 0 0 0 1024 1 0 0\nwlan0: {wlan} 1 1 2 0 0 0 0 0 1 0 0\nveth1: 9 9 9 9 9 9 9 9 9 9 9 9\n"
        )
    };
    write(root, "proc/net/dev", &table(0));
    write(root, "sys/class/net/wlan0/operstate", "down\n");
    let mut sampler = HostSampler::new(roots(root, false));
    let eth0 = Subject::Interface("eth0".to_owned());
    let samples = sampler.sample();
    assert_eq!(
        value(&samples, &eth0, InterfaceMetric::ReceivedKib),
        Some(2)
    );
    assert_eq!(value(&samples, &eth0, InterfaceMetric::SentKib), Some(1));
    let wlan0 = Subject::Interface("wlan0".to_owned());
    assert_eq!(value(&samples, &wlan0, InterfaceMetric::SentKib), None);

    fs::write(root.join("proc/net/dev"), table(5000)).unwrap();
    write(root, "sys/class/net/wlan0/operstate", "up\n");
    sampler.sample();
    assert_eq!(sampler.find_at, sampler.found_at + FIND_AGAIN);
    sampler.find_at = sampler.found_at;
    let samples = sampler.sample();
    assert_eq!(
        value(&samples, &wlan0, InterfaceMetric::ReceivedKib),
        Some(4)
    );
    assert_eq!(
        value(&samples, &wlan0, InterfaceMetric::ReceiveFaults),
        Some(3)
    );
}

/// CPU time in all modes and in the idle ones, ms, by the rule that a DockMon agent follows.
fn cpu_by_rule() -> [i64; 2] {
    let stat = fs::read_to_string("/proc/stat").unwrap();
    let times = stat
        .lines()
        .next()
        .unwrap()
        .split_whitespace()
        .skip(1)
        .take(8);
    let times: Vec<i64> = times.map(|word| word.parse().unwrap()).collect();
    [times.iter().sum::<i64>() * 10, (times[3] + times[4]) * 10]
}

/// Bytes that the host's interfaces carried, by the rule that a DockMon agent follows.
fn network_by_rule() -> i64 {
    let skipped =
        "veth br- docker virbr vnet tun tap dummy gre sit ip6tnl vxlan flannel cni cali weave";
    let mut bytes = 0;
    for entry in fs::read_dir("/sys/class/net").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let state =
            fs::read_to_string(path.join("operstate")).unwrap_or_else(|_| "unknown".to_owned());
        if name == "lo"
            || skipped.split(' ').any(|it| name.starts_with(it))
            || !["up", "unknown"].contains(&state.trim())
        {
            continue;
        }
        for file in ["rx_bytes", "tx_bytes"] {
            let text = fs::read_to_string(path.join("statistics").join(file)).unwrap();
            bytes += text.trim().parse::<i64>().unwrap();
        }
    }
    bytes
}

#[test]
fn cpu_and_network_agree_with_what_a_dockmon_agent_reads_before_and_after() {
    let mut sampler = HostSampler::new(HostRoots::find(false));
    let (cpu_before, network_before) = (cpu_by_rule(), network_by_rule());
    let samples = sampler.sample();
    let (cpu_after, network_after) = (cpu_by_rule(), network_by_rule());

    let cpu = |metric| value(&samples, &Subject::Host, metric).unwrap();
    let busy = cpu(HostMetric::UserMs) + cpu(HostMetric::SystemMs) + cpu(HostMetric::StealMs);
    let idle = cpu(HostMetric::IdleMs) + cpu(HostMetric::IowaitMs);
    let total = busy + idle;
    // The kernel lets the time with I/O under way go back a little.
    let slack = 50;
    for (ours, at) in [(total, 0), (idle, 1)] {
        let expected = cpu_before[at] - slack..=cpu_after[at] + slack;
        assert!(expected.contains(&ours), "{ours} {expected:?}");
    }

    let mut kib = 0;
    let mut rounded = 0;
    for (subject, reading) in &samples {
        if let Subject::Interface(_) = subject {
            kib += reading.get(InterfaceMetric::ReceivedKib).unwrap();
            kib += reading.get(InterfaceMetric::SentKib).unwrap();
            rounded += 2;
        }
    }
    // Each of ours is rounded down.
    let expected = network_before / 1024 - rounded..=network_after / 1024;
    assert!(expected.contains(&kib), "{kib} {expected:?}");
}
