//! Sealing: what is fresh of a host becomes segments of every tier.

use std::collections::BTreeMap;

use redb::{Table, WriteTransaction};

use crate::store::history::keys::{self, SegmentKey, slot};
use crate::store::history::{COUNTERS, FRESH, SEGMENTS, change_stored};
use crate::store::{Store, StoreError};
use crate::telemetry::history::gathering::Gathering;
use crate::telemetry::history::segment::Segment;
use crate::telemetry::history::subject::SubjectKey;
use crate::telemetry::history::ticks;
use crate::telemetry::history::tier::{Retention, Tier};

/// How many segments of a subject the block that is being filled may have before they are merged.
const SEGMENTS_UNMERGED: usize = 8;

type Segments<'t> = Table<'t, SegmentKey<'static>, &'static [u8]>;

/// What of a host is sealed: its number, and its entries in `fresh`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The host's number.
    pub number: u32,
    /// Batches and parts.
    pub entries: Vec<(u64, u32)>,
}

/// The sum of what a transaction changes.
#[derive(Debug, Default)]
struct Change {
    added: u64,
    removed: u64,
}

/// Rolls up what is fresh of some hosts, in one transaction.
///
/// Rows go into the tiers that still keep their time. Fresh bytes that cannot be read are dropped with a line in the log.
///
/// # Errors
///
/// The store's; nothing was changed.
pub fn seal(
    store: &Store,
    due: &[Due],
    retention: &Retention,
    now_unix_ms: u64,
) -> Result<(), StoreError> {
    store.write(|transaction| {
        let mut change = Change::default();
        for host in due {
            let mut gathering = Gathering::new(retention, now_unix_ms);
            take_fresh(transaction, host, &mut gathering, &mut change)?;
            let mut segments = transaction.open_table(SEGMENTS)?;
            for (subject, tier, segment) in gathering.into_segments() {
                for (block, part) in
                    segment.by_block(Tier::BLOCK_BUCKETS, keys::offset(host.number))
                {
                    let place = Place {
                        tier,
                        block,
                        number: host.number,
                        subject: &subject,
                    };
                    place.add(&mut segments, part, now_unix_ms, &mut change)?;
                }
            }
        }
        let mut counters = transaction.open_table(COUNTERS)?;
        change_stored(&mut counters, change.added, change.removed)
    })
}

fn take_fresh(
    transaction: &WriteTransaction,
    host: &Due,
    gathering: &mut Gathering,
    change: &mut Change,
) -> Result<(), StoreError> {
    let mut fresh = transaction.open_table(FRESH)?;
    for (batch, part) in &host.entries {
        let key = (*batch, slot(host.number), host.number, *part);
        let Some(found) = fresh.remove(key)? else {
            continue;
        };
        change.removed += keys::FRESH_KEY_BYTES + found.value().len() as u64;
        if let Err(error) = ticks::read(found.value(), |row| gathering.add(row)) {
            log::error!(
                "history: a minute of host number {} is lost: {error}",
                host.number
            );
        }
    }
    Ok(())
}

/// Where the segments of a subject in a block lie.
struct Place<'a> {
    tier: Tier,
    block: u64,
    number: u32,
    subject: &'a SubjectKey,
}

impl Place<'_> {
    /// Adds a segment; merges those that are there when the block is complete or has many.
    fn add(
        &self,
        segments: &mut Segments<'_>,
        mut segment: Segment,
        now_unix_ms: u64,
        change: &mut Change,
    ) -> Result<(), StoreError> {
        let there = self.numbers(segments)?;
        let filling = keys::block_at(self.tier, self.number, now_unix_ms);
        if there.is_empty() && self.block == filling && self.block > 0 {
            self.before().merge(segments, change)?;
        }
        let mut number = there.last().map_or(0, |last| last + 1);
        if !there.is_empty() && (self.block != filling || there.len() + 1 >= SEGMENTS_UNMERGED) {
            let mut whole = self.take(segments, &there, change)?;
            whole.merge(&segment);
            segment = whole;
            number = 0;
        }
        self.put(segments, number, &segment, change)
    }

    fn before(&self) -> Place<'_> {
        Place {
            block: self.block - 1,
            ..*self
        }
    }

    /// Makes one segment of several.
    fn merge(&self, segments: &mut Segments<'_>, change: &mut Change) -> Result<(), StoreError> {
        let there = self.numbers(segments)?;
        if there.len() < 2 {
            return Ok(());
        }
        let whole = self.take(segments, &there, change)?;
        self.put(segments, 0, &whole, change)
    }

    fn key(&self, number: u32) -> SegmentKey<'_> {
        let block = keys::block_in_key(self.block);
        (
            self.tier.code(),
            block,
            self.number,
            self.subject.as_bytes(),
            number,
        )
    }

    fn numbers(&self, segments: &Segments<'_>) -> Result<Vec<u32>, StoreError> {
        use redb::ReadableTable as _;
        let block = keys::block_in_key(self.block);
        let all = keys::of_subject(self.tier, block, self.number, self.subject.as_bytes());
        let mut numbers = Vec::new();
        for entry in segments.range(all)? {
            numbers.push(entry?.0.value().4);
        }
        Ok(numbers)
    }

    /// Takes segments out, added up. One that cannot be read is dropped with a line in the log.
    fn take(
        &self,
        segments: &mut Segments<'_>,
        numbers: &[u32],
        change: &mut Change,
    ) -> Result<Segment, StoreError> {
        let mut whole = Segment::default();
        for number in numbers {
            let key = self.key(*number);
            let Some(found) = segments.remove(key)? else {
                continue;
            };
            change.removed += keys::segment_bytes(&key, found.value());
            match Segment::from_bytes(found.value()) {
                Ok(segment) => whole.merge(&segment),
                Err(error) => {
                    log::error!("history: a segment of {} is lost: {error}", self.subject)
                }
            }
        }
        Ok(whole)
    }

    fn put(
        &self,
        segments: &mut Segments<'_>,
        number: u32,
        segment: &Segment,
        change: &mut Change,
    ) -> Result<(), StoreError> {
        let bytes = segment.to_bytes();
        let key = self.key(number);
        change.added += keys::segment_bytes(&key, &bytes);
        segments.insert(key, bytes.as_slice())?;
        Ok(())
    }
}

/// Tells whether a host is to be sealed: it fills another block of the finest tier than when its oldest fresh batch was committed.
#[must_use]
pub fn is_due(number: u32, oldest_unix_ms: u64, now_unix_ms: u64) -> bool {
    let block = |unix_ms| keys::block_at(Tier::TenSeconds, number, unix_ms);
    block(oldest_unix_ms) != block(now_unix_ms)
}

/// Groups what is fresh by host.
#[must_use]
pub fn by_host(
    fresh: impl IntoIterator<Item = super::Fresh>,
) -> BTreeMap<pilotfish_protocol::HostId, Due> {
    let mut hosts: BTreeMap<pilotfish_protocol::HostId, Due> = BTreeMap::new();
    for fresh in fresh {
        let due = hosts.entry(fresh.host).or_insert_with(|| Due {
            number: fresh.number,
            entries: Vec::new(),
        });
        due.entries.push(fresh.entry);
    }
    hosts
}
