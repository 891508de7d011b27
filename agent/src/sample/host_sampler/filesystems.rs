//! How full the file systems are that matter: that of `/`, and that of the Engine's data root.

use std::fs;
use std::path::{Path, PathBuf};

use pilotfish_protocol::Reading;
use pilotfish_protocol::extension::Missing;
use pilotfish_protocol::metric::FilesystemMetric;
use rustix::fs::{StatVfs, statvfs};

use super::roots::HostRoots;
use super::sources::missing;
use crate::sample::host::mounts::Mount;

/// A file that the Engine mounts into each container: it lies in the Engine's data root.
const FROM_DATA_ROOT: &str = "/etc/hostname";
const REMEDY: &str = "mount the host's files for reading: -v /:/host/root:ro,rslave";

/// A file system that is shown.
#[derive(Debug)]
pub(super) struct Filesystem {
    /// What it is for: a path on the host.
    pub(super) name: String,
    /// Where the agent sees it.
    path: PathBuf,
    device: Option<String>,
}

impl Filesystem {
    /// Finds `/` and the data root; one when both are on the same file system.
    pub(super) fn find(
        roots: &HostRoots,
        data_root: Option<&Path>,
        faults: &mut Vec<Missing>,
    ) -> Vec<Self> {
        let mountinfo = fs::read(roots.base.join("proc/self/mountinfo")).unwrap_or_default();
        let mut found = Vec::new();
        let Some(prefix) = roots.files_below else {
            let known = data_root.and_then(|it| from_inside(roots, it, &mountinfo));
            if known.as_ref().is_none_or(|it| it.name != "/") {
                let why = "the agent runs in a container and does not see the host's files";
                faults.push(missing("filesystem./", why, Some(REMEDY)));
            }
            found.extend(known);
            return found;
        };
        for name in std::iter::once(Path::new("/")).chain(data_root) {
            let seen = Path::new(prefix).join(name.strip_prefix("/").unwrap_or(name));
            let name = name.display().to_string();
            match Self::look(&name, &seen, roots, &mountinfo) {
                Ok(it) if is_new(&it, &found) => found.push(it),
                Ok(_) => {}
                Err(why) => faults.push(missing(&format!("filesystem.{name}"), &why, None)),
            }
        }
        found
    }

    /// `seen` is where the agent sees it; an error says why it is not shown.
    fn look(name: &str, seen: &Path, roots: &HostRoots, mountinfo: &[u8]) -> Result<Self, String> {
        let mount = seen.to_str().and_then(|seen| Mount::of(seen, mountinfo));
        if let Some(mount) = &mount {
            if mount.may_not_answer() {
                return Err(format!(
                    "it is of kind {}, which may never answer",
                    mount.kind
                ));
            }
            if mount.is_image() {
                return Err(format!(
                    "it is a read-only image ({}), always full",
                    mount.kind
                ));
            }
        }
        // The directory itself may be closed to this user; the place where its file system is mounted seldom is.
        let seen = mount.as_ref().map_or(seen, |mount| Path::new(&mount.point));
        let path = roots.at(seen);
        statvfs(&path).map_err(|error| format!("cannot ask {}: {error}", path.display()))?;
        Ok(Self {
            name: name.to_owned(),
            path,
            device: mount.map(|mount| mount.device),
        })
    }

    /// Asks how full it is.
    pub(super) fn read(&self) -> Option<Reading> {
        statvfs(&self.path).ok().as_ref().and_then(reading)
    }
}

fn is_new(filesystem: &Filesystem, found: &[Filesystem]) -> bool {
    filesystem.device.is_none() || found.iter().all(|it| it.device != filesystem.device)
}

/// Finds the data root's file system from inside a container that has nothing of the host mounted, by a file that the Engine mounts.
fn from_inside(roots: &HostRoots, data_root: &Path, mountinfo: &[u8]) -> Option<Filesystem> {
    let mount = Mount::of(FROM_DATA_ROOT, mountinfo)?;
    let (above, container) = mount.root.rsplit_once("/containers/")?;
    if mount.point != FROM_DATA_ROOT || !container.ends_with("/hostname") {
        return None;
    }
    // The file's path within its file system is its path on the host: what is mounted at / holds it.
    let data_root = data_root.to_str()?;
    let name = if above == data_root { "/" } else { data_root };
    Filesystem::look(name, Path::new(FROM_DATA_ROOT), roots, mountinfo).ok()
}

fn reading(usage: &StatVfs) -> Option<Reading> {
    let kib = |blocks: u64| {
        let bytes = u128::from(blocks) * u128::from(usage.f_frsize);
        i64::try_from(bytes / 1024).ok()
    };
    let used = usage.f_blocks.checked_sub(usage.f_bfree)?;
    let mut reading = Reading::EMPTY;
    reading.set(FilesystemMetric::UsedKib, kib(used)?);
    reading.set(FilesystemMetric::AvailableKib, kib(usage.f_bavail)?);
    reading.set(FilesystemMetric::SizeKib, kib(usage.f_blocks)?);
    Some(reading)
}
