//! Pure: the receiving end: what the frames so far add up to.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use super::{
    FLAG_KEYFRAME, FLAG_MORE, KIND, OP_ANEW, OP_ANNOUNCE, OP_RETIRE, SLOTS, SUBJECT_CONTAINER,
    SUBJECT_FILESYSTEM, SUBJECT_HOST, SUBJECT_INTERFACE, SUBJECT_SENSOR, Slot,
};
use crate::metric::METRICS;
use crate::reading::Reading;
use crate::subject::{NAME_LEN, ShortId, Subject};
use crate::varint;

/// Reads frames. After an error nothing counts until a keyframe has come.
#[derive(Debug, Default)]
pub struct Decoder {
    slots: Vec<Option<Live>>,
    seq: u64,
    at_ms: u64,
    is_in_step: bool,
    /// Counts announcements, so that a slot given away again is recognised.
    announced: u64,
}

/// What is known of a slot.
#[derive(Debug)]
pub struct Live {
    /// Whose it is.
    pub subject: Subject,
    /// The latest values.
    pub reading: Reading,
    /// Another number after each announcement: readings of two numbers are not to be compared.
    pub run: u64,
}

/// What a frame told besides the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The tick's time by the agent's clock, in Unix ms.
    pub at_ms: u64,
    /// No more frames of this tick follow: the slots hold all of it.
    pub is_whole: bool,
    /// Everything began anew.
    pub is_keyframe: bool,
}

/// Why a frame cannot be used. Whatever it is, the receiver asks for a keyframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// It is no stats frame.
    NotAFrame,
    /// It ends before it is whole, or has a number that is too long.
    CutShort,
    /// Frames before it are missing, or were not usable.
    OutOfStep,
    /// It tells of a slot that was not announced, or beyond [`SLOTS`].
    UnknownSlot,
    /// It has something in it that this version does not know.
    Unknown,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAFrame => "no stats frame",
            Self::CutShort => "stats frame is cut short",
            Self::OutOfStep => "stats frames are missing before this one",
            Self::UnknownSlot => "stats frame with a slot that was not announced",
            Self::Unknown => "stats frame with something unknown in it",
        })
    }
}

impl core::error::Error for FrameError {}

impl Decoder {
    /// Knows nothing, and waits for a keyframe.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a frame.
    ///
    /// # Errors
    ///
    /// [`FrameError`]; from then on all frames are errors until a keyframe comes.
    pub fn decode(&mut self, frame: &[u8]) -> Result<Decoded, FrameError> {
        let decoded = self.read(frame);
        self.is_in_step = decoded.is_ok();
        decoded
    }

    /// Every slot that is in use, by number.
    pub fn slots(&self) -> impl Iterator<Item = (Slot, &Live)> {
        let numbered = (0..).zip(&self.slots);
        numbered.filter_map(|(slot, live)| Some((slot, live.as_ref()?)))
    }

    fn read(&mut self, frame: &[u8]) -> Result<Decoded, FrameError> {
        let [KIND, flags, rest @ ..] = frame else {
            return Err(FrameError::NotAFrame);
        };
        if flags & !(FLAG_KEYFRAME | FLAG_MORE) != 0 {
            return Err(FrameError::Unknown);
        }
        let is_keyframe = flags & FLAG_KEYFRAME != 0;
        let mut rest = rest;
        let seq = take(&mut rest)?;
        let time = take(&mut rest)?;
        if is_keyframe {
            self.slots.clear();
            self.at_ms = time;
        } else if !self.is_in_step || seq != self.seq {
            return Err(FrameError::OutOfStep);
        } else {
            self.at_ms = self.at_ms.saturating_add(time);
        }
        self.seq = seq.wrapping_add(1);
        let mut next = 0;
        while !rest.is_empty() {
            next = self.record(next, &mut rest)?;
        }
        Ok(Decoded {
            at_ms: self.at_ms,
            is_whole: flags & FLAG_MORE == 0,
            is_keyframe,
        })
    }

    /// Takes the record of slot `next` or a later one; gives the slot after it.
    fn record(&mut self, next: usize, rest: &mut &[u8]) -> Result<usize, FrameError> {
        let tag = take(rest)?;
        let gap = usize::try_from(tag >> 1).map_err(|_| FrameError::UnknownSlot)?;
        let slot = next.checked_add(gap).filter(|slot| *slot < SLOTS);
        let slot = slot.ok_or(FrameError::UnknownSlot)?;
        if tag & 1 == 0 {
            self.values(slot, rest)?;
            return Ok(slot + 1);
        }
        match take_byte(rest)? {
            OP_ANNOUNCE => {
                let subject = take_subject(rest)?;
                if (subject == Subject::Host) != (slot == 0) {
                    return Err(FrameError::UnknownSlot);
                }
                if self.slots.len() <= slot {
                    self.slots.resize_with(slot + 1, || None);
                }
                self.announced += 1;
                self.slots[slot] = Some(Live {
                    subject,
                    reading: Reading::EMPTY,
                    run: self.announced,
                });
                self.values(slot, rest)?;
            }
            OP_RETIRE => {
                let place = self.slots.get_mut(slot).ok_or(FrameError::UnknownSlot)?;
                place.take().ok_or(FrameError::UnknownSlot)?;
            }
            OP_ANEW => {
                self.live(slot)?.reading = Reading::EMPTY;
                self.values(slot, rest)?;
            }
            _ => return Err(FrameError::Unknown),
        }
        Ok(slot + 1)
    }

    fn live(&mut self, slot: usize) -> Result<&mut Live, FrameError> {
        let live = self.slots.get_mut(slot).and_then(Option::as_mut);
        live.ok_or(FrameError::UnknownSlot)
    }

    fn values(&mut self, slot: usize, rest: &mut &[u8]) -> Result<(), FrameError> {
        let reading = &mut self.live(slot)?.reading;
        let mask = take(rest)?;
        if mask >> METRICS != 0 {
            return Err(FrameError::Unknown);
        }
        let bits = 0..u8::try_from(METRICS).unwrap_or(u8::MAX);
        for bit in bits.filter(|bit| mask & (1 << bit) != 0) {
            let change = varint::take_signed(rest).ok_or(FrameError::CutShort)?;
            let last = reading.at(bit).unwrap_or_default();
            reading.put(bit, last.wrapping_add(change));
        }
        Ok(())
    }
}

fn take(rest: &mut &[u8]) -> Result<u64, FrameError> {
    varint::take(rest).ok_or(FrameError::CutShort)
}

fn take_byte(rest: &mut &[u8]) -> Result<u8, FrameError> {
    let (byte, after) = rest.split_first().ok_or(FrameError::CutShort)?;
    *rest = after;
    Ok(*byte)
}

fn take_bytes<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8], FrameError> {
    let (bytes, after) = rest.split_at_checked(len).ok_or(FrameError::CutShort)?;
    *rest = after;
    Ok(bytes)
}

fn take_subject(rest: &mut &[u8]) -> Result<Subject, FrameError> {
    let kind = take_byte(rest)?;
    let mut id = ShortId([0; 6]);
    if kind == SUBJECT_CONTAINER {
        id.0.copy_from_slice(take_bytes(rest, 6)?);
    }
    let len = usize::try_from(take(rest)?).map_err(|_| FrameError::CutShort)?;
    if len > NAME_LEN {
        return Err(FrameError::Unknown);
    }
    let name = take_bytes(rest, len)?;
    let name: String = core::str::from_utf8(name)
        .map_err(|_| FrameError::Unknown)?
        .to_string();
    Ok(match kind {
        SUBJECT_HOST => Subject::Host,
        SUBJECT_CONTAINER => Subject::Container { id, name },
        SUBJECT_INTERFACE => Subject::Interface(name),
        SUBJECT_FILESYSTEM => Subject::Filesystem(name),
        SUBJECT_SENSOR => Subject::Sensor(name),
        _ => return Err(FrameError::Unknown),
    })
}
