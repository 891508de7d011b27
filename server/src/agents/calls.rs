//! Pure: the calls of one session that wait for their answers.
//!
//! A call belongs to the session that asked: answers are looked up here and nowhere else, so no agent can answer for another,
//! and what waits is failed the moment the session ends.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use pilotfish_protocol::CallId;

/// Most calls of one agent that wait at the same time.
pub const IN_FLIGHT: usize = 64;

/// How long an answer may take when the call itself takes no time.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// What a call that waits for containers to stop is given beyond their grace.
pub const BEYOND_GRACE: Duration = Duration::from_secs(20);

/// The waiting calls; `W` is who waits.
#[derive(Debug)]
pub struct Calls<W> {
    waiting: HashMap<CallId, Waiting<W>>,
}

#[derive(Debug)]
struct Waiting<W> {
    asked_at: Instant,
    deadline_at: Instant,
    waiter: W,
}

/// A call that got no answer in time.
#[derive(Debug)]
pub struct Late<W> {
    /// Who waited.
    pub waiter: W,
    /// How long it was given.
    pub deadline: Duration,
}

impl<W> Default for Calls<W> {
    fn default() -> Self {
        Self {
            waiting: HashMap::new(),
        }
    }
}

impl<W> Calls<W> {
    /// Notes a call as asked at `now`.
    ///
    /// # Errors
    ///
    /// Gives `waiter` back when [`IN_FLIGHT`] calls wait, or one of the same id does.
    pub fn ask(
        &mut self,
        id: CallId,
        deadline: Duration,
        waiter: W,
        now: Instant,
    ) -> Result<(), W> {
        if self.waiting.len() >= IN_FLIGHT || self.waiting.contains_key(&id) {
            return Err(waiter);
        }
        let waiting = Waiting {
            asked_at: now,
            deadline_at: now + deadline,
            waiter,
        };
        self.waiting.insert(id, waiting);
        Ok(())
    }

    /// Takes the waiter of an answer; `None` when nobody waits for it, or not any more.
    pub fn answer(&mut self, id: &CallId) -> Option<W> {
        self.waiting.remove(id).map(|waiting| waiting.waiter)
    }

    /// Gives the time of the next deadline.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.waiting.values().map(|w| w.deadline_at).min()
    }

    /// Takes the calls whose deadline has passed at `now`.
    pub fn expire(&mut self, now: Instant) -> Vec<Late<W>> {
        self.waiting
            .extract_if(|_, waiting| waiting.deadline_at <= now)
            .map(|(_, waiting)| Late {
                deadline: waiting.deadline_at - waiting.asked_at,
                waiter: waiting.waiter,
            })
            .collect()
    }

    /// Takes all waiters: the session is over.
    pub fn end(&mut self) -> Vec<W> {
        self.waiting
            .drain()
            .map(|(_, waiting)| waiting.waiter)
            .collect()
    }
}

/// Makes a correlation id of 16 random bytes: a UUID of version 4 (RFC 9562 §5.4).
pub fn call_id(random: [u8; 16]) -> CallId {
    CallId::new(uuid_v4(random)).expect("a UUID is 36 graphic characters")
}

/// Writes 16 random bytes as a UUID of version 4.
pub fn uuid_v4(mut bytes: [u8; 16]) -> String {
    use std::fmt::Write as _;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        write!(text, "{byte:02x}").expect("a String takes every text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn id(number: u8) -> CallId {
        call_id([number; 16])
    }

    #[test]
    fn an_answer_finds_its_waiter_once() {
        let now = crate::clock::now();
        let mut calls = Calls::default();
        calls.ask(id(1), SECOND, "one", now).unwrap();
        calls.ask(id(2), SECOND, "two", now).unwrap();
        assert_eq!(calls.answer(&id(2)), Some("two"));
        assert_eq!(calls.answer(&id(2)), None);
        assert_eq!(calls.answer(&id(3)), None);
        assert_eq!(calls.answer(&id(1)), Some("one"));
    }

    #[test]
    fn the_65th_call_is_turned_away_until_one_is_answered() {
        let now = crate::clock::now();
        let mut calls = Calls::default();
        for number in 0..64 {
            calls.ask(id(number), SECOND, number, now).unwrap();
        }
        assert_eq!(calls.ask(id(64), SECOND, 64, now), Err(64));
        calls.answer(&id(0));
        calls.ask(id(64), SECOND, 64, now).unwrap();
        assert_eq!(calls.waiting.len(), IN_FLIGHT);
    }

    #[test]
    fn a_repeated_id_is_turned_away() {
        let now = crate::clock::now();
        let mut calls = Calls::default();
        calls.ask(id(1), SECOND, "one", now).unwrap();
        assert_eq!(calls.ask(id(1), SECOND, "again", now), Err("again"));
        assert_eq!(calls.answer(&id(1)), Some("one"));
    }

    #[test]
    fn a_call_expires_at_its_deadline_and_its_answer_comes_to_nobody() {
        let now = crate::clock::now();
        let mut calls = Calls::default();
        calls.ask(id(1), SECOND * 2, "slow", now).unwrap();
        calls.ask(id(2), SECOND, "fast", now).unwrap();
        assert_eq!(calls.next_deadline(), Some(now + SECOND));
        assert!(calls.expire(now + SECOND / 2).is_empty());
        let late = calls.expire(now + SECOND);
        assert_eq!(late.len(), 1);
        assert_eq!((late[0].waiter, late[0].deadline), ("fast", SECOND));
        assert_eq!(calls.answer(&id(2)), None);
        assert_eq!(calls.next_deadline(), Some(now + SECOND * 2));
    }

    #[test]
    fn the_end_of_the_session_takes_all_waiters() {
        let now = crate::clock::now();
        let mut calls = Calls::default();
        calls.ask(id(1), SECOND, "one", now).unwrap();
        calls.ask(id(2), SECOND, "two", now).unwrap();
        let mut waiters = calls.end();
        waiters.sort_unstable();
        assert_eq!(waiters, ["one", "two"]);
        assert_eq!((calls.waiting.len(), calls.next_deadline()), (0, None));
    }

    #[test]
    fn an_id_is_a_uuid_of_version_4() {
        assert_eq!(uuid_v4([0; 16]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid_v4([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
