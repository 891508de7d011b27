//! Pure: why a value of containers is missing on this host, and which line to change in which file.

use pilotfish_protocol::extension::Missing;
use pilotfish_protocol::{ContainerMetric, Metric as _, Text};

use super::text::{digits, lines, words};

/// What makes the host's files visible to an agent in a container.
pub const MOUNT_HOST: &str =
    "mount the host's /proc and /sys: -v /proc:/host/proc:ro -v /sys:/host/sys:ro";

/// Values that every container has where the kernel counts them, each by one of its metrics.
const WANTED: [(ContainerMetric, &str, &str); 8] = [
    (ContainerMetric::CpuMs, "container.cpu", "cpu"),
    (ContainerMetric::MemoryKib, "container.memory", "memory"),
    (ContainerMetric::ReadKib, "container.disk_io", "io"),
    (ContainerMetric::Pids, "container.pids", "pids"),
    (ContainerMetric::ThrottledMs, "container.throttled", "cpu"),
    (ContainerMetric::OomKills, "container.oom_kills", "memory"),
    (ContainerMetric::CpuStallMs, "container.stall", STALL),
    (ContainerMetric::ReceivedKib, "container.network", NETWORK),
];

/// In the place of a controller: pressure stall information.
const STALL: &str = "";
/// In the place of a controller: the network of the container's process.
const NETWORK: &str = "net";

/// A set of metrics, bit by bit as in a reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics(u32);

impl Metrics {
    /// Those of `WANTED` that are not among the `known`.
    #[must_use]
    pub fn lacking(known: u32) -> Self {
        let wanted = WANTED.iter();
        let lacking = wanted.map(|(metric, ..)| 1 << metric.bit() & !known);
        Self(lacking.fold(0, |all, bit| all | bit))
    }

    /// Removes one.
    pub fn remove(&mut self, metric: ContainerMetric) {
        self.0 &= !(1 << metric.bit());
    }

    fn contains(self, metric: ContainerMetric) -> bool {
        self.0 & (1 << metric.bit()) != 0
    }
}

/// What was seen of the containers' files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What at least one container lacks.
    pub lacking: Metrics,
    /// Whether a file may not be read.
    pub is_denied: bool,
    /// Whether a container's process is not seen.
    pub is_process_hidden: bool,
    /// Whether a container uses the host's network.
    pub has_hosts_network: bool,
}

impl Seen {
    /// Adds what was seen of another container.
    pub fn add(&mut self, other: Self) {
        self.lacking.0 |= other.lacking.0;
        self.is_denied |= other.is_denied;
        self.is_process_hidden |= other.is_process_hidden;
        self.has_hosts_network |= other.has_hosts_network;
    }
}

/// What the host says of itself; a file that is not there is empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Host<'a> {
    /// Controllers are in cgroup v1.
    pub is_v1: bool,
    /// `/proc/cgroups`
    pub cgroups: &'a [u8],
    /// `/proc/cmdline`
    pub cmdline: &'a [u8],
    /// `cgroup.controllers` of the uppermost cgroup seen.
    pub controllers: &'a [u8],
    /// `/proc/pressure` is there.
    pub has_pressure: bool,
    /// The file that holds the kernel's command line.
    pub cmdline_file: CmdlineFile,
}

/// The file that holds the kernel's command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CmdlineFile {
    /// Raspberry Pi OS from Bookworm on.
    Firmware,
    /// Raspberry Pi OS before.
    Boot,
    /// Debian and its kin.
    #[default]
    Grub,
}

impl CmdlineFile {
    /// Tells how to add `words`.
    fn add(self, words: &str) -> String {
        match self {
            Self::Firmware => {
                format!("add {words} to the one line of /boot/firmware/cmdline.txt and reboot")
            }
            Self::Boot => format!("add {words} to the one line of /boot/cmdline.txt and reboot"),
            Self::Grub => format!(
                "add {words} to GRUB_CMDLINE_LINUX in /etc/default/grub, run update-grub and reboot"
            ),
        }
    }

    fn remove(self, word: &str) -> String {
        match self {
            // The firmware adds it itself: the opposite has to be asked for.
            Self::Firmware | Self::Boot => self.add("cgroup_enable=memory cgroup_memory=1"),
            Self::Grub => format!(
                "remove {word} from GRUB_CMDLINE_LINUX in /etc/default/grub, run update-grub and reboot"
            ),
        }
    }
}

/// Says why each value that is lacking is missing.
#[must_use]
pub fn missing(seen: &Seen, host: &Host<'_>) -> Vec<Missing> {
    let mut missing = Vec::new();
    for (metric, value, controller) in WANTED {
        if seen.lacking.contains(metric) {
            missing.push(match controller {
                STALL => host.no_pressure(value, seen),
                NETWORK => no_network(value, seen),
                _ => host.no_controller(value, controller, seen),
            });
        }
    }
    if seen.has_hosts_network {
        let why = "containers on the host's network have no traffic of their own";
        missing.push(entry("container.network", why, None));
    }
    missing
}

impl Host<'_> {
    fn no_controller(&self, value: &str, controller: &str, seen: &Seen) -> Missing {
        let of_v1 = if controller == "io" {
            "blkio"
        } else {
            controller
        };
        let disabled = format!("cgroup_disable={controller}");
        if controller == "memory" && self.is_off(controller) {
            let why = "the kernel's memory controller is off, so containers' memory is not counted and their memory limits are not enforced";
            let remedy = if self.is_booted_with(&disabled) {
                self.cmdline_file.remove(&disabled)
            } else {
                self.cmdline_file
                    .add("cgroup_enable=memory cgroup_memory=1")
            };
            return entry(value, why, Some(&remedy));
        }
        if self.is_off(if self.is_v1 { of_v1 } else { controller }) {
            let why = format!("the kernel's {controller} controller is off");
            let remedy = self
                .is_booted_with(&disabled)
                .then(|| self.cmdline_file.remove(&disabled));
            return entry(value, &why, remedy.as_deref());
        }
        if seen.is_denied {
            return entry(
                value,
                "the agent may not read it",
                Some("run the agent as root"),
            );
        }
        if self.is_v1 {
            let why = format!("this kernel does not tell it in cgroup v1 ({of_v1})");
            return entry(value, &why, None);
        }
        let why = format!("the {controller} controller is not delegated to the containers");
        let remedy = "for a rootless Engine write \"[Service]\" and \"Delegate=cpu cpuset io memory pids\" into /etc/systemd/system/user@.service.d/delegate.conf, run systemctl daemon-reload and log in again";
        entry(value, &why, Some(remedy))
    }

    fn no_pressure(&self, value: &str, seen: &Seen) -> Missing {
        if !self.has_pressure {
            let why = "the kernel does not count pressure stalls (PSI is off)";
            return entry(value, why, Some(&self.cmdline_file.add("psi=1")));
        }
        if seen.is_denied {
            return entry(
                value,
                "the agent may not read it",
                Some("run the agent as root"),
            );
        }
        if self.is_v1 {
            let why = "pressure stalls of containers are counted in cgroup v2 only, and this host uses v1";
            let remedy = self.cmdline_file.add("systemd.unified_cgroup_hierarchy=1");
            return entry(value, why, Some(&remedy));
        }
        entry(
            value,
            "this kernel does not count it for cgroups (since Linux 4.20)",
            None,
        )
    }

    fn is_booted_with(&self, word: &str) -> bool {
        words(self.cmdline.trim_ascii_end()).any(|given| given == word.as_bytes())
    }

    /// Tells whether the kernel says that the controller is off. Newer kernels leave those of v2 out of `/proc/cgroups`.
    fn is_off(&self, controller: &str) -> bool {
        if !self.is_v1 && !self.controllers.is_empty() {
            let mut on = words(self.controllers.trim_ascii_end());
            return !on.any(|on| on == controller.as_bytes());
        }
        let listed = lines(self.cgroups).find_map(|line| {
            let mut fields = words(line);
            let is_it = fields.next()? == controller.as_bytes();
            is_it.then(|| fields.nth(2).and_then(digits))
        });
        listed.flatten() == Some(0)
    }
}

fn no_network(value: &str, seen: &Seen) -> Missing {
    if seen.is_process_hidden {
        let why = "the host's processes cannot be seen from the agent's container";
        return entry(value, why, Some(MOUNT_HOST));
    }
    entry(
        value,
        "the agent may not read it",
        Some("run the agent as root"),
    )
}

/// Says that `value` cannot be known.
#[must_use]
pub fn entry(value: &str, why: &str, remedy: Option<&str>) -> Missing {
    Missing {
        value: Text::cut(value),
        why: Text::cut(why),
        remedy: remedy.map(Text::cut),
    }
}

#[cfg(test)]
mod tests;
