//! Trees of files as a kernel shows them, and this machine's own.

use std::fs;
use std::path::Path;

use pilotfish_protocol::metric::Metric;

use super::*;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn value(samples: &[(Subject, Reading)], subject: &Subject, metric: impl Metric) -> Option<i64> {
    let (_, reading) = samples.iter().find(|(found, _)| found == subject)?;
    reading.get(metric)
}

fn subjects(samples: &[(Subject, Reading)]) -> Vec<&Subject> {
    samples.iter().map(|(subject, _)| subject).collect()
}

#[test]
fn nothing_is_told_of_an_empty_tree_but_why() {
    let dir = tempfile::tempdir().unwrap();
    let mut sampler = HostSampler::new(HostRoots::find_below(dir.path(), true));
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
        "host.filesystem",
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
    let mut sampler = HostSampler::new(HostRoots::find_below(root, false));
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
