//! Reads what the kernel says about this process: the container it is in and the host's name.

use std::env;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::container_id::{OwnContainer, Surroundings};

/// A host with thousands of mounts has a mountinfo of a few hundred KiB.
const PROC_FILE_LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// Finds the container this process runs in; `None` on a host. Blocks on small files of procfs.
pub fn own_container() -> Option<OwnContainer> {
    // A file that cannot be read says nothing: the others may.
    let cgroup = read("/proc/self/cgroup").unwrap_or_default();
    let mountinfo = read("/proc/self/mountinfo").unwrap_or_default();
    let hostname = env::var("HOSTNAME").ok();
    OwnContainer::find(&Surroundings {
        cgroup: &cgroup,
        mountinfo: &mountinfo,
        hostname: hostname.as_deref(),
        has_container_mark: ["/.dockerenv", "/run/.containerenv"]
            .iter()
            .any(|mark| Path::new(mark).exists()),
    })
}

/// The kernel's name of this machine, or in a container usually the container's.
pub fn os_host_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_str().ok()?.to_owned();
    (!name.is_empty() && name != "(none)").then_some(name)
}

fn read(path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(PROC_FILE_LIMIT_BYTES)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_there_to_be_read() {
        let mountinfo = read("/proc/self/mountinfo").unwrap();
        assert!(
            mountinfo
                .split(|&b| b == b' ')
                .any(|field| field == b"/proc")
        );
        assert!(!read("/proc/self/cgroup").unwrap().is_empty());
    }

    #[test]
    fn this_machine_has_a_name() {
        let name = os_host_name().unwrap();
        assert_eq!(name, read_name());
    }

    fn read_name() -> String {
        let bytes = read("/proc/sys/kernel/hostname").unwrap();
        String::from_utf8(bytes).unwrap().trim_end().to_owned()
    }
}
