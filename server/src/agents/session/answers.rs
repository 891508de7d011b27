//! Pure: what a session makes of its agent's answers: to operations, and to the regular list.

use std::time::Instant;

use pilotfish_protocol::{Answer, Command, EngineState, Failure, FailureKind, ServerMessage, Text};
use serde_json::value::RawValue;

use super::{Purpose, Session};
use crate::agents::calls;
use crate::agents::session::exchange::{CallError, Output, Report};
use crate::agents::session::lists;

impl<W> Session<W> {
    pub(super) fn answer(&mut self, answer: Answer, now: Instant) {
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

    pub(super) fn engine_down(&mut self, why: &str) {
        self.stats.is_any_running = false;
        let down = EngineState::Down {
            why: Text::cut(why),
        };
        self.outputs.push_back(Output::Report(Report::Engine(down)));
    }

    pub(super) fn ask_list(&mut self, now: Instant) {
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
}
