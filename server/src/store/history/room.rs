//! Room: what is older than its tier's life goes, and when the disk cap is reached the oldest, of whichever tier.

use redb::ReadableTable as _;

use crate::store::history::{COUNTERS, SEGMENTS, change_stored, keys};
use crate::store::{Store, StoreError};
use crate::telemetry::history::tier::{Retention, Tier};

/// Takes out what is beyond its life, then the oldest blocks until at most `most_bytes` of keys and values are left. Gives how many blocks went.
///
/// # Errors
///
/// The store's; nothing was changed.
pub fn trim(
    store: &Store,
    retention: &Retention,
    most_bytes: u64,
    now_unix_ms: u64,
) -> Result<usize, StoreError> {
    store.write(|transaction| {
        let mut segments = transaction.open_table(SEGMENTS)?;
        let mut counters = transaction.open_table(COUNTERS)?;
        let mut blocks = 0;
        loop {
            let mut oldest: Option<(u64, Tier, u32)> = None;
            for tier in Tier::ALL {
                let Some(block) = keys::next_block(&segments, tier, 0)? else {
                    continue;
                };
                let end_unix_ms = (u64::from(block) + 1).saturating_mul(tier.block_ms());
                let is_over = end_unix_ms <= retention.begin_unix_ms(tier, now_unix_ms);
                // What is over goes before anything that is not.
                let end_unix_ms = if is_over { 0 } else { end_unix_ms };
                if oldest.is_none_or(|(end, _, _)| end_unix_ms < end) {
                    oldest = Some((end_unix_ms, tier, block));
                }
            }
            let stored = counters
                .get("stored_bytes")?
                .map_or(0, |bytes| bytes.value());
            let Some((end_unix_ms, tier, block)) = oldest else {
                return Ok(blocks);
            };
            if end_unix_ms > 0 && stored <= most_bytes {
                return Ok(blocks);
            }
            let mut removed = 0;
            segments.retain_in(keys::of_block(tier, block), |key, segment| {
                removed += keys::segment_bytes(&key, segment);
                false
            })?;
            change_stored(&mut counters, 0, removed)?;
            blocks += 1;
        }
    })
}

/// The bytes of all keys and values.
///
/// # Errors
///
/// The store's.
pub fn stored_bytes(store: &Store) -> Result<u64, StoreError> {
    store.read(|transaction| {
        let counters = transaction.open_table(COUNTERS)?;
        Ok(counters
            .get("stored_bytes")?
            .map_or(0, |bytes| bytes.value()))
    })
}

/// The bytes of all pages in use, redb's own among them. Reads the whole file.
///
/// # Errors
///
/// The store's.
pub fn used_bytes(store: &Store) -> Result<u64, StoreError> {
    store.write(|transaction| {
        let stats = transaction.stats()?;
        Ok(stats.allocated_pages() * stats.page_size() as u64)
    })
}
