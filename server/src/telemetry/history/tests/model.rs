//! Whatever comes, in whatever order, committed, sealed and merged whenever: every query answers what a plain list of all rows answers.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::cell::buckets;
use super::super::subject::SubjectKey;
use super::super::ticks::{KeptRow, quanta};
use super::super::tier::Tier;
use super::*;

const DAY_MS: u64 = 24 * HOUR_MS;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    /// Ticks, every so many ms, that stand for as long.
    Ticks { count: u32, every_ms: u64 },
    /// Time passes with nothing.
    Pause { ms: u64 },
    /// A spooled run of ticks, of some time ago.
    Late {
        ago_ms: u64,
        count: u32,
        every_ms: u64,
    },
    /// A commit, with sealing where it is due.
    Write,
    /// An orderly stop and a start.
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    let every = prop::sample::select(vec![1_000, 10_000, 10_100, 30_000, 240_000]);
    let late_every = prop::sample::select(vec![10_000, 60_000, 600_000]);
    prop_oneof![
        4 => (1..60_u32, every).prop_map(|(count, every_ms)| Step::Ticks { count, every_ms }),
        1 => (1..100_u64).prop_map(|minutes| Step::Pause { ms: minutes * 60_000 }),
        1 => (1..50_u64).prop_map(|hours| Step::Pause { ms: hours * HOUR_MS }),
        2 => (0..3 * DAY_MS / 100, 1..100_u32, late_every).prop_map(|(ago, count, every_ms)| Step::Late { ago_ms: ago * 100, count, every_ms }),
        4 => Just(Step::Write),
        1 => Just(Step::Restart),
    ]
}

/// Min, max, sum of values by their spans, spans; in quanta.
type Sum = (i64, i64, f64, f64);

/// The list of all rows.
#[derive(Debug, Default)]
struct Model {
    rows: Vec<(u64, u64, SubjectKey, Measure, i64)>,
}

impl Model {
    fn add(&mut self, at_unix_ms: u64, span_ms: u64, rows: &[Row<'_>]) {
        for row in rows {
            for (measure, value) in row.values {
                let key = SubjectKey::of(row.subject);
                let value = quanta(*measure, *value).unwrap();
                self.rows.push((at_unix_ms, span_ms, key, *measure, value));
            }
        }
    }

    /// What an answer has to have, by subject, measure and the beginning of the step.
    fn sums(&self, tier: Tier, step_ms: u64) -> BTreeMap<(String, &'static str, u64), Sum> {
        let mut sums = BTreeMap::new();
        for (at_unix_ms, span_ms, subject, measure, value) in &self.rows {
            let row = KeptRow {
                at_unix_ms: *at_unix_ms,
                span_ms: *span_ms,
                subject,
                values: &[],
            };
            for (bucket, span_ms) in buckets(tier, &row) {
                let begin = bucket * tier.width_ms() / step_ms * step_ms;
                let key = (subject.to_string(), measure.word(), begin);
                let sum: &mut Sum = sums.entry(key).or_insert((i64::MAX, i64::MIN, 0.0, 0.0));
                let span = span_ms as f64;
                *sum = (
                    sum.0.min(*value),
                    sum.1.max(*value),
                    sum.2 + *value as f64 * span,
                    sum.3 + span,
                );
            }
        }
        sums
    }

    #[track_caller]
    fn check(&self, answer: &Answer, retention: &Retention, now_unix_ms: u64) {
        let tier = Tier::ALL
            .into_iter()
            .find(|tier| tier.width_ms() == answer.tier_seconds * 1000)
            .unwrap();
        // What is beyond the tier's life may be there or not.
        let begin = retention
            .begin_unix_ms(tier, now_unix_ms)
            .max(answer.from_unix_ms);
        let is_checked = |at: u64| at >= begin && at < answer.to_unix_ms;
        let mut expected = self.sums(tier, answer.step_ms);
        expected.retain(|(_, _, at), _| is_checked(*at));
        for series in &answer.series {
            for (place, at) in answer
                .at_unix_ms
                .iter()
                .enumerate()
                .filter(|(_, at)| is_checked(**at))
            {
                let found = expected.remove(&(series.subject.clone(), series.measure, *at));
                let Some((min, max, sum, span)) = found else {
                    assert_eq!(
                        (series.min[place], series.avg[place]),
                        (None, None),
                        "{series:?} {at}"
                    );
                    continue;
                };
                let measure: Measure = series.measure.parse().unwrap();
                let quantum = measure.quantum();
                let is_near = |found: Option<f64>, quanta: f64, tolerance: f64| {
                    (found.unwrap() - quanta * quantum).abs() <= tolerance * quantum
                };
                assert!(
                    is_near(series.min[place], min as f64, 1e-6),
                    "{series:?} {at} {min}"
                );
                assert!(
                    is_near(series.max[place], max as f64, 1e-6),
                    "{series:?} {at} {max}"
                );
                // Averages are kept to a quantum each time that they are written.
                assert!(
                    is_near(series.avg[place], sum / span, 2.0),
                    "{series:?} {at} {}",
                    sum / span
                );
            }
        }
        assert!(
            expected.is_empty(),
            "missing at {} of {}: {expected:?}",
            answer.tier_seconds,
            answer.step_ms
        );
    }
}

/// Runs the steps; values come from the seed.
fn run(steps: &[Step], seed: u64, asked: &[(u64, u64, u64)]) {
    let directory = TempDir::new().unwrap();
    let mut history = open(&directory);
    let mut model = Model::default();
    let mut random = fastrand_of(seed);
    let mut now = BEGIN;
    let agent = AgentId::new("agent").unwrap();
    let subjects = [
        Subject::Host,
        Subject::Interface("eth0".to_owned()),
        Subject::Sensor("cpu".to_owned()),
    ];
    let mut values = || {
        let mut noise = || random() % 10_000;
        let cpu = noise() as f64 / 100.0;
        let memory = (1_000_000 + noise()) as f64 * 1024.0;
        vec![
            (
                0_usize,
                vec![(Measure::CpuPercent, cpu), (Measure::MemoryBytes, memory)],
            ),
            (1, vec![(Measure::ReceivedBytesPerSec, noise() as f64)]),
            (
                2,
                if noise() % 4 == 0 {
                    Vec::new()
                } else {
                    vec![(Measure::Celsius, 40.5)]
                },
            ),
        ]
    };
    for (seq, step) in (1..).zip(steps) {
        match step {
            Step::Ticks { count, every_ms } => {
                for _ in 0..*count {
                    now += every_ms;
                    let values = values();
                    let rows: Vec<Row<'_>> = values
                        .iter()
                        .map(|(place, values)| Row {
                            subject: &subjects[*place],
                            values,
                        })
                        .collect();
                    history.record(&host(), now, *every_ms, &rows);
                    model.add(now, *every_ms, &rows);
                }
            }
            Step::Pause { ms } => now += ms,
            Step::Late {
                ago_ms,
                count,
                every_ms,
            } => {
                let mut late = ticks::Ticks::default();
                for tick in 0..u64::from(*count) {
                    let at = (now - ago_ms + tick * every_ms).min(now);
                    let values = values();
                    let rows: Vec<Row<'_>> = values
                        .iter()
                        .map(|(place, values)| Row {
                            subject: &subjects[*place],
                            values,
                        })
                        .collect();
                    late.add(at, *every_ms, &rows);
                    model.add(at, *every_ms, &rows);
                }
                let late = Late {
                    host: host(),
                    agent: agent.clone(),
                    run: RunId(1),
                    before: marks::find(&history.store, &agent, RunId(1)).unwrap(),
                    seq,
                    ticks: late,
                };
                let mut sent = std::pin::pin!(history.record_late(late));
                smol::block_on(async {
                    assert!(poll_once(&mut sent).await.is_none());
                    history.write_now(Scope::Late, now).unwrap();
                    assert!(sent.await.unwrap());
                });
            }
            Step::Write => history.write_now(Scope::Minute, now).unwrap(),
            Step::Restart => {
                history.write_now(Scope::End, now).unwrap();
                drop(history);
                history = open(&directory);
            }
        }
    }
    for (ago, range, points) in asked {
        let from = now.saturating_sub(*ago);
        let answer = history
            .answer(&query(from, (from + range).min(now + 1), *points), now)
            .unwrap();
        assert!(answer.at_unix_ms.len() as u64 <= *points);
        model.check(&answer, &history.retention, now);
    }
}

/// A small generator, so that a failing case is told by its seed.
fn fastrand_of(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    }
}

/// Ranges that each tier answers, and some of every length.
const ASKED: &[(u64, u64, u64)] = &[
    (HOUR_MS, HOUR_MS, 300),
    (5 * HOUR_MS, 5 * HOUR_MS, 2000),
    (6 * HOUR_MS - 1, 6 * HOUR_MS, 300),
    (2 * DAY_MS, 2 * DAY_MS, 2000),
    (3 * DAY_MS - 1, HOUR_MS, 300),
    (3 * DAY_MS, 3 * DAY_MS, 300),
    (20 * DAY_MS, 20 * DAY_MS, 2000),
    (60 * DAY_MS, 60 * DAY_MS, 300),
    (60 * DAY_MS, 60 * DAY_MS, 7),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_answer_is_that_of_a_plain_list(
        steps in prop::collection::vec(any_step(), 1..40),
        seed: u64,
        ago in 1..20 * DAY_MS, range in 1..20 * DAY_MS, points in 1..400_u64,
    ) {
        let asked = [ASKED, &[(ago, range, points)]].concat();
        run(&steps, seed, &asked);
    }
}

#[test]
fn two_days_of_ticks_are_answered_alike_at_every_tier() {
    let hour = [
        Step::Ticks {
            count: 60,
            every_ms: 10_000,
        },
        Step::Write,
    ];
    let mut steps = Vec::new();
    for _ in 0..6 * 48 {
        steps.extend(hour.clone());
    }
    steps.push(Step::Late {
        ago_ms: 30 * HOUR_MS,
        count: 50,
        every_ms: 600_000,
    });
    steps.push(Step::Ticks {
        count: 400,
        every_ms: 10_000,
    });
    steps.push(Step::Write);
    run(&steps, 7, ASKED);
}
