//! Pure: where to go on with events after a gap, so that none is lost and none told twice.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::{EngineEvent, Happened};

/// How far before the last event to ask again. The Engine stamps events before it queues them, so neighbours may come in the wrong
/// order; Podman reads the time as a float, which is exact to a quarter of a microsecond.
const OVERLAP_NANO: i64 = 10_000_000;
/// Events remembered to recognise them when they come again: more than happen within the overlap.
const REMEMBERED: usize = 64;

/// Remembers what was told of an Engine's events.
#[derive(Clone, Debug)]
pub struct EventCursor {
    /// The event told last, or when watching began.
    last_nano: i64,
    /// Time and fingerprint of the events told last, the newest at the back.
    told: VecDeque<(i64, u64)>,
}

impl EventCursor {
    /// Begins at `now_nano`, nanoseconds since 1970 by the clock of the Engine's host.
    #[must_use]
    pub fn new(now_nano: i64) -> Self {
        Self {
            last_nano: now_nano,
            told: VecDeque::new(),
        }
    }

    /// The time to ask events from (`since`): seconds and nanoseconds since 1970, as the Engine reads them.
    #[must_use]
    pub fn since(&self) -> String {
        let overlap = if self.told.is_empty() {
            0
        } else {
            OVERLAP_NANO
        };
        let nano = self.last_nano.saturating_sub(overlap);
        as_engine_time(nano)
    }

    /// The clock may have been set back since the last event: nothing is known of what comes later than `now_nano`.
    pub fn come_back_to(&mut self, now_nano: i64) {
        self.last_nano = self.last_nano.min(now_nano);
    }

    /// Tells whether `event` is new, and remembers it.
    ///
    /// The time of the newest told event counts even when it is before others: a clock that was set back must not lose events.
    pub fn is_new(&mut self, event: &EngineEvent) -> bool {
        let told = (event.time_nano, fingerprint(event));
        if self.told.contains(&told) {
            return false;
        }
        if self.told.len() == REMEMBERED {
            self.told.pop_front();
        }
        self.told.push_back(told);
        self.last_nano = event.time_nano;
        true
    }
}

/// A time since 1970 as the Engine reads it: seconds and nanoseconds. One before 1970 is 1970.
#[must_use]
pub fn as_engine_time(nano: i64) -> String {
    let nano = nano.max(0);
    format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000)
}

fn fingerprint(event: &EngineEvent) -> u64 {
    let mut hasher = DefaultHasher::new();
    match &event.happened {
        Happened::Event(event) => {
            event.container_id.hash(&mut hasher);
            event.action.hash(&mut hasher);
            event.attributes.hash(&mut hasher);
        }
        Happened::Rewired(id) => id.hash(&mut hasher),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use pilotfish_protocol::ContainerEvent;

    use super::*;

    const NOW: i64 = 1_795_468_204_215_906_569;

    fn event(time_nano: i64, action: &str) -> EngineEvent {
        let event = format!(r#"{{"container_id":"aea5816ccd31","action":"{action}"}}"#);
        let event: ContainerEvent = serde_json::from_str(&event).unwrap();
        EngineEvent {
            time_nano,
            happened: Happened::Event(event),
        }
    }

    /// The Engine's side: its events since `since`, which it includes.
    fn replay(all: &[EngineEvent], since: &str) -> Vec<EngineEvent> {
        let (seconds, nano) = since.split_once('.').unwrap();
        let since: i64 = format!("{seconds}{nano}").parse().unwrap();
        all.iter()
            .filter(|event| event.time_nano >= since)
            .cloned()
            .collect()
    }

    #[test]
    fn watching_begins_now_with_nine_digits_of_nanoseconds() {
        assert_eq!(EventCursor::new(NOW).since(), "1795468204.215906569");
        assert_eq!(EventCursor::new(5_000_000_007).since(), "5.000000007");
        assert_eq!(EventCursor::new(-5).since(), "0.000000000");
    }

    #[test]
    fn a_gap_anywhere_loses_nothing_and_tells_nothing_twice() {
        // Two at one nanosecond, and neighbours in the wrong order.
        let all: Vec<_> = [
            (0, "create"),
            (9, "start"),
            (9, "exec_create"),
            (7, "exec_start"),
            (30_000_000, "die"),
            (30_000_001, "stop"),
        ]
        .map(|(nano, action)| event(NOW + nano, action))
        .into();
        for gap in 0..=all.len() {
            let mut cursor = EventCursor::new(NOW);
            let mut told: Vec<_> = all[..gap]
                .iter()
                .filter(|event| cursor.is_new(event))
                .cloned()
                .collect();
            told.extend(
                replay(&all, &cursor.since())
                    .into_iter()
                    .filter(|event| cursor.is_new(event)),
            );
            told.sort_by_key(|event| event.time_nano);
            let mut expected = all.clone();
            expected.sort_by_key(|event| event.time_nano);
            assert_eq!(told, expected, "gap after {gap}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_hide_what_comes() {
        let mut cursor = EventCursor::new(NOW);
        assert!(cursor.is_new(&event(NOW + 1, "start")));
        let hour = 3_600_000_000_000;
        assert!(cursor.is_new(&event(NOW - hour, "die")));
        assert_eq!(
            cursor.since(),
            EventCursor::new(NOW - hour - OVERLAP_NANO).since()
        );
    }

    #[test]
    fn nothing_is_asked_of_a_time_that_has_not_come() {
        let mut cursor = EventCursor::new(NOW);
        cursor.come_back_to(NOW + 1);
        assert_eq!(cursor.since(), EventCursor::new(NOW).since());
        let hour = 3_600_000_000_000;
        cursor.come_back_to(NOW - hour);
        assert_eq!(cursor.since(), EventCursor::new(NOW - hour).since());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut cursor = EventCursor::new(NOW);
        for nano in 0..1000 {
            assert!(cursor.is_new(&event(NOW + nano, "start")));
        }
        assert_eq!(cursor.told.len(), REMEMBERED);
        assert!(!cursor.is_new(&event(NOW + 999, "start")));
    }
}
