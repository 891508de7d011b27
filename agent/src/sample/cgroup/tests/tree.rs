//! A tree of files in a scratch directory, as a host would show it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use pilotfish_protocol::ContainerId;

use crate::engine::process::ContainerProcess;
use crate::sample::cgroup::budget::Budget;
use crate::sample::cgroup::files::{ContainerFiles, Reader};
use crate::sample::cgroup::place::{Finder, NotFound, Place};
use crate::sample::roots::Roots;

pub(super) const ID: &str = "5b535a41201050a8000e5d0a02f18c23e0cd474a8d592b3142aa757d3e1c1487";
pub(super) const PID: u32 = 77;

const V2_MOUNT: &str = "41 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n";

/// A host with cgroup v2.
pub(super) struct Tree {
    dir: tempfile::TempDir,
}

impl Tree {
    pub(super) fn v2() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tree = Self { dir };
        tree.write("proc/self/mountinfo", V2_MOUNT);
        tree.write("proc/stat", "");
        tree
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// The process of the container, in a cgroup; `ID` stands for the container's.
    pub(super) fn process(&self, proc: &str, cgroup: &str, start_ticks: u32) {
        let process = format!("{proc}/{PID}");
        let cgroup = cgroup.replace("ID", ID);
        self.write(&format!("{process}/cgroup"), &format!("0::{cgroup}\n"));
        let stat = format!("{PID} (a b) S {} {start_ticks} 0\n", ["0"; 18].join(" "));
        self.write(&format!("{process}/stat"), &stat);
        let net_dev = "head\nhead\n  eth0: 2048 0 0 0 0 0 0 0 1024 0 0 0 0 0 0 0\n";
        self.write(&format!("{process}/net/dev"), net_dev);
    }

    /// The files of a cgroup that has used `cpu_ms`.
    pub(super) fn group(&self, path: &str, cpu_ms: u32) {
        let path = path.replace("ID", ID);
        let stall = "some avg10=0.00 avg60=0.00 avg300=0.00 total=5000\n";
        for (name, text) in [
            (
                "cpu.stat",
                &*format!("usage_usec {cpu_ms}000\nthrottled_usec 0\n"),
            ),
            ("cpu.max", "max 100000\n"),
            ("memory.current", "10240\n"),
            ("memory.stat", "anon 1024\ninactive_file 2048\n"),
            ("memory.max", "max\n"),
            ("memory.events", "oom_kill 0\n"),
            ("io.stat", "8:0 rbytes=4096 wbytes=8192\n"),
            ("pids.current", "3\n"),
            ("cpu.pressure", stall),
            ("memory.pressure", stall),
            ("io.pressure", stall),
        ] {
            self.write(&format!("{path}/{name}"), text);
        }
    }

    /// Puts the container and the host's first process into the same or into other networks.
    pub(super) fn networks(&self, own: u32, hosts: u32) {
        for (process, namespace) in [(PID, own), (1, hosts)] {
            let dir = self.path(&format!("proc/{process}/ns"));
            fs::create_dir_all(&dir).unwrap();
            symlink(format!("net:[{namespace}]"), dir.join("net")).unwrap();
        }
    }

    pub(super) fn find(&self) -> Result<Place, NotFound> {
        let process = ContainerProcess {
            pid: PID,
            has_hosts_network: false,
        };
        Finder::new(Roots::below(self.dir.path())).find(&id(), &process)
    }

    pub(super) fn files(&self) -> ContainerFiles {
        ContainerFiles::new(self.find().unwrap(), 0)
    }
}

fn id() -> ContainerId {
    ContainerId::new(ID).unwrap()
}

pub(super) fn reader(descriptors: usize) -> (Reader, Budget) {
    let budget = Budget::new(descriptors);
    (Reader::new(budget.clone()), budget)
}
