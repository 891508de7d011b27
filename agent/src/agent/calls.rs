//! Pure: what the agent does with the server's calls: taken in, refused, run, answered.

use pilotfish_protocol::{Answer, AnswerForm, CallId, Failure, FailureKind, ServerMessage};

use super::{Action, Agent, ConnectionNumber, Engine, Now};
use crate::chain::Chain;
use crate::command::desk::{self, Admission};
use crate::command::{Call, Work, guard};

impl Agent {
    /// Takes a message of the server.
    pub(super) fn deliver(&mut self, text: &str, now: Now) {
        match ServerMessage::decode(text) {
            Ok(ServerMessage::Operation { id, operation }) => {
                let (verb, container) = (operation.kind.action(), operation.container_id.short());
                log::debug!("server asks: {verb} {container}");
                match guard::refusal(&operation, &self.own_containers) {
                    Some(failure) => self.answer_failed(AnswerForm::Flat, id, failure, now),
                    None => self.admit(id, Work::Operation(operation), now),
                }
            }
            Ok(ServerMessage::Command { id, command }) => {
                self.admit(id, Work::Command(command), now)
            }
            Ok(ServerMessage::Unusable {
                id,
                form,
                why,
                is_unknown,
            }) => {
                let kind = if is_unknown {
                    FailureKind::NotSupported
                } else {
                    FailureKind::InvalidResponse
                };
                self.answer_failed(form, id, Failure::new(&why, Some(kind)), now);
            }
            Ok(ServerMessage::Extra(extra)) => self.take_extra(extra, now),
            // There is nobody to answer.
            Ok(ServerMessage::Unknown { kind }) => {
                self.note_odd_message(
                    &format!("nobody to answer, or of unknown type: {kind}"),
                    now,
                );
            }
            Err(error) => self.note_odd_message(&Chain(&error).to_string(), now),
        }
    }

    pub(super) fn note_odd_message(&mut self, what: &str, now: Now) {
        if let Some(allowed) = self.odd_messages.allow(now.at) {
            log::info!(
                "message of the server not taken: {what} ({} more before)",
                allowed.suppressed
            );
        }
    }

    fn admit(&mut self, id: CallId, work: Work, now: Now) {
        let form = work.form();
        if let Engine::Down { why } = &self.engine {
            let failure = Failure::new(
                &format!("Docker Engine does not answer: {why}"),
                Some(FailureKind::EngineDown),
            );
            return self.answer_failed(form, id, failure, now);
        }
        match self.desk.admit(Call {
            number: self.number,
            id,
            work,
        }) {
            Admission::Run(call) => self.actions.push_back(Action::Run(call)),
            Admission::Waits => {}
            Admission::Busy(call) => {
                let error = format!("busy: {} operations are in hand already", desk::IN_HAND);
                self.answer_failed(
                    form,
                    call.id,
                    Failure::new(&error, Some(FailureKind::Busy)),
                    now,
                );
            }
        }
    }

    pub(super) fn call_done(&mut self, number: ConnectionNumber, answer: &Answer, now: Now) {
        if let Some(next) = self.desk.done() {
            self.actions.push_back(Action::Run(next));
        }
        // Who asked over an earlier connection has been told that it is gone.
        if number == self.number && self.uplink.is_open() {
            self.outbox.push_answer(answer, now.wall);
        }
    }

    fn answer_failed(&mut self, form: AnswerForm, id: CallId, failure: Failure, now: Now) {
        self.outbox
            .push_answer(&Answer::failed(form, id, failure), now.wall);
    }
}
