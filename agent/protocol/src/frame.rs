//! Pure: stats frames, the binary messages that carry what was measured as changes since the last frame.
//!
//! ```text
//! frame   1 | flags | seq | time | record…
//! flags   bit 0: keyframe, which begins anew; bit 1: more frames of this tick follow
//! seq     varint: one more than the last frame's; a keyframe begins with any
//! time    varint: of a keyframe the tick's time by the agent's clock in Unix ms, else ms since the last frame
//! record  tag varint: slots skipped since the last record ×2, +1 when an op byte follows
//!         op 1 announce: kind byte, id of 6 bytes (containers), length varint and bytes of the name; then mask and values
//!         op 2 retire:   nothing more
//!         op 3 anew:     all values are absent; then mask and values
//!         mask varint: bit n for the metric with that bit; then per set bit, lowest first, the zigzag varint of the
//!         value minus the last one (0 when it was absent)
//! ```
//!
//! Varints are LEB128 of at most 64 bits, signed ones zigzag coded, as in Protocol Buffers' encoding guide. Slot 0 is the host. A slot that
//! is not in a frame has the values it had. Both ends hold at most [`SLOTS`] slots.

pub mod decoder;
pub mod encoder;

pub use decoder::{Decoded, Decoder, FrameError};
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

const OP_ANNOUNCE: u8 = 1;
const OP_RETIRE: u8 = 2;
const OP_ANEW: u8 = 3;

const SUBJECT_HOST: u8 = 0;
const SUBJECT_CONTAINER: u8 = 1;
const SUBJECT_INTERFACE: u8 = 2;
const SUBJECT_FILESYSTEM: u8 = 3;
const SUBJECT_SENSOR: u8 = 4;

#[cfg(test)]
mod tests;
