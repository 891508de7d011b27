//! Pure: everything a server may say after the registration was answered, read from text and written to it.

use alloc::string::String;

use serde::Serialize;

use crate::agent_message::to_json;
use crate::answer::AnswerForm;
use crate::envelope::Envelope;
use crate::error::DecodeError;
use crate::extension::ServerExtra;
use crate::ids::CallId;
use crate::lenient;
use crate::request::{Command, Operation};
use crate::text::Text;

/// A message from a server to an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerMessage {
    /// Do something with one container.
    Operation {
        /// Names the call in its answer.
        id: CallId,
        /// What to do.
        operation: Operation,
    },
    /// Do something else.
    Command {
        /// Names the call in its answer.
        id: CallId,
        /// What to do.
        command: Command,
    },
    /// A message beyond the base dialect; only in a session that agreed to it.
    Extra(ServerExtra),
    /// A call that cannot be carried out as it is; it gets its answer nevertheless.
    Unusable {
        /// Names the call in its answer.
        id: CallId,
        /// The form its answer has.
        form: AnswerForm,
        /// The text of the answer.
        why: String,
        /// The agent does not know the call, rather than the call being malformed.
        is_unknown: bool,
    },
    /// A message of a kind this version does not know, or a call without an id: there is nobody to answer.
    Unknown {
        /// The message's type, cut.
        kind: Text<64>,
    },
}

impl ServerMessage {
    /// Reads one text message of at most [`SERVER_MESSAGE_BYTES`](crate::limits::SERVER_MESSAGE_BYTES); the caller keeps to the limit.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when `text` is no JSON object or has no type. The connection can go on.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let envelope: Envelope<'_> = lenient::object(text).map_err(DecodeError::NotAnObject)?;
        let kind = envelope.r#type.ok_or(DecodeError::NoType)?;
        let unknown = || Self::Unknown {
            kind: Text::cut(&kind),
        };
        let form = match kind.as_ref() {
            "container_operation" => AnswerForm::Flat,
            "command" => AnswerForm::Response,
            extra if ServerExtra::TYPES.contains(&extra) => {
                let extra = lenient::object(text).map_err(|source| DecodeError::Content {
                    what: "extension",
                    source,
                })?;
                return Ok(Self::Extra(extra));
            }
            _ => return Ok(unknown()),
        };
        let id = envelope
            .id
            .or(envelope.correlation_id)
            .and_then(|id| CallId::new(id.into_owned()).ok());
        let Some(id) = id else { return Ok(unknown()) };
        Ok(match form {
            AnswerForm::Flat => match Operation::from_payload(envelope.payload) {
                Ok(operation) => Self::Operation { id, operation },
                Err(why) => Self::Unusable {
                    id,
                    form,
                    is_unknown: why.starts_with("unknown "),
                    why,
                },
            },
            AnswerForm::Response => {
                match Command::from_name(envelope.command.as_deref().unwrap_or_default()) {
                    Ok(command) => Self::Command { id, command },
                    Err(why) => Self::Unusable {
                        id,
                        form,
                        is_unknown: true,
                        why,
                    },
                }
            }
        })
    }

    /// Writes a call; `None` for what is no call and never sent.
    #[must_use]
    pub fn encode(&self) -> Option<String> {
        match self {
            Self::Operation { id, operation } => Some(to_json(&Call {
                r#type: "container_operation",
                command: None,
                payload: Some(operation),
                id,
                correlation_id: id,
            })),
            Self::Command { id, command } => Some(to_json(&Call {
                r#type: "command",
                command: Some(command.name()),
                payload: None,
                id,
                correlation_id: id,
            })),
            Self::Extra(extra) => Some(extra.encode()),
            Self::Unusable { .. } | Self::Unknown { .. } => None,
        }
    }
}

#[derive(Serialize)]
struct Call<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a Operation>,
    id: &'a CallId,
    correlation_id: &'a CallId,
}
