//! Pure: the agent as a whole. Every cause of work is an [`Event`], everything it does is an [`Action`].
//!
//! The shell's tasks (dialer, socket, Engine, samplers, calls) send events into one loop; the loop hands each to
//! [`Agent::handle`] and carries out what [`Agent::poll_action`] gives back.

mod calls;
mod coverage;
mod exchange;
mod session;
mod spending;
mod spooling;
mod stats;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use pilotfish_protocol::extension::{CollectorReport, ListHash};
use pilotfish_protocol::{ContainerId, EngineId, EngineState, Text};

use crate::command::Call;
use crate::command::desk::Desk;
use crate::logging::rate_gate::RateGate;
use crate::spool::Spool;
use crate::store::Enrolment;
use crate::uplink::budget::Budget;
use crate::uplink::credentials::Credentials;
use crate::uplink::machine::Uplink;
use crate::uplink::outbox::{Lane, Outbox};
use crate::uplink::signals::Input;
use coverage::Missed;
pub use exchange::{Action, ConnectionNumber, Event, Keeping, Message, Now};
use spending::Told;
use stats::Stats;

/// How long an enrolled agent waits for its Engine before it dials, so that the registration tells what the Engine says.
const ENGINE_WAIT: Duration = Duration::from_secs(2);

/// Log lines about messages that make no sense, per [`ODD_PERIOD`]: a hostile server must not fill the card.
const ODD_MESSAGES: u32 = 5;
const ODD_PERIOD: Duration = Duration::from_secs(60);

/// Log lines about events that were dropped, per [`LOST_PERIOD`]: a busy container over a slow link loses some with each message.
const LOST_LINES: u32 = 1;
const LOST_PERIOD: Duration = Duration::from_secs(60);

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
    /// For log lines about how often is measured, which the server can cause.
    slowed: RateGate,
    /// For log lines about dropped events.
    lost_events: RateGate,
    desk: Desk<Call>,
    outbox: Outbox,
    stats: Stats,
    /// The containers that are known, as soon as they were listed.
    list: Option<ListHash>,
    collector: Option<CollectorReport>,
    missed: Missed,
    spool: Spool,
    /// The last session took a spool, so events need not wait in the outbox without one.
    is_spool_known: bool,
    budget: Budget,
    told: Told,
    /// When the last event was handled.
    handled: Now,
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
        keeping: Keeping,
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
            slowed: RateGate::new(ODD_MESSAGES, ODD_PERIOD),
            lost_events: RateGate::new(LOST_LINES, LOST_PERIOD),
            desk: Desk::default(),
            outbox: Outbox::default(),
            stats: Stats::new(),
            list: None,
            collector: None,
            missed: Missed::default(),
            spool: keeping.spool,
            is_spool_known: false,
            budget: keeping.budget,
            told: Told::default(),
            handled: now,
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
        self.handled = now;
        match event {
            Event::Uplink { number, input } => {
                if number == self.number {
                    self.drive_uplink(input, now);
                }
            }
            Event::Sent { number, traffic } => {
                self.budget.on_socket(traffic);
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
            Event::Container(event) => self.tell_event(event, now),
            Event::EventsMissing(gap) => self.events_missing(gap, now),
            Event::Recalled { events, gap } => self.recalled(events, gap, now),
            Event::Tick(tick) => self.ticked(tick, now),
            Event::Collector(report) => self.measured_so(report),
            Event::Listed { hash, change } => self.listed(hash, change),
            Event::SpoolRead(rows) => self.spool_read(rows),
            Event::SpoolKept { is_done } => self.spool.committed(is_done),
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
        let deadlines = [
            self.uplink.deadline(),
            self.keep_again_at,
            self.dial_by,
            self.spool_deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// How often host and containers are to be measured, until an [`Action::Measure`] says otherwise.
    #[must_use]
    pub fn measures_every(&self) -> Duration {
        self.stats.every()
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
        self.commit_spool(now);
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
    fn engine_state(&self, has_detail: bool) -> Option<EngineState> {
        match &self.engine {
            Engine::Unknown => None,
            Engine::Up { version } => Some(EngineState::Up {
                version: Text::cut_if_any(version).filter(|_| has_detail),
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
            self.events_lost(lost_events, now);
        }
        if let Some((lane, message)) = self.next_message(now) {
            self.budget.spent(lane, message.len());
            self.is_sending = true;
            self.actions.push_back(Action::Send(message));
        }
    }

    fn next_message(&mut self, now: Now) -> Option<(Lane, Message)> {
        if let Some((lane, text)) = self.outbox.pop() {
            return Some((lane, Message::Text(text)));
        }
        if let Some(frame) = self.stats.next_frame() {
            return Some((Lane::Stats, Message::Binary(frame)));
        }
        Some((Lane::Spool, self.next_batch(now)?))
    }
}

#[cfg(test)]
mod tests;
