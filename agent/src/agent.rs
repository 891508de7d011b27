//! Pure: the agent as a whole. Every cause of work is an [`Event`], everything it does is an [`Action`].
//!
//! The shell's tasks (dialer, socket, Engine, samplers, calls) send events into one loop; the loop hands each to
//! [`Agent::handle`] and carries out what [`Agent::poll_action`] gives back.

mod calls;
mod session;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use pilotfish_protocol::{
    AgentMessage, Answer, ContainerEvent, ContainerId, ContainerStats, EngineId, EngineState,
    HostStats, Text, Timestamp, Token,
};

use crate::command::Call;
use crate::command::desk::Desk;
use crate::logging::rate_gate::RateGate;
use crate::store::Enrolment;
use crate::uplink::credentials::Credentials;
use crate::uplink::machine::Uplink;
use crate::uplink::outbox::Outbox;
use crate::uplink::signals::Input;

/// How long an enrolled agent waits for its Engine before it dials, so that the registration tells what the Engine says.
const ENGINE_WAIT: Duration = Duration::from_secs(2);

/// Log lines about messages that make no sense, per [`ODD_PERIOD`]: a hostile server must not fill the card.
const ODD_MESSAGES: u32 = 5;
const ODD_PERIOD: Duration = Duration::from_secs(60);

/// Log lines about events that were dropped, per [`LOST_PERIOD`]: a busy container over a slow link loses some with each message.
const LOST_LINES: u32 = 1;
const LOST_PERIOD: Duration = Duration::from_secs(60);

/// Both clocks, read at the same time.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The monotonic clock: what deadlines are made of.
    pub at: Instant,
    /// The wall clock: what messages carry.
    pub wall: Timestamp,
}

/// Counts the connections to the server, so that what is left of an old one is recognised.
pub type ConnectionNumber = u64;

/// A cause of work.
#[derive(Debug)]
pub enum Event {
    /// Something happened to connection `number` to the server.
    Uplink {
        /// Which connection.
        number: ConnectionNumber,
        /// What happened.
        input: Input,
    },
    /// The network has taken the message handed to connection `number`.
    Sent {
        /// Which connection.
        number: ConnectionNumber,
    },
    /// The enrolment that connection `number` brought is durable, or could not be made so and why.
    Kept {
        /// Which connection.
        number: ConnectionNumber,
        /// Why it is not durable.
        outcome: Result<(), String>,
    },
    /// The Engine is up, and said what it is.
    EngineUp {
        /// Its id.
        id: EngineId,
        /// Its version.
        version: String,
    },
    /// The Engine told which containers may be the agent's own, where what the agent sees by itself may point at another one.
    OwnContainers(Vec<ContainerId>),
    /// The Engine is down.
    EngineDown {
        /// Why, for a person.
        why: String,
    },
    /// Something happened to a container.
    Container(ContainerEvent),
    /// A sample of the host was taken.
    HostSample(HostStats),
    /// A sample of a container was taken.
    ContainerSample(ContainerStats),
    /// A call is done.
    CallDone {
        /// The connection that asked.
        number: ConnectionNumber,
        /// What to answer.
        answer: Answer,
    },
    /// The program is told to end.
    Stop,
    /// The deadline passed.
    Timeout,
}

/// Something for the shell to do.
#[derive(Debug)]
pub enum Action {
    /// Dial the server; what happens is told under `number`.
    Dial {
        /// Which connection it will be.
        number: ConnectionNumber,
    },
    /// Send the `register` message with this token, for this Engine.
    Register {
        /// The token to present.
        token: Token,
        /// The Engine to register for.
        engine_id: EngineId,
    },
    /// Hand a message to the network; [`Event::Sent`] follows.
    Send(String),
    /// Send a WebSocket ping.
    Ping,
    /// Close the connection with this code, and forget it.
    Hangup(u16),
    /// Forget the connection, whatever it is doing.
    Drop,
    /// Make the enrolment durable; [`Event::Kept`] follows.
    Keep {
        /// The connection that brought it.
        number: ConnectionNumber,
        /// What to keep.
        enrolment: Enrolment,
    },
    /// Carry a call out; [`Event::CallDone`] follows.
    Run(Call),
    /// Take samples of host and containers, or stop doing so.
    Sample(bool),
    /// End the program.
    Exit,
}

/// What the agent knows of its Engine.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Engine {
    Unknown,
    Up { version: String },
    Down { why: String },
}

/// The agent: link, tokens, outbox, calls, and what is known of the Engine.
#[derive(Debug)]
pub struct Agent {
    uplink: Uplink,
    credentials: Credentials,
    enrolment: Option<Enrolment>,
    /// The Engine to register for: the enrolled one until another one answers.
    engine_id: Option<EngineId>,
    engine: Engine,
    /// The container the agent runs in; more than one when it may be either.
    own_containers: Vec<ContainerId>,
    /// The id to register with when no Engine is heard.
    stand_in: Option<EngineId>,
    /// For log lines that the server can cause.
    odd_messages: RateGate,
    /// For log lines about dropped events.
    lost_events: RateGate,
    desk: Desk<Call>,
    outbox: Outbox,
    number: ConnectionNumber,
    /// When an enrolled agent dials although the Engine has not been heard: the server can be told even that it is down.
    dial_by: Option<Instant>,
    /// A message was handed to the network and not taken yet.
    is_sending: bool,
    /// The connection whose enrolment is not durable yet.
    unkept: Option<ConnectionNumber>,
    /// An enrolment waits to be tried again, because it could not be made durable.
    keep_again_at: Option<Instant>,
    actions: VecDeque<Action>,
}

impl Agent {
    /// An agent that knows its tokens and, when it has been enrolled before, its Engine.
    #[must_use]
    pub fn new(
        uplink: Uplink,
        credentials: Credentials,
        enrolment: Option<Enrolment>,
        own_container: Option<ContainerId>,
        now: Now,
    ) -> Self {
        let engine_id = enrolment
            .as_ref()
            .map(|enrolment| enrolment.engine_id.clone());
        Self {
            dial_by: engine_id.is_some().then(|| now.at + ENGINE_WAIT),
            uplink,
            credentials,
            enrolment,
            engine_id,
            engine: Engine::Unknown,
            own_containers: own_container.into_iter().collect(),
            stand_in: None,
            odd_messages: RateGate::new(ODD_MESSAGES, ODD_PERIOD),
            lost_events: RateGate::new(LOST_LINES, LOST_PERIOD),
            desk: Desk::default(),
            outbox: Outbox::default(),
            number: 0,
            is_sending: false,
            unkept: None,
            keep_again_at: None,
            actions: VecDeque::new(),
        }
    }

    /// Registers with `stand_in` when no Engine is heard and none was enrolled. Only a Pilotfish server lets the Engine's own id
    /// take its place later.
    #[must_use]
    pub fn without_engine(mut self, stand_in: EngineId, now: Now) -> Self {
        self.stand_in = Some(stand_in);
        self.dial_by = Some(now.at + ENGINE_WAIT);
        self
    }

    /// Takes note of an event.
    pub fn handle(&mut self, event: Event, now: Now) {
        match event {
            Event::Uplink { number, input } => {
                if number == self.number {
                    self.drive_uplink(input, now);
                }
            }
            Event::Sent { number } => {
                if number == self.number {
                    self.is_sending = false;
                }
            }
            Event::Kept { number, outcome } => {
                // An enrolment that a newer one took the place of does not matter any more.
                if self.unkept == Some(number) {
                    self.kept(outcome, now);
                }
            }
            Event::EngineUp { id, version } => self.engine_up(id, version, now),
            Event::EngineDown { why } => self.engine_down(why, now),
            Event::OwnContainers(own) => self.own_containers = own,
            Event::Container(event) => {
                self.outbox
                    .push_event(AgentMessage::ContainerEvent(event).encode(now.wall));
            }
            Event::HostSample(stats) => {
                if self.uplink.is_open() {
                    self.outbox
                        .push_stats("", AgentMessage::HostStats(stats).encode(now.wall));
                }
            }
            Event::ContainerSample(stats) => {
                if self.uplink.is_open() {
                    let id = stats.container_id.clone();
                    self.outbox.push_stats(
                        id.as_str(),
                        AgentMessage::ContainerStats(stats).encode(now.wall),
                    );
                }
            }
            Event::CallDone { number, answer } => self.call_done(number, &answer, now),
            Event::Stop => self.drive_uplink(Input::Stop, now),
            Event::Timeout => self.timeout(now),
        }
        self.pump(now);
    }

    /// Takes the next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Event::Timeout`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        [self.uplink.deadline(), self.keep_again_at, self.dial_by]
            .into_iter()
            .flatten()
            .min()
    }

    fn timeout(&mut self, now: Now) {
        if self.keep_again_at.is_some_and(|at| now.at >= at) {
            self.keep_again_at = None;
            if let (Some(number), Some(enrolment)) = (self.unkept, self.enrolment.clone()) {
                self.actions.push_back(Action::Keep { number, enrolment });
            }
        }
        if self.dial_by.is_some_and(|at| now.at >= at) {
            self.enable(now);
        }
        self.drive_uplink(Input::Timeout, now);
    }

    /// Begins to dial, once it is known which Engine to register for.
    fn enable(&mut self, now: Now) {
        self.dial_by = None;
        if self.engine_id.is_none() {
            self.engine_id = self.stand_in.take();
        }
        if self.engine_id.is_some() {
            self.drive_uplink(Input::Enable, now);
        }
    }

    fn engine_up(&mut self, id: EngineId, version: String, now: Now) {
        let up = Engine::Up { version };
        let is_news = self.engine != up || self.engine_id.as_ref() != Some(&id);
        if !is_news {
            return;
        }
        if let Engine::Up { version } = &up {
            log::info!("Engine {version} is up");
        }
        self.engine = up;
        if let Some(known) = self.engine_id.replace(id.clone())
            && known != id
        {
            log::warn!("Engine {id} answers where {known} was: registering for it");
            self.drive_uplink(Input::Disable, now);
        }
        self.enable(now);
        self.tell_engine(now);
    }

    fn engine_down(&mut self, why: String, now: Now) {
        if self.engine_id.is_none() && self.stand_in.is_none() {
            log::warn!(
                "Engine is down: {why}; the first registration waits for it, since it needs the Engine's id"
            );
        } else {
            log::warn!("Engine is down: {why}");
        }
        self.engine = Engine::Down { why };
        self.enable(now);
        self.tell_engine(now);
        self.tell_trouble(now);
    }

    /// How the Engine is, for a heartbeat.
    fn engine_state(&self) -> Option<EngineState> {
        match &self.engine {
            Engine::Unknown => None,
            Engine::Up { version } => Some(EngineState::Up {
                version: Text::cut_if_any(version),
            }),
            Engine::Down { why } => Some(EngineState::Down {
                why: Text::cut(why),
            }),
        }
    }

    /// Hands the next message to the network when that took the last one.
    fn pump(&mut self, now: Now) {
        if self.is_sending || !self.uplink.is_open() {
            return;
        }
        if self.outbox.has_lost_events() && self.lost_events.allow(now.at).is_some() {
            let lost_events = self.outbox.take_lost_events();
            log::warn!("{lost_events} events were dropped while the link was down or slow");
        }
        if let Some(message) = self.outbox.pop() {
            self.is_sending = true;
            self.actions.push_back(Action::Send(message.1));
        }
    }
}

#[cfg(test)]
mod tests;
