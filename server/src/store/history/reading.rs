//! Reading what a query asks for, within bounds of bytes and time.

use std::time::Instant;

use pilotfish_protocol::{HostId, ShortId};
use redb::ReadTransaction;

use crate::store::StoreError;
use crate::store::history::{FRESH, HOSTS, SEGMENTS, keys};
use crate::telemetry::history::answer::Answering;
use crate::telemetry::history::segment::Segment;
use crate::telemetry::history::subject::SubjectKey;
use crate::telemetry::history::ticks::{self, KeptRow};
use crate::telemetry::history::tier::Tier;

/// After how many rows the clock is looked at.
const ROWS_A_LOOK: u32 = 256;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Of which host.
    pub host: HostId,
    /// Of one of its containers; without one, of the host and its parts.
    pub container: Option<ShortId>,
    /// How fine.
    pub tier: Tier,
    /// The first bucket.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// How much a query may read.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// When it ends.
    pub give_up_at: Instant,
    /// Most bytes.
    pub bytes: usize,
    /// Reads the clock.
    pub now: fn() -> Instant,
}

/// Why a query was not answered.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is more than may be read at once.
    #[error("it is more than may be read at once")]
    TooMuch,
    /// It took too long.
    #[error("it took too long")]
    TooSlow,
}

impl Wanted {
    /// Tells whether a subject is asked for.
    #[must_use]
    pub fn has(&self, subject: &SubjectKey) -> bool {
        match self.container {
            Some(id) => *subject == SubjectKey::of_container(id),
            None => !subject.is_container(),
        }
    }
}

/// Reads segments and the fresh entries that are named.
///
/// # Errors
///
/// [`ReadError`].
pub fn read(
    transaction: &ReadTransaction,
    wanted: &Wanted,
    entries: &[(u64, u32)],
    bounds: Bounds,
    answering: &mut Answering,
) -> Result<(), ReadError> {
    let hosts = transaction.open_table(HOSTS).map_err(StoreError::from)?;
    let number = hosts.get(wanted.host.as_str()).map_err(StoreError::from)?;
    let Some(number) = number.map(|number| number.value()) else {
        return Ok(());
    };
    let mut left = bounds.bytes;
    let mut take = |bytes: usize| {
        left = left.checked_sub(bytes).ok_or(ReadError::TooMuch)?;
        if (bounds.now)() >= bounds.give_up_at {
            return Err(ReadError::TooSlow);
        }
        Ok(())
    };
    let segments = transaction.open_table(SEGMENTS).map_err(StoreError::from)?;
    for block in keys::block_of(number, wanted.first)..=keys::block_of(number, wanted.last) {
        let block = keys::block_in_key(block);
        let subject = wanted.container.map(SubjectKey::of_container);
        let ranges = match &subject {
            Some(subject) => vec![keys::of_subject(
                wanted.tier,
                block,
                number,
                subject.as_bytes(),
            )],
            None => keys::of_parts(wanted.tier, block, number).into(),
        };
        for range in ranges {
            for entry in segments.range(range).map_err(StoreError::from)? {
                let (key, segment) = entry.map_err(StoreError::from)?;
                take(segment.value().len())?;
                let subject = SubjectKey::from_bytes(key.value().3);
                let add = |measure, cells| answering.add(&subject, measure, &cells);
                Segment::read(segment.value(), add).map_err(StoreError::from)?;
            }
        }
    }
    let fresh = transaction.open_table(FRESH).map_err(StoreError::from)?;
    for (batch, part) in entries {
        let key = (*batch, keys::slot(number), number, *part);
        let Some(found) = fresh.get(key).map_err(StoreError::from)? else {
            continue;
        };
        take(found.value().len())?;
        add_ticks(found.value(), wanted, bounds, answering)?;
    }
    Ok(())
}

/// Adds the rows that are asked for.
///
/// # Errors
///
/// [`ReadError::Store`] for bytes that are no ticks; [`ReadError::TooSlow`]: a few bytes can be many rows, and each stand for many buckets.
pub fn add_ticks(
    bytes: &[u8],
    wanted: &Wanted,
    bounds: Bounds,
    answering: &mut Answering,
) -> Result<(), ReadError> {
    let (mut rows, mut is_late) = (0_u32, false);
    let add = |row: &KeptRow<'_>| {
        if is_late || !wanted.has(row.subject) {
            return;
        }
        if rows.is_multiple_of(ROWS_A_LOOK) {
            is_late = (bounds.now)() >= bounds.give_up_at;
        }
        rows = rows.wrapping_add(1);
        answering.add_row(row);
    };
    ticks::read(bytes, add).map_err(StoreError::from)?;
    if is_late {
        return Err(ReadError::TooSlow);
    }
    Ok(())
}
