//! Pure: the link to the server as a state machine.
//!
//! ```text
//! Idle → Waiting → Dialing → Registering → Keeping → Open
//!           ▲________|___________|____________|_________|     (every loss waits for a delay of the back-off)
//! any → Closing → Ended
//! ```
//!
//! Inputs come from the shell's dialer and socket; outputs tell the shell what to do. Time and randomness are arguments.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use pilotfish_protocol::{AuthAnswer, limits};

use super::backoff::Backoff;
use super::liveness::{Liveness, Pace};
use super::signals::{Input, Message, Output};

/// How long dialing may take in all: name, TCP, TLS and WebSocket handshake.
const DIAL_WAIT: Duration = Duration::from_secs(30);
/// How long a close frame may take to be answered.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// Most messages, and most bytes of them, held until the enrolment is durable; what comes beyond is lost, and its sender's call runs late.
const HELD: usize = 64;
const HELD_BYTES: usize = 64 * 1024;

/// The close reason of a server that let another connection of this agent in.
const REPLACED: &str = "New connection established";

#[derive(Debug)]
enum State {
    Idle,
    Waiting {
        redial_at: Instant,
    },
    Dialing {
        give_up_at: Instant,
    },
    Registering {
        give_up_at: Instant,
    },
    Keeping {
        alive: Liveness,
        /// Messages that came before the enrolment was durable; they are delivered when it is.
        held: Vec<String>,
    },
    Open {
        alive: Liveness,
        heartbeat_at: Instant,
        proven_at: Instant,
    },
    Closing {
        give_up_at: Instant,
    },
    Ended,
}

/// The link to the server.
#[derive(Debug)]
pub struct Uplink {
    state: State,
    backoff: Backoff,
    /// A session that stood this long makes the back-off forget its failures.
    proven_after: Duration,
    outputs: VecDeque<Output>,
}

impl Uplink {
    /// Starts idle. `proven_after` is how long a session has to stand to count as good.
    #[must_use]
    pub fn new(backoff: Backoff, proven_after: Duration) -> Self {
        Self {
            state: State::Idle,
            backoff,
            proven_after,
            outputs: VecDeque::new(),
        }
    }

    /// Takes note of what happened.
    pub fn handle(&mut self, input: Input, now: Instant) {
        match input {
            Input::Enable => {
                if let State::Idle = self.state {
                    self.dial(now);
                }
            }
            Input::Disable => self.disable(),
            Input::Dialed => {
                if let State::Dialing { .. } = self.state {
                    self.state = State::Registering {
                        give_up_at: now + limits::AUTH_ANSWER_WAIT,
                    };
                    self.outputs.push_back(Output::Register);
                }
            }
            Input::DialFailed { why } => {
                if let State::Dialing { .. } = self.state {
                    self.lose(why, false, now);
                }
            }
            Input::Received(Message(text)) => self.received(text, now),
            Input::Heard => self.heard(now),
            Input::Kept => self.kept(now),
            Input::Closed { code, reason } => self.closed(code, &reason, now),
            Input::Broken { why } => self.broken(why, now),
            Input::Rejected { code, why } => {
                if self.is_connected() {
                    self.outputs.push_back(Output::Hangup { code });
                }
                self.broken(why, now);
            }
            Input::Stop => self.stop(now),
            Input::Timeout => self.timeout(now),
        }
    }

    /// Takes the next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timeout`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Idle | State::Ended => None,
            State::Waiting { redial_at } => Some(*redial_at),
            State::Dialing { give_up_at }
            | State::Registering { give_up_at }
            | State::Closing { give_up_at } => Some(*give_up_at),
            State::Keeping { alive, .. } => Some(alive.ping_at.min(alive.give_up_at())),
            State::Open {
                alive,
                heartbeat_at,
                ..
            } => Some(alive.ping_at.min(alive.give_up_at()).min(*heartbeat_at)),
        }
    }

    /// Tells whether a session stands, so that messages can be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Redials at once instead of waiting out the back-off: another token is worth trying.
    pub fn redial_now(&mut self, now: Instant) {
        if let State::Waiting { redial_at } = &mut self.state {
            *redial_at = now;
        }
    }

    fn dial(&mut self, now: Instant) {
        self.state = State::Dialing {
            give_up_at: now + DIAL_WAIT,
        };
        self.outputs.push_back(Output::Dial);
    }

    fn received(&mut self, text: String, now: Instant) {
        self.heard(now);
        match &mut self.state {
            State::Registering { .. } => self.answered(&text, now),
            State::Open { .. } => self.outputs.push_back(Output::Deliver(text)),
            State::Keeping { held, .. } => {
                let held_bytes: usize = held.iter().map(String::len).sum();
                if held.len() < HELD && held_bytes + text.len() <= HELD_BYTES {
                    held.push(text);
                }
            }
            State::Idle
            | State::Waiting { .. }
            | State::Dialing { .. }
            | State::Closing { .. }
            | State::Ended => {}
        }
    }

    /// The first message after `register` is its answer, whatever it is.
    fn answered(&mut self, text: &str, now: Instant) {
        match AuthAnswer::decode(text) {
            Ok(AuthAnswer::Success(success)) => {
                let pace = success.pilotfish.as_ref().map_or(Pace::BASE, Pace::agreed);
                self.state = State::Keeping {
                    alive: Liveness::heard(pace, now),
                    held: Vec::new(),
                };
                self.outputs.push_back(Output::Keep(success));
            }
            Ok(AuthAnswer::Refused { refusal, error }) => {
                let why = format!("registration refused: {error}");
                self.outputs.push_back(Output::Hangup { code: 1000 });
                self.lose(why, false, now);
                self.outputs.push_back(Output::Refused { refusal, error });
            }
            Err(error) => {
                self.outputs.push_back(Output::Hangup { code: 1002 });
                self.lose(
                    format!("registration answered with something else: {error}"),
                    false,
                    now,
                );
            }
        }
    }

    fn heard(&mut self, now: Instant) {
        if let State::Keeping { alive, .. } | State::Open { alive, .. } = &mut self.state {
            *alive = Liveness::heard(alive.pace, now);
        }
    }

    fn kept(&mut self, now: Instant) {
        let State::Keeping { alive, held } = &mut self.state else {
            return;
        };
        let (alive, held) = (*alive, std::mem::take(held));
        self.state = State::Open {
            alive,
            heartbeat_at: now + alive.pace.heartbeat,
            proven_at: now + self.proven_after,
        };
        self.outputs.push_back(Output::Opened);
        self.outputs.extend(held.into_iter().map(Output::Deliver));
    }

    fn closed(&mut self, code: Option<u16>, reason: &str, now: Instant) {
        if let State::Closing { .. } = self.state {
            self.end();
        } else if code == Some(1000) && reason == REPLACED && self.is_connected() {
            let delay = self.backoff.after_replacement();
            let why = "another agent with the same identity took this place".to_owned();
            self.wait(why, delay, now);
        } else {
            let code = code.map_or_else(|| "no code".to_owned(), |code| code.to_string());
            self.broken(
                format!("server closed the connection ({code} {reason})"),
                now,
            );
        }
    }

    fn broken(&mut self, why: String, now: Instant) {
        match &self.state {
            State::Registering { .. } | State::Keeping { .. } => self.lose(why, false, now),
            State::Open { .. } => self.lose(why, true, now),
            State::Closing { .. } => self.end(),
            // A connection that was given up already.
            State::Idle | State::Waiting { .. } | State::Dialing { .. } | State::Ended => {}
        }
    }

    fn lose(&mut self, why: String, was_open: bool, now: Instant) {
        if let State::Open { proven_at, .. } = self.state
            && now >= proven_at
        {
            self.backoff.forget_failures();
        }
        debug_assert_eq!(was_open, self.is_open());
        let delay = self.backoff.after_failure();
        self.wait(why, delay, now);
    }

    fn wait(&mut self, why: String, delay: Duration, now: Instant) {
        let was_open = self.is_open();
        self.state = State::Waiting {
            redial_at: now + delay,
        };
        self.outputs.push_back(Output::Lost {
            why,
            was_open,
            redial_after: delay,
        });
    }

    fn is_connected(&self) -> bool {
        match self.state {
            State::Registering { .. } | State::Keeping { .. } | State::Open { .. } => true,
            State::Idle
            | State::Waiting { .. }
            | State::Dialing { .. }
            | State::Closing { .. }
            | State::Ended => false,
        }
    }

    fn disable(&mut self) {
        let was_open = self.is_open();
        match self.state {
            State::Closing { .. } | State::Ended | State::Idle => return,
            State::Dialing { .. }
            | State::Registering { .. }
            | State::Keeping { .. }
            | State::Open { .. } => {
                self.outputs.push_back(Output::Hangup { code: 1000 });
            }
            State::Waiting { .. } => {}
        }
        self.state = State::Idle;
        if was_open {
            let why = "the Engine is another one now".to_owned();
            self.outputs.push_back(Output::Lost {
                why,
                was_open,
                redial_after: Duration::ZERO,
            });
        }
    }

    fn stop(&mut self, now: Instant) {
        if self.is_connected() {
            self.state = State::Closing {
                give_up_at: now + CLOSE_WAIT,
            };
            self.outputs.push_back(Output::Hangup { code: 1000 });
        } else if !matches!(self.state, State::Closing { .. }) {
            self.end();
        }
    }

    fn end(&mut self) {
        if !matches!(self.state, State::Ended) {
            self.state = State::Ended;
            self.outputs.push_back(Output::Ended);
        }
    }

    fn timeout(&mut self, now: Instant) {
        match &mut self.state {
            State::Waiting { redial_at } if now >= *redial_at => self.dial(now),
            State::Dialing { give_up_at } if now >= *give_up_at => {
                self.outputs.push_back(Output::Hangup { code: 1000 });
                self.lose(format!("no connection within {DIAL_WAIT:?}"), false, now);
            }
            State::Registering { give_up_at } if now >= *give_up_at => {
                self.outputs.push_back(Output::Hangup { code: 1002 });
                self.lose(
                    format!(
                        "registration not answered within {:?}",
                        limits::AUTH_ANSWER_WAIT
                    ),
                    false,
                    now,
                );
            }
            State::Closing { give_up_at } if now >= *give_up_at => self.end(),
            State::Keeping { alive, .. } | State::Open { alive, .. }
                if now >= alive.give_up_at() =>
            {
                let give_up_after = alive.pace.give_up_after;
                let was_open = self.is_open();
                self.outputs.push_back(Output::Hangup { code: 1001 });
                self.lose(
                    format!("server not heard for {give_up_after:?}"),
                    was_open,
                    now,
                );
            }
            State::Keeping { alive, .. } => self
                .outputs
                .extend(alive.is_ping_due(now).then_some(Output::Ping)),
            State::Open {
                alive,
                heartbeat_at,
                ..
            } => {
                self.outputs
                    .extend(alive.is_ping_due(now).then_some(Output::Ping));
                if now >= *heartbeat_at {
                    *heartbeat_at = now + alive.pace.heartbeat;
                    self.outputs.push_back(Output::Heartbeat);
                }
            }
            // A timeout of a state that was left already.
            State::Idle
            | State::Waiting { .. }
            | State::Dialing { .. }
            | State::Registering { .. }
            | State::Closing { .. }
            | State::Ended => {}
        }
    }
}

#[cfg(test)]
mod tests;
