//! Pure: the segment and the block of events that are being written.

use pilotfish_protocol::spool::{CONTENT_BYTES, put_frame};

use super::entry;
use super::tier::Tier;
use crate::sample::tick::Tick;
use crate::uplink::telemetry::Telemetry;

/// Most subjects whose values are kept; the host and its parts come first, then containers.
pub const SUBJECTS: usize = 320;
/// Most ticks of a segment.
pub(super) const SEGMENT_TICKS: u32 = 30;
/// A segment is long enough with this many bytes, unless its keyframe alone is more than half of it.
pub(super) const SEGMENT_BYTES: usize = 8 * 1024;
/// Longest time that a segment covers while it is being written.
const SEGMENT_SPAN_MS: u64 = 300_000;
/// How much more memory than it needs a growing segment takes.
const ROOM_BYTES: usize = 512;
/// A block of events is long enough with this many bytes.
pub(super) const BLOCK_BYTES: usize = 4 * 1024;
/// Longest text of an event that is kept.
pub const EVENT_BYTES: usize = 16 * 1024;

/// Ticks in a row, as frames of which the first is a keyframe.
#[derive(Debug, Default)]
pub(super) struct Ticks {
    pub(super) frames: Vec<u8>,
    pub(super) from_ms: u64,
    pub(super) until_ms: u64,
    pub(super) count: u32,
}

/// Events in a row, as [`entry::put_event`] writes them.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    pub(super) from_ms: u64,
    pub(super) until_ms: u64,
    pub(super) count: u32,
}

/// Writes segments.
#[derive(Debug)]
pub(super) struct Recorder {
    telemetry: Telemetry,
    open: Ticks,
    keyframe_bytes: usize,
    /// The last tick that was kept.
    last_ms: Option<u64>,
}

/// What became of a tick.
#[derive(Debug)]
pub(super) enum Recorded {
    /// It came too soon after the last one.
    Passed,
    /// It is in the open segment.
    Kept,
    /// It is in a new segment, since this one was full.
    KeptAfter(Ticks),
    /// It is too large, even alone. The segment before it has ended.
    TooLarge(Ticks),
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self {
            telemetry: Telemetry::of_at_most(SUBJECTS),
            open: Ticks::default(),
            keyframe_bytes: 0,
            last_ms: None,
        }
    }

    /// Takes a tick, unless it is of the same step as the last one.
    pub(super) fn record(&mut self, tick: &Tick) -> Recorded {
        if !Tier::Fine.keeps(self.last_ms, tick.at_ms) {
            return Recorded::Passed;
        }
        self.last_ms = Some(tick.at_ms);
        let full = if self.is_full(tick.at_ms) {
            self.seal()
        } else {
            None
        };
        let before = self.open.frames.len();
        self.encode(tick);
        let mut ended = full;
        if self.open.frames.len() > CONTENT_BYTES && before > 0 {
            self.open.frames.truncate(before);
            ended = self.seal();
            self.encode(tick);
        }
        if self.open.frames.len() > CONTENT_BYTES {
            self.open.frames.clear();
            self.telemetry.begin_anew();
            return Recorded::TooLarge(ended.unwrap_or_default());
        }
        if self.open.count == 0 {
            self.open.from_ms = tick.at_ms;
            self.keyframe_bytes = self.open.frames.len();
        }
        self.open.until_ms = tick.at_ms;
        self.open.count += 1;
        ended.map_or(Recorded::Kept, Recorded::KeptAfter)
    }

    /// Ends the open segment and gives it; `None` when there are no ticks in it.
    pub(super) fn seal(&mut self) -> Option<Ticks> {
        self.telemetry.begin_anew();
        (self.open.count > 0).then(|| std::mem::take(&mut self.open))
    }

    /// Tells whether there are ticks in the open segment.
    pub(super) fn has_ticks(&self) -> bool {
        self.open.count > 0
    }

    /// Bytes of memory that it holds.
    pub(super) fn held_bytes(&self) -> usize {
        self.telemetry.held_bytes() + self.open.frames.capacity()
    }

    fn is_full(&self, at_ms: u64) -> bool {
        let bytes = self.open.frames.len();
        self.open.count >= SEGMENT_TICKS
            || (bytes >= SEGMENT_BYTES && bytes >= 2 * self.keyframe_bytes)
            || (self.open.count > 0 && at_ms.saturating_sub(self.open.from_ms) >= SEGMENT_SPAN_MS)
    }

    fn encode(&mut self, tick: &Tick) {
        let frames = &mut self.open.frames;
        self.telemetry.encode(tick, |frame| {
            if frames.capacity() - frames.len() < frame.len() + ROOM_BYTES {
                frames.reserve_exact(frame.len() + ROOM_BYTES);
            }
            put_frame(frames, frame);
        });
    }
}

impl Block {
    /// Appends an event; the caller has checked [`EVENT_BYTES`].
    pub(super) fn push(&mut self, stamp_ns: u64, text: &str, now_ms: u64) {
        if self.count == 0 {
            self.from_ms = now_ms;
        }
        self.until_ms = now_ms.max(self.from_ms);
        self.count += 1;
        entry::put_event(&mut self.bytes, stamp_ns, text);
    }

    /// Tells whether it is to be ended before another event.
    pub(super) fn is_full(&self, now_ms: u64) -> bool {
        let span_ms = now_ms.saturating_sub(self.from_ms);
        self.count > 0 && (self.bytes.len() >= BLOCK_BYTES || span_ms >= SEGMENT_SPAN_MS)
    }
}
