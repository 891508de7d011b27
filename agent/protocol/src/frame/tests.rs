//! What one end encodes the other one decodes.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::*;
use crate::metric::ContainerMetric::{CpuMs, MemoryKib};
use crate::reading::Reading;
use crate::subject::{ShortId, Subject};

fn container(n: u8) -> Subject {
    Subject::Container {
        id: ShortId([n; 6]),
        name: "web".to_string(),
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

#[test]
fn a_change_of_one_value_takes_two_bytes_after_the_header() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let slot = encoder.announce(container(1)).unwrap();
    encoder.take(slot, &reading(1000));
    assert!(
        decoder
            .decode(&frame(&mut encoder, 5000))
            .unwrap()
            .is_keyframe
    );
    encoder.take(slot, &reading(1060));
    let bytes = frame(&mut encoder, 15_000);
    assert_eq!(bytes, [1, 1 << 2, 0x90, 0x4e, 4, 120]);
    assert_eq!(decoder.decode(&bytes).unwrap().at_ms, 15_000);
    let (_, live) = decoder.slots().next().unwrap();
    assert_eq!(live.reading.get(CpuMs), Some(1060));
    assert_eq!(live.reading.get(MemoryKib), None);
    assert!(!encoder.has_news());
}
