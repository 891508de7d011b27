//! Pure: how many subjects one host may bring into the history in a day: each takes room in every tier for as long as that lasts.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use pilotfish_protocol::Subject;

/// Most containers of one host that are kept in the history of one day, as they come; those of a host that starts one every half minute.
pub(super) const CONTAINERS_A_DAY: usize = 3000;

/// Most interfaces, file systems and sensors of one host that are.
pub(super) const PARTS_A_DAY: usize = 256;

const DAY_MS: u64 = 24 * 3_600_000;

/// The subjects of one host that came today, by the server's clock. At most 4 KiB for 300 of them.
#[derive(Debug, Default)]
pub(super) struct Seen {
    day: u64,
    containers: HashSet<u64>,
    parts: HashSet<u64>,
}

impl Seen {
    /// Tells whether rows of this subject are kept at `now_unix_ms`.
    pub(super) fn admits(&mut self, subject: &Subject, now_unix_ms: u64) -> bool {
        let day = now_unix_ms / DAY_MS;
        if day != self.day {
            *self = Seen {
                day,
                ..Seen::default()
            };
        }
        let (seen, most) = match subject {
            Subject::Host => return true,
            Subject::Container { .. } => (&mut self.containers, CONTAINERS_A_DAY),
            Subject::Interface(_) | Subject::Filesystem(_) | Subject::Sensor(_) => {
                (&mut self.parts, PARTS_A_DAY)
            }
        };
        // Two of the same hash count as one, which does no harm.
        let mut hasher = DefaultHasher::new();
        match subject {
            Subject::Container { id, .. } => id.hash(&mut hasher),
            Subject::Host | Subject::Interface(_) | Subject::Filesystem(_) | Subject::Sensor(_) => {
                subject.hash(&mut hasher)
            }
        }
        let hash = hasher.finish();
        if seen.len() < most {
            seen.insert(hash);
            return true;
        }
        seen.contains(&hash)
    }
}

#[cfg(test)]
mod tests {
    use pilotfish_protocol::ShortId;

    use super::*;

    #[test]
    fn a_day_has_room_for_so_many_subjects_and_the_next_day_again() {
        let mut seen = Seen::default();
        let part = |number: usize| Subject::Interface(format!("veth{number}"));
        for number in 0..PARTS_A_DAY {
            assert!(seen.admits(&part(number), DAY_MS));
        }
        let one_more = part(PARTS_A_DAY);
        assert!(!seen.admits(&one_more, DAY_MS));
        assert!(seen.admits(&part(0), DAY_MS) && seen.admits(&Subject::Host, DAY_MS));
        assert!(seen.admits(&one_more, 2 * DAY_MS));
    }

    #[test]
    fn a_container_that_is_renamed_counts_once() {
        let mut seen = Seen::default();
        let container = |number: usize, name: &str| Subject::Container {
            id: ShortId([
                0,
                0,
                number.to_be_bytes()[4],
                number.to_be_bytes()[5],
                number.to_be_bytes()[6],
                number.to_be_bytes()[7],
            ]),
            name: name.to_owned(),
        };
        for number in 0..CONTAINERS_A_DAY {
            assert!(seen.admits(&container(number, "a"), 0));
        }
        assert!(seen.admits(&container(5, "b"), 0));
        assert!(!seen.admits(&container(CONTAINERS_A_DAY, "a"), 0));
    }
}
