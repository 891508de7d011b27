//! Pure: where cgroup hierarchies are mounted, from `/proc/self/mountinfo`.
//!
//! Source: proc_pid_mountinfo(5): `ID PARENT MAJOR:MINOR ROOT MOUNT-POINT OPTIONS [OPTIONAL…] - TYPE SOURCE SUPER-OPTIONS`, blanks in
//! paths as `\040`.

use std::path::PathBuf;

use super::text::{lines, words};

/// One mount of a cgroup hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupMount {
    /// The v1 controllers in it; `None` for cgroup v2.
    pub controllers: Option<String>,
    /// The cgroup that is mounted, relative to this process's cgroup namespace.
    pub root: String,
    /// Where.
    pub mount_point: PathBuf,
}

impl CgroupMount {
    /// Tells whether it is the hierarchy of a v1 `controller`, or of v2 when that is `None`.
    #[must_use]
    pub fn holds(&self, controller: Option<&str>) -> bool {
        match (&self.controllers, controller) {
            (None, None) => true,
            (Some(mounted), Some(controller)) => {
                mounted.split(',').any(|mounted| mounted == controller)
            }
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    /// The path below the mount point of the cgroup that this process calls `path`; `None` when that is not in this mount.
    #[must_use]
    pub fn path_below<'a>(&self, path: &'a str) -> Option<&'a str> {
        let root = self.root.trim_end_matches('/');
        let below = path.strip_prefix(root)?;
        let is_below = below.is_empty() || below.starts_with('/');
        // What `..` means is known only when both are outside in the same way, and then it is in the root's part.
        let is_plain = below.split('/').all(|part| part != "..");
        (is_below && is_plain).then(|| below.trim_start_matches('/'))
    }
}

/// The cgroup mounts among all `mountinfo` lists.
#[must_use]
pub fn cgroup_mounts(mountinfo: &[u8]) -> Vec<CgroupMount> {
    lines(mountinfo).filter_map(cgroup_mount).collect()
}

fn cgroup_mount(line: &[u8]) -> Option<CgroupMount> {
    let mut fields = words(line).skip(3);
    let (root, mount_point) = (fields.next()?, fields.next()?);
    let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
    let controllers = match fields.next()? {
        b"cgroup2" => None,
        b"cgroup" => Some(unescape(fields.nth(1)?)?),
        _ => return None,
    };
    Some(CgroupMount {
        controllers,
        root: unescape(root)?,
        mount_point: PathBuf::from(unescape(mount_point)?),
    })
}

/// Undoes the kernel's `\OOO`, octal.
#[must_use]
pub fn unescape(field: &[u8]) -> Option<String> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let code = match after {
            [a, b, c, ..] if byte == b'\\' => octal([*a, *b, *c]),
            _ => None,
        };
        plain.push(code.unwrap_or(byte));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    String::from_utf8(plain).ok()
}

fn octal(digits: [u8; 3]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |code, digit| {
        let digit = (b'0'..=b'7').contains(digit).then(|| digit - b'0')?;
        code.checked_mul(8)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:4 master:1 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /docker/a\\040b /mnt/c\\134d rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate
odd - cgroup
42 31 0:38 / /cut rw - cgroup2 cgroup2 rw";

    #[test]
    fn cgroup_mounts_are_found_among_others() {
        let mounts = cgroup_mounts(HYBRID.as_bytes());
        let short: Vec<(Option<&str>, &str, &str)> = mounts
            .iter()
            .map(|mount| {
                let mount_point = mount.mount_point.to_str().unwrap();
                (mount.controllers.as_deref(), &*mount.root, mount_point)
            })
            .collect();
        let expected = [
            (Some("rw,cpu,cpuacct"), "/", "/sys/fs/cgroup/cpu,cpuacct"),
            (Some("rw,memory"), "/docker/a b", "/mnt/c\\d"),
            (None, "/", "/sys/fs/cgroup/unified"),
        ];
        assert_eq!(short, expected);
        assert!(mounts[0].holds(Some("cpuacct")));
        assert!(!mounts[0].holds(Some("acct")) && !mounts[0].holds(None));
        assert!(mounts[2].holds(None) && !mounts[2].holds(Some("memory")));
    }

    #[test]
    fn a_cgroup_is_below_the_mount_of_its_ancestor() {
        #[track_caller]
        fn check(root: &str, path: &str, expected: Option<&str>) {
            let mount = CgroupMount {
                controllers: None,
                root: root.to_owned(),
                mount_point: PathBuf::new(),
            };
            assert_eq!(mount.path_below(path), expected, "{root} {path}");
        }
        check("/", "/docker/a", Some("docker/a"));
        check("/docker", "/docker/a", Some("a"));
        check("/docker/a", "/docker/a", Some(""));
        check("/docker/a", "/docker/ab", None);
        check("/docker/a", "/docker/b", None);
        // A cgroup namespace of its own: the container beside is known only by a name that lacks its ancestors.
        check("/..", "/../b", Some("b"));
        check("/../..", "/../b", None);
        check("/", "/../b", None);
    }
}
