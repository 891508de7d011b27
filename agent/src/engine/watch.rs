//! Pure: whether the Engine is there, and what to do about it.
//!
//! A Unix socket accepts connections of a stopped Engine and of one that hangs, so only an answer counts. While the Engine is up its
//! event stream is open; a quiet one proves nothing, so the Engine is asked every [`ASK_EVERY`] unless another call proved it alive.
//! A hung Engine is noticed after at most [`ASK_EVERY`] and the deadline of the question (5 s).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long an Engine that is up may go without an answer before it is asked.
pub const ASK_EVERY: Duration = Duration::from_secs(20);
/// The wait before the second question to an Engine that is down; it doubles from there.
pub const RETRY_FIRST: Duration = Duration::from_secs(1);
/// The longest wait between questions to an Engine that is down: a question that nobody answers costs next to nothing.
pub const RETRY_MOST: Duration = Duration::from_secs(10);
/// The shortest time between two openings of the event stream; it doubles while streams end sooner than it.
const REOPEN_FIRST: Duration = Duration::from_secs(1);
/// The longest time between two openings: an Engine, or a proxy before it, may refuse events for good.
const REOPEN_MOST: Duration = Duration::from_secs(60);

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The question put last was answered.
    Answered,
    /// The question put last was not answered, and why.
    Failed {
        /// The reason, for a person.
        why: String,
    },
    /// Another call was answered.
    CallAnswered,
    /// Another call could not reach the Engine or was not answered in time.
    CallFailed,
    /// The event stream could not be opened, broke, or was ended by the Engine.
    EventsEnded,
    /// [`Watch::deadline`] has come.
    Timeout,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Ask the Engine's version, since it may be another Engine than before; answer with [`Input::Answered`] or [`Input::Failed`].
    Negotiate,
    /// Ask the Engine whether it is there; answer with [`Input::Answered`] or [`Input::Failed`].
    Ping,
    /// Open the event stream where it was left off; answer with [`Input::EventsEnded`] when it does not open or does not last.
    OpenEvents,
    /// Close the event stream: nobody will answer on it.
    CloseEvents,
    /// The Engine is up. Said once per change, and again when an event stream that had lasted ended and the Engine answers: where
    /// systemd holds the socket, that is all that is seen of a restart, and another Engine may answer now.
    ReportUp,
    /// The Engine is down. Said once per change.
    ReportDown {
        /// The reason, for a person.
        why: String,
    },
}

/// The watch over one Engine.
#[derive(Debug)]
pub struct Watch {
    state: State,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum State {
    /// The first question has not been answered.
    Unknown,
    Up {
        ask_at: Instant,
        is_asked: bool,
        events: Events,
    },
    Down {
        retry_at: Instant,
        /// The wait after the next failure.
        wait: Duration,
        is_asked: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Events {
    /// Open since, and to last as long as `wait`.
    Open { opened_at: Instant, wait: Duration },
    /// Ended; to be opened again when the question about the Engine is answered, but not before.
    Closed {
        reopen_at: Instant,
        /// How long the next stream is to last.
        wait: Duration,
        had_lasted: bool,
    },
}

impl Watch {
    /// A watch over an Engine of which nothing is known; the first output asks it.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: State::Unknown,
            outputs: VecDeque::from([Output::Negotiate]),
        }
    }

    /// What is to be done next; ask until there is nothing.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to say [`Input::Timeout`]; `None` while an answer is awaited.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Unknown
            | State::Up { is_asked: true, .. }
            | State::Down { is_asked: true, .. } => None,
            State::Up {
                ask_at,
                events: Events::Open { .. },
                ..
            } => Some(ask_at),
            State::Up {
                ask_at,
                events: Events::Closed { reopen_at, .. },
                ..
            } => Some(ask_at.min(reopen_at)),
            State::Down { retry_at, .. } => Some(retry_at),
        }
    }

    /// Takes what happened.
    pub fn handle(&mut self, input: Input, now: Instant) {
        match input {
            Input::Answered => self.answered(now),
            Input::Failed { why } => self.failed(why, now),
            Input::CallAnswered => self.call_answered(now),
            Input::CallFailed => self.ask(Output::Ping),
            Input::EventsEnded => self.events_ended(now),
            Input::Timeout => self.timeout(now),
        }
    }

    fn answered(&mut self, now: Instant) {
        match &mut self.state {
            State::Unknown | State::Down { .. } => {
                self.state = State::Up {
                    ask_at: now + ASK_EVERY,
                    is_asked: false,
                    events: Events::Open {
                        opened_at: now,
                        wait: REOPEN_FIRST,
                    },
                };
                self.outputs.extend([Output::ReportUp, Output::OpenEvents]);
            }
            State::Up {
                ask_at,
                is_asked,
                events,
            } => {
                *ask_at = now + ASK_EVERY;
                *is_asked = false;
                if let Events::Closed {
                    reopen_at,
                    wait,
                    had_lasted,
                } = *events
                    && reopen_at <= now
                {
                    *events = Events::Open {
                        opened_at: now,
                        wait,
                    };
                    self.outputs.extend(had_lasted.then_some(Output::ReportUp));
                    self.outputs.push_back(Output::OpenEvents);
                }
            }
        }
    }

    fn failed(&mut self, why: String, now: Instant) {
        let wait = match &self.state {
            State::Unknown => {
                self.outputs.push_back(Output::ReportDown { why });
                RETRY_FIRST
            }
            State::Up { events, .. } => {
                if matches!(events, Events::Open { .. }) {
                    self.outputs.push_back(Output::CloseEvents);
                }
                self.outputs.push_back(Output::ReportDown { why });
                RETRY_FIRST
            }
            State::Down { wait, .. } => *wait,
        };
        self.state = State::Down {
            retry_at: now + wait,
            wait: (wait * 2).min(RETRY_MOST),
            is_asked: false,
        };
    }

    fn call_answered(&mut self, now: Instant) {
        match &mut self.state {
            State::Unknown => {}
            State::Up { ask_at, .. } => *ask_at = now + ASK_EVERY,
            // Somebody reached it before the next question was due.
            State::Down { .. } => self.ask(Output::Negotiate),
        }
    }

    fn events_ended(&mut self, now: Instant) {
        let State::Up { events, .. } = &mut self.state else {
            return;
        };
        let Events::Open { opened_at, wait } = *events else {
            return;
        };
        // A stream that lasted is opened again at once.
        let reopen_at = now.max(opened_at + wait);
        let had_lasted = reopen_at == now;
        let next_wait = if had_lasted { REOPEN_FIRST } else { wait * 2 };
        *events = Events::Closed {
            reopen_at,
            wait: next_wait.min(REOPEN_MOST),
            had_lasted,
        };
        self.ask(Output::Negotiate);
    }

    fn timeout(&mut self, now: Instant) {
        match &self.state {
            State::Unknown => {}
            State::Up { ask_at, events, .. } => match events {
                Events::Closed { reopen_at, .. } if *reopen_at <= now => {
                    self.ask(Output::Negotiate)
                }
                Events::Open { .. } | Events::Closed { .. } if *ask_at <= now => {
                    self.ask(Output::Ping)
                }
                Events::Open { .. } | Events::Closed { .. } => {}
            },
            State::Down { retry_at, .. } if *retry_at <= now => self.ask(Output::Negotiate),
            State::Down { .. } => {}
        }
    }

    /// Asks the Engine unless a question is open.
    fn ask(&mut self, question: Output) {
        match &mut self.state {
            State::Unknown => {}
            State::Up { is_asked, .. } => {
                if !std::mem::replace(is_asked, true) {
                    self.outputs.push_back(question);
                }
            }
            // A ping would leave the version unknown.
            State::Down { is_asked, .. } => {
                if question == Output::Negotiate && !std::mem::replace(is_asked, true) {
                    self.outputs.push_back(Output::Negotiate);
                }
            }
        }
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
