//! Pure: which temperature sensors are shown, and by which names.
//!
//! Sources: the kernel's `Documentation/driver-api/thermal/sysfs-api.rst` and `Documentation/hwmon/sysfs-interface.rst`.

/// Most sensors that are read.
pub const SENSORS: usize = 16;
/// Longest name, in bytes.
const NAME_LEN: usize = 48;
/// Disks that answer this one may be kept from sleeping by the question (`Documentation/hwmon/drivetemp.rst`).
const KEEPS_DISKS_AWAKE: &str = "drivetemp";

/// A file that tells a temperature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// A thermal zone, by its type.
    Zone(String),
    /// One input of a hardware monitor, by the monitor's name and the input's label.
    Monitor {
        /// The monitor's name, that of its driver.
        chip: String,
        /// What the input measures, where the driver tells.
        label: Option<String>,
    },
}

/// Chooses among `candidates`: gives places in it, each with a name of its own, at most [`SENSORS`].
///
/// A sensor that the kernel shows twice is chosen once, and of a processor its package but not each of its cores.
#[must_use]
pub fn choose(candidates: &[Candidate]) -> Vec<(usize, String)> {
    let mut chosen: Vec<(usize, String)> = Vec::new();
    for (place, candidate) in candidates.iter().enumerate() {
        if chosen.len() == SENSORS {
            break;
        }
        if repeats_another(candidate, candidates) {
            continue;
        }
        let wanted = name(candidate);
        let is_free = |name: &str| chosen.iter().all(|(_, taken)| taken != name);
        let numbered = (2..).map(|number| format!("{wanted} {number}"));
        let free = std::iter::once(wanted.clone())
            .chain(numbered)
            .find(|name| is_free(name));
        chosen.extend(free.map(|name| (place, name)));
    }
    chosen
}

fn repeats_another(candidate: &Candidate, all: &[Candidate]) -> bool {
    let is_there = |chip: &str, begin: &str| {
        all.iter().any(|other| match other {
            Candidate::Zone(_) => false,
            Candidate::Monitor { chip: other, label } => {
                other == chip && label.as_deref().unwrap_or_default().starts_with(begin)
            }
        })
    };
    let begins = |label: &Option<String>, begin: &str| {
        label
            .as_deref()
            .is_some_and(|label| label.starts_with(begin))
    };
    match candidate {
        Candidate::Zone(kind) => kind == "x86_pkg_temp" && is_there("coretemp", "Package"),
        Candidate::Monitor { chip, label } => match chip.as_str() {
            KEEPS_DISKS_AWAKE => true,
            "coretemp" => is_there("coretemp", "Package") && !begins(label, "Package"),
            "k10temp" => is_there("k10temp", "Tctl") && !begins(label, "Tctl"),
            // The kernel shows each zone as a monitor too, with its dashes turned.
            _ => all.iter().any(|other| match other {
                Candidate::Zone(kind) => kind.replace('-', "_") == *chip,
                Candidate::Monitor { .. } => false,
            }),
        },
    }
}

fn name(candidate: &Candidate) -> String {
    let name = match candidate {
        Candidate::Zone(kind) if kind == "x86_pkg_temp" => "cpu".to_owned(),
        Candidate::Zone(kind) => {
            let short = kind.strip_suffix("-thermal");
            let short = short.or_else(|| kind.strip_suffix("_thermal"));
            short.unwrap_or(kind).to_owned()
        }
        Candidate::Monitor { chip, label } => match (chip.as_str(), label.as_deref()) {
            ("coretemp", Some(label)) if label.starts_with("Package") => "cpu".to_owned(),
            ("k10temp", Some("Tctl")) => "cpu".to_owned(),
            (chip, Some(label)) => format!("{chip} {label}"),
            (chip, None) => chip.to_owned(),
        },
    };
    let mut end = name.len().min(NAME_LEN);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].trim().to_owned()
}

/// Turns what a sensor tells, thousandths of a degree, into tenths; `None` for what no sensor that works can mean.
#[must_use]
pub fn deci_celsius(milli_celsius: i64) -> Option<i64> {
    (-60_000..=250_000)
        .contains(&milli_celsius)
        .then(|| milli_celsius.div_euclid(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(kind: &str) -> Candidate {
        Candidate::Zone(kind.to_owned())
    }

    fn monitor(chip: &str, label: &str) -> Candidate {
        Candidate::Monitor {
            chip: chip.to_owned(),
            label: (!label.is_empty()).then(|| label.to_owned()),
        }
    }

    #[track_caller]
    fn check(candidates: &[Candidate], expected: &[(usize, &str)]) {
        let chosen = choose(candidates);
        let chosen: Vec<_> = chosen
            .iter()
            .map(|(place, name)| (*place, name.as_str()))
            .collect();
        assert_eq!(chosen, expected);
    }

    #[test]
    fn a_zone_that_is_shown_as_a_monitor_too_is_chosen_once() {
        check(
            &[
                zone("cpu-thermal"),
                monitor("cpu_thermal", ""),
                monitor("rp1_adc", ""),
            ],
            &[(0, "cpu"), (2, "rp1_adc")],
        );
    }

    #[test]
    fn of_a_processor_its_package_is_chosen() {
        check(
            &[
                zone("acpitz"),
                zone("x86_pkg_temp"),
                monitor("coretemp", "Package id 0"),
                monitor("coretemp", "Core 0"),
                monitor("coretemp", "Package id 1"),
                monitor("nvme", "Composite"),
            ],
            &[
                (0, "acpitz"),
                (2, "cpu"),
                (4, "cpu 2"),
                (5, "nvme Composite"),
            ],
        );
        check(
            &[monitor("k10temp", "Tctl"), monitor("k10temp", "Tccd1")],
            &[(0, "cpu")],
        );
        check(
            &[zone("x86_pkg_temp"), monitor("coretemp", "Core 0")],
            &[(0, "cpu"), (1, "coretemp Core 0")],
        );
    }

    #[test]
    fn a_question_that_may_keep_disks_awake_is_not_asked() {
        check(&[monitor("drivetemp", "")], &[]);
    }

    #[test]
    fn names_differ_and_are_bounded_as_their_number_is() {
        let long = "é".repeat(100);
        let many: Vec<_> = (0..100).map(|_| monitor(&long, "")).collect();
        let chosen = choose(&many);
        assert_eq!(chosen.len(), SENSORS);
        assert_eq!(chosen[0].1, "é".repeat(24));
        assert_eq!(chosen[1].1, format!("{} 2", "é".repeat(24)));
    }

    #[test]
    fn a_temperature_that_cannot_be_is_not_known() {
        for (milli, expected) in [
            (48_312, Some(483)),
            (-1_550, Some(-16)),
            (0, Some(0)),
            (-128_000, None),
            (i64::MAX, None),
            (i64::MIN, None),
        ] {
            assert_eq!(deci_celsius(milli), expected, "{milli}");
        }
    }
}
