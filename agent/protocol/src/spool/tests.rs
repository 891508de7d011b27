//! What is written into a batch is read from it, and nothing else is.

use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::extension::RunId;

const RUN: RunId = RunId(0x0123_4567_89ab_cdef);
const SEGMENT: Entry<'static> = Entry::Segment(Segment {
    from_ms: 1000,
    until_ms: 11_000,
    frames: &[2, 1, 0, 3, 1, 0, 5],
});
const LOST: Entry<'static> = Entry::Lost(Lost {
    ticks: 300,
    events: 2,
});

fn batch(entries: &[(u64, Entry<'_>)]) -> Vec<u8> {
    let mut encoder = BatchEncoder::new(RUN, 5, BATCH_BYTES);
    for (seq, entry) in entries {
        assert!(encoder.push(*seq, entry));
    }
    encoder.finish().unwrap()
}

fn entries(message: &[u8]) -> Result<Vec<(u64, Entry<'_>)>, BatchError> {
    Batch::decode(message)?.entries().collect()
}

#[test]
fn what_is_written_is_read() {
    let written = [(7, SEGMENT), (8, Entry::Event("{}")), (300, LOST)];
    let message = batch(&written);
    #[rustfmt::skip]
    assert_eq!(message, [
        3, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 5,
        7, 1, 11, 0xe8, 0x07, 0x90, 0x4e, 2, 1, 0, 3, 1, 0, 5,
        1, 2, 2, b'{', b'}',
        0xa4, 0x02, 3, 3, 0xac, 0x02, 2,
    ]);
    let read = Batch::decode(&message).unwrap();
    assert_eq!((read.run, read.now_ms), (RUN, 5));
    assert_eq!(entries(&message).unwrap(), written);
}

#[test]
fn the_frames_of_a_segment_are_read_one_by_one() {
    let mut frames = Vec::new();
    put_frame(&mut frames, &[1, 0]);
    put_frame(&mut frames, &[1, 0, 5]);
    let segment = Segment {
        from_ms: 10,
        until_ms: 20,
        frames: &frames,
    };
    let read: Result<Vec<&[u8]>, BatchError> = segment.frames().collect();
    assert_eq!(read.unwrap(), [&[1, 0][..], &[1, 0, 5][..]]);
    assert_eq!(
        [9, 10, 19, 20].map(|at| segment.has(at)),
        [false, true, true, false]
    );
    let cut = Segment {
        frames: &frames[..6],
        ..segment
    };
    let read: Vec<Result<&[u8], BatchError>> = cut.frames().collect();
    assert_eq!(read, [Ok(&[1, 0][..]), Err(BatchError::CutShort)]);
}

#[test]
fn every_prefix_is_an_error_or_has_fewer_entries() {
    let written = [(7, SEGMENT), (8, Entry::Event("{}")), (300, LOST)];
    let message = batch(&written);
    let borders = [10, 24, 29];
    for end in 0..message.len() {
        let read = entries(&message[..end]);
        match borders.iter().position(|border| *border == end) {
            Some(count) => assert_eq!(read.unwrap(), written[..count]),
            None if end == 0 => assert_eq!(read, Err(BatchError::NotABatch)),
            None => assert_eq!(read, Err(BatchError::CutShort), "{end}"),
        }
    }
}

#[test]
fn an_entry_that_does_not_fit_leaves_the_batch_as_it_was() {
    let content = vec![b'x'; CONTENT_BYTES];
    let text = core::str::from_utf8(&content).unwrap();
    let mut encoder = BatchEncoder::new(RUN, u64::MAX, usize::MAX);
    assert!(encoder.push(u64::MAX - 1, &Entry::Event(text)));
    assert!(!encoder.push(u64::MAX, &Entry::Event(&text[..64])));
    assert_eq!(encoder.last_seq(), u64::MAX - 1);
    let message = encoder.finish().unwrap();
    assert!(message.len() <= BATCH_BYTES);
    assert_eq!(entries(&message).unwrap().len(), 1);

    let mut small = BatchEncoder::new(RUN, 0, 20);
    assert!(!small.push(1, &SEGMENT));
    assert!(small.push(1, &Entry::Event("1234567")));
    assert!(!small.push(2, &Entry::Event("")));
    assert_eq!(small.finish().unwrap().len(), 20);
}

#[test]
fn a_segment_as_large_as_can_be_fits_a_batch() {
    let frames = vec![0; CONTENT_BYTES];
    let segment = Segment {
        from_ms: 1 << 63,
        until_ms: u64::MAX,
        frames: &frames,
    };
    let mut encoder = BatchEncoder::new(RUN, u64::MAX, BATCH_BYTES);
    assert!(encoder.push(u64::MAX, &Entry::Segment(segment)));
}

#[test]
fn numbers_only_rise() {
    let mut encoder = BatchEncoder::new(RUN, 0, BATCH_BYTES);
    assert!(!encoder.push(0, &LOST));
    assert!(encoder.push(3, &LOST));
    assert!(!encoder.push(3, &LOST));
    assert!(!encoder.push(4, &Entry::Unknown));
    let mut message = encoder.finish().unwrap();
    message.extend([0, KIND_EVENT, 0]);
    let read: Vec<_> = Batch::decode(&message).unwrap().entries().collect();
    assert_eq!(read, [Ok((3, LOST)), Err(BatchError::OutOfOrder)]);
    assert_eq!(BatchEncoder::new(RUN, 0, BATCH_BYTES).finish(), None);
}

#[test]
fn what_is_unknown_is_passed_over_and_what_is_wrong_is_not() {
    let head = &batch(&[(1, LOST)])[..10];
    let with = |tail: &[u8]| [head, tail].concat();
    let message = with(&[1, 9, 2, 0xff, 0xff, 1, KIND_EVENT, 0]);
    assert_eq!(
        entries(&message),
        Ok(vec![(1, Entry::Unknown), (2, Entry::Event(""))])
    );
    assert_eq!(
        entries(&with(&[1, KIND_EVENT, 1, 0xff])),
        Err(BatchError::NotText)
    );
    assert_eq!(entries(&[2]), Err(BatchError::NotABatch));
    let mut long = with(&[1, KIND_EVENT, 0]);
    long.resize(BATCH_BYTES + 1, 0);
    assert_eq!(Batch::decode(&long), Err(BatchError::TooLong));
}
