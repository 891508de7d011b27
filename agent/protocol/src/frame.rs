//! Pure: stats frames, the binary messages that carry what was measured as changes since the last frame.
//!
//! ```text
//! frame   1 | flags | time | record…
//! flags   bit 0: keyframe, which begins anew; bit 1: more frames of this tick follow;
//!         bits 2–7: the frame's number, one more than the last one's, after 63 comes 0; a keyframe may have any
//! time    varint: of a keyframe the tick's time by the agent's clock in Unix ms, else ms since the last frame's time
//! record  tag varint: slots skipped since the frame's last record ×4, plus the form:
//!         form 0 as before: values, of the metrics that the slot's last record had
//!         form 1 changed:   mask, values
//!         form 2 without:   mask of values that are absent from here on; mask, values
//!         form 3 subject:   kind byte; kind 0, nobody: nothing more, the slot is free again;
//!                           else id of 6 bytes (containers only), length varint and bytes of the name; mask, values
//! mask    varint: bit n for the metric with that bit
//! values  per bit of the mask, lowest first, the zigzag varint of the value minus the last one (0 when it was absent)
//! ```
//!
//! Varints are LEB128 of at most 64 bits, signed ones zigzag coded, as in Protocol Buffers' encoding guide. Slot 0 is the host. A slot that
//! is not in a frame has the values it had. A frame is at most [`FRAME_BYTES`] long, and both ends hold at most [`SLOTS`] slots.

pub mod decoder;
pub mod encoder;

pub use decoder::{Decoded, Decoder, FrameError, Live};
pub use encoder::Encoder;

/// The first byte of a stats frame.
pub const KIND: u8 = 1;
/// Most slots, the host's included.
pub const SLOTS: usize = 4096;
/// Largest frame; what does not fit goes into the next one.
pub const FRAME_BYTES: usize = 16 * 1024;

/// A slot's number: 0 to [`SLOTS`] − 1.
pub type Slot = u16;

const FLAG_KEYFRAME: u8 = 1;
const FLAG_MORE: u8 = 2;
/// The place of the number in the flags.
const NUMBER_SHIFT: u8 = 2;
/// The highest number.
const NUMBER_MAX: u8 = 63;

/// The place of the skipped slots in a tag.
const GAP_SHIFT: u8 = 2;
const FORM_MASK: u64 = 3;
const FORM_AS_BEFORE: u64 = 0;
const FORM_CHANGED: u64 = 1;
const FORM_WITHOUT: u64 = 2;
const FORM_SUBJECT: u64 = 3;

const SUBJECT_NOBODY: u8 = 0;
const SUBJECT_HOST: u8 = 1;
const SUBJECT_CONTAINER: u8 = 2;
const SUBJECT_INTERFACE: u8 = 3;
const SUBJECT_FILESYSTEM: u8 = 4;
const SUBJECT_SENSOR: u8 = 5;

/// The frame's number after this one.
fn next_number(number: u8) -> u8 {
    number.wrapping_add(1) & NUMBER_MAX
}

/// The bits that are set, lowest first.
fn bits(mut mask: u32) -> impl Iterator<Item = u8> {
    core::iter::from_fn(move || {
        let bit = u8::try_from(mask.trailing_zeros()).ok()?;
        mask = mask.checked_sub(1)? & mask;
        Some(bit)
    })
}

#[cfg(test)]
mod tests;
