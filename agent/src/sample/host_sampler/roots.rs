//! Where the kernel tells about the host, and where the host's own files are.

use std::fs;
use std::path::{Path, PathBuf};

/// The kernel's number of the first PID namespace (`PROC_PID_INIT_INO`).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRoots {
    /// The host's `/proc`.
    pub(super) proc: PathBuf,
    /// The kernel's `/sys`: but for the network it is the same in every container.
    pub(super) sys: PathBuf,
    /// The host's table of interfaces; `None` when only the container's own can be seen.
    pub(super) net_dev: Option<PathBuf>,
    /// The host's `/sys/class/net`; `None` when only the container's own can be seen.
    pub(super) class_net: Option<PathBuf>,
    /// Below which directory the host's files are; `None` when they cannot be seen.
    pub(super) files: Option<PathBuf>,
    /// The agent runs in a container.
    pub(super) is_in_container: bool,
}

impl HostRoots {
    /// Looks below `/host` first, where a container has the host's `/proc`, `/sys` and `/` mounted (as `/host/root`), then at the usual places.
    ///
    /// In a container without `/host/proc` the usual files still tell the host's CPU, memory and disks, but not its network.
    #[must_use]
    pub fn find(is_in_container: bool) -> Self {
        Self::find_below(Path::new("/"), is_in_container)
    }

    /// Looks below `root` instead of `/`.
    #[must_use]
    pub fn find_below(root: &Path, is_in_container: bool) -> Self {
        let mounted = root.join("host");
        let has_proc = mounted.join("proc/stat").exists();
        let has_sys = mounted.join("sys/class").exists();
        let proc = if has_proc {
            mounted.join("proc")
        } else {
            root.join("proc")
        };
        let sees_init = has_proc || is_first_namespace(&proc);
        let class_net = if has_sys {
            Some(mounted.join("sys/class/net"))
        } else {
            (!is_in_container).then(|| root.join("sys/class/net"))
        };
        let files = if is_in_container {
            let of_init = sees_init.then(|| proc.join("1/root"));
            std::iter::once(mounted.join("root"))
                .chain(of_init)
                .find(|files| files.join("etc").exists())
        } else {
            Some(root.to_owned())
        };
        let net_dev = if is_in_container {
            sees_init.then(|| proc.join("1/net/dev"))
        } else {
            Some(proc.join("net/dev"))
        };
        Self {
            net_dev,
            sys: if has_sys {
                mounted.join("sys")
            } else {
                root.join("sys")
            },
            proc,
            class_net,
            files,
            is_in_container,
        }
    }
}

fn is_first_namespace(proc: &Path) -> bool {
    fs::read_link(proc.join("self/ns/pid"))
        .is_ok_and(|namespace| namespace.as_os_str() == FIRST_PID_NAMESPACE)
}
