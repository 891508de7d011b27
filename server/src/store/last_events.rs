//! The newest event that each host's agent told live, so that its spool begins after it; written as one with the events.

use pilotfish_protocol::HostId;
use redb::{ReadableTable as _, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use crate::store::events::{EventRecord, Subject};
use crate::store::record::{decode, encode};
use crate::store::{Store, StoreError};

const NAME: &str = "last_events";

/// Host id → [`LastEvent`].
const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new(NAME);

/// Most events of one millisecond that are remembered; one more may come twice.
const AT_ONCE: usize = 64;

/// The newest live event of a host. The wire tells milliseconds where the Engine counts nanoseconds, so all events of the last one are remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastEvent {
    /// The Engine's stamp.
    pub stamped_unix_ms: u64,
    /// What happened then: container and action.
    events: Vec<String>,
}

impl LastEvent {
    /// Takes an event that was told live; `last` stays as it is when that is older, or no container's.
    pub fn take(last: &mut Option<LastEvent>, event: &EventRecord) {
        let Some((stamped_unix_ms, name)) = named(event).filter(|_| !event.is_late) else {
            return;
        };
        match last {
            Some(last) if stamped_unix_ms < last.stamped_unix_ms => {}
            Some(last) if stamped_unix_ms == last.stamped_unix_ms => {
                if last.events.len() < AT_ONCE {
                    last.events.push(name);
                }
            }
            Some(_) | None => {
                *last = Some(LastEvent {
                    stamped_unix_ms,
                    events: vec![name],
                });
            }
        }
    }

    /// Tells whether it is this event, or was told within the same millisecond.
    #[must_use]
    pub fn has(&self, event: &EventRecord) -> bool {
        named(event).is_some_and(|(stamped_unix_ms, name)| {
            stamped_unix_ms == self.stamped_unix_ms && self.events.contains(&name)
        })
    }

    /// The stamp in Unix ns: not later than the event, and less than a millisecond before it.
    #[must_use]
    pub fn stamped_ns(&self) -> u64 {
        self.stamped_unix_ms.saturating_mul(1_000_000)
    }
}

/// An event's stamp and what tells it from others of the same millisecond.
fn named(event: &EventRecord) -> Option<(u64, String)> {
    let container = event.container_id.as_deref()?;
    let is_container = event.subject == Subject::Container;
    let stamped_unix_ms = event.stamped_unix_ms.filter(|_| is_container)?;
    Some((stamped_unix_ms, format!("{container} {}", event.action)))
}

pub(super) fn prepare(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(TABLE)?;
    Ok(())
}

/// Takes events that are written as part of the same transaction.
///
/// # Errors
///
/// The store's.
pub fn take_in(
    transaction: &WriteTransaction,
    events: &[(u64, EventRecord)],
) -> Result<(), StoreError> {
    let mut table = transaction.open_table(TABLE)?;
    for (_, event) in events {
        let Some(host) = event.host_id.as_ref().filter(|_| named(event).is_some()) else {
            continue;
        };
        let before = match table.get(host.as_str())? {
            Some(record) => Some(decode::<LastEvent>(NAME, record.value())?),
            None => None,
        };
        let mut last = before.clone();
        LastEvent::take(&mut last, event);
        if last != before {
            table.insert(host.as_str(), encode(NAME, &last)?.as_slice())?;
        }
    }
    Ok(())
}

/// Lists the newest live event of every host that has one.
///
/// # Errors
///
/// The store's.
pub fn list(store: &Store) -> Result<Vec<(String, LastEvent)>, StoreError> {
    store.read(|transaction| {
        let table = transaction.open_table(TABLE)?;
        table
            .iter()?
            .map(|entry| {
                let (host, record) = entry?;
                Ok((host.value().to_owned(), decode(NAME, record.value())?))
            })
            .collect()
    })
}

/// Forgets a host's as part of a transaction.
///
/// # Errors
///
/// The store's.
pub fn remove_in(transaction: &WriteTransaction, host: &HostId) -> Result<(), StoreError> {
    transaction.open_table(TABLE)?.remove(host.as_str())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::events;
    use crate::store::tests::Scratch;

    fn event(stamped_unix_ms: u64, action: &str) -> EventRecord {
        EventRecord {
            at_unix_ms: 1,
            host_id: Some(HostId::new("h").unwrap()),
            host_name: "h".to_owned(),
            subject: Subject::Container,
            action: action.to_owned(),
            container_id: Some("0123456789ab".to_owned()),
            container_name: None,
            image: None,
            detail: None,
            stamped_unix_ms: Some(stamped_unix_ms),
            is_late: false,
        }
    }

    #[test]
    fn the_newest_live_event_is_the_last_one_and_a_late_one_is_none() {
        let scratch = Scratch::new();
        let late = EventRecord {
            is_late: true,
            ..event(9, "start")
        };
        let all = [event(5, "kill"), event(7, "die"), event(6, "stop"), late];
        let write = |transaction: &WriteTransaction| {
            events::append_in(transaction, &(1..).zip(all.clone()).collect::<Vec<_>>())
        };
        scratch.store.write(write).unwrap();
        let (host, last) = list(&scratch.store).unwrap().remove(0);
        assert_eq!((host.as_str(), last.stamped_ns()), ("h", 7_000_000));
        assert!(last.has(&event(7, "die")));
        assert!(!last.has(&event(7, "destroy")) && !last.has(&event(6, "die")));
        let forget =
            |transaction: &WriteTransaction| remove_in(transaction, &HostId::new("h").unwrap());
        scratch.store.write(forget).unwrap();
        assert_eq!(list(&scratch.store).unwrap(), []);
    }

    #[test]
    fn events_of_one_millisecond_are_all_remembered_up_to_a_limit() {
        let mut last = None;
        for number in 0..AT_ONCE + 1 {
            LastEvent::take(&mut last, &event(5, &format!("act{number}")));
        }
        let last = last.unwrap();
        assert!(last.has(&event(5, "act0")) && last.has(&event(5, "act63")));
        assert!(!last.has(&event(5, "act64")));
    }
}
