//! How full the file systems are that matter: that of `/`, and that of the Engine's data root.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use pilotfish_protocol::Reading;
use pilotfish_protocol::metric::FilesystemMetric;
use rustix::fs::{StatVfs, statvfs};

use super::roots::HostRoots;
use super::sources::missing;
use pilotfish_protocol::extension::Missing;

/// A file system that is shown.
#[derive(Debug)]
pub(super) struct Filesystem {
    /// What it is for: the path on the host.
    pub(super) name: String,
    /// Where the agent sees it.
    path: PathBuf,
}

impl Filesystem {
    /// Finds `/` and the data root; one when both are on the same file system.
    pub(super) fn find(
        roots: &HostRoots,
        data_root: Option<&Path>,
        faults: &mut Vec<Missing>,
    ) -> Vec<Self> {
        let Some(files) = &roots.files else {
            faults.push(missing(
                "host.filesystem",
                "the agent runs in a container and does not see the host's files",
                Some("mount the host's files for reading: -v /:/host/root:ro,rslave"),
            ));
            return Vec::new();
        };
        let mut found: Vec<Self> = Vec::new();
        for name in std::iter::once(Path::new("/")).chain(data_root) {
            let path = files.join(name.strip_prefix("/").unwrap_or(name));
            let device = |path: &Path| path.metadata().map(|it| it.dev());
            let same = found.iter().find(|other| {
                device(&path).is_ok_and(|it| device(&other.path).is_ok_and(|other| it == other))
            });
            if same.is_some() {
                continue;
            }
            let name = name.display().to_string();
            match statvfs(&path) {
                Ok(_) => found.push(Self { name, path }),
                Err(error) => {
                    let why = format!("cannot ask how full {} is: {error}", path.display());
                    faults.push(missing(&format!("filesystem.{name}"), &why, None));
                }
            }
        }
        found
    }

    /// Asks how full it is.
    pub(super) fn read(&self) -> Option<Reading> {
        statvfs(&self.path).ok().as_ref().and_then(reading)
    }
}

fn reading(usage: &StatVfs) -> Option<Reading> {
    let kib = |blocks: u64| {
        let bytes = u128::from(blocks) * u128::from(usage.f_frsize);
        i64::try_from(bytes / 1024).ok()
    };
    let mut reading = Reading::EMPTY;
    reading.set(
        FilesystemMetric::UsedKib,
        kib(usage.f_blocks.checked_sub(usage.f_bfree)?)?,
    );
    reading.set(FilesystemMetric::AvailableKib, kib(usage.f_bavail)?);
    reading.set(FilesystemMetric::SizeKib, kib(usage.f_blocks)?);
    Some(reading)
}
