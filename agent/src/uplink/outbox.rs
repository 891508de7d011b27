//! Pure: what waits to be sent, in three lanes, each with a limit and a stated loser.
//!
//! | lane | limit | who loses |
//! |---|---|---|
//! | answers | 256 messages, 12 MB | the answer that does not fit: a short failure takes its place, beyond the count nothing |
//! | events | 1024 messages, 512 KiB | the oldest event, counted |
//! | stats | 1024 subjects | per subject the older sample (latest wins); beyond the limit the new subject |
//!
//! Answers go before events, events before stats: a person waits for an answer, and a newer sample is on its way. The one
//! heartbeat that may wait goes before all of them, since without it the server gives the agent up.

use std::collections::VecDeque;

use pilotfish_protocol::{Answer, AnswerForm, CallId, Failure, FailureKind, Timestamp};

/// Most answers that wait.
const ANSWERS: usize = 256;
/// Most bytes of answers that wait; one answer alone may be larger (a log of 10 MB escapes to a little more).
const ANSWER_BYTES: usize = 12 * 1000 * 1000;
/// Most events that wait.
const EVENTS: usize = 1024;
/// Most bytes of events that wait.
const EVENT_BYTES: usize = 512 * 1024;
/// Most subjects of which a sample waits.
const SUBJECTS: usize = 1024;

/// The lanes between the agent and its socket.
#[derive(Debug, Default)]
pub struct Outbox {
    heartbeat: Option<String>,
    answers: VecDeque<String>,
    answer_bytes: usize,
    events: VecDeque<String>,
    event_bytes: usize,
    stats: VecDeque<(String, String)>,
    /// Events that were dropped since [`Outbox::take_lost_events`] was asked.
    lost_events: u64,
}

impl Outbox {
    /// Puts an answer into its lane.
    pub fn push_answer(&mut self, answer: &Answer, at: Timestamp) {
        let mut text = answer.encode(at);
        if self.answer_bytes + text.len() > ANSWER_BYTES && !self.answers.is_empty() {
            let failure = Failure::new(
                "the link is too slow for this answer: others wait before it",
                Some(FailureKind::Busy),
            );
            text = failed_like(answer, failure).encode(at);
        }
        if self.answers.len() < ANSWERS {
            self.answer_bytes += text.len();
            self.answers.push_back(text);
        }
    }

    /// Puts an event into its lane.
    pub fn push_event(&mut self, text: String) {
        self.event_bytes += text.len();
        self.events.push_back(text);
        while self.events.len() > EVENTS || self.event_bytes > EVENT_BYTES {
            let Some(oldest) = self.events.pop_front() else {
                break;
            };
            self.event_bytes -= oldest.len();
            self.lost_events += 1;
        }
    }

    /// Puts a sample of `subject` (the host, or a container's id) into its lane, in the place of an older one.
    pub fn push_stats(&mut self, subject: &str, text: String) {
        if let Some(waiting) = self
            .stats
            .iter_mut()
            .find(|(waiting, _)| waiting == subject)
        {
            waiting.1 = text;
        } else if self.stats.len() < SUBJECTS {
            self.stats.push_back((subject.to_owned(), text));
        }
    }

    /// Puts a heartbeat in front of all lanes, in the place of an older one.
    pub fn put_heartbeat(&mut self, text: String) {
        self.heartbeat = Some(text);
    }

    /// Takes the next message to send.
    pub fn pop(&mut self) -> Option<String> {
        if let Some(heartbeat) = self.heartbeat.take() {
            return Some(heartbeat);
        }
        if let Some(answer) = self.answers.pop_front() {
            self.answer_bytes -= answer.len();
            return Some(answer);
        }
        if let Some(event) = self.events.pop_front() {
            self.event_bytes -= event.len();
            return Some(event);
        }
        self.stats.pop_front().map(|(_, text)| text)
    }

    /// The session ended: its answers and samples are of no use to the next one, its events are.
    pub fn session_ended(&mut self) {
        self.heartbeat = None;
        self.answers = VecDeque::new();
        self.answer_bytes = 0;
        self.stats = VecDeque::new();
    }

    /// Whether events were lost since [`Outbox::take_lost_events`] was asked.
    #[must_use]
    pub fn has_lost_events(&self) -> bool {
        self.lost_events > 0
    }

    /// How many events were lost since this was last asked.
    pub fn take_lost_events(&mut self) -> u64 {
        std::mem::take(&mut self.lost_events)
    }
}

/// The answer to the same call, failed.
fn failed_like(answer: &Answer, failure: Failure) -> Answer {
    let form = match answer {
        Answer::Response { .. } => AnswerForm::Response,
        Answer::Operation { .. } => AnswerForm::Flat,
    };
    let id: &CallId = answer.id();
    Answer::failed(form, id.clone(), failure)
}

#[cfg(test)]
mod tests {
    use pilotfish_protocol::OperationDone;

    use super::*;

    const NOW: fn() -> Timestamp = || Timestamp::from_unix_ms(0);

    #[test]
    fn answers_go_before_events_and_events_before_stats() {
        let mut outbox = Outbox::default();
        outbox.push_stats("host", "stats".into());
        outbox.push_event("event".into());
        outbox.push_answer(&logs("1", 5), NOW());
        assert!(outbox.pop().unwrap().contains("correlation_id"));
        assert_eq!(outbox.pop().as_deref(), Some("event"));
        assert_eq!(outbox.pop().as_deref(), Some("stats"));
        assert_eq!(outbox.pop(), None);
    }

    #[test]
    fn the_latest_sample_of_a_subject_takes_the_place_of_the_older_one() {
        let mut outbox = Outbox::default();
        for n in 0..3 {
            outbox.push_stats("a", format!("a{n}"));
            outbox.push_stats("b", format!("b{n}"));
        }
        assert_eq!(outbox.pop().as_deref(), Some("a2"));
        assert_eq!(outbox.pop().as_deref(), Some("b2"));
        assert_eq!(outbox.pop(), None);
    }

    #[test]
    fn more_subjects_than_fit_lose_the_newest_subject() {
        let mut outbox = Outbox::default();
        for n in 0..=SUBJECTS {
            outbox.push_stats(&n.to_string(), n.to_string());
        }
        assert_eq!(std::iter::from_fn(|| outbox.pop()).count(), SUBJECTS);
    }

    #[test]
    fn the_oldest_events_are_lost_and_counted() {
        let mut outbox = Outbox::default();
        for n in 0..EVENTS + 3 {
            outbox.push_event(n.to_string());
        }
        assert_eq!(outbox.take_lost_events(), 3);
        assert_eq!(outbox.take_lost_events(), 0);
        assert_eq!(outbox.pop().as_deref(), Some("3"));
    }

    #[test]
    fn events_are_bounded_by_their_bytes_too() {
        let mut outbox = Outbox::default();
        for _ in 0..5 {
            outbox.push_event("x".repeat(EVENT_BYTES / 4));
        }
        assert_eq!(outbox.take_lost_events(), 1);
        outbox.push_event("y".repeat(EVENT_BYTES + 1));
        assert_eq!(outbox.pop(), None, "an event over the limit is lost itself");
    }

    #[test]
    fn one_large_answer_passes_and_the_next_becomes_a_short_failure() {
        let mut outbox = Outbox::default();
        outbox.push_answer(&logs("1", ANSWER_BYTES), NOW());
        outbox.push_answer(&logs("2", 100), NOW());
        assert!(outbox.pop().unwrap().len() > ANSWER_BYTES);
        let second = outbox.pop().unwrap();
        assert!(
            second.contains(r#""correlation_id":"2","success":false"#),
            "{second}"
        );
        outbox.push_answer(&logs("3", 100), NOW());
        assert!(outbox.pop().unwrap().contains(r#""success":true"#));
    }

    #[test]
    fn answers_are_bounded_by_their_number() {
        let mut outbox = Outbox::default();
        for n in 0..=ANSWERS {
            outbox.push_answer(&logs(&n.to_string(), 1), NOW());
        }
        assert_eq!(std::iter::from_fn(|| outbox.pop()).count(), ANSWERS);
    }

    #[test]
    fn a_heartbeat_goes_before_all_lanes_and_replaces_an_older_one() {
        let mut outbox = Outbox::default();
        outbox.push_answer(&logs("1", 5), NOW());
        outbox.put_heartbeat("old".into());
        outbox.put_heartbeat("new".into());
        assert_eq!(outbox.pop().as_deref(), Some("new"));
        assert!(outbox.pop().unwrap().contains("correlation_id"));
    }

    #[test]
    fn only_events_outlive_the_session() {
        let mut outbox = Outbox::default();
        outbox.put_heartbeat("beat".into());
        outbox.push_answer(&logs("1", 5), NOW());
        outbox.push_event("event".into());
        outbox.push_stats("host", "stats".into());
        outbox.session_ended();
        assert_eq!(outbox.pop().as_deref(), Some("event"));
        assert_eq!(outbox.pop(), None);
    }

    fn logs(id: &str, bytes: usize) -> Answer {
        let outcome = Ok(OperationDone::logs("x".repeat(bytes), false));
        Answer::Operation {
            id: CallId::new(id).unwrap(),
            outcome,
        }
    }
}
