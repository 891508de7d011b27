//! Pure: one authenticated session as a machine: what is sent when, what counts as gone, which call waits for what.
//!
//! Feed it what happens, carry out what [`Session::poll_output`] gives, and call [`Session::handle`] with [`Input::Time`] at
//! [`Session::deadline`].

mod allowance;
pub mod exchange;
mod lists;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use pilotfish_protocol::{
    AgentMessage, Answer, CallId, Command, EngineState, Failure, FailureKind, Operation,
    OperationKind, ServerMessage, Text, Trouble,
};
use serde_json::value::RawValue;

use crate::agents::calls::{self, Calls};
use crate::agents::session::allowance::{Allowance, Verdict};
use crate::agents::session::exchange::{CallError, Ending, Input, Output, Pace, Report};
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
    lists: Lists,
    heard_at: Instant,
    ping_at: Instant,
    /// Containers that ought to have stats, and since when none came.
    stats: StatsWatch,
    /// What it may tell of events and trouble.
    allowance: Allowance,
    /// How often it may tell how its Engine is; apart, so that a restart loop does not hide that.
    engine_allowance: Allowance,
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
        is_ours: bool,
        random: [u8; 16],
        not_before: Instant,
        now: Instant,
    ) -> Self {
        Self {
            pace,
            is_ours,
            lists: Lists::new(pace, random, now),
            heard_at: now,
            ping_at: now + pace.ping,
            stats: StatsWatch {
                is_any_running: false,
                quiet_since: now,
                not_before,
            },
            allowance: Allowance::new(now),
            engine_allowance: Allowance::new(now),
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
            Input::Watched(is_watched) => self.lists.watched(is_watched, now),
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
            Some(self.heard_at + self.pace.silence),
            Some(self.ping_at),
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
        if now >= self.heard_at + self.pace.silence {
            return self.close(Ending::Silent);
        }
        if self.streams_lost_at().is_some_and(|at| now >= at) {
            return self.close(Ending::StreamsLost);
        }
        if now >= self.ping_at {
            self.ping_at = now + self.pace.ping;
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
            AgentMessage::Heartbeat(heartbeat) => match heartbeat.engine {
                Some(_) if self.engine_allowance.take(now) == Verdict::Dropped => return,
                Some(engine) => Report::Engine(engine),
                None => return,
            },
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
            AgentMessage::Register(_) | AgentMessage::Extra(_) | AgentMessage::Unknown { .. } => {
                return;
            }
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
            Ok(()) => self.outputs.push_back(Output::Send(text)),
            Err(Purpose::Operation(waiter)) => {
                let error = Err(CallError::Busy);
                self.outputs.push_back(Output::Done(waiter, error));
            }
            Err(Purpose::List) => {}
        }
    }

    fn answer(&mut self, answer: Answer, now: Instant) {
        let Some(purpose) = self.calls.answer(answer.id()) else {
            // Late, or of another session: nobody waits for it.
            return;
        };
        match purpose {
            Purpose::List => {
                self.lists.ended(now);
                match answer {
                    Answer::Response { outcome, .. } => self.listed(outcome, now),
                    Answer::Operation { outcome, .. } => {
                        if let Err(failure) = outcome {
                            self.list_failed(&failure);
                        }
                    }
                }
            }
            Purpose::Operation(waiter) => {
                let outcome = match answer {
                    Answer::Operation { outcome, .. } => outcome,
                    // A backend takes the payload of this form for the fields of the other.
                    Answer::Response { outcome, .. } => outcome.and_then(|payload| {
                        serde_json::from_str(payload.get()).map_err(|_| {
                            let kind = Some(FailureKind::InvalidResponse);
                            Failure::new("the answer is not as described", kind)
                        })
                    }),
                };
                let is_done = outcome.is_ok();
                let outcome = outcome.map_err(CallError::Failed);
                self.outputs.push_back(Output::Done(waiter, outcome));
                if is_done {
                    self.lists.soon(now);
                }
            }
        }
    }

    fn listed(&mut self, outcome: Result<Box<RawValue>, Failure>, now: Instant) {
        match outcome.map(|payload| lists::read(&payload)) {
            Ok(Some(listings)) => {
                let is_any_running = listings.iter().any(|listing| listing.state == "running");
                if is_any_running && !self.stats.is_any_running {
                    self.stats.quiet_since = now;
                }
                self.stats.is_any_running = is_any_running;
                let up = EngineState::Up { version: None };
                self.outputs.push_back(Output::Report(Report::Engine(up)));
                self.outputs
                    .push_back(Output::Report(Report::List(listings)));
            }
            Ok(None) => log::debug!("a container list is no array"),
            Err(failure) => self.list_failed(&failure),
        }
    }

    fn list_failed(&mut self, failure: &Failure) {
        let is_down = match failure.kind {
            Some(FailureKind::EngineDown) => true,
            // A DockMon agent has no other way to tell that its Engine is gone.
            Some(FailureKind::DockerError) | None => !self.is_ours,
            Some(
                FailureKind::PermissionDenied
                | FailureKind::InvalidResponse
                | FailureKind::Busy
                | FailureKind::NotSupported,
            ) => false,
        };
        if is_down {
            self.engine_down(failure.error());
        }
    }

    fn engine_down(&mut self, why: &str) {
        self.stats.is_any_running = false;
        let down = EngineState::Down {
            why: Text::cut(why),
        };
        self.outputs.push_back(Output::Report(Report::Engine(down)));
    }

    fn ask_list(&mut self, now: Instant) {
        let id = self.lists.next_id();
        let message = ServerMessage::Command {
            id: id.clone(),
            command: Command::ListContainers,
        };
        let asked = self.calls.ask(id, calls::DEADLINE, Purpose::List, now);
        if asked.is_err() {
            self.lists.put_off(now);
            return;
        }
        self.outputs.extend(message.encode().map(Output::Send));
        self.lists.asked(now);
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
