//! Where the kernel tells about the host, and where the host's own files are.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sample::roots::Roots;

/// The kernel's number of the first PID namespace (`PROC_PID_INIT_INO`).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// Where to look: below `/host` where a container has the host's files mounted, else at the usual places.
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
    /// Finds the host's files.
    #[must_use]
    pub fn find(is_in_container: bool) -> Self {
        Self::new(&Roots::find(), is_in_container)
    }

    /// Takes the places where procfs and sysfs were found.
    ///
    /// In a container without the host's `/proc` the usual files still tell the host's CPU, memory and disks, but not its network; its files
    /// are looked for in `/host/root`.
    #[must_use]
    pub fn new(roots: &Roots, is_in_container: bool) -> Self {
        let mounted = roots.base.join("host");
        let (proc, sys) = (roots.proc.clone(), roots.sys.clone());
        let net_dev =
            if proc.starts_with(&mounted) || (is_in_container && is_first_namespace(&proc)) {
                Some(proc.join("1/net/dev"))
            } else {
                (!is_in_container).then(|| proc.join("net/dev"))
            };
        let sees_class_net = sys.starts_with(&mounted) || !is_in_container;
        let files_below = match is_in_container {
            false => Some("/"),
            true => Some("/host/root").filter(|_| mounted.join("root/etc").exists()),
        };
        Self {
            base: roots.base.clone(),
            class_net: sees_class_net.then(|| sys.join("class/net")),
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
