//! Temperature sensors: finding them, and asking each no more often than it bears.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pilotfish_protocol::extension::Missing;

use super::held::Held;
use super::roots::HostRoots;
use super::sources::{entries, missing, word};
use crate::clock;
use crate::sample::host::lines::only_number;
use crate::sample::host::sensors::{Candidate, choose, deci_celsius};

/// Most inputs of one monitor that are looked at.
const INPUTS: usize = 32;
/// A sensor that answers within this time costs no more than a file of /proc.
const QUICK: Duration = Duration::from_micros(200);
/// A sensor that takes longer would hold up everything else.
const TOO_SLOW: Duration = Duration::from_millis(100);
/// How often a quick sensor is asked at most.
const QUICK_PERIOD: Duration = Duration::from_millis(9_500);
/// How often a slow one is: those on a bus take milliseconds, a disk's own wakes its controller.
const SLOW_PERIOD: Duration = Duration::from_millis(59_500);

/// One sensor.
#[derive(Debug)]
pub(super) struct Temperature {
    /// Its name.
    pub(super) name: String,
    /// What it said last, tenths of a degree.
    pub(super) deci_celsius: Option<i64>,
    file: Held,
    period: Duration,
    ask_at: Instant,
}

impl Temperature {
    /// Looks for the sensors and asks each once, but those that were `too_slow` before.
    pub(super) fn find(
        roots: &HostRoots,
        buffer: &mut [u8],
        too_slow: &mut Vec<(PathBuf, Missing)>,
    ) -> Vec<Self> {
        let (candidates, mut paths): (Vec<_>, Vec<_>) = zones(&roots.sys)
            .into_iter()
            .chain(monitors(&roots.sys))
            .unzip();
        let mut found = Vec::new();
        for (place, name) in choose(&candidates) {
            let path = std::mem::take(&mut paths[place]);
            if too_slow.iter().any(|(slow, _)| *slow == path) {
                continue;
            }
            let Ok(file) = Held::open(&path) else {
                continue;
            };
            let asked_at = clock::now();
            let told = ask(&file, buffer);
            let now = clock::now();
            let took = now - asked_at;
            if took > TOO_SLOW {
                let why = format!("the sensor takes {} ms to answer", took.as_millis());
                too_slow.push((path, missing(&format!("sensor.{name}"), &why, None)));
                continue;
            }
            // One that cannot tell now, as of a radio that is off, may later.
            let period = if took > QUICK {
                SLOW_PERIOD
            } else {
                QUICK_PERIOD
            };
            found.push(Self {
                name,
                deci_celsius: told,
                file,
                period,
                ask_at: now + period,
            });
        }
        found
    }

    /// Asks the sensor again when it is time to.
    pub(super) fn refresh(&mut self, buffer: &mut [u8], now: Instant) {
        if now >= self.ask_at {
            self.ask_at = now + self.period;
            self.deci_celsius = ask(&self.file, buffer);
        }
    }
}

fn ask(file: &Held, buffer: &mut [u8]) -> Option<i64> {
    deci_celsius(only_number(file.read(buffer).ok()?)?)
}

fn zones(sys: &Path) -> Vec<(Candidate, PathBuf)> {
    let directory = sys.join("class/thermal");
    let names = entries(&directory).into_iter();
    names
        .filter(|name| name.starts_with("thermal_zone"))
        .filter_map(|name| {
            let zone = directory.join(name);
            let kind = word(&zone.join("type"))?;
            Some((Candidate::Zone(kind), zone.join("temp")))
        })
        .collect()
}

fn monitors(sys: &Path) -> Vec<(Candidate, PathBuf)> {
    let directory = sys.join("class/hwmon");
    let mut found = Vec::new();
    for name in entries(&directory) {
        let monitor = directory.join(name);
        let Some(chip) = word(&monitor.join("name")) else {
            continue;
        };
        let inputs = entries(&monitor).into_iter().filter_map(|input| {
            let number = input.strip_prefix("temp")?.strip_suffix("_input")?;
            Some((
                monitor.join(&input),
                monitor.join(format!("temp{number}_label")),
            ))
        });
        for (input, label) in inputs.take(INPUTS) {
            let candidate = Candidate::Monitor {
                chip: chip.clone(),
                label: word(&label),
            };
            found.push((candidate, input));
        }
    }
    found
}
