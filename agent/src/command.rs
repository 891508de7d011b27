//! What the server may ask: taken in at the desk, guarded, carried out by one file per subject.

pub mod containers;
pub mod desk;
pub mod guard;
pub mod log_size;

use pilotfish_protocol::{Answer, AnswerForm, CallId, Command, Failure, Operation};
use serde_json::value::to_raw_value;

use crate::engine::Engine;

/// One call of the server with all it needs to be carried out.
#[derive(Debug)]
pub struct Call {
    /// The connection that asked.
    pub number: u64,
    /// Names the call in its answer.
    pub id: CallId,
    /// What to do.
    pub work: Work,
}

/// What a call asks for.
#[derive(Debug)]
pub enum Work {
    /// Something with one container.
    Operation(Operation),
    /// Something else.
    Command(Command),
}

impl Work {
    /// The form its answer has.
    #[must_use]
    pub fn form(&self) -> AnswerForm {
        match self {
            Self::Operation(_) => AnswerForm::Flat,
            Self::Command(_) => AnswerForm::Response,
        }
    }
}

/// Carries a call out and gives its answer. Ends within the deadlines of the Engine client.
pub async fn carry_out(engine: &Engine, id: CallId, work: Work) -> Answer {
    match work {
        Work::Operation(operation) => {
            let outcome = containers::carry_out(engine, operation).await;
            Answer::Operation { id, outcome }
        }
        Work::Command(command @ Command::ListContainers) => {
            let outcome = match engine.list_containers().await {
                Ok(list) => {
                    to_raw_value(&list).map_err(|error| Failure::new(&error.to_string(), None))
                }
                Err(error) => Err(containers::failure(command.name(), &error)),
            };
            Answer::Response { id, outcome }
        }
    }
}
