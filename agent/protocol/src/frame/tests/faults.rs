//! What is no frame, or cannot be used.

use super::*;

/// Checks what a decoder that knows slot 1 and expects frame 1 makes of a frame, and that only a keyframe helps after a fault.
#[track_caller]
fn check(bytes: &[u8], expected: FrameError) {
    let (mut encoder, mut decoder) = one_container();
    assert_eq!(decoder.decode(bytes), Err(expected));
    let next = frame(&mut encoder, 6000);
    assert_eq!(decoder.decode(&next), Err(FrameError::OutOfStep));
    encoder.begin_anew();
    assert!(decoder.decode(&frame(&mut encoder, 7000)).is_ok());
    assert_eq!(decoder.slot(1).unwrap().reading, reading(1000));
}

#[test]
fn what_is_no_frame_is_told_apart_from_what_is_cut_short() {
    check(&[], FrameError::NotAFrame);
    check(&[1], FrameError::NotAFrame);
    check(&[2, 4, 0], FrameError::NotAFrame);
    check(&[1, 4], FrameError::CutShort);
    check(&[1, 4, 0x80], FrameError::CutShort);
    check(&[1, 4, 0, 5], FrameError::CutShort);
    check(&[1, 4, 0, 5, 1], FrameError::CutShort);
    check(&[1, 4, 0, 5, 1, 0x80], FrameError::CutShort);
    check(&[1, 4, 0, 7], FrameError::CutShort);
    check(&[1, 4, 0, 7, 2, 0, 0], FrameError::CutShort);
    check(&[1, 4, 0, 7, 3, 2, b'a'], FrameError::CutShort);
    let mut long = vec![1, 4, 0];
    long.resize(FRAME_BYTES + 1, 0);
    check(&long, FrameError::TooLong);
}

#[test]
fn a_frame_that_is_not_the_next_one_is_out_of_step() {
    check(&[1, 0, 0], FrameError::OutOfStep);
    check(&[1, 2 << 2, 0], FrameError::OutOfStep);
    let mut new = Decoder::new();
    assert_eq!(new.decode(&[1, 0, 0]), Err(FrameError::OutOfStep));
}

#[test]
fn a_slot_that_nobody_has_cannot_change() {
    // Slots 0 and 2, each with new values, values as before, values absent, and nobody any more.
    for tag in [0, 8] {
        check(&[1, 4, 0, tag], FrameError::UnknownSlot);
        check(&[1, 4, 0, tag | 1, 1, 2], FrameError::UnknownSlot);
        check(&[1, 4, 0, tag | 2, 1, 0], FrameError::UnknownSlot);
        check(&[1, 4, 0, tag | 3, 0], FrameError::UnknownSlot);
    }
    let host_elsewhere = [1, 4, 0, 4 | 3, 1, 0, 0];
    check(&host_elsewhere, FrameError::UnknownSlot);
    let other_in_its_place = [1, 4, 0, 3, 3, 1, b'a', 0];
    check(&other_in_its_place, FrameError::UnknownSlot);
    // Slot 4096, and one beyond all numbers.
    let beyond = [1, 4, 0, 0x83, 0x80, 0x01, 3, 0, 0];
    check(&beyond, FrameError::UnknownSlot);
    let mut far = vec![1, 4, 0, 4, 0, 0xfc];
    far.extend([0xff; 8]);
    far.extend([1, 0]);
    check(&far, FrameError::UnknownSlot);
}

#[test]
fn what_a_later_version_may_add_is_unknown() {
    // A 21st metric, a sixth kind, a name beyond its length, and one that is no text.
    check(&[1, 4, 0, 5, 0x80, 0x80, 0x40, 0], FrameError::Unknown);
    check(&[1, 4, 0, 6, 0x80, 0x80, 0x40, 0], FrameError::Unknown);
    check(&[1, 4, 0, 8 | 3, 6, 0, 0], FrameError::Unknown);
    check(&[1, 4, 0, 8 | 3, 3, 1, 0xff, 0], FrameError::Unknown);
    let mut named = vec![1, 4, 0, 8 | 3, 3, 0x80, 2];
    named.resize(7 + 256 + 1, b'a');
    check(&named, FrameError::Unknown);
}
