//! Pure: what waits to be sent, in lanes, each with a limit and a stated loser.
//!
//! | lane | limit | who loses |
//! |---|---|---|
//! | upkeep | one heartbeat, one report of each kind | the older one (latest wins) |
//! | answers | 256 messages, 12 MB | the answer that does not fit: a short failure takes its place, beyond the count nothing |
//! | events | 1024 messages, 512 KiB | the oldest event, counted |
//! | lists | 64 messages, 1 MiB | all of them: the next heartbeat's hash makes the server ask for the whole list |
//! | stats | 1024 subjects in the base dialect; the newest tick as frames | the older sample (latest wins); beyond the limit the new subject |
//!
//! Answers go before events, events before lists and stats: a person waits for an answer, and a newer sample is on its way. The one heartbeat
//! that may wait goes before all of them, since without it the server gives the agent up. What was spooled goes when nothing else waits; it
//! is kept where it comes from, as are frames, which are made when the network can take one ([`Telemetry`](super::telemetry::Telemetry)).

use std::collections::VecDeque;

use pilotfish_protocol::extension::ListHash;
use pilotfish_protocol::{Answer, AnswerForm, CallId, Failure, FailureKind, Timestamp};

/// Most answers that wait.
const ANSWERS: usize = 256;
/// Most bytes of answers that wait; one answer alone may be larger (a log of 10 MB escapes to a little more).
const ANSWER_BYTES: usize = 12 * 1000 * 1000;
/// Most events that wait.
const EVENTS: usize = 1024;
/// Most bytes of events that wait.
const EVENT_BYTES: usize = 512 * 1024;
/// Most list changes that wait.
const LISTS: usize = 64;
/// Most bytes of list changes that wait; one list alone may be larger.
const LIST_BYTES: usize = 1024 * 1024;
/// Most subjects of which a sample waits.
const SUBJECTS: usize = 1024;

/// What a message is for: its order, and where its bytes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Heartbeats and reports.
    Upkeep,
    /// Answers to calls.
    Answers,
    /// What happened to containers.
    Events,
    /// Container lists.
    Lists,
    /// What was measured.
    Stats,
    /// What was spooled while there was no link.
    Spool,
}

/// A report of which only the latest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// How the host is measured.
    Collector,
    /// How often stats come.
    Cadence,
    /// What is missing from before the session.
    Coverage,
    /// What was sent so far.
    Spending,
}

/// The lanes between the agent and its socket.
#[derive(Debug, Default)]
pub struct Outbox {
    heartbeat: Option<String>,
    reports: Vec<(Report, String)>,
    answers: VecDeque<String>,
    answer_bytes: usize,
    events: VecDeque<String>,
    event_bytes: usize,
    lists: VecDeque<(ListHash, String)>,
    list_bytes: usize,
    /// What the server holds when it took every list that was handed over.
    handed: Option<ListHash>,
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

    /// Puts a change of the container list into its lane, after which the server holds `hash`; a full one takes the place of all that wait.
    pub fn push_list(&mut self, hash: ListHash, text: String, is_full: bool) {
        if !is_full && self.handed.is_none() && self.lists.is_empty() {
            // A change of what the server was not told: all of it is on its way.
            return;
        }
        let is_too_much = self.lists.len() >= LISTS || self.list_bytes + text.len() > LIST_BYTES;
        if is_full || (is_too_much && !self.lists.is_empty()) {
            self.lists.clear();
            self.list_bytes = 0;
            if !is_full {
                return;
            }
        }
        self.list_bytes += text.len();
        self.lists.push_back((hash, text));
    }

    /// The server holds these containers already.
    pub fn holds_list(&mut self, hash: ListHash) {
        self.handed = Some(hash);
    }

    /// What the server ought to hold when it has taken all that was handed over, `newest` being what is known here: not what still waits,
    /// but what was dropped. `None` before it was told anything.
    #[must_use]
    pub fn told_list(&self, newest: Option<ListHash>) -> Option<ListHash> {
        if self.lists.is_empty() {
            self.handed.and(newest)
        } else {
            self.handed
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

    /// Puts a report behind the heartbeat, in the place of an older one of its kind.
    pub fn put_report(&mut self, report: Report, text: String) {
        self.reports.retain(|(waiting, _)| *waiting != report);
        self.reports.push((report, text));
    }

    /// Tells whether a report of this kind waits.
    #[must_use]
    pub fn has_report(&self, report: Report) -> bool {
        self.reports.iter().any(|(waiting, _)| *waiting == report)
    }

    /// Takes the next message to send, with its lane; stats of the base dialect come last.
    pub fn pop(&mut self) -> Option<(Lane, String)> {
        if let Some(heartbeat) = self.heartbeat.take() {
            return Some((Lane::Upkeep, heartbeat));
        }
        if let Some(answer) = self.answers.pop_front() {
            self.answer_bytes -= answer.len();
            return Some((Lane::Answers, answer));
        }
        if !self.reports.is_empty() {
            return Some((Lane::Upkeep, self.reports.remove(0).1));
        }
        if let Some(event) = self.events.pop_front() {
            self.event_bytes -= event.len();
            return Some((Lane::Events, event));
        }
        if let Some((hash, list)) = self.lists.pop_front() {
            self.list_bytes -= list.len();
            self.handed = Some(hash);
            return Some((Lane::Lists, list));
        }
        let (_, stats) = self.stats.pop_front()?;
        Some((Lane::Stats, stats))
    }

    /// The session ended: its answers, lists and samples are of no use to the next one, its events are.
    pub fn session_ended(&mut self) {
        *self = Self {
            events: std::mem::take(&mut self.events),
            event_bytes: self.event_bytes,
            lost_events: self.lost_events,
            ..Self::default()
        };
    }

    /// Forgets the events that wait: they are kept elsewhere, too.
    pub fn forget_events(&mut self) {
        self.events = VecDeque::new();
        self.event_bytes = 0;
        self.lost_events = 0;
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
mod tests;
