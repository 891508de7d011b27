//! Ticks written and read back: every value, in as few bytes and as little memory as was promised.

use proptest::prelude::*;

use pilotfish_protocol::{ShortId, Subject};

use super::*;

/// A tick as tests write it.
type Tick = (u64, u64, Vec<(Subject, Vec<(Measure, f64)>)>);

fn container(number: u8) -> Subject {
    Subject::Container {
        id: ShortId([number; 6]),
        name: format!("c{number}"),
    }
}

fn write(ticks: &[Tick]) -> Ticks {
    let mut written = Ticks::default();
    for (at, span, rows) in ticks {
        let rows: Vec<Row<'_>> = rows
            .iter()
            .map(|(subject, values)| Row { subject, values })
            .collect();
        written.add(*at, *span, &rows);
    }
    written
}

/// What is read back, a value a line.
fn lines(bytes: &[u8]) -> Vec<(u64, u64, String, Measure, i64)> {
    let mut lines = Vec::new();
    read(bytes, |row| {
        for (measure, value) in row.values {
            lines.push((
                row.at_unix_ms,
                row.span_ms,
                row.subject.to_string(),
                *measure,
                *value,
            ));
        }
    })
    .unwrap();
    lines
}

#[track_caller]
fn check(ticks: &[Tick]) -> Ticks {
    let written = write(ticks);
    let mut expected = Vec::new();
    for (at, span, rows) in ticks {
        let span = ((*span + 50) / 100).max(1) * 100;
        for (subject, values) in rows {
            for (measure, value) in values {
                let key = SubjectKey::of(subject).to_string();
                let value = quanta(*measure, *value).unwrap();
                expected.push((*at, span, key, *measure, value));
            }
        }
    }
    assert_eq!(lines(written.bytes()), expected);
    assert_eq!(written.lost(), 0);
    written
}

#[test]
fn an_idle_container_costs_two_bytes_a_tick() {
    let tick = |n: u64| {
        let values = vec![
            (Measure::CpuPercent, 0.0),
            (Measure::MemoryBytes, 4096.0 * 700.0),
        ];
        (
            1_800_000_000_000 + n * 10_000,
            10_003,
            vec![(container(1), values)],
        )
    };
    let one = check(&[tick(0)]).bytes().len();
    let many: Vec<Tick> = (0..11).map(tick).collect();
    // Of each tick: 3 bytes for the time, 1 for the span, 1 for the number of rows.
    assert_eq!((check(&many).bytes().len() - one) / 10, 5 + 2);
}

#[test]
fn measures_may_come_and_go_and_times_may_go_back() {
    let cpu = (Measure::CpuPercent, 12.345);
    let memory = (Measure::MemoryBytes, 1e9);
    check(&[
        (
            50_000,
            10_000,
            vec![(Subject::Host, vec![memory]), (container(1), vec![memory])],
        ),
        (60_000, 10_000, vec![(Subject::Host, vec![cpu, memory])]),
        (
            10_000,
            600_000,
            vec![
                (container(1), vec![memory, cpu]),
                (Subject::Host, vec![memory]),
            ],
        ),
    ]);
}

#[test]
fn what_is_no_number_or_out_of_range_is_not_kept() {
    for (value, kept) in [
        (f64::NAN, None),
        (f64::INFINITY, None),
        (1e300, None),
        (-1.006, Some(-101)),
    ] {
        assert_eq!(quanta(Measure::CpuPercent, value), kept);
    }
    let nothing = vec![(Measure::CpuPercent, f64::NAN)];
    let something = vec![(Measure::CpuPercent, 1.0)];
    let rows = vec![(Subject::Host, nothing), (container(1), something)];
    let written = write(&[(10, 10, rows.clone()), (20, 10, rows)]);
    assert_eq!(lines(written.bytes()).len(), 2);
}

#[test]
fn one_subject_or_one_tick_too_many_is_lost_and_counted() {
    let values = [(Measure::CpuPercent, 1.0)];
    let subjects: Vec<Subject> = (0..SUBJECTS + 1)
        .map(|n| Subject::Sensor(n.to_string()))
        .collect();
    let rows: Vec<Row<'_>> = subjects
        .iter()
        .map(|subject| Row {
            subject,
            values: &values,
        })
        .collect();
    let mut ticks = Ticks::default();
    ticks.add(1000, 1000, &rows);
    assert_eq!(ticks.lost(), 1);
    let mut added = 0;
    while ticks.bytes().len() < BYTES {
        ticks.add(2000, 1000, &rows[..SUBJECTS]);
        added += 1;
    }
    ticks.add(3000, 1000, &rows[..10]);
    assert_eq!(ticks.lost(), 11);
    assert_eq!(lines(ticks.bytes()).len(), SUBJECTS * (added + 1));
}

#[test]
fn a_minute_of_twenty_containers_stays_under_twenty_kilobytes_of_memory() {
    let measures = &Measure::ALL[..12];
    let rows = |n: u64| -> Vec<(Subject, Vec<(Measure, f64)>)> {
        let values = |subject: u64| {
            let value = |place: u64| (1000 * place + n * 37 * subject % 977) as f64;
            (0..)
                .zip(measures)
                .map(|(place, measure)| (*measure, value(place)))
                .collect()
        };
        let containers = (0..20).map(|number| (container(number), values(number.into())));
        [(Subject::Host, values(1))]
            .into_iter()
            .chain(containers)
            .collect()
    };
    let ticks: Vec<Tick> = (0..6).map(|n| (n * 10_000, 10_000, rows(n))).collect();
    let held = check(&ticks).held_bytes();
    assert!(held <= 20 << 10, "{held} bytes");
}

fn any_tick() -> impl Strategy<Value = Tick> {
    let values = prop::collection::btree_map(0..Measure::ALL.len(), -1e6..1e12_f64, 1..6);
    let rows = prop::collection::btree_map(0..5_u8, values, 0..4);
    (0..1_u64 << 41, 1..=SPAN_MAX_MS, rows).prop_map(|(at, span, rows)| {
        let rows = rows.into_iter().map(|(number, values)| {
            let values = values
                .into_iter()
                .map(|(code, value)| (Measure::ALL[code], value));
            (container(number), values.collect())
        });
        (at, span, rows.collect())
    })
}

proptest! {
    #[test]
    fn every_tick_is_read_back(ticks in prop::collection::vec(any_tick(), 0..20)) {
        check(&ticks);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        read(&bytes, |_| ()).ok();
    }
}
