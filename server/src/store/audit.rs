//! Who did what: a ring of the newest entries.

use redb::{ReadableTable as _, ReadableTableMetadata as _, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use crate::store::record::{decode, encode};
use crate::store::{Store, StoreError};

const NAME: &str = "audit";

/// Ascending id → [`AuditRecord`].
const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new(NAME);

/// How many entries are kept; the oldest goes.
pub const ENTRIES: u64 = 10_000;

/// One thing that was done or tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// When.
    pub at_unix_ms: u64,
    /// The user, as far as one is known.
    pub user: Option<String>,
    /// What was done, e.g. `session.log_in`.
    pub action: String,
    /// To what: a container, a host, a token.
    pub target: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed, or what else is worth knowing.
    pub detail: Option<String>,
    /// Where the request came from.
    pub address: String,
}

/// How an audited action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Ok,
    /// It was allowed and failed.
    Failed,
    /// It was not allowed.
    Denied,
}

pub(super) fn prepare(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(TABLE)?;
    Ok(())
}

/// Adds an entry; the oldest goes when there are more than [`ENTRIES`]. Answers its id.
///
/// # Errors
///
/// The store's.
pub fn append(store: &Store, record: &AuditRecord) -> Result<u64, StoreError> {
    store.write(|transaction| append_in(transaction, record))
}

/// Adds an entry as part of a transaction, as [`append`].
///
/// # Errors
///
/// The store's.
pub fn append_in(transaction: &WriteTransaction, record: &AuditRecord) -> Result<u64, StoreError> {
    append_to_ring(transaction, record, ENTRIES)
}

fn append_to_ring(
    transaction: &WriteTransaction,
    record: &AuditRecord,
    entries: u64,
) -> Result<u64, StoreError> {
    let bytes = encode(NAME, record)?;
    let mut audit = transaction.open_table(TABLE)?;
    let last = audit.last()?.map_or(0, |(id, _)| id.value());
    let id = last.saturating_add(1);
    audit.insert(id, bytes.as_slice())?;
    while audit.len()? > entries {
        audit.pop_first()?;
    }
    Ok(id)
}

/// Lists at most `limit` entries with ids under `before`, newest first.
///
/// # Errors
///
/// The store's.
pub fn list(
    store: &Store,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<(u64, AuditRecord)>, StoreError> {
    store.read(|transaction| {
        let audit = transaction.open_table(TABLE)?;
        let mut entries = Vec::new();
        for entry in audit.range(..before.unwrap_or(u64::MAX))?.rev().take(limit) {
            let (id, record) = entry?;
            entries.push((id.value(), decode(NAME, record.value())?));
        }
        Ok(entries)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scratch;

    fn entry(at_unix_ms: u64) -> AuditRecord {
        AuditRecord {
            at_unix_ms,
            user: None,
            action: "session.log_in".to_owned(),
            target: None,
            outcome: Outcome::Denied,
            detail: None,
            address: "127.0.0.1".to_owned(),
        }
    }

    fn ids(scratch: &Scratch, before: Option<u64>, limit: usize) -> Vec<u64> {
        let entries = list(&scratch.store, before, limit).unwrap();
        entries.into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn lists_newest_first_a_page_at_a_time() {
        let scratch = Scratch::new();
        for at in 1..=5 {
            assert_eq!(append(&scratch.store, &entry(at)).unwrap(), at);
        }
        assert_eq!(ids(&scratch, None, 2), [5, 4]);
        assert_eq!(ids(&scratch, Some(4), 2), [3, 2]);
        assert_eq!(ids(&scratch, Some(2), 2), [1]);
        assert_eq!(list(&scratch.store, Some(2), 1).unwrap()[0].1, entry(1));
    }

    #[test]
    fn the_oldest_entry_goes_when_the_ring_is_full() {
        let scratch = Scratch::new();
        for at in 1..=5 {
            let append =
                |transaction: &WriteTransaction| append_to_ring(transaction, &entry(at), 3);
            scratch.store.write(append).unwrap();
        }
        assert_eq!(ids(&scratch, None, 10), [5, 4, 3]);
    }
}
