//! The history's own file: what came lately as it came, and what was rolled up as segments.
//!
//! A commit adds to `fresh` what came since the last one, a host an entry, under a batch number that is the time of the commit. About once an hour a host is
//! sealed: its fresh entries are rolled up into segments of every tier and removed, in one transaction, so that every row is in `fresh` or in every tier that
//! still keeps it, never in both. A block of a tier and a subject may have several segments, which add up; the block that is being filled is merged
//! when it has many, one that is complete at each addition, so that what comes late rewrites only the blocks it belongs to.

mod keys;
pub mod reading;
pub mod rolling;
pub mod room;

use pilotfish_protocol::extension::{LastTick, RunId};
use pilotfish_protocol::{AgentId, HostId};
use redb::{ReadableTable as _, TableDefinition, WriteTransaction};

use crate::store::history::keys::{FreshKey, SegmentKey, slot};
use crate::store::{Layout, Store, StoreError, marks};

/// The file: apart from the rest, so that no bulk of numbers can slow down or endanger the credentials beside it.
pub(crate) const LAYOUT: Layout = Layout {
    file_name: FILE_NAME,
    cache_bytes: 8 << 20,
    is_reserved: false,
    prepare,
};

/// The history's file in the data directory.
pub const FILE_NAME: &str = "history.redb";

/// Host id → its number in the keys; a number is never given again.
const HOSTS: TableDefinition<'_, &str, u32> = TableDefinition::new("history_hosts");

/// `next_host`, `last_batch`, `stored_bytes`.
const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("history_counters");

/// Ticks as they came ([`ticks`](crate::telemetry::history::ticks)).
const FRESH: TableDefinition<'_, FreshKey, &[u8]> = TableDefinition::new("history_fresh");

/// Host id → run and time of the last tick that is committed, of those that were told live.
const LAST_TICKS: TableDefinition<'_, &str, (u64, u64)> =
    TableDefinition::new("history_last_ticks");

/// Segments ([`segment`](crate::telemetry::history::segment)).
const SEGMENTS: TableDefinition<'_, SegmentKey<'_>, &[u8]> =
    TableDefinition::new("history_segments");

/// What is committed of one host.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Whose.
    pub host: &'a HostId,
    /// Its ticks.
    pub ticks: &'a [u8],
    /// What the ticks stand for, when an agent had spooled them.
    pub mark: Option<Mark<'a>>,
    /// The last of the ticks, when an agent that spools told them live.
    pub last_tick: Option<LastTick>,
}

/// How far what an agent had spooled is there, once a part is.
#[derive(Debug, Clone, Copy)]
pub struct Mark<'a> {
    /// The agent.
    pub agent: &'a AgentId,
    /// Its run.
    pub run: RunId,
    /// The run's mark as it was when the part was made; when it is another one now, the part is left out.
    pub before: Option<u64>,
    /// The mark from then on.
    pub seq: u64,
}

/// Where a part lies in `fresh`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh {
    /// Whose it is.
    pub host: HostId,
    /// The host's number.
    pub number: u32,
    /// Batch, which is the time of the commit, and part.
    pub entry: (u64, u32),
    /// How long it is.
    pub bytes: usize,
}

fn prepare(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(HOSTS)?;
    transaction.open_table(COUNTERS)?;
    transaction.open_table(FRESH)?;
    transaction.open_table(SEGMENTS)?;
    transaction.open_table(LAST_TICKS)?;
    marks::prepare(transaction)
}

/// What came of a commit.
#[derive(Debug, Default)]
pub struct Committed {
    /// Where the parts are.
    pub fresh: Vec<Fresh>,
    /// The places of those that were left out, since their mark had moved.
    pub outdated: Vec<usize>,
}

/// Commits parts, all of them or none, but for those whose mark has moved since they were made.
///
/// # Errors
///
/// The store's.
pub fn commit(
    store: &Store,
    now_unix_ms: u64,
    parts: &[Part<'_>],
) -> Result<Committed, StoreError> {
    store.write(|transaction| {
        let mut committed = Committed::default();
        let mut counters = transaction.open_table(COUNTERS)?;
        let last = counters.get("last_batch")?.map_or(0, |last| last.value());
        let batch = now_unix_ms.max(last + 1);
        counters.insert("last_batch", batch)?;
        let mut fresh = transaction.open_table(FRESH)?;
        let mut added = 0;
        for (place, part) in (0_u32..).zip(parts) {
            if let Some(Mark {
                agent,
                run,
                before,
                seq,
            }) = part.mark
                && (marks::find_in(transaction, agent, run)? != before
                    || !marks::advance_in(transaction, agent, run, seq)?)
            {
                committed.outdated.push(place as usize);
                continue;
            }
            if let Some(LastTick { run, at_ms }) = part.last_tick {
                let mut last_ticks = transaction.open_table(LAST_TICKS)?;
                last_ticks.insert(part.host.as_str(), (run.0, at_ms))?;
            }
            if part.ticks.is_empty() {
                continue;
            }
            let number = number_in(transaction, &mut counters, part.host)?;
            fresh.insert((batch, slot(number), number, place), part.ticks)?;
            added += keys::FRESH_KEY_BYTES + part.ticks.len() as u64;
            committed.fresh.push(Fresh {
                host: part.host.clone(),
                number,
                entry: (batch, place),
                bytes: part.ticks.len(),
            });
        }
        change_stored(&mut counters, added, 0)?;
        Ok(committed)
    })
}

/// Lists the last live tick of every host that is committed.
///
/// # Errors
///
/// The store's.
pub fn list_last_ticks(store: &Store) -> Result<Vec<(HostId, LastTick)>, StoreError> {
    store.read(|transaction| {
        let mut found = Vec::new();
        for entry in transaction.open_table(LAST_TICKS)?.iter()? {
            let (id, last) = entry?;
            let (run, at_ms) = last.value();
            let run = RunId(run);
            // What stands in the table was an id when it was written.
            found.extend(
                HostId::new(id.value())
                    .ok()
                    .map(|id| (id, LastTick { run, at_ms })),
            );
        }
        Ok(found)
    })
}

/// Finds all that is fresh: after a start.
///
/// # Errors
///
/// The store's.
pub fn list_fresh(store: &Store) -> Result<Vec<Fresh>, StoreError> {
    store.read(|transaction| {
        let mut hosts = std::collections::BTreeMap::new();
        for entry in transaction.open_table(HOSTS)?.iter()? {
            let (id, number) = entry?;
            // What stands in the table was an id when it was written.
            if let Ok(id) = HostId::new(id.value()) {
                hosts.insert(number.value(), id);
            }
        }
        let mut found = Vec::new();
        for entry in transaction.open_table(FRESH)?.iter()? {
            let (key, ticks) = entry?;
            let (batch, _, number, part) = key.value();
            if let Some(host) = hosts.get(&number) {
                found.push(Fresh {
                    host: host.clone(),
                    number,
                    entry: (batch, part),
                    bytes: ticks.value().len(),
                });
            }
        }
        Ok(found)
    })
}

/// Removes all of a host, and its agent's marks.
///
/// # Errors
///
/// The store's.
pub fn forget(store: &Store, host: &HostId, agent: &AgentId) -> Result<(), StoreError> {
    store.write(|transaction| {
        marks::remove_in(transaction, agent)?;
        transaction.open_table(LAST_TICKS)?.remove(host.as_str())?;
        let Some(number) = transaction
            .open_table(HOSTS)?
            .remove(host.as_str())?
            .map(|number| number.value())
        else {
            return Ok(());
        };
        let mut removed = 0;
        let mut fresh = transaction.open_table(FRESH)?;
        fresh.retain(|(_, _, found, _), ticks| {
            if found == number {
                removed += keys::FRESH_KEY_BYTES + ticks.len() as u64;
            }
            found != number
        })?;
        let mut segments = transaction.open_table(SEGMENTS)?;
        for tier in crate::telemetry::history::tier::Tier::ALL {
            let mut block = 0;
            // From block to block, because the keys of a host lie together only within one.
            while let Some(next) = keys::next_block(&segments, tier, block)? {
                segments.retain_in(keys::of_host(tier, next, number), |key, segment| {
                    removed += keys::segment_bytes(&key, segment);
                    false
                })?;
                block = next + 1;
            }
        }
        change_stored(&mut transaction.open_table(COUNTERS)?, 0, removed)
    })
}

/// The host's number; a new host gets one.
fn number_in(
    transaction: &WriteTransaction,
    counters: &mut redb::Table<'_, &str, u64>,
    host: &HostId,
) -> Result<u32, StoreError> {
    let mut hosts = transaction.open_table(HOSTS)?;
    if let Some(number) = hosts.get(host.as_str())? {
        return Ok(number.value());
    }
    let next = counters.get("next_host")?.map_or(0, |next| next.value());
    counters.insert("next_host", next + 1)?;
    let number = u32::try_from(next).unwrap_or(u32::MAX);
    hosts.insert(host.as_str(), number)?;
    Ok(number)
}

/// Keeps count of the bytes of all keys and values.
fn change_stored(
    counters: &mut redb::Table<'_, &str, u64>,
    added: u64,
    removed: u64,
) -> Result<(), StoreError> {
    let before = counters
        .get("stored_bytes")?
        .map_or(0, |bytes| bytes.value());
    counters.insert("stored_bytes", (before + added).saturating_sub(removed))?;
    Ok(())
}
