//! Where Engines put containers, what an agent sees from where it runs, and files that change, grow, vanish or come too many.

use std::fs;

use pilotfish_protocol::ContainerMetric as Metric;

use super::tree::{ID, Tree, reader};
use super::values;
use crate::sample::cgroup::files::{FILE_BYTES, Gone};
use crate::sample::cgroup::place::NotFound;

/// Reads the container of `tree`: its CPU time and what it received.
#[track_caller]
fn check(tree: &Tree, cpu_ms: i64, received_kib: Option<i64>) {
    let (mut reader, _) = reader(64);
    let mut files = tree.files();
    let reading = files.read(&mut reader).unwrap();
    assert_eq!(reading.get(Metric::CpuMs), Some(cpu_ms));
    assert_eq!(reading.get(Metric::ReceivedKib), received_kib);
}

#[test]
fn each_engines_layout_is_found() {
    for (cgroup, group) in [
        ("/docker/ID", "docker/ID"),
        (
            "/system.slice/docker-ID.scope",
            "system.slice/docker-ID.scope",
        ),
        ("/my/parent/ID", "my/parent/ID"),
        ("/docker/ID/init.scope", "docker/ID"),
        (
            "/machine.slice/libpod-ID.scope/container",
            "machine.slice/libpod-ID.scope",
        ),
        ("/libpod_parent/libpod-ID", "libpod_parent/libpod-ID"),
    ] {
        let tree = Tree::v2();
        tree.process("proc", cgroup, 5);
        tree.group(&format!("sys/fs/cgroup/{group}"), 11);
        // What is nested below or beside counts nothing of its own.
        tree.group(&format!("sys/fs/cgroup/{group}/init.scope"), 1);
        tree.group(&format!("sys/fs/cgroup/{group}/container"), 1);
        check(&tree, 11, Some(2));
    }
}

#[test]
fn the_hosts_files_are_read_where_a_container_has_them_mounted() {
    let tree = Tree::v2();
    // Its own cgroup is mounted at the usual place, the host's below /host.
    let mountinfo = format!(
        "40 31 0:38 /docker/own /sys/fs/cgroup ro - cgroup2 cgroup rw\n41 31 0:38 / /host/sys/fs/cgroup ro - cgroup2 cgroup2 rw\n{}",
        "42 31 0:39 / /odd\\040place rw - tmpfs tmpfs rw\n"
    );
    tree.write("proc/self/mountinfo", &mountinfo);
    tree.write("host/proc/stat", "");
    tree.process("host/proc", "/docker/ID", 5);
    tree.group("host/sys/fs/cgroup/docker/ID", 12);
    check(&tree, 12, Some(2));
}

#[test]
fn a_namespace_of_the_agents_own_hides_names_but_not_containers() {
    let tree = Tree::v2();
    tree.write(
        "proc/self/mountinfo",
        "41 31 0:38 /../.. /host/sys/fs/cgroup ro - cgroup2 cgroup2 rw\n",
    );
    tree.write("host/proc/stat", "");
    tree.process("host/proc", "/../docker-ID.scope", 5);
    tree.group("host/sys/fs/cgroup/machine.slice/libpod-conmon-ID.scope", 1);
    tree.group("host/sys/fs/cgroup/system.slice/docker-ID.scope", 13);
    tree.group(
        "host/sys/fs/cgroup/system.slice/docker-ID.scope/docker/ID",
        1,
    );
    check(&tree, 13, Some(2));
}

#[test]
fn without_the_hosts_processes_all_but_the_network_is_found() {
    let tree = Tree::v2();
    tree.group("sys/fs/cgroup/system.slice/docker-ID.scope", 14);
    check(&tree, 14, None);
    // A process of the same number in the agent's own pid namespace is not the container's.
    tree.process("proc", "/", 5);
    check(&tree, 14, None);
}

#[test]
fn why_nothing_is_found_is_told() {
    let tree = Tree::v2();
    let error = tree.find().unwrap_err();
    assert!(matches!(error, NotFound::NoProcess { pid: 77, .. }));

    tree.process("proc", "/user.slice", 5);
    assert!(matches!(tree.find(), Err(NotFound::NotItsOwn)));

    tree.process("proc", "/docker/ID", 5);
    assert!(matches!(tree.find(), Err(NotFound::Outside)));

    tree.write("proc/self/mountinfo", "23 1 0:28 / / rw - ext4 /dev/a rw\n");
    assert!(matches!(tree.find(), Err(NotFound::NoMounts)));
}

#[test]
fn traffic_of_the_host_is_not_the_containers() {
    let tree = Tree::v2();
    tree.process("proc", "/docker/ID", 5);
    tree.group("sys/fs/cgroup/docker/ID", 11);
    tree.networks(1, 1);
    check(&tree, 11, None);
    let (mut reader, _) = reader(64);
    let mut files = tree.files();
    files.read(&mut reader).unwrap();
    assert!(files.seen().has_hosts_network);

    let tree = Tree::v2();
    tree.process("proc", "/docker/ID", 5);
    tree.group("sys/fs/cgroup/docker/ID", 11);
    tree.networks(2, 1);
    check(&tree, 11, Some(2));
}

#[test]
fn beyond_the_budget_files_are_opened_each_time() {
    let tree = Tree::v2();
    tree.process("proc", "/docker/ID", 5);
    tree.group("sys/fs/cgroup/docker/ID", 11);
    let mut all = None;
    for (descriptors, held) in [(0, 0), (3, 3), (64, 9)] {
        let (mut reader, budget) = reader(descriptors);
        let mut files = tree.files();
        for _ in 0..7 {
            let reading = files.read(&mut reader).unwrap();
            let first = all.get_or_insert(*reading);
            assert_eq!(values(reading), values(first));
        }
        assert_eq!(files.held(), held);
        assert_eq!(budget.free(), descriptors - held);
        drop(files);
        assert_eq!(budget.free(), descriptors);
    }
}

#[test]
fn a_held_file_is_read_anew_in_each_pass_and_a_limit_in_every_sixth() {
    let tree = Tree::v2();
    tree.process("proc", "/docker/ID", 5);
    tree.group("sys/fs/cgroup/docker/ID", 11);
    let (mut reader, _) = reader(64);
    let mut files = tree.files();
    files.read(&mut reader).unwrap();
    tree.group("sys/fs/cgroup/docker/ID", 12);
    let limit = tree.path(&format!("sys/fs/cgroup/docker/{ID}/memory.max"));
    fs::write(limit, "1048576\n").unwrap();
    let seen: Vec<_> = (0..6)
        .map(|_| {
            let reading = files.read(&mut reader).unwrap();
            assert_eq!(reading.get(Metric::CpuMs), Some(12));
            reading.get(Metric::MemoryLimitKib)
        })
        .collect();
    assert_eq!(seen, [None, None, None, None, None, Some(1024)]);
}

#[test]
fn how_memory_is_used_is_read_again_when_anything_happened() {
    let tree = Tree::v2();
    tree.process("proc", "/docker/ID", 5);
    tree.group("sys/fs/cgroup/docker/ID", 11);
    let file = |name: &str| format!("sys/fs/cgroup/docker/{ID}/{name}");
    let (mut reader, _) = reader(64);
    let mut files = tree.files();
    let mut memory_kib = || {
        let reading = files.read(&mut reader).unwrap();
        reading.get(Metric::MemoryKib)
    };
    assert_eq!(memory_kib(), Some(8));
    tree.write(&file("memory.stat"), "inactive_file 1024\n");
    assert_eq!(memory_kib(), Some(8));
    tree.write(&file("cpu.stat"), "usage_usec 12000\n");
    assert_eq!(memory_kib(), Some(9));
    tree.write(&file("memory.stat"), "inactive_file 0\n");
    tree.write(&file("memory.current"), "11264\n");
    assert_eq!(memory_kib(), Some(11));
    // And now and then in any case.
    tree.write(&file("memory.stat"), "inactive_file 1024\n");
    assert_eq!([memory_kib(), memory_kib()], [Some(11), Some(11)]);
    assert_eq!(memory_kib(), Some(10));
}

#[test]
fn a_cgroup_that_vanished_is_gone() {
    let tree = Tree::v2();
    tree.process("proc", "/docker/ID", 5);
    tree.group("sys/fs/cgroup/docker/ID", 11);
    let (mut reader, _) = reader(0);
    let mut files = tree.files();
    assert!(files.read(&mut reader).is_ok());
    fs::remove_dir_all(tree.path("sys/fs/cgroup/docker")).unwrap();
    assert_eq!(files.read(&mut reader), Err(Gone));
}

#[test]
fn a_pid_that_was_given_away_again_is_noticed() {
    let tree = Tree::v2();
    tree.process("proc", "/docker/ID", 5);
    tree.group("sys/fs/cgroup/docker/ID", 11);
    let (mut reader, _) = reader(0);
    let mut files = tree.files();
    assert!(files.read(&mut reader).is_ok());
    tree.process("proc", "/docker/ID", 6);
    assert_eq!(files.read(&mut reader), Err(Gone));
    assert!(tree.files().read(&mut reader).is_ok());
    fs::remove_dir_all(tree.path("proc/77")).unwrap();
    assert_eq!(files.read(&mut reader), Err(Gone));
}

#[test]
fn a_file_that_is_not_there_is_absent_and_not_asked_for_again() {
    let tree = Tree::v2();
    tree.process("proc", "/docker/ID", 5);
    tree.group("sys/fs/cgroup/docker/ID", 11);
    let current = tree.path(&format!("sys/fs/cgroup/docker/{ID}/memory.current"));
    fs::remove_file(&current).unwrap();
    let (mut reader, _) = reader(64);
    let mut files = tree.files();
    let reading = files.read(&mut reader).unwrap();
    assert_eq!(reading.get(Metric::MemoryKib), None);
    assert_eq!(reading.get(Metric::Pids), Some(3));
    fs::write(&current, "10240\n").unwrap();
    let reading = files.read(&mut reader).unwrap();
    assert_eq!(reading.get(Metric::MemoryKib), None);
}

#[test]
fn a_huge_file_is_cut_and_what_is_beyond_is_absent() {
    #[track_caller]
    fn check(stat: &str, expected: Option<i64>) {
        let tree = Tree::v2();
        tree.process("proc", "/docker/ID", 5);
        tree.group("sys/fs/cgroup/docker/ID", 11);
        tree.write(&format!("sys/fs/cgroup/docker/{ID}/memory.stat"), stat);
        let (mut reader, _) = reader(64);
        let mut files = tree.files();
        let reading = files.read(&mut reader).unwrap();
        assert_eq!(reading.get(Metric::MemoryKib), expected);
    }
    let line = "inactive_file 2048\n";
    let padding = |bytes: usize| format!("{}\n", "x".repeat(bytes - 1));
    check(&format!("{line}{}", padding(2 * FILE_BYTES)), Some(8));
    check(
        &format!("{}{line}", padding(FILE_BYTES - line.len())),
        Some(8),
    );
    check(
        &format!("{}{line}", padding(FILE_BYTES - line.len() + 1)),
        None,
    );
    check(&format!("{}{line}", padding(2 * FILE_BYTES)), None);
    check("inactive_file 2048", None);
    check("", None);
}
