//! Pure: the sending end: holds what was last handed over of each slot, and writes what differs.

use alloc::vec::Vec;

use super::{
    FLAG_KEYFRAME, FLAG_MORE, FORM_AS_BEFORE, FORM_CHANGED, FORM_SUBJECT, FORM_WITHOUT,
    FRAME_BYTES, GAP_SHIFT, KIND, NUMBER_SHIFT, SLOTS, SUBJECT_CONTAINER, SUBJECT_FILESYSTEM,
    SUBJECT_HOST, SUBJECT_INTERFACE, SUBJECT_NOBODY, SUBJECT_SENSOR, Slot, bits, next_number,
};
use crate::metric::METRICS;
use crate::reading::Reading;
use crate::subject::{NAME_LEN, Subject};
use crate::varint;

/// Room that the longest record needs: tag, kind, id, name with its length, mask, values.
const RECORD_BYTES: usize = 2 + 1 + 6 + 2 + NAME_LEN + 3 + METRICS * 10;

/// Writes frames.
///
/// A tick: [`Encoder::take`] what was measured, [`Encoder::begin`], then [`Encoder::encode`] until nothing more follows, each frame when the
/// network has taken the one before. Readings taken while a tick is under way belong to that tick as far as it is not written yet.
/// Nothing is allocated but for a subject that is announced.
#[derive(Debug, Default)]
pub struct Encoder {
    slots: Vec<Entry>,
    /// The next frame's.
    number: u8,
    /// The time of the frame written last, by the agent's clock.
    sent_at_ms: u64,
    /// The time of the tick under way, or of the last one.
    at_ms: u64,
    /// The next frame begins anew.
    wants_keyframe: bool,
    /// The slot where the next frame of the tick goes on; `None` when no tick is under way.
    cursor: Option<usize>,
}

#[derive(Debug, Default)]
struct Entry {
    state: State,
    subject: Option<Subject>,
    now: Reading,
    /// What the receiver has; empty unless it knows the subject.
    sent: Reading,
    /// Which values the last record had.
    mask: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nobody's.
    #[default]
    Free,
    /// The receiver has not heard of it.
    New,
    /// The receiver knows it.
    Live,
    /// The receiver has not heard that it is gone.
    Retiring,
}

impl Encoder {
    /// An encoder for a new session: its first frame is a keyframe.
    #[must_use]
    pub fn new() -> Self {
        Self {
            wants_keyframe: true,
            ..Self::default()
        }
    }

    /// Makes the next frame a keyframe: another session began, or the receiver asked for one. A tick under way is given up; its readings go
    /// with the next one. Slots keep their numbers.
    pub fn begin_anew(&mut self) {
        self.wants_keyframe = true;
        self.cursor = None;
        for entry in &mut self.slots {
            match entry.state {
                State::Free | State::Retiring => *entry = Entry::default(),
                State::New | State::Live => {
                    entry.state = State::New;
                    entry.sent = Reading::EMPTY;
                }
            }
        }
    }

    /// Gives `subject` the lowest free slot, the host slot 0; `None` when all [`SLOTS`] are taken. The caller keeps the number, and asks once
    /// per subject.
    pub fn announce(&mut self, subject: Subject) -> Option<Slot> {
        if self.slots.is_empty() {
            self.slots.push(Entry::default());
        }
        let place = if subject == Subject::Host {
            0
        } else {
            let mut containers = self.slots.iter().skip(1);
            let free = containers.position(|entry| entry.state == State::Free);
            free.map_or(self.slots.len(), |place| place + 1)
        };
        if place >= SLOTS {
            return None;
        }
        if place == self.slots.len() {
            // Slots are large, and a host's containers are few: no room for twice as many.
            if place == self.slots.capacity() {
                self.slots.reserve_exact(8 + place / 4);
            }
            self.slots.push(Entry::default());
        }
        let entry = self.slots.get_mut(place)?;
        *entry = Entry {
            state: State::New,
            subject: Some(subject),
            ..Entry::default()
        };
        Slot::try_from(place).ok()
    }

    /// Takes what was measured of a slot, in the place of an earlier reading that was not sent.
    pub fn take(&mut self, slot: Slot, reading: &Reading) {
        if let Some(entry) = self.slots.get_mut(usize::from(slot)) {
            entry.now = *reading;
        }
    }

    /// Ends a slot. Its number is given away again when the receiver was told.
    pub fn retire(&mut self, slot: Slot) {
        if let Some(entry) = self.slots.get_mut(usize::from(slot)) {
            match entry.state {
                State::Live => entry.state = State::Retiring,
                State::New => *entry = Entry::default(),
                State::Free | State::Retiring => {}
            }
        }
    }

    /// Bytes of memory that it holds, about.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let name = |entry: &Entry| entry.subject.as_ref().map_or(0, Subject::held_bytes);
        self.slots.capacity() * size_of::<Entry>() + self.slots.iter().map(name).sum::<usize>()
    }

    /// Begins a tick of the time `at_ms` (the agent's clock, Unix ms, never going back). A tick under way goes on instead, so that a slow
    /// link gets to the last slot, too.
    pub fn begin(&mut self, at_ms: u64) {
        if self.cursor.is_none() {
            self.at_ms = at_ms.max(self.sent_at_ms);
            self.cursor = Some(0);
        }
    }

    /// Tells whether frames of a tick are still to be written.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.cursor.is_some()
    }

    /// Tells whether a frame written now would say anything but the time.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.wants_keyframe || self.slots.iter().any(Entry::is_news)
    }

    /// Appends the tick's next frame to `out`; answers whether more of them follow. From here on the receiver is taken to have it.
    pub fn encode(&mut self, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let is_keyframe = core::mem::take(&mut self.wants_keyframe);
        let flags = if is_keyframe { FLAG_KEYFRAME } else { 0 };
        out.extend([KIND, flags | self.number << NUMBER_SHIFT]);
        self.number = next_number(self.number);
        let since = if is_keyframe { 0 } else { self.sent_at_ms };
        varint::put(out, self.at_ms - since);
        self.sent_at_ms = self.at_ms;
        let from = self.cursor.take().unwrap_or(0);
        let mut next = 0;
        for (place, entry) in self.slots.iter_mut().enumerate().skip(from) {
            if !entry.is_news() {
                continue;
            }
            if out.len() - start + RECORD_BYTES > FRAME_BYTES {
                self.cursor = Some(place);
                break;
            }
            entry.write(place - next, out);
            next = place + 1;
        }
        let is_more = self.cursor.is_some();
        if is_more && let Some(flags) = out.get_mut(start + 1) {
            *flags |= FLAG_MORE;
        }
        is_more
    }
}

impl Entry {
    fn is_news(&self) -> bool {
        match self.state {
            State::Free => false,
            State::New | State::Retiring => true,
            State::Live => self.now != self.sent,
        }
    }

    /// Writes the record that makes the receiver have what this end has.
    fn write(&mut self, gap: usize, out: &mut Vec<u8>) {
        let gap = u64::try_from(gap).unwrap_or_default() << GAP_SHIFT;
        let changed = self.now.changed_since(&self.sent);
        match self.state {
            State::Free => return,
            State::Retiring => {
                varint::put(out, gap | FORM_SUBJECT);
                out.push(SUBJECT_NOBODY);
                *self = Self::default();
                return;
            }
            State::New => {
                varint::put(out, gap | FORM_SUBJECT);
                if let Some(subject) = &self.subject {
                    put_subject(out, subject);
                }
                self.state = State::Live;
                self.put_mask(changed, out);
            }
            State::Live => {
                let absent = self.sent.known() & !self.now.known();
                if absent != 0 {
                    varint::put(out, gap | FORM_WITHOUT);
                    varint::put(out, absent.into());
                    self.put_mask(changed, out);
                } else if self.is_as_before(changed) {
                    varint::put(out, gap | FORM_AS_BEFORE);
                } else {
                    varint::put(out, gap | FORM_CHANGED);
                    self.put_mask(changed, out);
                }
            }
        }
        for bit in bits(self.mask) {
            let now = self.now.at(bit).unwrap_or_default();
            let sent = self.sent.at(bit).unwrap_or_default();
            varint::put_signed(out, now.wrapping_sub(sent));
        }
        self.sent = self.now;
    }

    /// Tells whether the last record's mask is cheaper than one of its own: a value that did not change then costs a byte.
    fn is_as_before(&self, changed: u32) -> bool {
        let unchanged = (self.mask & !changed).count_ones();
        let mask_len = varint::len(changed.into());
        changed & !self.mask == 0 && usize::try_from(unchanged).is_ok_and(|n| n < mask_len)
    }

    fn put_mask(&mut self, mask: u32, out: &mut Vec<u8>) {
        varint::put(out, mask.into());
        self.mask = mask;
    }
}

fn put_subject(out: &mut Vec<u8>, subject: &Subject) {
    let (kind, name) = match subject {
        Subject::Host => (SUBJECT_HOST, ""),
        Subject::Container { id, name } => {
            out.push(SUBJECT_CONTAINER);
            out.extend(id.0);
            return put_name(out, name);
        }
        Subject::Interface(name) => (SUBJECT_INTERFACE, name.as_str()),
        Subject::Filesystem(name) => (SUBJECT_FILESYSTEM, name.as_str()),
        Subject::Sensor(name) => (SUBJECT_SENSOR, name.as_str()),
    };
    out.push(kind);
    put_name(out, name);
}

/// Appends a name, cut at a character's border.
fn put_name(out: &mut Vec<u8>, name: &str) {
    let mut end = name.len().min(NAME_LEN);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    varint::put_len(out, end);
    out.extend(&name.as_bytes()[..end]);
}
