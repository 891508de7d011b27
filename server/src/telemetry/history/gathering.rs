//! Pure: the rows of one host on their way into the tiers.

use std::collections::BTreeMap;

use crate::telemetry::measure::Measure;

use super::cell::{Cells, buckets, of_value};
use super::segment::Segment;
use super::subject::SubjectKey;
use super::ticks::KeptRow;
use super::tier::{Retention, Tier};

/// A container that was there this close to the beginning or the end of what is gathered may have lived longer than what is seen of it.
const EDGE_MS: u64 = 60_000;

/// Rows of one host, as cells of each tier.
#[derive(Debug)]
pub struct Gathering {
    begins_unix_ms: [u64; Tier::ALL.len()],
    first_unix_ms: u64,
    last_unix_ms: u64,
    subjects: BTreeMap<SubjectKey, Gathered>,
}

/// One subject, by tier and by the code of the measure.
#[derive(Debug)]
struct Gathered {
    first_unix_ms: u64,
    last_unix_ms: u64,
    tiers: [Vec<Cells>; Tier::ALL.len()],
}

impl Gathering {
    /// Begins; rows beyond a tier's life are not gathered for it.
    #[must_use]
    pub fn new(retention: &Retention, now_unix_ms: u64) -> Gathering {
        Gathering {
            begins_unix_ms: Tier::ALL.map(|tier| retention.begin_unix_ms(tier, now_unix_ms)),
            first_unix_ms: u64::MAX,
            last_unix_ms: 0,
            subjects: BTreeMap::new(),
        }
    }

    /// Adds a row.
    pub fn add(&mut self, row: &KeptRow<'_>) {
        let at = row.at_unix_ms;
        self.first_unix_ms = self.first_unix_ms.min(at);
        self.last_unix_ms = self.last_unix_ms.max(at);
        if !self.subjects.contains_key(row.subject) {
            self.subjects
                .insert(row.subject.clone(), Gathered::default());
        }
        let Some(gathered) = self.subjects.get_mut(row.subject) else {
            return;
        };
        gathered.first_unix_ms = gathered.first_unix_ms.min(at);
        gathered.last_unix_ms = gathered.last_unix_ms.max(at);
        for (tier, begin_unix_ms) in Tier::ALL.into_iter().zip(self.begins_unix_ms) {
            let measures = &mut gathered.tiers[usize::from(tier.code())];
            for (bucket, span_ms) in buckets(tier, row) {
                if (bucket + 1) * tier.width_ms() <= begin_unix_ms {
                    continue;
                }
                for (measure, value) in row.values {
                    if let Some(cells) = measures.get_mut(usize::from(measure.code())) {
                        cells.add(of_value(bucket, span_ms, *value));
                    }
                }
            }
        }
    }

    /// Gives what every subject has in each tier; of the coarser ones without containers that were there too briefly.
    pub fn into_segments(self) -> impl Iterator<Item = (SubjectKey, Tier, Segment)> {
        let (first, last) = (self.first_unix_ms, self.last_unix_ms);
        self.subjects
            .into_iter()
            .flat_map(move |(subject, gathered)| {
                let is_within = subject.is_container()
                    && gathered.first_unix_ms > first + EDGE_MS
                    && gathered.last_unix_ms + EDGE_MS < last;
                let tiers = Tier::ALL.into_iter().zip(gathered.tiers);
                tiers.filter_map(move |(tier, cells)| {
                    let measures = Measure::ALL.iter().copied().zip(cells);
                    let known = measures.filter(|(_, cells)| !cells.0.is_empty());
                    let segment = Segment(known.collect());
                    let is_brief = is_within && segment.span_ms() < tier.least_ms();
                    (!segment.0.is_empty() && !is_brief).then(|| (subject.clone(), tier, segment))
                })
            })
    }
}

impl Default for Gathered {
    fn default() -> Gathered {
        let none = || vec![Cells::default(); Measure::ALL.len()];
        Gathered {
            first_unix_ms: u64::MAX,
            last_unix_ms: 0,
            tiers: [none(), none(), none(), none()],
        }
    }
}

#[cfg(test)]
mod tests {
    use pilotfish_protocol::{ShortId, Subject};

    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    /// How many cells each tier has of a container with rows at these seconds of an hour in which the host was always there.
    #[track_caller]
    fn check(seconds: std::ops::Range<u64>, ago_ms: u64, expected: [usize; 4]) {
        let host = SubjectKey::of(&Subject::Host);
        let container = SubjectKey::of_container(ShortId([7; 6]));
        let mut gathering = Gathering::new(&Retention::default(), NOW);
        let begin = NOW - ago_ms;
        let mut add = |subject, second: u64| {
            gathering.add(&KeptRow {
                at_unix_ms: begin + second * 1000,
                span_ms: 10_000,
                subject,
                values: &[(Measure::CpuPercent, 1)],
            });
        };
        for second in (10..=3600).step_by(10) {
            add(&host, second);
        }
        for second in seconds.step_by(10) {
            add(&container, second);
        }
        let mut cells = [0; 4];
        for (subject, tier, segment) in gathering.into_segments() {
            if subject == container {
                cells[usize::from(tier.code())] = segment.0[&Measure::CpuPercent].0.len();
            }
        }
        assert_eq!(cells, expected);
    }

    #[test]
    fn a_container_that_was_there_briefly_is_only_in_the_fine_tiers() {
        const HOUR: u64 = 3_600_000;
        check(10..3601, HOUR, [360, 60, 6, 1]);
        check(1010..1040, HOUR, [3, 2, 0, 0]);
        check(1210..1510, HOUR, [30, 5, 1, 0]);
        // It may have been there before, or stay.
        check(10..40, HOUR, [3, 1, 1, 1]);
        check(3570..3601, HOUR, [4, 1, 1, 1]);
    }

    #[test]
    fn what_is_late_goes_only_into_the_tiers_that_still_keep_its_time() {
        const DAY: u64 = 24 * 3_600_000;
        check(10..3601, DAY, [0, 60, 6, 1]);
        check(10..3601, 10 * DAY, [0, 0, 6, 1]);
        check(10..3601, 100 * DAY, [0, 0, 0, 1]);
        check(10..3601, 1000 * DAY, [0, 0, 0, 0]);
    }
}
