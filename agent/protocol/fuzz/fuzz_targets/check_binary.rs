//! What must hold of any bytes as frames and as a spool batch: no decoder panics, holds more than its bounds, or loses what it can tell.
//!
//! `tests/corpus.rs` replays the corpora through the same functions.

use pilotfish_protocol::frame::{Decoder, Encoder, FrameError, SLOTS};
use pilotfish_protocol::spool::{BATCH_BYTES, Batch, BatchEncoder, Entry, Segment};
use pilotfish_protocol::{Reading, Subject};

/// Feeds `bytes`, frames each after its length, to a decoder and checks what it knows.
pub(crate) fn decode_frames(bytes: &[u8]) {
    let segment = Segment {
        from_ms: 0,
        until_ms: u64::MAX,
        frames: bytes,
    };
    let mut decoder = Decoder::new();
    let mut is_in_step = false;
    for frame in segment.frames().map_while(Result::ok) {
        let decoded = decoder.decode(frame);
        match decoded {
            Ok(decoded) => assert!(is_in_step || decoded.is_keyframe),
            Err(FrameError::OutOfStep | FrameError::NotAFrame | FrameError::TooLong) => {}
            Err(FrameError::CutShort | FrameError::UnknownSlot | FrameError::Unknown) => {}
        }
        is_in_step = decoded.is_ok();
        let mut touched = decoder.touched().to_vec();
        touched.sort_unstable();
        touched.dedup();
        assert_eq!(touched.len(), decoder.touched().len());
        assert!(touched.iter().all(|slot| usize::from(*slot) < SLOTS));
    }
    tell_on(&decoder);
}

/// What is known can be told to another end.
fn tell_on(decoder: &Decoder) {
    let known: Vec<(&Subject, &Reading)> = decoder
        .slots()
        .map(|(_, live)| (&live.subject, &live.reading))
        .collect();
    let mut encoder = Encoder::new();
    for (subject, reading) in &known {
        let slot = encoder.announce((*subject).clone());
        encoder.take(slot.expect("as many slots at either end"), reading);
    }
    let mut other = Decoder::new();
    encoder.begin(0);
    let mut is_more = true;
    while is_more {
        let mut frame = Vec::new();
        is_more = encoder.encode(&mut frame);
        other.decode(&frame).expect("reads what it wrote");
    }
    assert!(!encoder.has_news());
    let told = other
        .slots()
        .map(|(_, live)| (&live.subject, &live.reading));
    assert!(told.eq(known));
}

/// Reads `bytes` as a batch, writes what it reads, and reads it again.
pub(crate) fn decode_batch(bytes: &[u8]) {
    let Ok(batch) = Batch::decode(bytes) else {
        return;
    };
    let entries: Vec<(u64, Entry<'_>)> = batch.entries().map_while(Result::ok).collect();
    let mut again = BatchEncoder::new(batch.run, batch.now_ms, BATCH_BYTES);
    let mut written = Vec::new();
    for (seq, entry) in entries {
        match entry {
            Entry::Segment(segment) => drop(segment.frames().count()),
            Entry::Event(_) | Entry::Lost(_) => {}
            Entry::Unknown => continue,
        }
        // What was written in more bytes than it needs can only become shorter.
        assert!(again.push(seq, &entry));
        written.push((seq, entry));
    }
    let Some(message) = again.finish() else {
        return;
    };
    let read = Batch::decode(&message).expect("reads what it wrote");
    assert_eq!((read.run, read.now_ms), (batch.run, batch.now_ms));
    let read: Result<Vec<_>, _> = read.entries().collect();
    assert_eq!(read.expect("reads what it wrote"), written);
}
