//! Where the kernel tells about the host: below `/host` when its `/proc` and `/sys` are mounted there, else at the usual places.

use std::path::{Path, PathBuf};

/// The places of procfs and sysfs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// What mount points are below: `/`, but for tests.
    pub base: PathBuf,
    /// The host's `/proc`.
    pub proc: PathBuf,
    /// The host's `/sys`.
    pub sys: PathBuf,
}

impl Roots {
    /// Finds the host's files.
    #[must_use]
    pub fn find() -> Self {
        Self::below(Path::new("/"))
    }

    /// Finds them below `base`, where a test has put a tree of its own.
    #[must_use]
    pub fn below(base: &Path) -> Self {
        let host_or_usual = |mark: &str, usual: &str| {
            let has_mark = base.join("host").join(mark).exists();
            base.join(if has_mark { "host" } else { "" }).join(usual)
        };
        Self {
            base: base.to_owned(),
            proc: host_or_usual("proc/stat", "proc"),
            sys: host_or_usual("sys/fs", "sys"),
        }
    }

    /// The mounts this process sees: its own, even when the host's `/proc` is elsewhere.
    #[must_use]
    pub fn own_mountinfo(&self) -> PathBuf {
        self.base.join("proc/self/mountinfo")
    }

    /// A mount point as this process reaches it.
    #[must_use]
    pub fn at(&self, mount_point: &Path) -> PathBuf {
        let below = mount_point.strip_prefix("/").unwrap_or(mount_point);
        self.base.join(below)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_mounted_below_host_goes_before_the_usual() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path();
        let roots = Roots::below(base);
        assert_eq!(roots.proc, base.join("proc"));
        assert_eq!(roots.sys, base.join("sys"));

        fs::create_dir_all(base.join("host/proc")).unwrap();
        fs::write(base.join("host/proc/stat"), "").unwrap();
        fs::create_dir_all(base.join("host/sys/fs")).unwrap();
        let roots = Roots::below(base);
        assert_eq!(roots.proc, base.join("host/proc"));
        assert_eq!(roots.sys, base.join("host/sys"));
        assert_eq!(roots.own_mountinfo(), base.join("proc/self/mountinfo"));
        assert_eq!(roots.at(Path::new("/sys/fs")), base.join("sys/fs"));
    }
}
