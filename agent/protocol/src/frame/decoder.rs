//! Pure: the receiving end: what the frames so far add up to.

use alloc::borrow::ToOwned as _;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::{
    FLAG_KEYFRAME, FLAG_MORE, FORM_AS_BEFORE, FORM_CHANGED, FORM_MASK, FORM_WITHOUT, FRAME_BYTES,
    GAP_SHIFT, KIND, NUMBER_SHIFT, SLOTS, SUBJECT_CONTAINER, SUBJECT_FILESYSTEM, SUBJECT_HOST,
    SUBJECT_INTERFACE, SUBJECT_NOBODY, SUBJECT_SENSOR, Slot, bits, next_number,
};
use crate::metric::METRICS;
use crate::reading::Reading;
use crate::subject::{NAME_LEN, ShortId, Subject};
use crate::varint;

/// Reads frames. After an error nothing counts until a keyframe has come. Nothing is allocated but for a subject that is announced.
#[derive(Debug, Default)]
pub struct Decoder {
    slots: Vec<Place>,
    touched: Vec<Slot>,
    /// The next frame's.
    number: u8,
    at_ms: u64,
    /// The time of the last tick that is whole.
    whole_at_ms: Option<u64>,
    is_in_step: bool,
    /// The next frame is the first of its tick.
    begins_tick: bool,
    /// Counts announcements, so that a slot given away again is recognised.
    announced: u64,
}

#[derive(Debug, Default)]
struct Place {
    live: Option<Box<Live>>,
    /// It is in the list of those that this tick told of.
    is_touched: bool,
}

/// What is known of a slot.
#[derive(Debug)]
pub struct Live {
    /// Whose it is.
    pub subject: Subject,
    /// The latest values.
    pub reading: Reading,
    /// The values at the end of the tick before; empty when the slot is new in this tick.
    pub before: Reading,
    /// Another number after each announcement: readings of two numbers are not to be compared.
    pub run: u64,
    /// Which values the last record had.
    mask: u32,
}

/// What a frame told besides the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The tick's time by the agent's clock, in Unix ms.
    pub at_ms: u64,
    /// How much later that is than the tick before; `None` in the first tick after a keyframe.
    pub interval_ms: Option<u64>,
    /// No more frames of this tick follow: the slots hold all of it.
    pub is_whole: bool,
    /// Everything began anew: no slot is what it was.
    pub is_keyframe: bool,
}

/// Why a frame cannot be used. Whatever it is, the receiver asks for a keyframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// It is no stats frame.
    NotAFrame,
    /// It is longer than [`FRAME_BYTES`].
    TooLong,
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
            Self::TooLong => "stats frame is too long",
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
    /// [`FrameError`]; the slots then hold what came before the fault, and all frames are errors until a keyframe comes.
    pub fn decode(&mut self, frame: &[u8]) -> Result<Decoded, FrameError> {
        let decoded = self.read(frame);
        self.is_in_step = decoded.is_ok();
        decoded
    }

    /// Every slot that is in use, by number.
    pub fn slots(&self) -> impl Iterator<Item = (Slot, &Live)> {
        let numbered = (0..).zip(&self.slots);
        numbered.filter_map(|(slot, place)| Some((slot, place.live.as_deref()?)))
    }

    /// What is known of a slot; `None` when it is not in use.
    #[must_use]
    pub fn slot(&self, slot: Slot) -> Option<&Live> {
        self.slots.get(usize::from(slot))?.live.as_deref()
    }

    /// The slots that frames of this tick told of, each once: new, changed, or no more in use. All others have the values they had.
    #[must_use]
    pub fn touched(&self) -> &[Slot] {
        &self.touched
    }

    fn read(&mut self, frame: &[u8]) -> Result<Decoded, FrameError> {
        let [KIND, flags, rest @ ..] = frame else {
            return Err(FrameError::NotAFrame);
        };
        if frame.len() > FRAME_BYTES {
            return Err(FrameError::TooLong);
        }
        let mut rest = rest;
        let time = take(&mut rest)?;
        let number = flags >> NUMBER_SHIFT;
        let is_keyframe = flags & FLAG_KEYFRAME != 0;
        if is_keyframe {
            self.slots.clear();
            self.touched.clear();
            self.at_ms = time;
            self.whole_at_ms = None;
        } else if !self.is_in_step || number != self.number {
            return Err(FrameError::OutOfStep);
        } else {
            self.at_ms = self.at_ms.saturating_add(time);
            if self.begins_tick {
                self.end_tick();
            }
        }
        self.number = next_number(number);
        let mut next = 0;
        while !rest.is_empty() {
            next = self.record(next, &mut rest)?;
        }
        let is_whole = flags & FLAG_MORE == 0;
        self.begins_tick = is_whole;
        let before = self.whole_at_ms;
        if is_whole {
            self.whole_at_ms = Some(self.at_ms);
        }
        Ok(Decoded {
            at_ms: self.at_ms,
            interval_ms: before.map(|before| self.at_ms - before),
            is_whole,
            is_keyframe,
        })
    }

    /// Makes the last tick's values those from before.
    fn end_tick(&mut self) {
        for slot in self.touched.drain(..) {
            if let Some(place) = self.slots.get_mut(usize::from(slot)) {
                place.is_touched = false;
                if let Some(live) = &mut place.live {
                    live.before = live.reading;
                }
            }
        }
    }

    /// Takes the record of slot `next` or a later one; gives the slot after it.
    fn record(&mut self, next: usize, rest: &mut &[u8]) -> Result<usize, FrameError> {
        let tag = take(rest)?;
        let gap = usize::try_from(tag >> GAP_SHIFT).map_err(|_| FrameError::UnknownSlot)?;
        let slot = next.checked_add(gap).filter(|slot| *slot < SLOTS);
        let slot = slot.ok_or(FrameError::UnknownSlot)?;
        let live = match tag & FORM_MASK {
            FORM_AS_BEFORE => self.live(slot)?,
            FORM_CHANGED => {
                let live = self.live(slot)?;
                live.mask = take_mask(rest)?;
                live
            }
            FORM_WITHOUT => {
                let live = self.live(slot)?;
                bits(take_mask(rest)?).for_each(|bit| live.reading.clear_at(bit));
                live.mask = take_mask(rest)?;
                live
            }
            _ => {
                if rest.first() == Some(&SUBJECT_NOBODY) {
                    *rest = &rest[1..];
                    self.live(slot)?;
                    self.touch(slot).live = None;
                    return Ok(slot + 1);
                }
                self.announced(slot, rest)?
            }
        };
        for bit in bits(live.mask) {
            let change = varint::take_signed(rest).ok_or(FrameError::CutShort)?;
            let last = live.reading.at(bit).unwrap_or_default();
            live.reading.put(bit, last.wrapping_add(change));
        }
        self.touch(slot);
        Ok(slot + 1)
    }

    fn live(&mut self, slot: usize) -> Result<&mut Live, FrameError> {
        let live = self
            .slots
            .get_mut(slot)
            .and_then(|place| place.live.as_mut());
        live.map(Box::as_mut).ok_or(FrameError::UnknownSlot)
    }

    /// Gives the slot away to the subject that the record names.
    fn announced(&mut self, slot: usize, rest: &mut &[u8]) -> Result<&mut Live, FrameError> {
        let subject = take_subject(rest)?;
        if (subject == Subject::Host) != (slot == 0) {
            return Err(FrameError::UnknownSlot);
        }
        let mask = take_mask(rest)?;
        self.announced += 1;
        let run = self.announced;
        Ok(self.touch(slot).live.insert(Box::new(Live {
            subject,
            reading: Reading::EMPTY,
            before: Reading::EMPTY,
            run,
            mask,
        })))
    }

    /// Puts a slot below [`SLOTS`] into the list of those that this tick told of.
    fn touch(&mut self, slot: usize) -> &mut Place {
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, Place::default);
        }
        let place = &mut self.slots[slot];
        if !place.is_touched {
            place.is_touched = true;
            self.touched.extend(Slot::try_from(slot));
        }
        place
    }
}

fn take(rest: &mut &[u8]) -> Result<u64, FrameError> {
    varint::take(rest).ok_or(FrameError::CutShort)
}

fn take_mask(rest: &mut &[u8]) -> Result<u32, FrameError> {
    let mask = u32::try_from(take(rest)?).map_err(|_| FrameError::Unknown)?;
    if mask >> METRICS == 0 {
        Ok(mask)
    } else {
        Err(FrameError::Unknown)
    }
}

fn take_subject(rest: &mut &[u8]) -> Result<Subject, FrameError> {
    let (kind, after) = rest.split_first().ok_or(FrameError::CutShort)?;
    *rest = after;
    let mut id = ShortId([0; 6]);
    if *kind == SUBJECT_CONTAINER {
        let (bytes, after) = rest.split_first_chunk().ok_or(FrameError::CutShort)?;
        (id.0, *rest) = (*bytes, after);
    }
    let name = varint::take_counted(rest).ok_or(FrameError::CutShort)?;
    if name.len() > NAME_LEN {
        return Err(FrameError::Unknown);
    }
    let name = core::str::from_utf8(name).map_err(|_| FrameError::Unknown)?;
    Ok(match *kind {
        SUBJECT_HOST => Subject::Host,
        SUBJECT_CONTAINER => Subject::Container {
            id,
            name: name.to_owned(),
        },
        SUBJECT_INTERFACE => Subject::Interface(name.to_owned()),
        SUBJECT_FILESYSTEM => Subject::Filesystem(name.to_owned()),
        SUBJECT_SENSOR => Subject::Sensor(name.to_owned()),
        _ => return Err(FrameError::Unknown),
    })
}
