//! Pure: the agent's own container, from `/proc/self/cgroup` and `/proc/self/mountinfo`.
//!
//! Formats: cgroups(7) "/proc/pid/cgroup", proc_pid_mountinfo(5). An Engine names a container by 64 hex digits; images,
//! overlay layers, volumes and pods have names of the same form, so only places that can hold nothing but a container's
//! id are read:
//!
//! 1. The cgroup path, when the cgroup namespace is the host's: `…/ID`, `…/docker-ID.scope`, `…/libpod-ID[.scope]`. The last
//!    id of a path wins, so that an Engine inside a container finds its own containers.
//! 2. The files an Engine mounts into each container: `…/ID/hostname` on `/etc/hostname` and its like. Mount points
//!    elsewhere are ignored: a host sees its containers' mounts too.
//! 3. `HOSTNAME`, when it is hex *and* there are other signs of a container.
//!
//! Under Docker a container that shares another's network has the *other's* files and host name (`moby`: `initializeNetworking`), and
//! nothing inside tells the two apart: then the Engine is asked who else it may be, see [`who_it_may_be`].

use pilotfish_protocol::{ContainerId, limits};

/// What the agent can see of its own surroundings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// `/proc/self/cgroup`, empty when it cannot be read.
    pub cgroup: &'a [u8],
    /// `/proc/self/mountinfo`, empty when it cannot be read.
    pub mountinfo: &'a [u8],
    /// The environment variable `HOSTNAME`.
    pub hostname: Option<&'a str>,
    /// Whether `/.dockerenv` or `/run/.containerenv` exists.
    pub has_container_mark: bool,
}

/// The container the agent runs in, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnContainer {
    /// Its id: 64 digits, or 12 to 64 when it comes from `HOSTNAME`.
    pub id: ContainerId,
    /// How the id is known.
    pub evidence: Evidence,
}

/// Where the agent's own container id was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The path of its cgroup: certain.
    Cgroup,
    /// Podman's `.containerenv` mounted into it: certain.
    PodmanMark,
    /// The Engine's own files mounted into it. A container that shares another's network under Docker has the *other's* files.
    Mounts,
    /// `HOSTNAME`, which a user may also set.
    Hostname,
}

impl Evidence {
    /// Tells whether it may point at the container whose network is shared instead of at the agent's own.
    pub fn is_ambiguous(self) -> bool {
        match self {
            Self::Cgroup | Self::PodmanMark => false,
            Self::Mounts | Self::Hostname => true,
        }
    }
}

/// A container that runs beside the agent, as far as it matters whether it *is* the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Its id.
    pub id: ContainerId,
    /// `HostConfig.NetworkMode`: `container:ID` when it shares the network of ID.
    pub network_mode: String,
    /// Where something is mounted in it.
    pub mount_points: Vec<String>,
}

/// The containers that may be the agent's own when ambiguous evidence found `found`: that one and those that share its network, of these
/// only those that have the Engine's `socket` mounted, as the agent must. Never empty.
pub fn who_it_may_be(
    found: &ContainerId,
    neighbours: &[Neighbour],
    socket: &str,
) -> Vec<ContainerId> {
    let may_be: Vec<&Neighbour> = neighbours
        .iter()
        .filter(|neighbour| {
            let shared = neighbour.network_mode.strip_prefix("container:");
            neighbour.id.is_same_container(found)
                || shared.is_some_and(|owner| owner.starts_with(found.as_str()))
        })
        .collect();
    let with_socket = may_be
        .iter()
        .filter(|neighbour| neighbour.mount_points.iter().any(|at| holds(at, socket)));
    let mut ids: Vec<ContainerId> = with_socket.map(|it| it.id.clone()).collect();
    if ids.is_empty() {
        ids = may_be.into_iter().map(|it| it.id.clone()).collect();
    }
    if ids.is_empty() {
        ids.push(found.clone());
    }
    ids
}

/// Tells whether `path` is at or below the mount point `at`. `/var/run` is the same as `/run` in most images.
fn holds(at: &str, path: &str) -> bool {
    let short = |path: &str| -> String {
        let is_var_run = path.starts_with("/var/run/") || path == "/var/run";
        let from = if is_var_run { "/var".len() } else { 0 };
        path[from..].trim_end_matches('/').to_owned()
    };
    let (at, path) = (short(at), short(path));
    path.strip_prefix(&at)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl OwnContainer {
    /// Finds the container that `surroundings` belong to; `None` on a host.
    pub fn find(surroundings: &Surroundings<'_>) -> Option<Self> {
        let found = in_cgroup(surroundings.cgroup)
            .map(|id| (id, Evidence::Cgroup))
            .or_else(|| in_mountinfo(surroundings.mountinfo))
            .or_else(|| {
                let hostname = surroundings.hostname?.as_bytes();
                (surroundings.has_container_mark).then_some((hostname, Evidence::Hostname))
            });
        let (id, evidence) = found?;
        let id = ContainerId::new(std::str::from_utf8(id).ok()?).ok()?;
        Some(Self { id, evidence })
    }
}

/// The id in the first line of `/proc/self/cgroup` that holds one. A line is `hierarchy:controllers:path`.
fn in_cgroup(cgroup: &[u8]) -> Option<&[u8]> {
    lines(cgroup).find_map(|line| {
        let path = line.splitn(3, |&b| b == b':').nth(2)?;
        path.rsplit(|&b| b == b'/').find_map(id_of_cgroup)
    })
}

/// The id in one segment of a cgroup path.
fn id_of_cgroup(segment: &[u8]) -> Option<&[u8]> {
    let name = segment.strip_suffix(b".scope").unwrap_or(segment);
    let id = [b"docker-".as_slice(), b"libpod-"]
        .iter()
        .find_map(|prefix| name.strip_prefix(*prefix))
        .unwrap_or(name);
    is_full_id(id).then_some(id)
}

/// The id in the mounts by which an Engine gives a container its files. Podman's `.containerenv` and the host name are a
/// container's own even when it shares another's network, so they go first.
fn in_mountinfo(mountinfo: &[u8]) -> Option<(&[u8], Evidence)> {
    const FILES: [(&[u8], &[u8], Evidence); 4] = [
        (
            b"/run/.containerenv",
            b".containerenv",
            Evidence::PodmanMark,
        ),
        (b"/etc/hostname", b"hostname", Evidence::Mounts),
        (b"/etc/hosts", b"hosts", Evidence::Mounts),
        (b"/etc/resolv.conf", b"resolv.conf", Evidence::Mounts),
    ];
    FILES.iter().find_map(|(mount_point, file, evidence)| {
        lines(mountinfo).find_map(|line| {
            // mount id, parent id, major:minor, root, mount point, …
            let mut fields = line.split(|&b| b == b' ').skip(3);
            let root = fields.next()?;
            (fields.next()? == *mount_point)
                .then(|| id_of_root(root, file))
                .flatten()
                .map(|id| (id, *evidence))
        })
    })
}

/// The id in a mount's root: `…/ID/FILE` (Docker) or `…/ID/userdata/FILE` (Podman), wherever the data root is.
fn id_of_root<'a>(root: &'a [u8], file: &[u8]) -> Option<&'a [u8]> {
    // The kernel marks a file that was replaced after it was mounted.
    let root = root.strip_suffix(b"//deleted").unwrap_or(root);
    let mut segments = root.rsplit(|&b| b == b'/');
    if segments.next()? != file {
        return None;
    }
    let mut id = segments.next()?;
    if id == b"userdata" {
        id = segments.next()?;
    }
    is_full_id(id).then_some(id)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&b| b == b'\n')
}

/// Engines name containers by 64 lower-case hex digits; anything else in a path is something else.
fn is_full_id(text: &[u8]) -> bool {
    text.len() == limits::FULL_ID_LEN && text.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests;
