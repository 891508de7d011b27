//! Pure: what waits to be written to the store: events in the order of their ids, and when agents were last heard.

use std::collections::{BTreeMap, VecDeque};

use pilotfish_protocol::AgentId;

use crate::store::events::EventRecord;

/// Most events written at once.
pub const BATCH: usize = 256;

/// Most events that wait; the oldest is lost to one more.
pub const WAITING: usize = 4096;

/// How often "last heard" is written, at most.
const HEARD_EVERY_MS: u64 = 60_000;

/// What waits to be written.
#[derive(Debug, Default)]
pub struct Journal {
    last_id: u64,
    events: VecDeque<(u64, EventRecord)>,
    lost: u64,
    heard: BTreeMap<AgentId, u64>,
    heard_written_unix_ms: u64,
}

/// What is written as one.
#[derive(Debug, Default)]
pub struct Batch {
    /// Events with their ids, ascending.
    pub events: Vec<(u64, EventRecord)>,
    /// When agents were last heard.
    pub heard: BTreeMap<AgentId, u64>,
    /// Events lost since the last batch because too many waited.
    pub lost: u64,
}

impl Batch {
    /// Tells whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.heard.is_empty()
    }
}

impl Journal {
    /// Goes on after the newest event of the store.
    pub fn continue_after(&mut self, id: u64) {
        self.last_id = self.last_id.max(id);
    }

    /// Gives the id that the next event gets.
    pub fn next_id(&self) -> u64 {
        self.last_id + 1
    }

    /// Gives away the ids of this many events that are written apart; the first of them.
    pub fn reserve(&mut self, count: usize) -> u64 {
        let first = self.next_id();
        self.last_id += count as u64;
        first
    }

    /// Takes an event.
    pub fn add(&mut self, event: EventRecord) {
        self.last_id = self.next_id();
        if self.events.len() >= WAITING {
            self.events.pop_front();
            self.lost += 1;
        }
        self.events.push_back((self.last_id, event));
    }

    /// Notes when an agent was heard.
    pub fn heard(&mut self, agent: &AgentId, at_unix_ms: u64) {
        self.heard.insert(agent.clone(), at_unix_ms);
    }

    /// Takes the next batch.
    pub fn take(&mut self, now_unix_ms: u64) -> Batch {
        let count = self.events.len().min(BATCH);
        let is_due = now_unix_ms.abs_diff(self.heard_written_unix_ms) >= HEARD_EVERY_MS;
        let heard = if is_due && !self.heard.is_empty() {
            self.heard_written_unix_ms = now_unix_ms;
            std::mem::take(&mut self.heard)
        } else {
            BTreeMap::new()
        };
        Batch {
            events: self.events.drain(..count).collect(),
            heard,
            lost: std::mem::take(&mut self.lost),
        }
    }

    /// Makes "last heard" due at once: the server stops.
    pub fn hurry(&mut self) {
        self.heard_written_unix_ms = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::events::Subject;

    fn event() -> EventRecord {
        EventRecord {
            at_unix_ms: 1,
            host_id: None,
            host_name: String::new(),
            subject: Subject::Host,
            action: "online".to_owned(),
            container_id: None,
            container_name: None,
            image: None,
            detail: None,
            stamped_unix_ms: None,
            is_late: false,
        }
    }

    fn ids(batch: &Batch) -> Vec<u64> {
        batch.events.iter().map(|(id, _)| *id).collect()
    }

    #[test]
    fn events_go_on_after_the_stores_last_in_batches() {
        let mut journal = Journal::default();
        journal.continue_after(40);
        for _ in 0..BATCH + 1 {
            journal.add(event());
        }
        let first = journal.take(0);
        assert_eq!((first.events.len(), first.events[0].0), (BATCH, 41));
        assert_eq!(ids(&journal.take(0)), [41 + BATCH as u64]);
        assert!(journal.take(0).is_empty());
    }

    #[test]
    fn the_oldest_waiting_event_is_lost_to_one_too_many_and_counted() {
        let mut journal = Journal::default();
        for _ in 0..WAITING + 2 {
            journal.add(event());
        }
        let batch = journal.take(0);
        assert_eq!((batch.lost, batch.events[0].0), (2, 3));
        assert_eq!(journal.take(0).lost, 0);
    }

    #[test]
    fn last_heard_is_written_at_most_once_a_minute() {
        let mut journal = Journal::default();
        let agent = AgentId::new("a").unwrap();
        journal.heard(&agent, 100_000);
        assert_eq!(journal.take(100_000).heard.len(), 1);
        journal.heard(&agent, 110_000);
        assert!(journal.take(159_999).is_empty());
        assert_eq!(journal.take(160_000).heard[&agent], 110_000);
        journal.heard(&agent, 170_000);
        journal.hurry();
        assert_eq!(journal.take(170_000).heard.len(), 1);
    }
}
