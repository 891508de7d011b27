//! Hosts that lack something, and what they are told.

use super::*;

const ALL_KNOWN: u32 = u32::MAX;

fn lacking(metric: ContainerMetric) -> Seen {
    Seen {
        lacking: Metrics::lacking(ALL_KNOWN & !(1 << metric.bit())),
        ..Seen::default()
    }
}

#[track_caller]
fn check(seen: &Seen, host: &Host<'_>, expected: &[(&str, &str, Option<&str>)]) {
    let missing = missing(seen, host);
    let found: Vec<(&str, &str, Option<&str>)> = missing
        .iter()
        .map(|it| {
            let remedy = it.remedy.as_ref().map(Text::as_str);
            (it.value.as_str(), it.why.as_str(), remedy)
        })
        .collect();
    assert_eq!(found, expected);
}

const MEMORY_OFF: &str = "the kernel's memory controller is off, so containers' memory is not counted and their memory limits are not enforced";

#[test]
fn what_is_known_is_not_missing() {
    let seen = Seen {
        lacking: Metrics::lacking(ALL_KNOWN),
        ..Seen::default()
    };
    check(&seen, &Host::default(), &[]);
    // A container without limits lacks nothing.
    let limits =
        1 << ContainerMetric::MemoryLimitKib.bit() | 1 << ContainerMetric::CpuLimitMillicores.bit();
    assert_eq!(Metrics::lacking(!limits), Metrics::default());
}

#[test]
fn raspberry_pi_os_is_told_the_line_and_the_file() {
    let seen = lacking(ContainerMetric::MemoryKib);
    let cmdline = b"coherent_pool=1M cgroup_disable=memory console=tty1 root=PARTUUID=1-02\n";
    let host = Host {
        cmdline,
        controllers: b"cpuset cpu io pids\n",
        cmdline_file: CmdlineFile::Firmware,
        ..Host::default()
    };
    let remedy = "add cgroup_enable=memory cgroup_memory=1 to the one line of /boot/firmware/cmdline.txt and reboot";
    let expected = ("container.memory", MEMORY_OFF, Some(remedy));
    check(&seen, &host, &[expected]);

    // Bullseye, cgroup v1.
    let host = Host {
        is_v1: true,
        cgroups:
            b"#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t4\t60\t1\nmemory\t0\t71\t0\n",
        cmdline_file: CmdlineFile::Boot,
        ..Host::default()
    };
    let remedy =
        "add cgroup_enable=memory cgroup_memory=1 to the one line of /boot/cmdline.txt and reboot";
    let expected = ("container.memory", MEMORY_OFF, Some(remedy));
    check(&seen, &host, &[expected]);
}

#[test]
fn elsewhere_the_word_that_turned_it_off_is_named() {
    let host = Host {
        cmdline: b"quiet cgroup_disable=memory\n",
        controllers: b"cpuset cpu io pids\n",
        ..Host::default()
    };
    let remedy = "remove cgroup_disable=memory from GRUB_CMDLINE_LINUX in /etc/default/grub, run update-grub and reboot";
    let seen = lacking(ContainerMetric::MemoryKib);
    check(
        &seen,
        &host,
        &[("container.memory", MEMORY_OFF, Some(remedy))],
    );
}

#[test]
fn a_controller_that_is_on_was_not_delegated() {
    let host = Host {
        controllers: b"cpuset cpu io memory pids\n",
        ..Host::default()
    };
    let missing = missing(&lacking(ContainerMetric::ReadKib), &host);
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].value.as_str(), "container.disk_io");
    assert_eq!(
        missing[0].why.as_str(),
        "the io controller is not delegated to the containers"
    );
    let remedy = missing[0].remedy.as_ref().unwrap().as_str();
    assert!(remedy.contains("user@.service.d/delegate.conf"), "{remedy}");
}

#[test]
fn stalls_need_psi_and_cgroup_v2() {
    let seen = lacking(ContainerMetric::CpuStallMs);
    let off = "the kernel does not count pressure stalls (PSI is off)";
    let remedy = "add psi=1 to GRUB_CMDLINE_LINUX in /etc/default/grub, run update-grub and reboot";
    check(
        &seen,
        &Host::default(),
        &[("container.stall", off, Some(remedy))],
    );
    let host = Host {
        is_v1: true,
        has_pressure: true,
        cmdline_file: CmdlineFile::Boot,
        ..Host::default()
    };
    let v1 = "pressure stalls of containers are counted in cgroup v2 only, and this host uses v1";
    let remedy =
        "add systemd.unified_cgroup_hierarchy=1 to the one line of /boot/cmdline.txt and reboot";
    check(&seen, &host, &[("container.stall", v1, Some(remedy))]);
}

#[test]
fn a_file_that_may_not_be_read_is_a_matter_of_rights() {
    let seen = Seen {
        is_denied: true,
        ..lacking(ContainerMetric::Pids)
    };
    let host = Host {
        controllers: b"pids\n",
        ..Host::default()
    };
    let why = "the agent may not read it";
    check(
        &seen,
        &host,
        &[("container.pids", why, Some("run the agent as root"))],
    );
}

#[test]
fn networks_that_are_not_the_containers_own_are_told() {
    let seen = Seen {
        has_hosts_network: true,
        ..Seen::default()
    };
    let why = "containers on the host's network have no traffic of their own";
    check(&seen, &Host::default(), &[("container.network", why, None)]);
    let seen = Seen {
        is_process_hidden: true,
        ..lacking(ContainerMetric::ReceivedKib)
    };
    let why = "the host's processes cannot be seen from the agent's container";
    check(
        &seen,
        &Host::default(),
        &[("container.network", why, Some(MOUNT_HOST))],
    );
}
