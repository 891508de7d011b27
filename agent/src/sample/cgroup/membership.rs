//! Pure: which cgroups a process is in, from `/proc/PID/cgroup`, and which of their ancestors is its container.
//!
//! Source: cgroups(7), "/proc files": lines `HIERARCHY:CONTROLLERS:PATH`; `0::PATH` is cgroup v2's.

use super::text::lines;

/// The path of the cgroup in the hierarchy of a v1 `controller`, or of v2 when that is `None`.
///
/// As the reader sees it: relative to its own cgroup namespace, with `..` for what is outside.
#[must_use]
pub fn path_of<'a>(cgroup: &'a [u8], controller: Option<&str>) -> Option<&'a str> {
    lines(cgroup).find_map(|line| {
        let mut fields = line.splitn(3, |&byte| byte == b':');
        let (hierarchy, controllers) = (fields.next()?, fields.next()?);
        let path = fields.next()?;
        let is_wanted = match controller {
            None => hierarchy == b"0" && controllers.is_empty(),
            Some(controller) => controllers
                .split(|&byte| byte == b',')
                .any(|name| name == controller.as_bytes()),
        };
        is_wanted.then(|| std::str::from_utf8(path).ok()).flatten()
    })
}

/// The part of `path` down to the cgroup that carries the container's full `id`: a process may be in one below it, such as `init.scope`.
///
/// The last id counts, so that an Engine inside a container finds its own. `None` when no part carries it.
#[must_use]
pub fn container_path<'a>(path: &'a str, id: &str) -> Option<&'a str> {
    let at = path.rfind(id)?;
    let rest = &path[at..];
    let len = rest.find('/').unwrap_or(rest.len());
    Some(&path[..at + len])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "5b535a41201050a8000e5d0a02f18c23e0cd474a8d592b3142aa757d3e1c1487";

    #[test]
    fn each_controller_has_its_path() {
        let v1 = b"9:name=systemd:/s\n4:memory:/m\n2:cpu,cpuacct:/c:d\n0::/u\n";
        assert_eq!(path_of(v1, Some("memory")), Some("/m"));
        assert_eq!(path_of(v1, Some("cpuacct")), Some("/c:d"));
        assert_eq!(path_of(v1, Some("cpu")), Some("/c:d"));
        assert_eq!(path_of(v1, Some("acct")), None);
        assert_eq!(path_of(v1, None), Some("/u"));
        assert_eq!(path_of(b"0::/u", None), None);
        assert_eq!(path_of(b"0::/\xff\n", None), None);
        assert_eq!(path_of(b"odd\n0:\n", None), None);
    }

    #[test]
    fn a_containers_cgroup_carries_its_id() {
        #[track_caller]
        fn check(path: &str, expected: Option<&str>) {
            let fill = |path: &str| path.replace("ID", ID);
            assert_eq!(
                container_path(&fill(path), ID),
                expected.map(fill).as_deref()
            );
        }
        for same in [
            "/docker/ID",
            "/system.slice/docker-ID.scope",
            "/machine.slice/libpod-ID.scope",
            "/libpod_parent/libpod-ID",
            "/kubepods/burstable/pod1/ID",
            "/../docker-ID.scope",
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope",
        ] {
            check(same, Some(same));
        }
        check("/docker/ID/init.scope", Some("/docker/ID"));
        check(
            "/machine.slice/libpod-ID.scope/container/a",
            Some("/machine.slice/libpod-ID.scope"),
        );
        check("/docker/ID/docker/ID/a", Some("/docker/ID/docker/ID"));
        check("/docker/other", None);
        check("/", None);
    }
}
