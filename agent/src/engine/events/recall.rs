//! Pure: what the Engine's memory of events covers, and what it does not.
//!
//! Docker remembers its last 256 events of all kinds and forgets them when it is restarted; nothing says where its memory begins. But it
//! drops the oldest first: an Engine that still has the last event known here, or any from the time when somebody listened, has all that
//! came after it.

use pilotfish_protocol::ContainerEvent;
use pilotfish_protocol::extension::from_agent::Span;

use super::cursor::EventCursor;
use super::{EngineEvent, Happened};

const NANO_PER_MS: i64 = 1_000_000;
/// So long before the end of listening everything that had happened was told: events and clocks may be late.
const SURELY_TOLD_NANO: i64 = 10_000 * NANO_PER_MS;

/// What an Engine remembered, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Those of which anybody is told.
    pub events: Vec<EngineEvent>,
    /// The time of the oldest and of the newest of all.
    pub ends_nano: Option<(i64, i64)>,
    /// There were more after them.
    pub is_cut: bool,
}

impl Remembered {
    /// Takes the next one.
    pub fn push(&mut self, event: EngineEvent) {
        let at = event.time_nano;
        let (oldest, newest) = self.ends_nano.unwrap_or((at, at));
        self.ends_nano = Some((oldest.min(at), newest.max(at)));
        if event.is_told() {
            self.events.push(event);
        }
    }

    /// Tells whether there is one from before `heard_nano`, until when somebody listened.
    fn reaches_back_to(&self, heard_nano: i64) -> bool {
        let surely_nano = heard_nano.saturating_sub(SURELY_TOLD_NANO);
        self.ends_nano
            .is_some_and(|(oldest_nano, _)| oldest_nano <= surely_nano)
    }
}

/// Events from a time when nobody listened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recalled {
    /// Those that are known now, oldest first.
    pub events: Vec<ContainerEvent>,
    /// Of this time there may be more that nobody knows.
    pub gap: Option<Span>,
}

impl Recalled {
    /// What to ask from, when `since_nano` is the time of the last known event, exact to a millisecond: that event is to come again.
    #[must_use]
    pub fn ask_from(since_nano: i64) -> i64 {
        since_nano.div_euclid(NANO_PER_MS) * NANO_PER_MS
    }

    /// Nothing is known of this time: the Engine does not say.
    #[must_use]
    pub fn nothing(since_nano: i64, until_nano: i64) -> Self {
        Self {
            events: Vec::new(),
            gap: span(since_nano, until_nano),
        }
    }

    /// What an Engine that was asked from [`Recalled::ask_from`] until `until_nano` gave. Somebody listened until `heard_nano`.
    ///
    /// Events of the last known one's millisecond are taken for known.
    #[must_use]
    pub fn of(remembered: Remembered, since_nano: i64, heard_nano: i64, until_nano: i64) -> Self {
        let known_ms = since_nano.div_euclid(NANO_PER_MS);
        let is_known = |event: &EngineEvent| event.time_nano.div_euclid(NANO_PER_MS) <= known_ms;
        let is_whole =
            remembered.events.iter().any(is_known) || remembered.reaches_back_to(heard_nano);
        let ends_nano = remembered.ends_nano;
        let newest_nano = ends_nano.map(|(_, newest_nano)| newest_nano);
        let from = newest_nano.filter(|_| is_whole);
        let oldest_nano = ends_nano.map(|(oldest_nano, _)| oldest_nano);
        let to = oldest_nano.filter(|_| !remembered.is_cut);
        let gap = if is_whole && !remembered.is_cut {
            None
        } else {
            span(from.unwrap_or(since_nano), to.unwrap_or(until_nano))
        };
        let events = remembered.events.into_iter();
        let new = events.filter(|event| !is_known(event));
        Self {
            events: new
                .filter_map(|event| match event.happened {
                    Happened::Event(event) => Some(event),
                    Happened::Rewired(_) => None,
                })
                .collect(),
            gap,
        }
    }
}

/// What came after the stream broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// What is new of it, oldest first.
    pub new: Vec<EngineEvent>,
    /// Of this time there may be more that nobody knows.
    pub gap: Option<Span>,
}

impl Resumed {
    /// Goes on at `cursor` with what the Engine gave when it was asked from there until `now_nano`. The stream had ended at `ended_nano`.
    ///
    /// What is cut is no gap: the stream goes on from there.
    pub fn of(
        remembered: Remembered,
        cursor: &mut EventCursor,
        ended_nano: i64,
        now_nano: i64,
    ) -> Self {
        let all = remembered.events.len();
        let reaches_back = remembered.reaches_back_to(ended_nano);
        let first_nano = remembered.ends_nano.map(|(oldest_nano, _)| oldest_nano);
        let events = remembered.events.into_iter();
        let new: Vec<_> = events.filter(|event| cursor.is_new(event)).collect();
        let is_whole = new.len() < all || reaches_back;
        let gap = if is_whole {
            None
        } else {
            span(ended_nano, first_nano.unwrap_or(now_nano))
        };
        Self { new, gap }
    }
}

/// A span that is not shorter than nothing, to the next full millisecond.
fn span(from_nano: i64, to_nano: i64) -> Option<Span> {
    let ms = |nano: i64| u64::try_from(nano / NANO_PER_MS).unwrap_or_default();
    let (from_ms, to_ms) = (ms(from_nano), ms(to_nano.saturating_add(NANO_PER_MS - 1)));
    Some(Span {
        from_ms,
        to_ms: to_ms.max(from_ms),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event of each time, in ms.
    fn remembered(at_ms: &[i64], is_cut: bool) -> Remembered {
        let mut remembered = Remembered::default();
        for ms in at_ms {
            remembered.push(event(*ms, &format!("start: at {ms}")));
        }
        remembered.is_cut = is_cut;
        remembered
    }

    fn event(ms: i64, action: &str) -> EngineEvent {
        let text = format!(r#"{{"container_id":"0123456789ab","action":"{action}"}}"#);
        EngineEvent {
            time_nano: ms * NANO_PER_MS + 123_456,
            happened: Happened::Event(serde_json::from_str(&text).unwrap()),
        }
    }

    fn times(gap: Option<Span>) -> Option<(u64, u64)> {
        gap.map(|gap| (gap.from_ms, gap.to_ms))
    }

    /// The last known event was at 100 ms, and from 900 ms on the agent listens itself.
    #[track_caller]
    fn check(at_ms: &[i64], is_cut: bool, told: &[i64], gap: Option<(u64, u64)>) {
        let recalled = Recalled::of(
            remembered(at_ms, is_cut),
            100_000_000,
            100_000_000,
            900_000_000,
        );
        let actions: Vec<_> = recalled.events.into_iter().map(|e| e.action).collect();
        let expected: Vec<_> = told.iter().map(|ms| format!("start: at {ms}")).collect();
        assert_eq!((actions, times(recalled.gap)), (expected, gap));
    }

    #[test]
    fn an_engine_that_remembers_the_last_known_event_remembers_all_that_followed() {
        check(&[100, 200, 300], false, &[200, 300], None);
        check(&[100], false, &[], None);
    }

    #[test]
    fn an_engine_that_was_restarted_leaves_a_gap_up_to_its_first_event() {
        check(&[], false, &[], Some((100, 900)));
        check(&[500, 600], false, &[500, 600], Some((100, 501)));
    }

    #[test]
    fn more_than_is_read_leaves_a_gap_behind_it() {
        check(&[100, 200, 300], true, &[200, 300], Some((300, 900)));
        check(&[500, 600], true, &[500, 600], Some((100, 900)));
    }

    #[test]
    fn the_time_that_is_asked_from_covers_an_event_known_to_the_millisecond_only() {
        assert_eq!(Recalled::ask_from(100_999_999), 100_000_000);
        let known = remembered(&[100], false);
        assert!(known.events[0].time_nano >= Recalled::ask_from(100_000_000));
        let recalled = Recalled::of(known, 100_000_000, 0, 900_000_000);
        assert_eq!(recalled.gap, None);
    }

    #[test]
    fn an_engine_that_says_nothing_leaves_all_of_it_unknown() {
        let nothing = Recalled::nothing(100_000_000, 900_000_000);
        assert_eq!(times(nothing.gap), Some((100, 900)));
        // The clock was set back in between.
        let gap = times(Recalled::nothing(900_000_000, 100_000_000).gap);
        assert_eq!(gap, Some((900, 900)));
    }

    /// The stream told the event at 100 ms, broke at 400 ms and is opened again at 900 ms.
    #[track_caller]
    fn check_resumed(at_ms: &[i64], new: usize, gap: Option<(u64, u64)>) {
        let mut cursor = EventCursor::new(0);
        for event in &remembered(&[100], false).events {
            assert!(cursor.is_new(event));
        }
        let remembered = remembered(at_ms, false);
        let resumed = Resumed::of(remembered, &mut cursor, 400_000_000, 900_000_000);
        assert_eq!((resumed.new.len(), times(resumed.gap)), (new, gap));
    }

    #[test]
    fn a_stream_that_broke_has_no_gap_when_its_last_event_comes_again() {
        check_resumed(&[100], 0, None);
        check_resumed(&[100, 500], 1, None);
        check_resumed(&[500], 1, Some((400, 501)));
        check_resumed(&[], 0, Some((400, 900)));
    }

    /// Of an Engine whose memory has only health checks left, from `first_ms` on: what is told of 1 s … 100 s, when somebody listened until
    /// 60 s.
    #[track_caller]
    fn check_health_checks(first_ms: i64, expected: Option<(u64, u64)>) {
        let mut remembered = Remembered::default();
        for ms in [first_ms, 70_000, 90_000] {
            remembered.push(event(ms, "exec_create"));
        }
        let (second, minute) = (1000 * NANO_PER_MS, 60_000 * NANO_PER_MS);
        let recalled = Recalled::of(remembered.clone(), second, minute, 100 * second);
        assert_eq!((recalled.events.len(), times(recalled.gap)), (0, expected));
        let mut cursor = EventCursor::new(0);
        let resumed = Resumed::of(remembered, &mut cursor, minute, 100 * second);
        assert_eq!(
            (resumed.new.len(), resumed.gap.is_some()),
            (0, expected.is_some())
        );
    }

    #[test]
    fn events_that_nobody_is_told_of_show_how_far_back_an_engine_remembers() {
        check_health_checks(49_000, None);
        check_health_checks(59_000, Some((1000, 59_001)));
    }

    #[test]
    fn a_stream_that_never_told_anything_cannot_be_known_to_be_whole() {
        let mut cursor = EventCursor::new(0);
        let resumed = Resumed::of(Remembered::default(), &mut cursor, 400, 900);
        assert!(resumed.gap.is_some());
    }
}
