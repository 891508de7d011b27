//! What must hold of any bytes that the kernel, or something in its place, shows as a file about the host.
//!
//! `tests/corpus.rs` replays the corpus through the same function.

use pilotfish_agent::sample::host::cpu::{cpu_times, cpus, load};
use pilotfish_agent::sample::host::disks::{DiskLine, DiskSums};
use pilotfish_agent::sample::host::lines::{only_number, whole_lines};
use pilotfish_agent::sample::host::memory::Memory;
use pilotfish_agent::sample::host::mounts::Mount;
use pilotfish_agent::sample::host::network::{InterfaceLine, is_in_use, is_own};
use pilotfish_agent::sample::host::sensors::{Candidate, SENSORS, choose, deci_celsius};

/// Feeds `bytes` to every parser and checks what it reads.
pub(crate) fn host_files(bytes: &[u8]) {
    let used = whole_lines(bytes, |line| assert!(!line.contains(&b'\n')));
    assert!(used <= bytes.len() && !bytes[used..].contains(&b'\n'));
    let _times = cpu_times(bytes);
    let _load = load(bytes);
    let _cpus = cpus(bytes);
    let _is_in_use = is_in_use(Some(bytes));
    memory(bytes);
    disks(bytes);
    interfaces(bytes);
    mounts(bytes);
    sensors(bytes);
}

fn memory(bytes: &[u8]) {
    let memory = Memory::parse(bytes);
    assert!(memory.used_kib() <= memory.total_kib);
    assert!(memory.swap_used_kib() <= memory.swap_kib);
}

fn disks(bytes: &[u8]) {
    let mut sums = DiskSums::default();
    let mut before = (0, 0);
    for _ in 0..2 {
        whole_lines(bytes, |line| {
            let Some(line) = DiskLine::parse(line) else {
                return;
            };
            if let Ok(name) = str::from_utf8(line.name) {
                sums.keep_only(vec![name.to_owned()]);
            }
            sums.take(line);
        });
        let now = sums.sums_kib();
        assert!(now.0 >= before.0 && now.1 >= before.1);
        before = now;
    }
}

fn interfaces(bytes: &[u8]) {
    whole_lines(bytes, |line| {
        if let Some(line) = InterfaceLine::parse(line) {
            let _is_own = is_own(line.name);
        }
    });
}

fn mounts(bytes: &[u8]) {
    for path in ["/", "/var/lib/docker", "/etc/hostname"] {
        if let Some(mount) = Mount::of(path, bytes) {
            assert!(path.starts_with(&mount.point));
            assert!(!mount.may_not_answer() || !mount.is_image());
        }
    }
}

fn sensors(bytes: &[u8]) {
    if let Some(milli_celsius) = only_number(bytes) {
        let deci_celsius = deci_celsius(milli_celsius);
        assert!(deci_celsius.is_none_or(|it| (-600..=2500).contains(&it)));
    }
    // Each line is a sensor: its first word what shows it, the rest its label.
    let text = String::from_utf8_lossy(bytes);
    let candidates: Vec<_> = text
        .lines()
        .take(64)
        .map(|line| match line.split_once(' ') {
            Some((chip, label)) => Candidate::Monitor {
                chip: chip.to_owned(),
                label: Some(label.to_owned()),
            },
            None => Candidate::Zone(line.to_owned()),
        })
        .collect();
    let chosen = choose(&candidates);
    assert!(chosen.len() <= SENSORS);
    for (index, (place, name)) in chosen.iter().enumerate() {
        assert!(*place < candidates.len());
        assert!(chosen[..index].iter().all(|(_, other)| other != name));
    }
}
