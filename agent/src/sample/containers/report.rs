//! Says how containers are measured on this host, and why a value is missing.

use std::fs;
use std::path::Path;

use pilotfish_protocol::extension::{ContainerSource, Missing};

use super::{Sampler, Shared, Source};
use crate::sample::cgroup::diagnosis::{self, CmdlineFile, Host, MOUNT_HOST, Seen, entry};
use crate::sample::cgroup::place::NotFound;
use crate::sample::roots::Roots;

/// How containers are measured, and why a value is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerCollector {
    /// Where the values come from.
    pub source: ContainerSource,
    /// Why they do not come from cgroup files.
    pub why: Option<String>,
    /// The Engine's cgroup driver: `systemd`, `cgroupfs`; `None` before the first container was found.
    pub cgroup_driver: Option<&'static str>,
    /// Values that cannot be known.
    pub missing: Vec<Missing>,
}

/// The last report, and what it was made of: it is made anew only when that has changed.
#[derive(Debug)]
pub(super) struct Reported {
    of: Of,
    collector: ContainerCollector,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Of {
    source: ContainerSource,
    why: Option<String>,
    cgroup_driver: Option<&'static str>,
    seen: Seen,
}

impl Sampler {
    /// How containers are measured now, as of the last pass.
    #[must_use]
    pub fn report(&self) -> ContainerCollector {
        let shared = &mut *self.shared.borrow_mut();
        let of = shared.state();
        if let Some(reported) = &shared.reported
            && reported.of == of
        {
            return reported.collector.clone();
        }
        let collector = ContainerCollector {
            source: of.source,
            why: of.why.clone(),
            cgroup_driver: of.cgroup_driver,
            missing: shared.missing(&of),
        };
        shared.reported = Some(Reported {
            of,
            collector: collector.clone(),
        });
        collector
    }
}

impl Shared {
    fn state(&self) -> Of {
        let containers = || self.containers.values();
        let has_files = containers().any(|it| matches!(it.source, Source::Files(_)));
        let not_found = containers().find_map(|it| match &it.source {
            Source::Engine(not_found, _) => Some(not_found),
            Source::Unknown | Source::Files(_) => None,
        });
        let is_by_engine = !self.finder.has_mounts() || (!has_files && not_found.is_some());
        let why = is_by_engine.then(|| why(not_found.unwrap_or(&NotFound::NoMounts)));
        let source = match (is_by_engine, self.asked.is_engine_gone) {
            (true, true) => ContainerSource::Nothing,
            (true, false) => ContainerSource::Engine,
            (false, _) if self.finder.is_v1() => ContainerSource::CgroupV1,
            (false, _) => ContainerSource::CgroupV2,
        };
        Of {
            source,
            why,
            cgroup_driver: self.cgroup_driver,
            seen: self.seen,
        }
    }

    fn missing(&self, of: &Of) -> Vec<Missing> {
        match of.source {
            ContainerSource::CgroupV1 | ContainerSource::CgroupV2 => self.missing_in_files(of),
            ContainerSource::Engine => {
                let why = "the Engine does not tell it";
                ["container.stall", "container.oom_kills"]
                    .map(|value| entry(value, why, Some(MOUNT_HOST)))
                    .to_vec()
            }
            ContainerSource::Nothing => Vec::new(),
        }
    }

    fn missing_in_files(&self, of: &Of) -> Vec<Missing> {
        let roots = self.finder.roots();
        // A file that cannot be read says nothing.
        let read = |path: &Path| fs::read(path).unwrap_or_default();
        let v2 = self.finder.v2_dir();
        let controllers = v2
            .as_deref()
            .map(|dir| read(&dir.join("cgroup.controllers")));
        let host = Host {
            is_v1: self.finder.is_v1(),
            cgroups: &read(&roots.proc.join("cgroups")),
            cmdline: &read(&roots.proc.join("cmdline")),
            controllers: &controllers.unwrap_or_default(),
            has_pressure: roots.proc.join("pressure/cpu").exists(),
            cmdline_file: cmdline_file(roots),
        };
        diagnosis::missing(&of.seen, &host)
    }
}

/// Why the files are not read, and what to do about it.
fn why(not_found: &NotFound) -> String {
    match not_found {
        NotFound::NoMounts | NotFound::NoProcess { .. } | NotFound::Outside => {
            format!("{not_found}; {MOUNT_HOST}")
        }
        NotFound::NotItsOwn => not_found.to_string(),
    }
}

/// Which file holds the kernel's command line. Bookworm has left a file of words in the old place, so the new one is looked for first.
fn cmdline_file(roots: &Roots) -> CmdlineFile {
    let is_there = |path: &str| {
        let mut tops = ["", "host/root", "host"].iter();
        tops.any(|top| roots.base.join(top).join(path).exists())
    };
    if is_there("boot/firmware/cmdline.txt") {
        CmdlineFile::Firmware
    } else if is_there("boot/cmdline.txt") {
        CmdlineFile::Boot
    } else {
        CmdlineFile::Grub
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_the_release_is_named() {
        #[track_caller]
        fn check(files: &[&str], expected: CmdlineFile) {
            let dir = tempfile::tempdir().unwrap();
            for file in files {
                let path = dir.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
            assert_eq!(cmdline_file(&Roots::below(dir.path())), expected);
        }
        check(&[], CmdlineFile::Grub);
        check(&["boot/cmdline.txt"], CmdlineFile::Boot);
        let bookworm = ["boot/cmdline.txt", "boot/firmware/cmdline.txt"];
        check(&bookworm, CmdlineFile::Firmware);
        check(&["host/boot/firmware/cmdline.txt"], CmdlineFile::Firmware);
        check(&["host/root/boot/cmdline.txt"], CmdlineFile::Boot);
    }
}
