//! Where the kernel tells about the host, and where the host's own files are.

use std::fs;
use std::path::{Path, PathBuf};

/// The kernel's number of the first PID namespace (`PROC_PID_INIT_INO`).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRoots {
    /// What all paths are below: `/`, but for tests.
    pub(super) base: PathBuf,
    /// The host's `/proc`.
    pub(super) proc: PathBuf,
    /// The kernel's `/sys`: but for the network it is the same in every container.
    pub(super) sys: PathBuf,
    /// The host's table of interfaces; `None` when only the container's own can be seen.
    pub(super) net_dev: Option<PathBuf>,
    /// The host's `/sys/class/net`; `None` when only the container's own can be seen.
    pub(super) class_net: Option<PathBuf>,
    /// Below which directory the host's files are seen; `None` when they are not.
    pub(super) files_below: Option<&'static str>,
}

impl HostRoots {
    /// Looks below `/host` first, where a container has the host's `/proc`, `/sys` and `/` (as `/host/root`) mounted, then at the usual places.
    ///
    /// In a container without `/host/proc` the usual files still tell the host's CPU, memory and disks, but not its network.
    #[must_use]
    pub fn find(is_in_container: bool) -> Self {
        Self::find_below(Path::new("/"), is_in_container)
    }

    /// Looks below `base` instead of `/`, where a test has a tree of its own.
    #[must_use]
    pub fn find_below(base: &Path, is_in_container: bool) -> Self {
        let usual_or_mounted = |mark: &str, name: &str| {
            let mounted = base.join("host").join(name);
            let is_mounted = mounted.join(mark).exists();
            (
                if is_mounted { mounted } else { base.join(name) },
                is_mounted,
            )
        };
        let (proc, has_proc) = usual_or_mounted("stat", "proc");
        let (sys, has_sys) = usual_or_mounted("class", "sys");
        let net_dev = if has_proc || (is_in_container && is_first_namespace(&proc)) {
            Some(proc.join("1/net/dev"))
        } else {
            (!is_in_container).then(|| proc.join("net/dev"))
        };
        let files_below = match is_in_container {
            false => Some("/"),
            true => Some("/host/root").filter(|_| base.join("host/root/etc").exists()),
        };
        Self {
            base: base.to_owned(),
            class_net: (has_sys || !is_in_container).then(|| sys.join("class/net")),
            proc,
            sys,
            net_dev,
            files_below,
        }
    }

    /// A path as this process reaches it.
    pub(super) fn at(&self, path: &Path) -> PathBuf {
        self.base.join(path.strip_prefix("/").unwrap_or(path))
    }
}

fn is_first_namespace(proc: &Path) -> bool {
    fs::read_link(proc.join("self/ns/pid"))
        .is_ok_and(|namespace| namespace.as_os_str() == FIRST_PID_NAMESPACE)
}
