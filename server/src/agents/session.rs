//! Pure: one authenticated session as a machine: what is sent when, what counts as gone, which call waits for what.
//!
//! Feed it what happens, carry out what [`Session::poll_output`] gives, and call [`Session::handle`] with [`Input::Time`] at
//! [`Session::deadline`].

pub mod allowance;
mod answers;
pub mod exchange;
mod extended;
mod extra;
mod lists;
pub mod rhythm;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use pilotfish_protocol::{
    AgentMessage, CallId, EngineState, Heartbeat, Operation, OperationKind, ServerMessage, Text,
    Trouble,
};

use crate::agents::calls::{self, Calls};
use crate::agents::session::allowance::{Allowance, Verdict};
use crate::agents::session::exchange::{CallError, Dialect, Ending, Input, Output, Pace, Report};
use crate::agents::session::extended::Extended;
use crate::agents::session::lists::Lists;
use crate::telemetry::notable::notable;

/// What a call waits for.
#[derive(Debug)]
enum Purpose<W> {
    /// The regular list.
    List,
    /// Somebody's operation.
    Operation(W),
}

/// One session.
#[derive(Debug)]
pub struct Session<W> {
    pace: Pace,
    is_ours: bool,
    /// Present in a session that agreed to the extension.
    extended: Option<Extended>,
    lists: Lists,
    heard_at: Instant,
    ping_at: Instant,
    /// Containers that ought to have stats, and since when none came.
    stats: StatsWatch,
    /// What it may tell of events and trouble.
    allowance: Allowance,
    /// How often it may tell how its Engine is; apart, so that a restart loop does not hide that.
    engine_allowance: Allowance,
    /// How often it may tell changes and reports of the extension.
    extra_allowance: Allowance,
    calls: Calls<Purpose<W>>,
    outputs: VecDeque<Output<W>>,
    is_over: bool,
}

#[derive(Debug, Clone, Copy)]
struct StatsWatch {
    is_any_running: bool,
    quiet_since: Instant,
    /// Not before this time is the agent made to reconnect.
    not_before: Instant,
}

impl<W> Session<W> {
    /// A session that was authenticated at `now`.
    ///
    /// `random` makes the ids of its own calls; `not_before` is when a DockMon agent that lost its streams may be made to reconnect.
    pub fn new(
        pace: Pace,
        dialect: Dialect,
        random: [u8; 16],
        not_before: Instant,
        now: Instant,
    ) -> Self {
        let (is_ours, extended) = match dialect {
            Dialect::DockMon => (false, None),
            Dialect::Heartbeats => (true, None),
            Dialect::Extension { rhythm, held } => (true, Some(Extended::new(rhythm, held))),
        };
        let ping = extended.as_ref().map_or(pace.ping, Extended::ping_after);
        Self {
            pace,
            is_ours,
            lists: Lists::new(pace, extended.is_none(), random, now),
            extended,
            heard_at: now,
            ping_at: now + ping,
            stats: StatsWatch {
                is_any_running: false,
                quiet_since: now,
                not_before,
            },
            allowance: Allowance::new(now),
            engine_allowance: Allowance::new(now),
            extra_allowance: Allowance::new(now),
            calls: Calls::default(),
            outputs: VecDeque::new(),
            is_over: false,
        }
    }

    /// Takes what happened at `now`.
    pub fn handle(&mut self, input: Input<W>, now: Instant) {
        match input {
            Input::Heard(at) => self.heard_at = self.heard_at.max(at),
            Input::Message(message) => self.message(message, now),
            Input::Call {
                id,
                operation,
                waiter,
            } => self.call(id, operation, waiter, now),
            Input::Watched(is_watched) => match &mut self.extended {
                Some(extended) => extended.watched(is_watched, now),
                None => self.lists.watched(is_watched, now),
            },
            Input::Pinged => self.said_something(now),
            Input::Frame { is_usable } => {
                let extended = self.extended.as_mut();
                let extra = extended.and_then(|extended| extended.frame(is_usable, now));
                self.say(extra, now);
            }
            Input::Time => {}
        }
        self.time(now);
    }

    /// Gives the next thing to do.
    pub fn poll_output(&mut self) -> Option<Output<W>> {
        self.outputs.pop_front()
    }

    /// Tells when [`Input::Time`] is wanted.
    pub fn deadline(&self) -> Instant {
        let times = [
            Some(self.heard_at + self.silence()),
            Some(self.ping_at),
            self.extended.as_ref().and_then(Extended::deadline),
            self.lists.due_at(),
            self.calls.next_deadline(),
            self.streams_lost_at(),
        ];
        times.into_iter().flatten().min().unwrap_or(self.ping_at)
    }

    /// Ends the session: gives all who wait. Nothing is answered after it.
    pub fn end(&mut self) -> Vec<W> {
        self.is_over = true;
        let waiters = self.calls.end().into_iter();
        waiters
            .filter_map(|purpose| match purpose {
                Purpose::List => None,
                Purpose::Operation(waiter) => Some(waiter),
            })
            .collect()
    }

    fn time(&mut self, now: Instant) {
        if self.is_over {
            return;
        }
        if now >= self.heard_at + self.silence() {
            return self.close(Ending::Silent);
        }
        if self.streams_lost_at().is_some_and(|at| now >= at) {
            return self.close(Ending::StreamsLost);
        }
        let cadence = self.extended.as_mut().and_then(|e| e.cadence(now));
        self.say(cadence, now);
        if now >= self.ping_at {
            self.ping_at = now + self.ping_every();
            self.outputs.push_back(Output::Ping);
        }
        for late in self.calls.expire(now) {
            match late.waiter {
                Purpose::List => {
                    self.lists.ended(now);
                    if !self.is_ours {
                        let why = format!("no container list within {} s", late.deadline.as_secs());
                        self.engine_down(&why);
                    }
                }
                Purpose::Operation(waiter) => {
                    let error = CallError::Late(late.deadline);
                    self.outputs.push_back(Output::Done(waiter, Err(error)));
                }
            }
        }
        if self.lists.due_at().is_some_and(|at| now >= at) {
            self.ask_list(now);
        }
    }

    fn close(&mut self, ending: Ending) {
        self.is_over = true;
        self.outputs.push_back(Output::Close(ending));
    }

    fn message(&mut self, message: AgentMessage, now: Instant) {
        let report = match message {
            AgentMessage::Heartbeat(Heartbeat { engine, containers }) => {
                if let Some(told) = containers {
                    self.list_told(told, now);
                }
                match engine {
                    Some(_) if self.engine_allowance.take(now) == Verdict::Dropped => return,
                    Some(engine) => Report::Engine(engine),
                    None => return,
                }
            }
            AgentMessage::Extra(extra) => return self.extra(*extra, now),
            AgentMessage::Answer(answer) => return self.answer(answer, now),
            AgentMessage::ContainerEvent(event) if notable(&event).is_none() => return,
            AgentMessage::ContainerEvent(_) | AgentMessage::Trouble(_) if !self.is_allowed(now) => {
                return;
            }
            AgentMessage::ContainerEvent(event) => Report::Event(event),
            AgentMessage::ContainerStats(stats) => {
                self.stats.quiet_since = now;
                Report::ContainerStats(stats)
            }
            AgentMessage::HostStats(stats) => Report::HostStats(stats),
            AgentMessage::Trouble(trouble) => Report::Trouble(trouble),
            // A second registration says nothing new; what is unknown is for another version.
            AgentMessage::Register(_) | AgentMessage::Unknown { .. } => return,
        };
        if let Report::Engine(EngineState::Up { .. }) = report {
            // It may have come back with other containers.
            self.lists.is_old(now);
        }
        self.outputs.push_back(Output::Report(report));
    }

    /// Takes one of what the agent may tell; says what was lost when it came too fast.
    fn is_allowed(&mut self, now: Instant) -> bool {
        match self.allowance.take(now) {
            Verdict::Dropped => return false,
            Verdict::Taken { dropped: 0 } => {}
            Verdict::Taken { dropped } => {
                let error = Text::cut(&format!("{dropped} events came too fast and are lost"));
                let trouble = Trouble {
                    error,
                    details: None,
                    container_id: None,
                };
                let report = Report::Trouble(trouble);
                self.outputs.push_back(Output::Report(report));
            }
        }
        true
    }

    /// An event was worth keeping: the list is old, but a restart loop must not make the agent list without pause.
    pub fn list_is_old(&mut self, now: Instant) {
        self.lists.is_old(now);
    }

    fn call(&mut self, id: CallId, operation: Operation, waiter: W, now: Instant) {
        let deadline = deadline(&operation.kind);
        let message = ServerMessage::Operation {
            id: id.clone(),
            operation,
        };
        let Some(text) = message.encode().filter(|_| !self.is_over) else {
            let error = Err(CallError::Disconnected);
            self.outputs.push_back(Output::Done(waiter, error));
            return;
        };
        match self
            .calls
            .ask(id, deadline, Purpose::Operation(waiter), now)
        {
            Ok(()) => {
                self.outputs.push_back(Output::Send(text));
                self.said_something(now);
            }
            Err(Purpose::Operation(waiter)) => {
                let error = Err(CallError::Busy);
                self.outputs.push_back(Output::Done(waiter, error));
            }
            Err(Purpose::List) => {}
        }
    }

    fn streams_lost_at(&self) -> Option<Instant> {
        (!self.is_ours && self.stats.is_any_running)
            .then(|| (self.stats.quiet_since + self.pace.stats_lost).max(self.stats.not_before))
    }
}

/// How long an operation may take.
fn deadline(kind: &OperationKind) -> Duration {
    match kind {
        OperationKind::Stop { timeout } | OperationKind::Restart { timeout } => timeout
            .map_or(calls::DEADLINE, |grace| {
                (grace + calls::BEYOND_GRACE).max(calls::DEADLINE)
            }),
        OperationKind::Start
        | OperationKind::Kill
        | OperationKind::Pause
        | OperationKind::Unpause
        | OperationKind::Remove { .. }
        | OperationKind::Rename { .. }
        | OperationKind::GetLogs { .. }
        | OperationKind::Inspect => calls::DEADLINE,
    }
}

#[cfg(test)]
mod tests;
