//! Pure: what a query is answered with: points at even steps, each series with minimum, average and maximum, and the gaps.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::telemetry::measure::Measure;

use super::cell::{Cell, Cells, buckets, of_value};
use super::subject::SubjectKey;
use super::ticks::KeptRow;
use super::tier::Tier;

/// Most series of an answer.
pub const SERIES: usize = 512;

/// Cells on their way into an answer.
#[derive(Debug)]
pub struct Answering {
    from_unix_ms: u64,
    to_unix_ms: u64,
    tier: Tier,
    /// How many buckets of the tier make a step.
    step: u64,
    measures: Vec<Measure>,
    series: BTreeMap<(SubjectKey, Measure), Cells>,
    is_cut: bool,
}

/// What a query is answered with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The width of the tier that answered.
    pub tier_seconds: u64,
    /// As asked.
    pub from_unix_ms: u64,
    /// As asked.
    pub to_unix_ms: u64,
    /// How far points are apart, where there is no gap.
    pub step_ms: u64,
    /// When each point's step begins, ascending. One point in each gap has nothing in any series.
    pub at_unix_ms: Vec<u64>,
    /// One for each subject and measure.
    pub series: Vec<Series>,
    /// Where there is nothing for more than two and a half steps.
    pub gaps: Vec<Gap>,
}

/// One measure of one subject; `None` where it is not known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// `host`, `interface:eth0`, `filesystem:/`, `sensor:cpu`, `container:0123456789ab`.
    pub subject: String,
    /// The measure's word.
    pub measure: &'static str,
    /// Averages, weighted by the time that each value stands for.
    pub avg: Vec<Option<f64>>,
    /// The lowest values.
    pub min: Vec<Option<f64>>,
    /// The highest.
    pub max: Vec<Option<f64>>,
}

/// A time of which nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Its beginning.
    pub from_unix_ms: u64,
    /// Its end.
    pub to_unix_ms: u64,
}

impl Answering {
    /// Begins an answer of at most `points` points. Without `measures` it has every one.
    #[must_use]
    pub fn new(
        tier: Tier,
        from_unix_ms: u64,
        to_unix_ms: u64,
        points: u64,
        measures: Vec<Measure>,
    ) -> Answering {
        let width = tier.width_ms();
        let last_unix_ms = to_unix_ms.saturating_sub(1).max(from_unix_ms);
        let mut step = (to_unix_ms.saturating_sub(from_unix_ms))
            .div_ceil(points.max(1))
            .div_ceil(width)
            .max(1);
        // Where the range does not begin with a step, one more is touched.
        while last_unix_ms / (step * width) - from_unix_ms / (step * width) >= points.max(1) {
            step += 1;
        }
        Answering {
            from_unix_ms,
            to_unix_ms,
            tier,
            step,
            measures,
            series: BTreeMap::new(),
            is_cut: false,
        }
    }

    /// The first and the last bucket of the tier that are asked for.
    #[must_use]
    pub fn buckets(&self) -> (u64, u64) {
        let step_ms = self.step * self.tier.width_ms();
        let last_unix_ms = self.to_unix_ms.saturating_sub(1).max(self.from_unix_ms);
        (
            self.from_unix_ms / step_ms * self.step,
            (last_unix_ms / step_ms + 1) * self.step - 1,
        )
    }

    /// Adds cells of the tier; those outside the range are left out.
    pub fn add(&mut self, subject: &SubjectKey, measure: Measure, cells: &Cells) {
        let (first, last) = self.buckets();
        for cell in cells
            .0
            .iter()
            .filter(|cell| (first..=last).contains(&cell.bucket))
        {
            self.add_cell(subject, measure, *cell);
        }
    }

    /// Adds a row that is in no tier yet.
    pub fn add_row(&mut self, row: &KeptRow<'_>) {
        let (first, last) = self.buckets();
        for (bucket, span_ms) in buckets(self.tier, row) {
            if (first..=last).contains(&bucket) {
                for (measure, value) in row.values {
                    self.add_cell(row.subject, *measure, of_value(bucket, span_ms, *value));
                }
            }
        }
    }

    fn add_cell(&mut self, subject: &SubjectKey, measure: Measure, mut cell: Cell) {
        if !self.measures.is_empty() && !self.measures.contains(&measure) {
            return;
        }
        cell.bucket /= self.step;
        let key = (subject.clone(), measure);
        if self.series.len() >= SERIES && !self.series.contains_key(&key) {
            self.is_cut = true;
            return;
        }
        self.series.entry(key).or_default().add(cell);
    }

    /// Tells whether there are more series than an answer may have.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Gives the answer.
    #[must_use]
    pub fn finish(self) -> Answer {
        let step_ms = self.step * self.tier.width_ms();
        let known: BTreeSet<u64> = self
            .series
            .values()
            .flat_map(|cells| cells.0.iter().map(|cell| cell.bucket))
            .collect();
        let mut places = Vec::with_capacity(known.len());
        let mut gaps = Vec::new();
        let mut reached = self.from_unix_ms;
        for bucket in known {
            let begin = bucket * step_ms;
            if let Some(place) = self.gap(reached, begin, step_ms, &mut gaps) {
                places.push(place);
            }
            places.push(bucket);
            reached = begin + step_ms;
        }
        if let Some(place) = self.gap(reached, self.to_unix_ms, step_ms, &mut gaps) {
            places.push(place);
        }
        let series = self.series.into_iter().map(|((subject, measure), cells)| {
            let mut series = Series {
                subject: subject.to_string(),
                measure: measure.word(),
                avg: Vec::with_capacity(places.len()),
                min: Vec::with_capacity(places.len()),
                max: Vec::with_capacity(places.len()),
            };
            let mut cells = cells.0.iter().peekable();
            for place in &places {
                let cell = cells.next_if(|cell| cell.bucket == *place);
                series.avg.push(cell.map(|cell| value(measure, cell.avg())));
                #[expect(clippy::cast_precision_loss, reason = "kept far below 2^53")]
                let exact = |quanta: i64| value(measure, quanta as f64);
                series.min.push(cell.map(|cell| exact(cell.min)));
                series.max.push(cell.map(|cell| exact(cell.max)));
            }
            series
        });
        Answer {
            tier_seconds: self.tier.width_ms() / 1000,
            from_unix_ms: self.from_unix_ms,
            to_unix_ms: self.to_unix_ms,
            step_ms,
            series: series.collect(),
            at_unix_ms: places.into_iter().map(|place| place * step_ms).collect(),
            gaps,
        }
    }

    /// Notes the hole from `from` to `to` when it is a gap; gives the first step that lies wholly in it.
    fn gap(&self, from: u64, to: u64, step_ms: u64, gaps: &mut Vec<Gap>) -> Option<u64> {
        if to.saturating_sub(from) * 2 <= step_ms * 5 {
            return None;
        }
        gaps.push(Gap {
            from_unix_ms: from,
            to_unix_ms: to,
        });
        Some(from.div_ceil(step_ms))
    }
}

/// A value of quanta in the measure's unit, without digits that it does not have.
fn value(measure: Measure, quanta: f64) -> f64 {
    let quantum = measure.quantum();
    if quantum >= 1.0 {
        (quanta * quantum).round()
    } else {
        quanta.round() / (1.0 / quantum).round()
    }
}

#[cfg(test)]
mod tests {
    use pilotfish_protocol::Subject;

    use super::*;

    fn answer(range: (u64, u64), points: u64, values: &[(u64, i64)]) -> Answer {
        let mut answering = Answering::new(Tier::TenSeconds, range.0, range.1, points, Vec::new());
        let mut cells = Cells::default();
        for (bucket, value) in values {
            cells.add(of_value(*bucket, 10_000, *value));
        }
        answering.add(&SubjectKey::of(&Subject::Host), Measure::CpuPercent, &cells);
        answering.finish()
    }

    #[test]
    fn minimum_and_maximum_survive_wide_steps() {
        let values: Vec<(u64, i64)> = (0..60)
            .map(|bucket| (bucket, if bucket == 31 { 9900 } else { 100 }))
            .collect();
        let answer = answer((0, 600_000), 2, &values);
        assert_eq!((answer.step_ms, answer.tier_seconds), (300_000, 10));
        assert_eq!(answer.at_unix_ms, [0, 300_000]);
        let series = &answer.series[0];
        assert_eq!(
            (series.subject.as_str(), series.measure),
            ("host", "cpu_percent")
        );
        assert_eq!(series.max, [Some(1.0), Some(99.0)]);
        assert_eq!(series.min, [Some(1.0), Some(1.0)]);
        assert_eq!(series.avg, [Some(1.0), Some(4.27)]);
        assert_eq!(answer.gaps, []);
    }

    #[test]
    fn a_hole_of_more_than_two_and_a_half_steps_is_a_gap_with_one_empty_point() {
        let answer = answer(
            (0, 200_000),
            300,
            &[(0, 1), (3, 3), (7, 7), (8, 8), (19, 9)],
        );
        // Buckets 1 and 2 are two steps; 4 to 6 are three.
        assert_eq!(
            answer.gaps,
            [
                Gap {
                    from_unix_ms: 40_000,
                    to_unix_ms: 70_000
                },
                Gap {
                    from_unix_ms: 90_000,
                    to_unix_ms: 190_000
                }
            ]
        );
        assert_eq!(
            answer.at_unix_ms,
            [0, 30_000, 40_000, 70_000, 80_000, 90_000, 190_000]
        );
        let avg = [
            Some(0.01),
            Some(0.03),
            None,
            Some(0.07),
            Some(0.08),
            None,
            Some(0.09),
        ];
        assert_eq!(answer.series[0].avg, avg);
    }

    #[test]
    fn never_more_points_than_asked_for_wherever_the_range_begins() {
        for begin in [0, 1, 9_999, 10_000, 59_999, 123_456] {
            for points in [1, 2, 3, 7, 60] {
                let values: Vec<(u64, i64)> = (0..200).map(|bucket| (bucket, 1)).collect();
                let answer = answer((begin, begin + 600_000), points, &values);
                let count = answer.at_unix_ms.len() as u64;
                assert!((1..=points).contains(&count), "{begin} {points}: {count}");
            }
        }
    }

    #[test]
    fn nothing_is_one_gap() {
        let answer = answer((1_000_000, 2_000_000), 300, &[(1, 1)]);
        assert_eq!(
            answer.gaps,
            [Gap {
                from_unix_ms: 1_000_000,
                to_unix_ms: 2_000_000
            }]
        );
        assert!(answer.series.is_empty());
    }

    #[test]
    fn more_series_than_an_answer_may_have_are_told() {
        let mut answering = Answering::new(Tier::Minute, 0, 60_000, 1, vec![Measure::Celsius]);
        let cells = Cells(vec![of_value(0, 1000, 1)]);
        for number in 0..SERIES + 1 {
            assert!(!answering.is_cut());
            let subject = SubjectKey::of(&Subject::Sensor(number.to_string()));
            answering.add(&subject, Measure::Celsius, &cells);
            answering.add(&subject, Measure::Pids, &cells);
        }
        assert!(answering.is_cut());
    }
}
