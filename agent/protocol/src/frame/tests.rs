//! What one end encodes the other one decodes.

use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::metric::ContainerMetric::{CpuMs, MemoryKib, Pids};
use crate::reading::Reading;
use crate::subject::{NAME_LEN, ShortId, Subject};

mod bounds;
mod faults;

fn container(n: u8) -> Subject {
    named(n, "web")
}

fn named(n: u8, name: &str) -> Subject {
    Subject::Container {
        id: ShortId([n; 6]),
        name: name.to_string(),
    }
}

fn reading(cpu_ms: i64) -> Reading {
    let mut reading = Reading::EMPTY;
    reading.set(CpuMs, cpu_ms);
    reading
}

fn frame(encoder: &mut Encoder, at_ms: u64) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.begin(at_ms);
    assert!(!encoder.encode(&mut out));
    out
}

/// An encoder that knows one container in slot 1, and a decoder that has heard so.
fn one_container() -> (Encoder, Decoder) {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let slot = encoder.announce(container(1)).unwrap();
    encoder.take(slot, &reading(1000));
    decoder.decode(&frame(&mut encoder, 5000)).unwrap();
    (encoder, decoder)
}

#[test]
fn a_change_of_one_value_takes_two_bytes_after_the_header() {
    let (mut encoder, mut decoder) = one_container();
    encoder.take(1, &reading(1060));
    let bytes = frame(&mut encoder, 15_000);
    assert_eq!(bytes, [1, 1 << 2, 0x90, 0x4e, 4, 120]);
    let decoded = decoder.decode(&bytes).unwrap();
    let expected = Decoded {
        at_ms: 15_000,
        interval_ms: Some(10_000),
        is_whole: true,
        is_keyframe: false,
    };
    assert_eq!(decoded, expected);
    let live = decoder.slot(1).unwrap();
    assert_eq!(live.reading.get(CpuMs), Some(1060));
    assert_eq!(live.reading.get(MemoryKib), None);
    assert!(!encoder.has_news());
}

#[test]
fn a_mask_is_said_again_only_when_it_pays() {
    let (mut encoder, _) = one_container();
    let mut now = reading(1001);
    now.set(MemoryKib, 4);
    now.set(Pids, 1);
    encoder.take(1, &now);
    let mask = [0b1000_0011, 1];
    let changed = [4 | 1, mask[0], mask[1], 2, 8, 2];
    assert_eq!(frame(&mut encoder, 5000)[3..], changed);
    now.set(Pids, 2);
    now.set(CpuMs, 1002);
    encoder.take(1, &now);
    // One value that did not change costs less than a mask of two bytes …
    assert_eq!(frame(&mut encoder, 5000)[3..], [4, 2, 0, 2]);
    now.set(CpuMs, 1003);
    encoder.take(1, &now);
    // … but two cost more than a mask of one byte.
    assert_eq!(frame(&mut encoder, 5000)[3..], [4 | 1, 1, 2]);
}

#[test]
fn a_slot_tells_what_it_had_in_the_tick_before() {
    let (mut encoder, mut decoder) = one_container();
    assert_eq!(decoder.touched(), [1]);
    assert_eq!(decoder.slot(1).unwrap().before, Reading::EMPTY);
    let other = encoder.announce(container(2)).unwrap();
    encoder.take(other, &reading(7));
    decoder.decode(&frame(&mut encoder, 6000)).unwrap();
    assert_eq!(decoder.touched(), [other]);
    assert_eq!(decoder.slot(1).unwrap().before, reading(1000));
    assert_eq!(decoder.slot(1).unwrap().reading, reading(1000));
    encoder.take(1, &reading(1500));
    encoder.retire(other);
    decoder.decode(&frame(&mut encoder, 7000)).unwrap();
    assert_eq!(decoder.touched(), [1, other]);
    assert_eq!(decoder.slot(1).unwrap().before, reading(1000));
    assert_eq!(decoder.slot(1).unwrap().reading, reading(1500));
    assert!(decoder.slot(other).is_none());
}

#[test]
fn a_value_that_cannot_be_known_any_more_is_absent_at_the_other_end() {
    let (mut encoder, mut decoder) = one_container();
    let mut now = reading(1010);
    now.set(MemoryKib, 5);
    encoder.take(1, &now);
    decoder.decode(&frame(&mut encoder, 5000)).unwrap();
    now.clear(CpuMs);
    encoder.take(1, &now);
    let bytes = frame(&mut encoder, 6000);
    assert_eq!(bytes[4..], [4 | 2, 1, 0]);
    decoder.decode(&bytes).unwrap();
    assert_eq!(decoder.slot(1).unwrap().reading, now);
    // It comes back as a difference to nothing.
    now.set(CpuMs, 3);
    encoder.take(1, &now);
    decoder.decode(&frame(&mut encoder, 7000)).unwrap();
    assert_eq!(decoder.slot(1).unwrap().reading, now);
}

#[test]
fn a_slot_is_given_away_again_when_the_receiver_was_told() {
    let (mut encoder, mut decoder) = one_container();
    let run = decoder.slot(1).unwrap().run;
    encoder.retire(1);
    assert_eq!(encoder.announce(container(2)), Some(2));
    encoder.retire(2);
    assert_eq!(encoder.announce(container(3)), Some(2));
    let bytes = frame(&mut encoder, 6000);
    assert_eq!(bytes[4..7], [4 | 3, 0, 3]);
    decoder.decode(&bytes).unwrap();
    assert_eq!(encoder.announce(container(4)), Some(1));
    decoder.decode(&frame(&mut encoder, 7000)).unwrap();
    let subjects: Vec<(Slot, &Subject)> = decoder
        .slots()
        .map(|(slot, live)| (slot, &live.subject))
        .collect();
    assert_eq!(subjects, [(1, &container(4)), (2, &container(3))]);
    assert_ne!(decoder.slot(1).unwrap().run, run);
}

#[test]
fn the_host_is_always_slot_0() {
    let mut encoder = Encoder::new();
    assert_eq!(encoder.announce(container(1)), Some(1));
    let interface = Subject::Interface(String::from("eth0"));
    assert_eq!(encoder.announce(interface), Some(2));
    assert_eq!(encoder.announce(Subject::Host), Some(0));
}

#[test]
fn a_name_that_is_too_long_is_cut_between_characters() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let long = "x".repeat(NAME_LEN - 1) + "ü";
    encoder.announce(named(1, &long));
    decoder.decode(&frame(&mut encoder, 0)).unwrap();
    let cut = named(1, &long[..NAME_LEN - 1]);
    assert_eq!(decoder.slot(1).unwrap().subject, cut);
}

#[test]
fn values_at_both_ends_of_their_range_arrive() {
    let (mut encoder, mut decoder) = one_container();
    for value in [i64::MAX, i64::MIN, 0, i64::MIN, -1, i64::MAX] {
        encoder.take(1, &reading(value));
        decoder.decode(&frame(&mut encoder, 5000)).unwrap();
        assert_eq!(decoder.slot(1).unwrap().reading, reading(value));
    }
}

#[test]
fn a_keyframe_asked_for_in_the_middle_of_a_tick_begins_it_anew() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let names = "n".repeat(NAME_LEN);
    for _ in 0..100 {
        encoder.announce(named(1, &names));
    }
    let mut out = Vec::new();
    encoder.begin(1000);
    assert!(encoder.encode(&mut out));
    assert!(!decoder.decode(&out).unwrap().is_whole);
    encoder.begin_anew();
    assert!(!encoder.is_under_way());
    encoder.begin(2000);
    let mut frames = 0;
    loop {
        out.clear();
        let is_more = encoder.encode(&mut out);
        let decoded = decoder.decode(&out).unwrap();
        assert_eq!(decoded.is_keyframe, frames == 0);
        assert_eq!((decoded.at_ms, decoded.interval_ms), (2000, None));
        assert_eq!(decoded.is_whole, !is_more);
        frames += 1;
        if !is_more {
            break;
        }
    }
    assert_eq!(frames, 2);
    assert_eq!(decoder.slots().count(), 100);
}

#[test]
fn a_tick_under_way_is_ended_before_another_begins() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let names = "n".repeat(NAME_LEN);
    let slots: Vec<Slot> = (0..100)
        .filter_map(|_| encoder.announce(named(1, &names)))
        .collect();
    let mut ticks = Vec::new();
    for at_ms in [1000, 2000, 3000] {
        slots.iter().for_each(|slot| {
            encoder.take(*slot, &reading(i64::try_from(at_ms).unwrap()));
        });
        encoder.begin(at_ms);
        let mut out = Vec::new();
        encoder.encode(&mut out);
        ticks.push(decoder.decode(&out).unwrap());
    }
    let seen: Vec<(u64, Option<u64>, bool)> = ticks
        .iter()
        .map(|tick| (tick.at_ms, tick.interval_ms, tick.is_whole))
        .collect();
    // The second frame still belongs to the first tick; the third tick tells all that is new.
    let expected = vec![
        (1000, None, false),
        (1000, None, true),
        (3000, Some(2000), true),
    ];
    assert_eq!(seen, expected);
    assert!(
        decoder
            .slots()
            .all(|(_, live)| live.reading == reading(3000))
    );
}
