//! What happened: a ring of the newest events, written in batches.

use pilotfish_protocol::HostId;
use redb::{ReadableTable as _, ReadableTableMetadata as _, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use crate::store::record::{decode, encode};
use crate::store::{Store, StoreError, last_events};

const NAME: &str = "events";

/// Ascending id → [`EventRecord`].
const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new(NAME);

/// How many events are kept; the oldest goes.
pub const EVENTS: u64 = 20_000;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// When.
    pub at_unix_ms: u64,
    /// On which host.
    pub host_id: Option<HostId>,
    /// The host's name at that time.
    pub host_name: String,
    /// To what.
    pub subject: Subject,
    /// What, e.g. `start`.
    pub action: String,
    /// The container's short id.
    pub container_id: Option<String>,
    /// The container's name at that time.
    pub container_name: Option<String>,
    /// The container's image.
    pub image: Option<String>,
    /// What else is worth knowing, e.g. the exit code.
    pub detail: Option<String>,
    /// The Engine's own stamp, by its clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamped_unix_ms: Option<u64>,
    /// An agent told it afterwards, out of its spool: nobody is to be alerted by it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_late: bool,
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// A container.
    Container,
    /// A host and its agent.
    Host,
    /// A host's Engine.
    Engine,
}

pub(super) fn prepare(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(TABLE)?;
    Ok(())
}

/// Gives the id of the newest event, 0 when there is none.
///
/// # Errors
///
/// The store's.
pub fn last_id(store: &Store) -> Result<u64, StoreError> {
    store.read(|transaction| {
        let events = transaction.open_table(TABLE)?;
        Ok(events.last()?.map_or(0, |(id, _)| id.value()))
    })
}

/// Writes events under their ids as part of a transaction; the oldest go when there are more than [`EVENTS`].
///
/// # Errors
///
/// The store's.
pub fn append_in(
    transaction: &WriteTransaction,
    batch: &[(u64, EventRecord)],
) -> Result<(), StoreError> {
    last_events::take_in(transaction, batch)?;
    append_to_ring(transaction, batch, EVENTS)
}

fn append_to_ring(
    transaction: &WriteTransaction,
    batch: &[(u64, EventRecord)],
    kept: u64,
) -> Result<(), StoreError> {
    let mut events = transaction.open_table(TABLE)?;
    for (id, event) in batch {
        events.insert(id, encode(NAME, event)?.as_slice())?;
    }
    while events.len()? > kept {
        events.pop_first()?;
    }
    Ok(())
}

/// Lists at most `limit` events with ids under `before`, newest first; of one host, when one is named.
///
/// # Errors
///
/// The store's.
pub fn list(
    store: &Store,
    before: Option<u64>,
    host: Option<&HostId>,
    limit: usize,
) -> Result<Vec<(u64, EventRecord)>, StoreError> {
    store.read(|transaction| {
        let events = transaction.open_table(TABLE)?;
        let mut found = Vec::new();
        for entry in events.range(..before.unwrap_or(u64::MAX))?.rev() {
            if found.len() >= limit {
                break;
            }
            let (id, record) = entry?;
            let event: EventRecord = decode(NAME, record.value())?;
            if host.is_none_or(|host| event.host_id.as_ref() == Some(host)) {
                found.push((id.value(), event));
            }
        }
        Ok(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scratch;

    fn event(id: u64, host: &str) -> (u64, EventRecord) {
        let event = EventRecord {
            at_unix_ms: id,
            host_id: Some(HostId::new(host).unwrap()),
            host_name: host.to_owned(),
            subject: Subject::Container,
            action: "start".to_owned(),
            container_id: None,
            container_name: None,
            image: None,
            detail: None,
            stamped_unix_ms: None,
            is_late: false,
        };
        (id, event)
    }

    fn append(scratch: &Scratch, batch: &[(u64, EventRecord)], kept: u64) {
        let append = |transaction: &WriteTransaction| append_to_ring(transaction, batch, kept);
        scratch.store.write(append).unwrap();
    }

    fn ids(scratch: &Scratch, before: Option<u64>, host: Option<&str>, limit: usize) -> Vec<u64> {
        let host = host.map(|host| HostId::new(host).unwrap());
        let events = list(&scratch.store, before, host.as_ref(), limit).unwrap();
        events.into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn lists_newest_first_a_page_at_a_time_also_of_one_host() {
        let scratch = Scratch::new();
        assert_eq!(last_id(&scratch.store).unwrap(), 0);
        let batch = [event(1, "a"), event(2, "b"), event(3, "a"), event(4, "a")];
        append(&scratch, &batch, 10);
        assert_eq!(last_id(&scratch.store).unwrap(), 4);
        assert_eq!(ids(&scratch, None, None, 3), [4, 3, 2]);
        assert_eq!(ids(&scratch, Some(2), None, 3), [1]);
        assert_eq!(ids(&scratch, None, Some("a"), 2), [4, 3]);
        assert_eq!(ids(&scratch, Some(3), Some("a"), 2), [1]);
        assert_eq!(
            list(&scratch.store, Some(3), None, 1).unwrap(),
            [event(2, "b")]
        );
    }

    #[test]
    fn the_oldest_events_go_when_the_ring_is_full() {
        let scratch = Scratch::new();
        append(&scratch, &[event(1, "a"), event(2, "a")], 3);
        append(&scratch, &[event(3, "a"), event(4, "a"), event(5, "a")], 3);
        assert_eq!(ids(&scratch, None, None, 10), [5, 4, 3]);
    }
}
