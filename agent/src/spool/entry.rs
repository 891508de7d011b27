//! Pure: one entry of the spool, and the row by which it is stored.
//!
//! ```text
//! row      version 1 | kind | flags | ticks or events, 4 | run, 8 | first seq, 8 | from, 8 | until, 8 | hash, 8 | content
//! kind     1, 2, 3: segment of the fine, middle, coarse tier; 4: events; 5: lost
//! flags    bit 0: the server may have some of it
//! hash     of all the rest of the row, as [`ListHash::of`]
//! content  segment: frames as in a spool batch | events: each stamp ns, 8 | length, 4 | JSON text | lost: ticks, 8 | events, 8
//! ```
//!
//! Numbers have their highest byte first; times are Unix ms by the clock of the run.

use std::sync::Arc;

use pilotfish_protocol::extension::{ListHash, RunId};
use pilotfish_protocol::spool::Lost;

use super::tier::Tier;

const VERSION: u8 = 1;
const FLAG_DOUBTFUL: u8 = 1;
/// Bytes of a row before its content.
pub(super) const HEAD_BYTES: usize = 47;
/// Where the hash is in them.
const HASH_AT: usize = HEAD_BYTES - 8;
/// Memory that a row costs besides its bytes: the counters of its [`Arc`], and the allocator's own.
const ROW_OVERHEAD_BYTES: usize = 32;

/// Names an entry; the order of keys is the order of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Which run, counted from the oldest one that has entries.
    pub run: u32,
    /// The entry's highest number in its run.
    pub seq: u64,
}

/// What an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ticks, as frames of an encoder of their own.
    Segment(Tier),
    /// Events, each with a number of its own.
    Events,
    /// What found no room.
    Lost,
}

/// What is known of an entry wherever its row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its name.
    pub key: Key,
    /// The run that made it.
    pub run: RunId,
    /// The number of the first event of a block; else as in the key.
    pub first_seq: u64,
    /// What it holds.
    pub kind: Kind,
    /// The time of the first tick or event, by the run's clock.
    pub from_ms: u64,
    /// The time of the last.
    pub until_ms: u64,
    /// Ticks or events.
    pub count: u32,
    /// It was recorded during a session, so the server may have some of it.
    pub is_doubtful: bool,
    /// Bytes of its row.
    pub row_bytes: u32,
}

/// An entry as the spool holds it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) head: Head,
    /// `None`: only the disk has it.
    pub(super) row: Option<Row>,
    /// The disk may have a row of this key.
    pub(super) is_stored: bool,
    /// What the disk has is not this.
    pub(super) is_dirty: bool,
    /// The server has what is not above: ticks by ms, events by the Engine's stamp in ns.
    pub(super) clip: Option<u64>,
    /// Of a block the server has the events up to this number.
    pub(super) known_seq: u64,
}

/// A stored form, shared with the thread that writes it.
pub type Row = Arc<[u8]>;

/// Writes a row; `head.row_bytes` is set by it.
pub(super) fn write(head: &mut Head, content: &[u8]) -> Row {
    let mut row = Vec::with_capacity(HEAD_BYTES + content.len());
    row.extend([VERSION, head.kind.code(), u8::from(head.is_doubtful)]);
    row.extend(head.count.to_be_bytes());
    for number in [head.run.0, head.first_seq, head.from_ms, head.until_ms] {
        row.extend(number.to_be_bytes());
    }
    row.extend([0; 8]);
    row.extend(content);
    let hash = hash_of(&row);
    row[HASH_AT..HEAD_BYTES].copy_from_slice(&hash.to_be_bytes());
    head.row_bytes = u32::try_from(row.len()).unwrap_or(u32::MAX);
    row.into()
}

/// Reads the head of a stored row; `None` when it is damaged or of another version.
pub(super) fn read(key: Key, row: &[u8]) -> Option<Head> {
    let head: &[u8; HEAD_BYTES] = row.first_chunk()?;
    let [VERSION, kind, flags, ..] = *head else {
        return None;
    };
    let number = |at: usize| Some(u64::from_be_bytes(*head.get(at..)?.first_chunk()?));
    let head = Head {
        key,
        run: RunId(number(7)?),
        first_seq: number(15)?,
        kind: Kind::from_code(kind)?,
        from_ms: number(23)?,
        until_ms: number(31)?,
        count: u32::from_be_bytes(*head.get(3..)?.first_chunk()?),
        is_doubtful: flags & FLAG_DOUBTFUL != 0,
        row_bytes: u32::try_from(row.len()).ok()?,
    };
    let is_whole = number(HASH_AT)? == hash_of(row);
    let is_numbered = head.first_seq > 0 && head.first_seq <= key.seq && key.run < u32::MAX;
    (is_whole && is_numbered && head.from_ms <= head.until_ms).then_some(head)
}

/// What a row holds behind its head.
pub(super) fn content(row: &[u8]) -> &[u8] {
    row.get(HEAD_BYTES..).unwrap_or_default()
}

/// The events of a block: each one's stamp by the Engine's clock in ns, and its JSON text.
pub(super) fn events(mut content: &[u8]) -> impl Iterator<Item = (u64, &str)> {
    std::iter::from_fn(move || {
        let (stamp_ns, rest) = content.split_first_chunk()?;
        let (len, rest) = rest.split_first_chunk()?;
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
        let (text, rest) = rest.split_at_checked(len)?;
        content = rest;
        Some((
            u64::from_be_bytes(*stamp_ns),
            std::str::from_utf8(text).ok()?,
        ))
    })
}

/// Appends an event to a block.
pub(super) fn put_event(block: &mut Vec<u8>, stamp_ns: u64, text: &str) {
    block.extend(stamp_ns.to_be_bytes());
    block.extend(u32::try_from(text.len()).unwrap_or_default().to_be_bytes());
    block.extend(text.as_bytes());
}

/// The content of an entry that tells what was lost.
pub(super) fn put_lost(lost: Lost) -> [u8; 16] {
    let both = u128::from(lost.ticks) << 64 | u128::from(lost.events);
    both.to_be_bytes()
}

/// Reads what [`put_lost`] wrote.
pub(super) fn lost(content: &[u8]) -> Option<Lost> {
    let (ticks, rest) = content.split_first_chunk()?;
    Some(Lost {
        ticks: u64::from_be_bytes(*ticks),
        events: u64::from_be_bytes(*rest.first_chunk()?),
    })
}

/// The hash of a row without the hash in it.
fn hash_of(row: &[u8]) -> u64 {
    let head = ListHash::of(row.get(..HASH_AT).unwrap_or_default());
    head.plus(ListHash::of(content(row))).0
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Segment(Tier::Fine) => 1,
            Self::Segment(Tier::Middle) => 2,
            Self::Segment(Tier::Coarse) => 3,
            Self::Events => 4,
            Self::Lost => 5,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Segment(Tier::Fine),
            2 => Self::Segment(Tier::Middle),
            3 => Self::Segment(Tier::Coarse),
            4 => Self::Events,
            5 => Self::Lost,
            _ => return None,
        })
    }
}

impl Head {
    /// Tells whether it is a segment of a tier that another one follows.
    pub(super) fn can_get_coarser(&self) -> bool {
        matches!(self.kind, Kind::Segment(tier) if tier.next().is_some())
    }

    /// What is lost when this entry is.
    pub(super) fn loss(&self) -> Lost {
        match self.kind {
            Kind::Segment(_) => Lost {
                ticks: self.count.into(),
                events: 0,
            },
            Kind::Events => Lost {
                ticks: 0,
                events: self.count.into(),
            },
            Kind::Lost => Lost::default(),
        }
    }

    /// The size of the row.
    pub(super) fn row_len(&self) -> usize {
        usize::try_from(self.row_bytes).unwrap_or(usize::MAX)
    }
}

impl Entry {
    /// An entry that only memory has.
    pub(super) fn new(mut head: Head, content: &[u8]) -> Self {
        let row = write(&mut head, content);
        Self {
            head,
            row: Some(row),
            is_stored: false,
            is_dirty: true,
            clip: None,
            known_seq: 0,
        }
    }

    /// Tells whether the server has nothing of it.
    pub(super) fn is_whole(&self) -> bool {
        self.clip.is_none() && self.known_seq == 0
    }

    /// The events of a block that the server has not, with their numbers and stamps.
    pub(super) fn unknown_events<'a>(
        &self,
        content: &'a [u8],
    ) -> impl Iterator<Item = (u64, u64, &'a str)> {
        let (known_seq, clip) = (self.known_seq, self.clip);
        let numbered = (self.head.first_seq..=self.head.key.seq).zip(events(content));
        let numbered = numbered.map(|(seq, (stamp_ns, text))| (seq, stamp_ns, text));
        numbered.filter(move |(seq, stamp_ns, _)| {
            *seq > known_seq && clip.is_none_or(|clip_ns| *stamp_ns > clip_ns)
        })
    }

    /// Bytes of memory that its row holds.
    pub(super) fn held_bytes(&self) -> usize {
        match &self.row {
            Some(row) => row.len() + ROW_OVERHEAD_BYTES,
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key { run: 3, seq: 9 };

    fn head() -> Head {
        Head {
            key: KEY,
            run: RunId(0x0123_4567_89ab_cdef),
            first_seq: 8,
            kind: Kind::Events,
            from_ms: 1000,
            until_ms: 2000,
            count: 2,
            is_doubtful: true,
            row_bytes: 0,
        }
    }

    fn block() -> Vec<u8> {
        let mut block = Vec::new();
        put_event(&mut block, 5, "{}");
        put_event(&mut block, 7, r#"{"a":1}"#);
        block
    }

    #[test]
    fn a_row_is_read_as_it_was_written() {
        let mut written = head();
        let row = write(&mut written, &block());
        assert_eq!(written.row_len(), row.len());
        assert_eq!(read(KEY, &row), Some(written));
        let found: Vec<(u64, &str)> = events(content(&row)).collect();
        assert_eq!(found, [(5, "{}"), (7, r#"{"a":1}"#)]);
    }

    #[test]
    fn a_row_that_was_cut_or_has_rotted_is_refused() {
        let row = write(&mut head(), &block());
        for end in 0..row.len() {
            assert_eq!(read(KEY, &row[..end]), None, "{end}");
        }
        for at in 0..row.len() {
            let mut bytes = row.to_vec();
            bytes[at] ^= 0x40;
            assert_eq!(read(KEY, &bytes), None, "{at}");
        }
        assert_eq!(read(Key { seq: 7, ..KEY }, &row), None);
    }

    #[test]
    fn a_block_that_is_cut_gives_the_events_before_the_cut() {
        let block = block();
        for end in 0..block.len() {
            assert!(events(&block[..end]).count() < 2, "{end}");
        }
    }

    #[test]
    fn what_was_lost_is_read_as_it_was_written() {
        let told = Lost {
            ticks: 3,
            events: u64::MAX,
        };
        assert_eq!(lost(&put_lost(told)), Some(told));
        assert_eq!(lost(&[0; 15]), None);
    }
}
