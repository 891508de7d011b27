//! Frames of an encoder, and frames of nobody.

use pilotfish_protocol::frame::{Encoder, SLOTS};
use pilotfish_protocol::{ContainerMetric, InterfaceMetric, Reading};
use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_800_000_000_000;

fn container(number: u8) -> Subject {
    Subject::Container {
        id: ShortId([number; 6]),
        name: format!("c{number}"),
    }
}

/// An encoder with a host, an interface and two containers, whose counters are all `value`.
fn tick(encoder: &mut Encoder, at_ms: u64, value: i64) -> Vec<u8> {
    let mut host = Reading::EMPTY;
    for metric in HostMetric::ALL {
        host.set(*metric, value);
    }
    let mut interface = Reading::EMPTY;
    interface.set(InterfaceMetric::ReceivedKib, value);
    interface.set(InterfaceMetric::SentKib, value);
    let mut one = Reading::EMPTY;
    one.set(ContainerMetric::CpuMs, value);
    for (slot, reading) in [(0, &host), (1, &interface), (2, &one), (3, &one)] {
        encoder.take(slot, reading);
    }
    encoder.begin(at_ms);
    let mut frame = Vec::new();
    assert!(!encoder.encode(&mut frame));
    frame
}

fn encoder() -> Encoder {
    let mut encoder = Encoder::new();
    let subjects = [
        Subject::Host,
        Subject::Interface("eth0".to_owned()),
        container(1),
        container(2),
    ];
    for subject in subjects {
        encoder.announce(subject).unwrap();
    }
    encoder
}

#[test]
fn a_tick_stands_for_no_longer_than_has_passed_whatever_it_claims() {
    let (mut encoder, mut ticks) = (encoder(), Ticks::default());
    let mut span = |at_ms: u64, now| {
        let frame = tick(&mut encoder, at_ms, 1);
        ticks.take(&frame, now).unwrap().unwrap().span_ms
    };
    assert_eq!(span(0, NOW), SPAN_MS);
    assert_eq!(span(240_000, NOW + 240_000), 240_000);
    // A clock that jumps by hours, fifty milliseconds later.
    assert_eq!(span(9_000_000, NOW + 240_050), SPAN_MS + 50);
    assert_eq!(span(18_000_000, NOW + 240_100), SPAN_MS + 50);
    // And goes on as it should.
    assert_eq!(span(18_001_000, NOW + 241_100), 1000);
}

#[test]
fn two_ticks_give_rates_for_viewers_and_rows_for_the_history() {
    let (mut encoder, mut ticks) = (encoder(), Ticks::default());
    let first = ticks
        .take(&tick(&mut encoder, 1000, 100), NOW)
        .unwrap()
        .unwrap();
    assert_eq!((first.at_unix_ms, first.interval_ms), (NOW, None));
    assert!(
        ticks.measured(&first, NOW).containers[0]
            .1
            .cpu_percent
            .is_none()
    );
    let second = ticks
        .take(&tick(&mut encoder, 3000, 1100), NOW + 2000)
        .unwrap()
        .unwrap();
    assert_eq!((second.at_agent_ms, second.span_ms), (3000, 2000));
    let mut measured = ticks.measured(&second, NOW + 2000);
    let host = measured.host.clone().unwrap();
    assert_eq!(
        (host.interfaces.len(), host.interfaces[0].name.as_str()),
        (1, "eth0")
    );
    assert_eq!(host.rates.received, Some(512_000));
    assert_eq!(host.network_bytes_per_sec, Some(1_024_000));
    assert_eq!(measured.containers[1].1.cpu_percent, Some(50.0));
    assert_eq!(measured.rows().len(), 4);
    measured.retain(|id, _| *id == ShortId([2; 6]));
    let rows = measured.rows();
    assert_eq!(rows.len(), 3);
    assert_eq!(*rows[2].subject, container(2));
    assert!(rows[2].values.contains(&(Measure::CpuPercent, 50.0)));
    assert!(
        rows[0]
            .values
            .contains(&(Measure::ReceivedBytesPerSec, 512_000.0))
    );
}

#[test]
fn what_did_not_change_has_rates_of_0() {
    let (mut encoder, mut ticks) = (encoder(), Ticks::default());
    for (at_ms, value) in [(0, 100), (1000, 200), (2000, 200)] {
        ticks
            .take(&tick(&mut encoder, at_ms, value), NOW + at_ms)
            .unwrap();
    }
    let still = tick(&mut encoder, 3000, 200);
    let still = ticks.take(&still, NOW + 3000).unwrap().unwrap();
    let measured = ticks.measured(&still, NOW);
    assert_eq!(measured.containers[0].1.cpu_percent, Some(0.0));
    assert_eq!(measured.host.unwrap().rates.received, Some(0));
}

#[test]
fn of_a_flood_of_interfaces_only_so_many_are_taken() {
    let (mut encoder, mut ticks) = (Encoder::new(), Ticks::default());
    encoder.announce(Subject::Host).unwrap();
    for number in 1..SLOTS {
        encoder
            .announce(Subject::Interface(format!("{number:0250}")))
            .unwrap();
    }
    assert_eq!(encoder.announce(Subject::Interface(String::new())), None);
    encoder.begin(1);
    let tick = loop {
        let mut frame = Vec::new();
        encoder.encode(&mut frame);
        if let Some(tick) = ticks.take(&frame, NOW).unwrap() {
            break tick;
        }
    };
    let measured = ticks.measured(&tick, NOW);
    assert_eq!(measured.host.unwrap().interfaces.len(), PARTS);
}

proptest! {
    #[test]
    fn frames_of_nobody_and_broken_frames_never_panic(
        noise in proptest::collection::vec(any::<u8>(), 0..64),
        values in proptest::collection::vec(any::<i64>(), 1..6),
        at in any::<usize>(),
        byte in any::<u8>(),
    ) {
        let (mut encoder, mut ticks) = (encoder(), Ticks::default());
        prop_assert!(ticks.take(&noise, NOW).is_err() || noise.first() == Some(&1));
        for (step, value) in (0..).zip(values) {
            let mut frame = tick(&mut encoder, step, value);
            if step % 2 == 1 {
                let at = at % frame.len();
                frame[at] = byte;
            }
            if let Ok(Some(tick)) = ticks.take(&frame, NOW + step) {
                let mut measured = ticks.measured(&tick, NOW);
                measured.retain(|_, _| true);
                for row in measured.rows() {
                    for (_, value) in row.values {
                        prop_assert!(value.is_finite());
                    }
                }
            }
        }
    }
}
