//! Pure: the receiving end of spool batches: all of it borrowed from the message.

use core::fmt;

use super::{
    BATCH_BYTES, Entry, KIND, KIND_EVENT, KIND_LOST, KIND_SEGMENT, Lost, OVERHEAD_BYTES, Segment,
};
use crate::extension::RunId;
use crate::varint;

/// A batch as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// The run whose entries these are.
    pub run: RunId,
    /// The sender's clock when it sent, Unix ms.
    pub now_ms: u64,
    entries: &'a [u8],
}

/// Why a batch cannot be read, or not further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchError {
    /// It is no spool batch.
    NotABatch,
    /// It is longer than [`BATCH_BYTES`].
    TooLong,
    /// It ends before it is whole, or has a number that is too long.
    CutShort,
    /// An entry's number is not above the one's before it.
    OutOfOrder,
    /// An event is no UTF-8.
    NotText,
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotABatch => "no spool batch",
            Self::TooLong => "spool batch is too long",
            Self::CutShort => "spool batch is cut short",
            Self::OutOfOrder => "spool batch with entries out of order",
            Self::NotText => "spool batch with an event that is no text",
        })
    }
}

impl core::error::Error for BatchError {}

impl<'a> Batch<'a> {
    /// Reads the head of a batch; the entries are read as they are asked for.
    ///
    /// # Errors
    ///
    /// [`BatchError`] when it is no batch, is too long, or ends within the head.
    pub fn decode(message: &'a [u8]) -> Result<Self, BatchError> {
        let [KIND, rest @ ..] = message else {
            return Err(BatchError::NotABatch);
        };
        if message.len() > BATCH_BYTES {
            return Err(BatchError::TooLong);
        }
        let (run, mut rest) = rest.split_first_chunk().ok_or(BatchError::CutShort)?;
        let now_ms = varint::take(&mut rest).ok_or(BatchError::CutShort)?;
        Ok(Self {
            run: RunId(u64::from_be_bytes(*run)),
            now_ms,
            entries: rest,
        })
    }

    /// Every entry with its number. After an error there are no more.
    #[must_use]
    pub fn entries(&self) -> Entries<'a> {
        Entries {
            rest: self.entries,
            last_seq: 0,
        }
    }
}

/// The entries of a batch, in the order of their numbers.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    rest: &'a [u8],
    last_seq: u64,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(u64, Entry<'a>), BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.entry();
        if entry.is_err() {
            self.rest = &[];
        }
        Some(entry)
    }
}

impl<'a> Entries<'a> {
    fn entry(&mut self) -> Result<(u64, Entry<'a>), BatchError> {
        let rest = &mut self.rest;
        let step = varint::take(rest).ok_or(BatchError::CutShort)?;
        let seq = self.last_seq.checked_add(step).filter(|_| step > 0);
        let seq = seq.ok_or(BatchError::OutOfOrder)?;
        let (kind, after) = rest.split_first().ok_or(BatchError::CutShort)?;
        *rest = after;
        let content = varint::take_counted(rest).ok_or(BatchError::CutShort)?;
        self.last_seq = seq;
        Ok((seq, read(*kind, content)?))
    }
}

/// Reads the content of one entry.
fn read(kind: u8, mut content: &[u8]) -> Result<Entry<'_>, BatchError> {
    let number = |content: &mut &[u8]| varint::take(content).ok_or(BatchError::CutShort);
    Ok(match kind {
        KIND_SEGMENT => {
            let from_ms = number(&mut content)?;
            let until_ms = from_ms.saturating_add(number(&mut content)?);
            Entry::Segment(Segment {
                from_ms,
                until_ms,
                frames: content,
            })
        }
        KIND_EVENT => {
            let text = core::str::from_utf8(content).map_err(|_| BatchError::NotText)?;
            Entry::Event(text)
        }
        KIND_LOST => Entry::Lost(Lost {
            ticks: number(&mut content)?,
            events: number(&mut content)?,
        }),
        _ => Entry::Unknown,
    })
}

/// The frames of a segment. After an error there are no more.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    pub(super) fn new(frames: &'a [u8]) -> Self {
        Self { rest: frames }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<&'a [u8], BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let frame = varint::take_counted(&mut self.rest).ok_or(BatchError::CutShort);
        if frame.is_err() {
            self.rest = &[];
        }
        Some(frame)
    }
}

// Head, number, kind, length and the two times of a segment, each as long as it can be.
const _: () = assert!(1 + 8 + 10 + 10 + 1 + 3 + 10 + 10 <= OVERHEAD_BYTES);
