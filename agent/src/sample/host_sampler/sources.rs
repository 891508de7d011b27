//! Which files tell about the host: found at the start, every few minutes, and after one could not be read.

use std::fs;
use std::path::{Path, PathBuf};

use pilotfish_protocol::Text;
use pilotfish_protocol::extension::Missing;

use super::held::Held;
use super::roots::HostRoots;
use super::temperatures::Temperature;
use crate::sample::cgroup::pressure::some_ms;
use crate::sample::host::lines::only_number;
use crate::sample::host::memory::Memory;
use crate::sample::host::network::{InterfaceLine, is_in_use, is_own};
use crate::sample::host::pressure::Resource;

/// Most interfaces that are shown.
const INTERFACES: usize = 64;
/// Most entries that are looked at in one directory.
pub(super) const ENTRIES: usize = 512;

/// The open files. What there is no file of is missing, with a reason.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub(super) stat: Option<Held>,
    pub(super) loadavg: Option<Held>,
    pub(super) meminfo: Option<Held>,
    pub(super) pressure: [Option<Held>; 3],
    pub(super) diskstats: Option<Held>,
    /// The names of the physical disks.
    pub(super) disks: Vec<String>,
    pub(super) net_dev: Option<Held>,
    /// The interfaces that are shown.
    pub(super) interfaces: Vec<String>,
    /// The host's interfaces that are not in use, with the bytes that they had carried.
    pub(super) unused: Vec<(String, u64)>,
    pub(super) cpus: Option<Held>,
    pub(super) under_voltage: Option<Held>,
    pub(super) throttles: Vec<Held>,
    pub(super) temperatures: Vec<Temperature>,
    /// Sensors that are not asked again, and why.
    too_slow: Vec<(PathBuf, Missing)>,
    pub(super) missing: Vec<Missing>,
}

impl Sources {
    /// Looks for all again; `before` is what was found the last time.
    pub(super) fn find(roots: &HostRoots, buffer: &mut [u8], before: Self) -> Self {
        let mut sources = Self {
            too_slow: before.too_slow,
            ..Self::default()
        };
        sources.find_usage(roots, buffer);
        sources.find_pressure(roots, buffer);
        sources.find_disks(roots);
        sources.find_interfaces(roots, buffer);
        sources.find_health(roots, buffer);
        sources
    }

    fn find_usage(&mut self, roots: &HostRoots, buffer: &mut [u8]) {
        self.stat = self.open("host.cpu", &roots.proc.join("stat"));
        self.loadavg = self.open("host.load", &roots.proc.join("loadavg"));
        self.meminfo = self.open("host.memory", &roots.proc.join("meminfo"));
        let meminfo = self.meminfo.as_ref().and_then(|it| it.read(buffer).ok());
        if meminfo.is_some_and(|it| Memory::parse(it).used_kib().is_none()) {
            self.miss(
                "host.memory_used",
                "the kernel does not tell MemAvailable in /proc/meminfo; Linux does since 3.14",
                None,
            );
        }
        self.cpus = Held::open(&roots.sys.join("devices/system/cpu/online")).ok();
    }

    fn find_pressure(&mut self, roots: &HostRoots, buffer: &mut [u8]) {
        let directory = roots.proc.join("pressure");
        for (place, resource) in self.pressure.iter_mut().zip(Resource::ALL) {
            let held = Held::open(&directory.join(resource.file()));
            // A kernel that has it switched off may show the file and refuse to read it.
            let tells = |held: &Held| held.read(buffer).is_ok_and(|it| some_ms(it).is_some());
            *place = held.ok().filter(tells);
        }
        if self.pressure.iter().all(Option::is_none) {
            self.miss(
                "host.pressure",
                &format!(
                    "the kernel does not tell how long tasks wait ({} is not there)",
                    directory.display()
                ),
                Some(
                    "add psi=1 to the kernel's command line (Raspberry Pi OS: /boot/firmware/cmdline.txt, before Debian 12 \
                     /boot/cmdline.txt; with GRUB: GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub) and start anew",
                ),
            );
        }
    }

    fn find_disks(&mut self, roots: &HostRoots) {
        let block = roots.sys.join("block");
        // Partitions are not listed here; loop, RAM, mapped and joined disks have no device below them.
        self.disks = entries(&block)
            .into_iter()
            .filter(|name| {
                let disk = block.join(name);
                let is_hidden = fs::read(disk.join("hidden")).is_ok_and(|it| it.starts_with(b"1"));
                disk.join("device").exists() && !is_hidden
            })
            .collect();
        if self.disks.is_empty() {
            let why = format!("no physical disk is shown in {}", block.display());
            self.miss("host.disk_io", &why, None);
        } else {
            self.diskstats = self.open("host.disk_io", &roots.proc.join("diskstats"));
        }
    }

    fn find_interfaces(&mut self, roots: &HostRoots, buffer: &mut [u8]) {
        let Some(path) = &roots.net_dev else {
            self.miss(
                "host.network",
                "the agent runs in a container and sees only that container's network",
                Some(
                    "mount the host's /proc and /sys: -v /proc:/host/proc:ro -v /sys:/host/sys:ro",
                ),
            );
            return;
        };
        let Some(table) = self.open("host.network", path) else {
            return;
        };
        let (interfaces, unused) = (&mut self.interfaces, &mut self.unused);
        let read = table.lines(buffer, |line| {
            let Some((name, line)) = own_interface(line) else {
                return;
            };
            let state = roots.class_net.as_deref();
            let state = state.and_then(|net| fs::read(net.join(name).join("operstate")).ok());
            if !is_in_use(state.as_deref()) {
                unused.push((name.to_owned(), carried(&line)));
            } else if interfaces.len() < INTERFACES {
                interfaces.push(name.to_owned());
            }
        });
        match read {
            Ok(()) => self.net_dev = Some(table),
            Err(error) => self.miss("host.network", &fault(path, &error), None),
        }
    }

    fn find_health(&mut self, roots: &HostRoots, buffer: &mut [u8]) {
        self.throttles = throttle_counts(&roots.sys, buffer);
        self.under_voltage = entries(&roots.sys.join("class/hwmon"))
            .into_iter()
            .map(|name| roots.sys.join("class/hwmon").join(name))
            .filter(|monitor| word(&monitor.join("name")).as_deref() == Some("rpi_volt"))
            .find_map(|monitor| Held::open(&monitor.join("in0_lcrit_alarm")).ok());
        let model = word(&roots.sys.join("firmware/devicetree/base/model")).unwrap_or_default();
        if self.under_voltage.is_none() && model.starts_with("Raspberry Pi") {
            self.miss(
                "host.under_voltage",
                "the kernel's monitor of the supply voltage (rpi_volt) is not there",
                Some("modprobe raspberrypi-hwmon"),
            );
        }
        self.temperatures = Temperature::find(roots, buffer, &mut self.too_slow);
        let too_slow = self.too_slow.iter().map(|(_, missing)| missing.clone());
        self.missing.extend(too_slow);
        if self.temperatures.is_empty() && self.too_slow.is_empty() {
            self.miss(
                "host.temperature",
                "the kernel knows no temperature sensor of this machine",
                None,
            );
        }
    }

    fn open(&mut self, value: &str, path: &Path) -> Option<Held> {
        match Held::open(path) {
            Ok(held) => Some(held),
            Err(error) => {
                self.miss(value, &fault(path, &error), None);
                None
            }
        }
    }

    pub(super) fn miss(&mut self, value: &str, why: &str, remedy: Option<&str>) {
        self.missing.push(missing(value, why, remedy));
    }
}

/// Says that `value` cannot be known.
pub(super) fn missing(value: &str, why: &str, remedy: Option<&str>) -> Missing {
    Missing {
        value: Text::cut(value),
        why: Text::cut(why),
        remedy: remedy.map(Text::cut),
    }
}

fn fault(path: &Path, error: &std::io::Error) -> String {
    format!("cannot read {}: {error}", path.display())
}

/// A line of the table of interfaces, when it is about one of the host's own.
pub(super) fn own_interface(line: &[u8]) -> Option<(&str, InterfaceLine<'_>)> {
    let line = InterfaceLine::parse(line).filter(|line| is_own(line.name))?;
    Some((str::from_utf8(line.name).ok()?, line))
}

/// What an interface carried, both ways.
pub(super) fn carried(line: &InterfaceLine<'_>) -> u64 {
    line.received_bytes.wrapping_add(line.sent_bytes)
}

/// The names in a directory, in order of their numbers: `hwmon2` before `hwmon10`. None when it cannot be read.
pub(super) fn entries(directory: &Path) -> Vec<String> {
    let Ok(found) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut names: Vec<String> = found
        .take(ENTRIES)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    names
}

/// The text of a small file.
pub(super) fn word(path: &Path) -> Option<String> {
    let mut buffer = [0; 128];
    let text = Held::open(path).ok()?;
    let text = text.read(&mut buffer).ok()?;
    let text = str::from_utf8(text).ok()?.trim_matches(['\0', '\n', ' ']);
    (!text.is_empty()).then(|| text.to_owned())
}

/// The counters of how often a processor was slowed down because of its heat: one of each package, or where a package has none, of each core.
fn throttle_counts(sys: &Path, buffer: &mut [u8]) -> Vec<Held> {
    let cpus = sys.join("devices/system/cpu");
    let mut seen: Vec<String> = Vec::new();
    let mut counts = Vec::new();
    for cpu in entries(&cpus) {
        let cpu = cpus.join(cpu);
        let Some(package) = word(&cpu.join("topology/physical_package_id")) else {
            continue;
        };
        let of_package = cpu.join("thermal_throttle/package_throttle_count");
        let (id, path) = if of_package.exists() {
            (package, of_package)
        } else {
            let core = word(&cpu.join("topology/core_id")).unwrap_or_default();
            let of_core = cpu.join("thermal_throttle/core_throttle_count");
            (format!("{package}/{core}"), of_core)
        };
        if seen.contains(&id) {
            continue;
        }
        if let Ok(held) = Held::open(&path)
            && held.read(buffer).is_ok_and(|it| only_number(it).is_some())
        {
            seen.push(id);
            counts.push(held);
        }
    }
    counts
}
