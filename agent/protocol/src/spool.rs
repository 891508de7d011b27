//! Pure: spool batches, the binary messages that bring what an agent kept while it had no link.
//!
//! ```text
//! batch   3 | run, 8 bytes, highest first | now varint: the agent's clock at sending, Unix ms | entry…
//! entry   seq varint: the entry's number minus the last one's (of the first: the number itself), at least 1
//!         kind byte | length varint | that many bytes:
//!         kind 1 segment: from varint, Unix ms | until varint: ms after from | frames, each: length varint, a stats frame
//!         kind 2 event:   the JSON text of a container event, as in the payload of the message `container_event`
//!         kind 3 lost:    ticks varint | events varint: what found no room
//! ```
//!
//! Times in entries are by the clock of their run; `now` is the clock of the run that sends, which an earlier run's may differ from.
//! The entries of one batch are of one run and in the order of their numbers. The receiver answers with the number of the last entry that
//! is durable ([`ServerExtra::Spooled`](crate::ServerExtra::Spooled)); an entry of a kind it does not know counts as taken.

mod batch;
mod encoder;

pub use batch::{Batch, BatchError, Entries, Frames};
pub use encoder::{BatchEncoder, put_frame};

/// The first byte of a spool batch.
pub const KIND: u8 = 3;
/// Largest batch.
pub const BATCH_BYTES: usize = 64 * 1024;
/// Bytes of a batch that are not an entry's content: header, and of the one entry number, kind, length and times.
pub const OVERHEAD_BYTES: usize = 64;
/// Largest content that fits a batch of its own: a segment's frames with their lengths, an event's text.
pub const CONTENT_BYTES: usize = BATCH_BYTES - OVERHEAD_BYTES;

const KIND_SEGMENT: u8 = 1;
const KIND_EVENT: u8 = 2;
const KIND_LOST: u8 = 3;

/// What one entry tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// Ticks.
    Segment(Segment<'a>),
    /// A [`ContainerEvent`](crate::ContainerEvent) as JSON.
    Event(&'a str),
    /// What found no room since the last such entry.
    Lost(Lost),
    /// Of a kind this version does not know.
    Unknown,
}

/// Ticks in a row, as the frames of an encoder of their own: the first is a keyframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Ticks before this time are told for their values only, and count elsewhere; Unix ms by the run's clock.
    pub from_ms: u64,
    /// So are ticks of this time and later.
    pub until_ms: u64,
    /// The frames, each after its length; [`put_frame`] writes them, [`Segment::frames`] reads them.
    pub frames: &'a [u8],
}

/// How much found no room in the spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Ticks.
    pub ticks: u64,
    /// Events.
    pub events: u64,
}

impl<'a> Segment<'a> {
    /// Every frame, in the order of their ticks.
    #[must_use]
    pub fn frames(&self) -> Frames<'a> {
        Frames::new(self.frames)
    }

    /// Tells whether a tick of this time counts here.
    #[must_use]
    pub fn has(&self, at_ms: u64) -> bool {
        (self.from_ms..self.until_ms).contains(&at_ms)
    }
}

#[cfg(test)]
mod tests;
