//! Containers of every kind, hosts that only look like one, and hex that is no container's.

use proptest::prelude::*;

use super::*;

const OWN: &str = "1111aaaa2222bbbb3333cccc4444dddd5555eeee6666ffff7777aaaa8888bbbb";
const OTHER: &str = "9999aaaa2222bbbb3333cccc4444dddd5555eeee6666ffff7777aaaa8888cccc";

/// The surroundings recorded in `fixtures/NAME`.
macro_rules! fixture {
    ($name:literal) => {
        Surroundings {
            cgroup: include_bytes!(concat!("../fixtures/", $name, "/cgroup")),
            mountinfo: include_bytes!(concat!("../fixtures/", $name, "/mountinfo")),
            ..Surroundings::default()
        }
    };
}

#[test]
fn cgroup_v1_tells_the_container() {
    check(
        fixture!("docker-v1"),
        "9b8775fe37d00c9d4d6ae43604e694b01c56a7b588cfdb9b8bc3302e279af289",
        Evidence::Cgroup,
    );
    check(
        fixture!("docker-v1-host-network"),
        "4432a6095abc118ed78223cd57970f171f4fcb047107413a5801839cee4209ba",
        Evidence::Cgroup,
    );
}

#[test]
fn a_custom_cgroup_parent_changes_nothing() {
    check(
        fixture!("docker-v1-cgroup-parent"),
        "b32aa604c592f9d507a76b27795a3b65a5fe97155b22ffb4dffebd61e6322e41",
        Evidence::Cgroup,
    );
}

#[test]
fn a_private_cgroup_namespace_leaves_the_mounted_files() {
    check(
        fixture!("docker-private-cgroupns"),
        "1cfb86b72ac68e29634080519c542cef0359543aa1042f36a2f37557a5996de0",
        Evidence::Mounts,
    );
    check(fixture!("docker-v2-private"), OWN, Evidence::Mounts);
}

#[test]
fn other_containers_seen_through_a_mounted_host_are_not_taken() {
    check(
        fixture!("docker-private-host-mounted"),
        "a9c553a39e92f3817a19f6a5e1dbce39e6d6cc9d1b5507952359b7c6ab8a9fae",
        Evidence::Mounts,
    );
}

#[test]
fn cgroup_v2_scopes_tell_the_container() {
    check(fixture!("docker-v2-host-cgroupns"), OWN, Evidence::Cgroup);
    check_cgroup(&format!("0::/machine.slice/libpod-{OWN}.scope/container"));
    check_cgroup(&format!("0::/libpod_parent/libpod-{OWN}"));
    check_cgroup(&format!(
        "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{OWN}.scope"
    ));
    check_cgroup(&format!("4:memory:/kubepods/burstable/pod1234/{OWN}"));
}

#[test]
fn the_inner_container_wins_in_docker_in_docker() {
    check(fixture!("docker-in-docker"), OWN, Evidence::Cgroup);
    check_cgroup(&format!(
        "0::/system.slice/docker-{OTHER}.scope/docker/{OWN}"
    ));
}

#[test]
fn podman_is_known_by_its_own_files_even_on_a_shared_network() {
    check(fixture!("podman-v2-private"), OWN, Evidence::PodmanMark);
}

#[track_caller]
fn check_may_be(neighbours: &[(&str, &str, &str)], expected: &[&str]) {
    let neighbours: Vec<Neighbour> = neighbours
        .iter()
        .map(|(id, network_mode, mount_point)| Neighbour {
            id: ContainerId::new(*id).unwrap(),
            network_mode: (*network_mode).to_owned(),
            mount_points: vec!["/data".to_owned(), (*mount_point).to_owned()],
        })
        .collect();
    for found in [OWN, &OWN[..12]] {
        let found = ContainerId::new(found).unwrap();
        let ids = who_it_may_be(&found, &neighbours, "/var/run/docker.sock");
        let ids: Vec<&str> = ids.iter().map(|id| &id.as_str()[..12]).collect();
        let expected: Vec<&str> = expected.iter().map(|id| &id[..12]).collect();
        assert_eq!(ids, expected);
    }
}

#[test]
fn of_containers_with_one_network_the_one_with_the_engines_socket_is_the_agents_own() {
    let shared = &format!("container:{OWN}");
    let third = &"abcd".repeat(16);
    let alone = [(OWN, "bridge", "/run/docker.sock"), (OTHER, "bridge", "/")];
    check_may_be(&alone, &[OWN]);
    let vpn = (OWN, "bridge", "/gluetun");
    let torrents = (third.as_str(), shared.as_str(), "/var/run/docker.sock.d");
    for socket in ["/var/run/docker.sock", "/run", "/run/docker.sock"] {
        check_may_be(&[vpn, torrents, (OTHER, shared, socket)], &[OTHER]);
    }
    check_may_be(&[vpn, torrents], &[OWN, third]);
    let both = [(OWN, "bridge", "/var/run/"), (OTHER, shared, "/run")];
    check_may_be(&both, &[OWN, OTHER]);
    check_may_be(&[(OTHER, "bridge", "/run")], &[OWN]);
}

#[test]
fn a_host_that_runs_containers_is_not_in_one() {
    check_none(fixture!("host-running-docker"));
    check_none(fixture!("host-v2-shm"));
}

#[test]
fn hex_that_is_no_container_is_not_taken() {
    for cgroup in [
        "4:memory:/process_api/6945b79e23b40cee73c1139d44fb0383".to_owned(),
        format!("0::/machine.slice/libpod-conmon-{OWN}.scope"),
        format!("0::/machine.slice/machine-libpod_pod_{OWN}.slice"),
        format!("0::/docker/{OWN}0"),
        format!("0::/docker/{}", OWN.to_uppercase()),
        format!("no colons {OWN}"),
        format!("{OWN}:x:/"),
    ] {
        check_none(Surroundings {
            cgroup: cgroup.as_bytes(),
            ..Surroundings::default()
        });
    }
}

#[test]
fn hostname_counts_only_in_a_container() {
    let hostname = Surroundings {
        hostname: Some("1111aaaa2222"),
        ..Surroundings::default()
    };
    check_none(hostname);
    let marked = Surroundings {
        has_container_mark: true,
        ..hostname
    };
    check(marked, "1111aaaa2222", Evidence::Hostname);
    for name in [
        "1111aaaa222",
        "raspberrypi4b",
        "",
        "1111AAAA2222",
        &format!("{OWN}0"),
    ] {
        check_none(Surroundings {
            hostname: Some(name),
            ..marked
        });
    }
}

proptest! {
    #[test]
    fn any_bytes_never_panic(cgroup: Vec<u8>, mountinfo: Vec<u8>) {
        let surroundings = Surroundings { cgroup: &cgroup, mountinfo: &mountinfo, ..Surroundings::default() };
        prop_assert_eq!(OwnContainer::find(&surroundings), None);
    }
}

#[track_caller]
fn check(surroundings: Surroundings<'_>, id: &str, evidence: Evidence) {
    let found =
        OwnContainer::find(&surroundings).map(|own| (own.id.as_str().to_owned(), own.evidence));
    assert_eq!(found, Some((id.to_owned(), evidence)));
}

#[track_caller]
fn check_cgroup(line: &str) {
    let surroundings = Surroundings {
        cgroup: line.as_bytes(),
        ..Surroundings::default()
    };
    check(surroundings, OWN, Evidence::Cgroup);
}

#[track_caller]
fn check_none(surroundings: Surroundings<'_>) {
    assert_eq!(OwnContainer::find(&surroundings), None);
}
