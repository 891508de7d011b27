//! The keys of the history's tables, and the ranges that a host, a block or a subject has in them.
//!
//! Time comes before host: the oldest of a tier is then the front of its range, so that retention is a matter of cutting off there.

use std::ops::Range;

use redb::{AccessGuard, ReadableTable};

use crate::store::StoreError;
use crate::telemetry::history::subject::CONTAINERS;
use crate::telemetry::history::tier::Tier;

/// Batch, slot, host's number, part of the batch. Hosts of one slot, which are sealed together, lie together.
pub(super) type FreshKey = (u64, u8, u32, u32);

/// Tier, block, host's number, subject's key, number of the segment.
pub(super) type SegmentKey<'a> = (u8, u32, u32, &'a [u8], u32);

/// What a key of `fresh` takes.
pub(super) const FRESH_KEY_BYTES: u64 = 17;

/// Hosts are sealed at different minutes of the hour, each at the one of its slot.
const SLOTS: u32 = 60;

/// A host's slot.
pub(super) fn slot(number: u32) -> u8 {
    u8::try_from(number % SLOTS).unwrap_or_default()
}

/// How many buckets before the others' a host's blocks begin: at its slot, in the finest tier a minute apart from the next.
pub(super) fn offset(number: u32) -> u64 {
    u64::from(slot(number)) * (Tier::BLOCK_BUCKETS / u64::from(SLOTS))
}

/// The block in which a host's bucket lies.
pub(super) fn block_of(number: u32, bucket: u64) -> u64 {
    (bucket + offset(number)) / Tier::BLOCK_BUCKETS
}

/// The block that a host fills at this time.
pub(crate) fn block_at(tier: Tier, number: u32, unix_ms: u64) -> u64 {
    block_of(number, unix_ms / tier.width_ms())
}

/// A block as it stands in a key.
pub(super) fn block_in_key(block: u64) -> u32 {
    u32::try_from(block).unwrap_or(u32::MAX)
}

/// All segments of a block of a host.
pub(super) fn of_host(tier: Tier, block: u32, number: u32) -> Range<SegmentKey<'static>> {
    let begin = (tier.code(), block, number, &[][..], 0);
    begin..(tier.code(), block, number.saturating_add(1), &[][..], 0)
}

/// All segments of a subject in a block.
pub(super) fn of_subject(
    tier: Tier,
    block: u32,
    number: u32,
    subject: &[u8],
) -> Range<SegmentKey<'_>> {
    let begin = (tier.code(), block, number, subject, 0);
    begin..(tier.code(), block, number, subject, u32::MAX)
}

/// All segments of the host itself and of its parts in a block, without its containers'.
pub(super) fn of_parts(tier: Tier, block: u32, number: u32) -> [Range<SegmentKey<'static>>; 2] {
    let key = |subject: &'static [u8]| (tier.code(), block, number, subject, 0);
    let [before, after] = CONTAINERS;
    [
        key(&[])..key(before),
        key(after)..of_host(tier, block, number).end,
    ]
}

/// All segments of a block.
pub(super) fn of_block(tier: Tier, block: u32) -> Range<SegmentKey<'static>> {
    let begin = (tier.code(), block, 0, &[][..], 0);
    begin..(tier.code(), block.saturating_add(1), 0, &[][..], 0)
}

/// The first block at or after `block` that has segments.
pub(super) fn next_block(
    segments: &impl ReadableTable<SegmentKey<'static>, &'static [u8]>,
    tier: Tier,
    block: u32,
) -> Result<Option<u32>, StoreError> {
    let all = (tier.code(), block, 0, &[][..], 0)..(tier.code() + 1, 0, 0, &[][..], 0);
    let first = segments.range(all)?.next().transpose()?;
    Ok(first.map(|(key, _): Entry<'_>| key.value().1))
}

type Entry<'a> = (
    AccessGuard<'a, SegmentKey<'static>>,
    AccessGuard<'a, &'static [u8]>,
);

/// What a segment takes with its key.
pub(super) fn segment_bytes(key: &SegmentKey<'_>, segment: &[u8]) -> u64 {
    13 + key.3.len() as u64 + segment.len() as u64
}
