//! The shell of host readings: which files to read, and reading as little of them as is used.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::host::{HostReading, Traffic, counts};

/// The first line of `/proc/stat` is shorter; the rest grows with cores and interrupts.
const STAT_BYTES: usize = 512;
/// `MemTotal` and `MemAvailable` are among the first three lines.
const MEMINFO_BYTES: usize = 512;
/// A number or a word.
const VALUE_BYTES: usize = 32;
/// Most interfaces that are looked at.
const INTERFACES: usize = 256;

/// Where the kernel tells about the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFiles {
    proc: PathBuf,
    /// `None` when only the container's own network could be seen.
    net: Option<PathBuf>,
}

impl HostFiles {
    /// Finds the host's files: below `/host` when they are mounted there, else the usual ones.
    ///
    /// In a container without `/host/proc` the usual files still tell the host's CPU and memory, but not its network.
    #[must_use]
    pub fn find(is_in_container: bool) -> Self {
        Self::find_below(Path::new("/"), is_in_container)
    }

    fn find_below(root: &Path, is_in_container: bool) -> Self {
        if !root.join("host/proc/stat").exists() {
            let net = (!is_in_container).then(|| root.join("sys/class/net"));
            return Self {
                proc: root.join("proc"),
                net,
            };
        }
        let host_net = root.join("host/sys/class/net");
        let net = if host_net.exists() {
            Some(host_net)
        } else {
            (!is_in_container).then(|| root.join("sys/class/net"))
        };
        Self {
            proc: root.join("host/proc"),
            net,
        }
    }

    /// Reads the host's counters as they are now. These files are in memory: reading them never waits.
    #[must_use]
    pub fn read(&self) -> HostReading {
        HostReading {
            stat: read_start(&self.proc.join("stat"), STAT_BYTES).unwrap_or_default(),
            meminfo: read_start(&self.proc.join("meminfo"), MEMINFO_BYTES).unwrap_or_default(),
            interfaces: self.net.as_deref().and_then(interfaces),
        }
    }
}

fn interfaces(net: &Path) -> Option<BTreeMap<String, Traffic>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(net).ok()?.take(INTERFACES) {
        let Ok(entry) = entry else { continue };
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = entry.path();
        let operstate = read_start(&path.join("operstate"), VALUE_BYTES);
        let operstate = operstate.and_then(|bytes| String::from_utf8(bytes).ok());
        if !counts(&name, operstate.as_deref()) {
            continue;
        }
        let rx_bytes = number(&path.join("statistics/rx_bytes"));
        if let (Some(rx_bytes), Some(tx_bytes)) =
            (rx_bytes, number(&path.join("statistics/tx_bytes")))
        {
            found.insert(name, Traffic { rx_bytes, tx_bytes });
        }
    }
    Some(found)
}

fn number(path: &Path) -> Option<u64> {
    let bytes = read_start(path, VALUE_BYTES)?;
    str::from_utf8(&bytes).ok()?.trim().parse().ok()
}

/// Reads at most `limit_bytes` of a file in one go, so that the kernel writes it from one moment.
fn read_start(path: &Path, limit_bytes: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; limit_bytes];
    let len = File::open(path).ok()?.read(&mut bytes).ok()?;
    bytes.truncate(len);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn the_hosts_files_are_preferred_to_the_containers() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let usual = HostFiles {
            proc: root.join("proc"),
            net: Some(root.join("sys/class/net")),
        };
        assert_eq!(HostFiles::find_below(root, false), usual);
        assert_eq!(
            HostFiles::find_below(root, true),
            HostFiles { net: None, ..usual }
        );
        write(root, "host/proc/stat", "");
        assert_eq!(
            HostFiles::find_below(root, true),
            HostFiles {
                proc: root.join("host/proc"),
                net: None
            }
        );
        write(root, "host/sys/class/net/eth0/operstate", "up\n");
        let mounted = HostFiles {
            proc: root.join("host/proc"),
            net: Some(root.join("host/sys/class/net")),
        };
        assert_eq!(HostFiles::find_below(root, true), mounted);
    }

    #[test]
    fn interfaces_that_count_and_can_be_read_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        write(
            root,
            "proc/stat",
            &format!("cpu 1 1 1 1 1 1 1 1 0 0\n{}", "intr ".repeat(1000)),
        );
        for (name, state, rx) in [
            ("eth0", "up", "7\n"),
            ("eth1", "down", "9\n"),
            ("lo", "unknown", "5\n"),
            ("wlan0", "up", "odd"),
        ] {
            write(root, &format!("sys/class/net/{name}/operstate"), state);
            write(
                root,
                &format!("sys/class/net/{name}/statistics/rx_bytes"),
                rx,
            );
            write(
                root,
                &format!("sys/class/net/{name}/statistics/tx_bytes"),
                "8\n",
            );
        }
        let reading = HostFiles::find_below(root, false).read();
        assert_eq!(reading.stat.len(), STAT_BYTES);
        assert!(reading.meminfo.is_empty());
        let eth0 = Traffic {
            rx_bytes: 7,
            tx_bytes: 8,
        };
        assert_eq!(
            reading.interfaces,
            Some(BTreeMap::from([("eth0".to_owned(), eth0)]))
        );
    }

    #[test]
    fn interfaces_that_cannot_be_listed_are_not_known() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            HostFiles::find_below(dir.path(), false).read(),
            HostReading::default()
        );
    }

    #[test]
    fn this_host_is_read() {
        let mut meter = super::super::host::HostMeter::default();
        let files = HostFiles::find_below(Path::new("/"), false);
        let stats = meter.take(files.read(), crate::clock::now());
        assert!(stats.mem_percent.is_some());
    }
}
