//! Pure: the sending end of spool batches.

use alloc::vec::Vec;

use super::{BATCH_BYTES, Entry, KIND, KIND_EVENT, KIND_LOST, KIND_SEGMENT, Lost, Segment};
use crate::extension::RunId;
use crate::varint;

/// Writes one batch, entry by entry.
#[derive(Debug)]
pub struct BatchEncoder {
    out: Vec<u8>,
    max_bytes: usize,
    last_seq: u64,
}

impl BatchEncoder {
    /// An empty batch of `run`, to be at most `max_bytes` long, and never longer than [`BATCH_BYTES`]. `now_ms` is the sender's clock.
    #[must_use]
    pub fn new(run: RunId, now_ms: u64, max_bytes: usize) -> Self {
        let mut out = Vec::new();
        out.push(KIND);
        out.extend(run.0.to_be_bytes());
        varint::put(&mut out, now_ms);
        Self {
            out,
            max_bytes: max_bytes.min(BATCH_BYTES),
            last_seq: 0,
        }
    }

    /// Appends an entry. Answers `false`, and leaves the batch as it was, when there is no room for it, its number is not above the last
    /// one's, or it is [`Entry::Unknown`]. A content of at most [`CONTENT_BYTES`](super::CONTENT_BYTES) fits an empty batch of full size.
    pub fn push(&mut self, seq: u64, entry: &Entry<'_>) -> bool {
        let Some(step) = seq.checked_sub(self.last_seq).filter(|step| *step > 0) else {
            return false;
        };
        let (kind, len) = match entry {
            Entry::Segment(segment) => (KIND_SEGMENT, segment.content_len()),
            Entry::Event(text) => (KIND_EVENT, text.len()),
            Entry::Lost(lost) => (KIND_LOST, lost.content_len()),
            Entry::Unknown => return false,
        };
        let len_len = varint::len(u64::try_from(len).unwrap_or(u64::MAX));
        let whole = varint::len(step) + 1 + len_len + len;
        if whole > self.max_bytes.saturating_sub(self.out.len()) {
            return false;
        }
        varint::put(&mut self.out, step);
        self.out.push(kind);
        varint::put_len(&mut self.out, len);
        match entry {
            Entry::Segment(segment) => {
                varint::put(&mut self.out, segment.from_ms);
                varint::put(&mut self.out, segment.span_ms());
                self.out.extend(segment.frames);
            }
            Entry::Event(text) => self.out.extend(text.as_bytes()),
            Entry::Lost(lost) => {
                varint::put(&mut self.out, lost.ticks);
                varint::put(&mut self.out, lost.events);
            }
            Entry::Unknown => {}
        }
        self.last_seq = seq;
        true
    }

    /// The number of the last entry; 0 when there is none.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// The batch; `None` when it has no entry.
    #[must_use]
    pub fn finish(self) -> Option<Vec<u8>> {
        (self.last_seq > 0).then_some(self.out)
    }
}

impl Segment<'_> {
    fn span_ms(&self) -> u64 {
        self.until_ms.saturating_sub(self.from_ms)
    }

    fn content_len(&self) -> usize {
        varint::len(self.from_ms) + varint::len(self.span_ms()) + self.frames.len()
    }
}

impl Lost {
    fn content_len(self) -> usize {
        varint::len(self.ticks) + varint::len(self.events)
    }
}

/// Appends a stats frame to the frames of a segment.
pub fn put_frame(frames: &mut Vec<u8>, frame: &[u8]) {
    varint::put_len(frames, frame.len());
    frames.extend(frame);
}
