//! Slots, numbers and time at the ends of their ranges.

use super::*;

#[test]
fn there_are_4096_slots_and_no_more() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    for place in 1..SLOTS {
        let slot = encoder.announce(container(1)).unwrap();
        assert_eq!(usize::from(slot), place);
        encoder.take(slot, &reading(1));
    }
    assert_eq!(encoder.announce(container(1)), None);
    assert_eq!(encoder.announce(Subject::Host), Some(0));
    let mut frames = 0;
    encoder.begin(1);
    loop {
        let mut out = Vec::new();
        let is_more = encoder.encode(&mut out);
        assert!(out.len() <= FRAME_BYTES);
        decoder.decode(&out).unwrap();
        frames += 1;
        if !is_more {
            break;
        }
    }
    assert_eq!((frames, decoder.slots().count()), (4, SLOTS));
    encoder.retire(4095);
    decoder.decode(&frame(&mut encoder, 2)).unwrap();
    assert_eq!(encoder.announce(container(2)), Some(4095));
    decoder.decode(&frame(&mut encoder, 3)).unwrap();
    assert_eq!(decoder.slot(4095).unwrap().subject, container(2));
    assert!(decoder.slot(Slot::MAX).is_none());
}

#[test]
fn no_frame_is_larger_than_it_may_be_whatever_the_values() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let mut large = Reading::EMPTY;
    for bit in 0..20 {
        large.put(bit, i64::MIN);
    }
    let name = "n".repeat(300);
    for _ in 0..200 {
        let slot = encoder.announce(named(1, &name)).unwrap();
        encoder.take(slot, &large);
    }
    encoder.begin(u64::MAX);
    let mut is_more = true;
    while is_more {
        let mut out = vec![0xff; 3];
        is_more = encoder.encode(&mut out);
        assert!(out.len() - 3 <= FRAME_BYTES);
        decoder.decode(&out[3..]).unwrap();
    }
    assert!(decoder.slots().all(|(_, live)| live.reading == large));
}

#[test]
fn after_frame_63_comes_frame_0() {
    let (mut encoder, mut decoder) = one_container();
    for round in 1..200 {
        encoder.take(1, &reading(round));
        let bytes = frame(&mut encoder, 5000);
        assert_eq!(i64::from(bytes[1] >> 2), round % 64);
        decoder.decode(&bytes).unwrap();
    }
    assert_eq!(decoder.slot(1).unwrap().reading, reading(199));
}

#[test]
fn time_does_not_go_back() {
    let (mut encoder, mut decoder) = one_container();
    for (at_ms, expected) in [(4000, 5000), (5001, 5001), (0, 5001), (u64::MAX, u64::MAX)] {
        let decoded = decoder.decode(&frame(&mut encoder, at_ms)).unwrap();
        assert_eq!(decoded.at_ms, expected);
    }
    // A sender that adds to the last moment there is stays there.
    let decoded = decoder.decode(&[1, 5 << 2, 1]).unwrap();
    assert_eq!((decoded.at_ms, decoded.interval_ms), (u64::MAX, Some(0)));
}

#[test]
fn a_slot_told_of_over_and_over_is_listed_once() {
    let (_, mut decoder) = one_container();
    for number in 1..100 {
        let flags = ((number % 64) << 2) | 2;
        let again = [4 | 3, 2, 7, 7, 7, 7, 7, 7, 0, 0];
        let frame = [&[1, flags, 0], &again[..]].concat();
        assert!(!decoder.decode(&frame).unwrap().is_whole);
    }
    assert_eq!(decoder.touched(), [1]);
}
