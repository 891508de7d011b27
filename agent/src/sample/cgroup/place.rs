//! Where a container's files are: its directory in each hierarchy, found by its process or, failing that, by its id.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use pilotfish_protocol::ContainerId;

use super::gather::SOURCES;
use super::membership::{container_path, path_of};
use super::mounts::{CgroupMount, cgroup_mounts};
use super::process::start_ticks;
use crate::engine::process::ContainerProcess;
use crate::sample::roots::Roots;

/// A host with thousands of mounts has a mountinfo of a few hundred KiB.
const MOUNTINFO_BYTES: u64 = 4 * 1024 * 1024;
/// A line per hierarchy, of which there are about a dozen.
const CGROUP_BYTES: u64 = 64 * 1024;
/// How deep below a mount a container's directory is searched.
const SEARCH_DEPTH: usize = 6;
/// How many directories such a search reads.
const SEARCH_DIRS: usize = 2048;

/// Where a container's files are.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Its directory in each hierarchy of [`SOURCES`]; `None` where it has none.
    pub dirs: [Option<Box<Path>>; SOURCES.len()],
    /// When its process was started; `None` when the process is not seen.
    pub start_ticks: Option<u64>,
    /// Whether its network is the host's, so that the traffic is not its own.
    pub has_hosts_network: bool,
}

impl Place {
    /// The Engine's cgroup driver, by the form of the directory's name.
    #[must_use]
    pub fn driver(&self) -> Option<&'static str> {
        let (_process, hierarchies) = self.dirs.split_last()?;
        let dir = hierarchies.iter().flatten().next()?;
        let is_scope = dir
            .extension()
            .is_some_and(|extension| extension == "scope");
        Some(if is_scope { "systemd" } else { "cgroupfs" })
    }
}

/// Why a container's files are not found.
#[derive(Debug, thiserror::Error)]
pub enum NotFound {
    /// No hierarchy is mounted.
    #[error("no cgroup file system is mounted here")]
    NoMounts,
    /// The process is not seen here, and neither is the container's cgroup.
    #[error("neither process {pid} of the host nor its cgroup can be seen from here")]
    NoProcess {
        /// Its id by the Engine.
        pid: u32,
        /// What the system said of `/proc/PID/cgroup`.
        source: io::Error,
    },
    /// The process is in a cgroup that is not the container's own.
    #[error("the container has no cgroup of its own")]
    NotItsOwn,
    /// The cgroup is outside of what is mounted.
    #[error("the host's cgroups are not mounted here")]
    Outside,
}

/// Finds places.
#[derive(Debug)]
pub struct Finder {
    roots: Roots,
    mounts: Vec<CgroupMount>,
}

impl Finder {
    /// A finder that knows the mounts of now.
    #[must_use]
    pub fn new(roots: Roots) -> Self {
        let mut finder = Self {
            roots,
            mounts: Vec::new(),
        };
        finder.look_again();
        finder
    }

    /// Reads the mounts again.
    pub fn look_again(&mut self) {
        let mountinfo = read(&self.roots.own_mountinfo(), MOUNTINFO_BYTES).unwrap_or_default();
        self.mounts = cgroup_mounts(&mountinfo);
    }

    /// The roots it looks below.
    #[must_use]
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Tells whether cgroup v1 is mounted with the controllers that matter, so that v2 beside it has none.
    #[must_use]
    pub fn is_v1(&self) -> bool {
        self.mounts
            .iter()
            .any(|mount| mount.holds(Some("cpuacct")) || mount.holds(Some("memory")))
    }

    /// Tells whether any hierarchy is mounted.
    #[must_use]
    pub fn has_mounts(&self) -> bool {
        !self.mounts.is_empty()
    }

    /// The directory where cgroup v2 is mounted, as far up as it is seen.
    #[must_use]
    pub fn v2_dir(&self) -> Option<PathBuf> {
        let mount = self.mounts.iter().rfind(|mount| mount.holds(None))?;
        Some(self.roots.at(&mount.mount_point))
    }

    /// Finds the files of container `id`, whose first process is `process`.
    ///
    /// # Errors
    ///
    /// [`NotFound`] when there is no directory of it in any hierarchy.
    pub fn find(&self, id: &ContainerId, process: &ContainerProcess) -> Result<Place, NotFound> {
        if self.mounts.is_empty() {
            return Err(NotFound::NoMounts);
        }
        let pid = process.pid;
        let process_dir = self.roots.proc.join(pid.to_string());
        let cgroup = read(&process_dir.join("cgroup"), CGROUP_BYTES);
        let text = cgroup.as_deref().unwrap_or_default();
        let path = |controller| container_path(path_of(text, controller)?, id.as_str());
        let mut hierarchies = SOURCES
            .iter()
            .filter_map(|(hierarchy, _)| hierarchy.controller());
        // Else it is a process of another pid namespace that has the same number, or the container has no cgroup of its own.
        let is_its_own = hierarchies.any(|controller| path(controller).is_some());
        let mut place = Place::default();
        let mut searched = Searched::default();
        for ((hierarchy, _), dir) in SOURCES.iter().zip(&mut place.dirs) {
            let Some(controller) = hierarchy.controller() else {
                continue;
            };
            *dir = match path(controller) {
                Some(path) => self
                    .dir(controller, path)
                    .or_else(|| self.search(controller, id, &mut searched)),
                None if is_its_own => None,
                None => self.search(controller, id, &mut searched),
            };
        }
        if place.dirs.iter().all(Option::is_none) {
            return Err(match cgroup {
                Ok(_) if is_its_own => NotFound::Outside,
                Ok(_) => NotFound::NotItsOwn,
                Err(source) => NotFound::NoProcess { pid, source },
            });
        }
        if is_its_own {
            place.start_ticks = self.start_ticks(&process_dir);
            place.has_hosts_network = self
                .shares_hosts_network(&process_dir)
                .unwrap_or(process.has_hosts_network);
            if let Some(dir) = place.dirs.last_mut() {
                *dir = Some(process_dir.into_boxed_path());
            }
        }
        Ok(place)
    }

    /// When the process of `/proc/PID` was started.
    #[must_use]
    pub fn start_ticks(&self, process_dir: &Path) -> Option<u64> {
        start_ticks(&read(&process_dir.join("stat"), CGROUP_BYTES).ok()?)
    }

    fn dir(&self, controller: Option<&str>, path: &str) -> Option<Box<Path>> {
        let mounts = self.mounts.iter().filter(|mount| mount.holds(controller));
        let dirs = mounts.filter_map(|mount| {
            let below = mount.path_below(path)?;
            Some(self.roots.at(&mount.mount_point).join(below))
        });
        dirs.filter(|dir| dir.is_dir())
            .map(PathBuf::into_boxed_path)
            .next()
    }

    /// Searches for the container by its id, for an agent that does not see the host's processes, or sees cgroups by names relative to its own.
    fn search(
        &self,
        controller: Option<&str>,
        id: &ContainerId,
        searched: &mut Searched,
    ) -> Option<Box<Path>> {
        let mut mounts = self.mounts.iter().filter(|mount| mount.holds(controller));
        mounts.find_map(|mount| {
            let top = self.roots.at(&mount.mount_point);
            if let Some(below) = &searched.found {
                let dir = top.join(below);
                return dir.is_dir().then(|| dir.into_boxed_path());
            }
            let dir = search_below(&top, id.as_str(), &mut searched.dirs)?;
            searched.found = dir.strip_prefix(&top).ok().map(Path::to_owned);
            Some(dir.into_boxed_path())
        })
    }

    /// `None` when this process may not know.
    fn shares_hosts_network(&self, process_dir: &Path) -> Option<bool> {
        let own = fs::read_link(process_dir.join("ns/net")).ok()?;
        let hosts = fs::read_link(self.roots.proc.join("1/ns/net")).ok()?;
        Some(own == hosts)
    }
}

#[derive(Debug, Default)]
struct Searched {
    /// Directories read so far.
    dirs: usize,
    /// Where it was in one hierarchy, it most likely is in the others.
    found: Option<PathBuf>,
}

/// Level by level, so that the container is found before what is nested in it.
fn search_below(top: &Path, id: &str, dirs: &mut usize) -> Option<PathBuf> {
    let mut level = vec![top.to_owned()];
    for _ in 0..SEARCH_DEPTH {
        let mut next = Vec::new();
        for dir in level {
            if *dirs >= SEARCH_DIRS {
                return None;
            }
            *dirs += 1;
            let Ok(entries) = fs::read_dir(&dir) else {
                continue;
            };
            for entry in entries.flatten() {
                if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    continue;
                }
                let name = entry.file_name();
                // Podman's monitor of a container has a cgroup with the same id.
                if name
                    .to_str()
                    .is_some_and(|name| name.contains(id) && !name.contains("conmon"))
                {
                    return Some(entry.path());
                }
                next.push(entry.path());
            }
        }
        level = next;
    }
    None
}

fn read(path: &Path, limit_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(limit_bytes)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
