//! Pure: which file system a path is on, and what kind it is.
//!
//! Source: proc_pid_mountinfo(5).

use super::lines::whole_lines;
use crate::sample::cgroup::mounts::unescape;
use crate::sample::cgroup::text::words;

/// A file system as it is mounted at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Its device, `MAJOR:MINOR`: the same wherever and however often it is mounted.
    pub device: String,
    /// Which directory or file of it is mounted.
    pub root: String,
    /// Where it is mounted.
    pub point: String,
    /// Its kind, as the kernel names it.
    pub kind: String,
}

impl Mount {
    /// Finds what is mounted at the longest beginning of `path`; of several at one place, the one mounted last.
    #[must_use]
    pub fn of(path: &str, mountinfo: &[u8]) -> Option<Self> {
        let mut found: Option<Self> = None;
        whole_lines(mountinfo, |line| {
            let Some(mount) = Self::parse(line) else {
                return;
            };
            let longest = found.as_ref().map_or(0, |found| found.point.len());
            if is_below(path, &mount.point) && mount.point.len() >= longest {
                found = Some(mount);
            }
        });
        found
    }

    fn parse(line: &[u8]) -> Option<Self> {
        // id, parent, device, root, point, options, optional fields …, -, kind, source, options
        let mut words = words(line).skip(2);
        let device = unescape(words.next()?)?;
        let (root, point) = (unescape(words.next()?)?, unescape(words.next()?)?);
        let kind = unescape(words.skip_while(|word| *word != b"-").nth(1)?)?;
        Some(Self {
            device,
            root,
            point,
            kind,
        })
    }

    /// Tells whether asking how full it is may wait for another machine or program.
    #[must_use]
    pub fn may_not_answer(&self) -> bool {
        let kind = self.kind.as_str();
        matches!(
            kind,
            "9p" | "afs" | "ceph" | "cifs" | "fuse" | "nfs" | "nfs4" | "smb3" | "virtiofs"
        ) || kind.starts_with("fuse.")
    }

    /// Tells whether it is an image that is never written: always full.
    #[must_use]
    pub fn is_image(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "cramfs" | "erofs" | "iso9660" | "squashfs"
        )
    }
}

fn is_below(path: &str, point: &str) -> bool {
    let rest = path.strip_prefix(point);
    rest.is_some_and(|rest| point.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "22 27 0:21 / /proc rw,relatime - proc proc rw\n\
        27 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw\n\
        28 27 8:1 / /var/lib/docker rw,relatime shared:2 master:3 - ext4 /dev/sda1 rw\n\
        29 28 0:40 / /var/lib/docker/overlay2/1/merged rw - overlay overlay rw\n\
        30 27 0:41 / /mnt/two\\040words rw - nfs4 nas:/a rw\n\
        31 27 0:42 / /mnt/two\\040words rw - tmpfs tmpfs rw\n";

    #[track_caller]
    fn check(path: &str, expected_device: Option<&str>) {
        let mount = Mount::of(path, MOUNTS.as_bytes());
        assert_eq!(mount.map(|mount| mount.device).as_deref(), expected_device);
    }

    #[test]
    fn the_longest_and_last_mount_above_a_path_is_its_own() {
        check("/", Some("179:2"));
        check("/var/lib/dockers", Some("179:2"));
        check("/var/lib/docker", Some("8:1"));
        check("/var/lib/docker/volumes", Some("8:1"));
        check("/mnt/two words/x", Some("0:42"));
        check("relative", None);
    }

    #[test]
    fn optional_fields_are_passed_over() {
        let mount = Mount::of("/var/lib/docker", MOUNTS.as_bytes());
        let expected = Mount {
            device: "8:1".to_owned(),
            root: "/".to_owned(),
            point: "/var/lib/docker".to_owned(),
            kind: "ext4".to_owned(),
        };
        assert_eq!(mount, Some(expected));
    }

    #[test]
    fn a_table_that_is_cut_or_odd_never_names_a_wrong_kind() {
        for end in 0..=MOUNTS.len() {
            let found = Mount::of("/mnt/two words", &MOUNTS.as_bytes()[..end]);
            let kinds = ["proc", "ext4", "nfs4", "tmpfs"];
            assert!(
                found.is_none_or(|it| kinds.contains(&it.kind.as_str())),
                "{end}"
            );
        }
        for odd in [
            "1 2 0:1 / / rw -\n",
            "1 2 0:1 / / rw ext4 a rw\n",
            "1 2 0:1 / /\\40\n",
        ] {
            assert_eq!(Mount::of("/", odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn kinds_that_may_not_answer_or_are_always_full_are_known() {
        let of_kind = |kind: &str| Mount {
            device: String::new(),
            root: String::new(),
            point: String::new(),
            kind: kind.to_owned(),
        };
        for kind in ["nfs4", "fuse.sshfs", "cifs"] {
            assert!(of_kind(kind).may_not_answer(), "{kind}");
        }
        for kind in ["ext4", "fuseblk", "btrfs", "overlay", "tmpfs"] {
            assert!(!of_kind(kind).may_not_answer(), "{kind}");
            assert!(!of_kind(kind).is_image(), "{kind}");
        }
        assert!(of_kind("squashfs").is_image());
    }
}
