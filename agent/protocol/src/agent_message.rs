//! Pure: everything an agent may say, read from text and written to it.

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::answer::Answer;
use crate::envelope::Envelope;
use crate::error::DecodeError;
use crate::event::ContainerEvent;
use crate::extension::AgentExtra;
use crate::heartbeat::{Heartbeat, Trouble};
use crate::ids::CallId;
use crate::lenient;
use crate::register::Register;
use crate::stats::{ContainerStats, HostStats};
use crate::text::Text;
use crate::time::Timestamp;

/// A message from an agent to a server.
#[derive(Clone, Debug)]
pub enum AgentMessage {
    /// The first message of a connection.
    Register(Box<Register>),
    /// A sign of life.
    Heartbeat(Heartbeat),
    /// The answer to a call.
    Answer(Answer),
    /// Something happened to a container.
    ContainerEvent(ContainerEvent),
    /// A sample of a container.
    ContainerStats(ContainerStats),
    /// A sample of the host.
    HostStats(HostStats),
    /// Trouble for the server's event log.
    Trouble(Trouble),
    /// A message beyond the base dialect; only in a session that agreed to it.
    Extra(Box<AgentExtra>),
    /// A message of a kind this version does not know; the connection goes on.
    Unknown {
        /// The message's type, or event name, cut.
        kind: Text<64>,
    },
}

impl AgentMessage {
    /// Reads one text message of at most [`MESSAGE_BYTES`](crate::limits::MESSAGE_BYTES); the caller keeps to the limit.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when `text` is no JSON object, has no type, or a known type without its content.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let envelope: Envelope<'_> = lenient::object(text).map_err(DecodeError::NotAnObject)?;
        if let Some(id) = envelope.correlation_id {
            return decode_answer(&id, text, false);
        }
        let kind = envelope.r#type.ok_or(DecodeError::NoType)?;
        match kind.as_ref() {
            "register" => Ok(Self::Register(content("register", text)?)),
            "heartbeat" => Ok(Self::Heartbeat(
                serde_json::from_str(text).unwrap_or_default(),
            )),
            "response" => {
                let id = envelope.id.ok_or(DecodeError::Missing {
                    what: "response",
                    field: "id",
                })?;
                decode_answer(&id, text, true)
            }
            "error" => Ok(Self::Trouble(content("error", text)?)),
            "stats" => {
                let stats = envelope.stats.ok_or(DecodeError::Missing {
                    what: "stats",
                    field: "stats",
                })?;
                Ok(Self::HostStats(content("stats", stats.get())?))
            }
            "event" => decode_event(
                envelope.command.as_deref().unwrap_or_default(),
                envelope.payload,
            ),
            kind => match AgentExtra::decode(kind, text) {
                Some(Ok(extra)) => Ok(Self::Extra(Box::new(extra))),
                Some(Err(source)) => Err(DecodeError::Content {
                    what: "extension",
                    source,
                }),
                None => Ok(Self::Unknown {
                    kind: Text::cut(kind),
                }),
            },
        }
    }

    /// Writes the message; `at` is the agent's clock.
    #[must_use]
    pub fn encode(&self, at: Timestamp) -> String {
        match self {
            Self::Register(register) => to_json(&Tagged {
                r#type: "register",
                content: register,
            }),
            Self::Heartbeat(heartbeat) => to_json(&Tagged {
                r#type: "heartbeat",
                content: heartbeat,
            }),
            Self::Answer(answer) => answer.encode(at),
            Self::ContainerEvent(event) => to_json(&Event::new("container_event", event, at)),
            Self::ContainerStats(stats) => to_json(&Event::new("container_stats", stats, at)),
            Self::HostStats(stats) => to_json(&FlatStats {
                r#type: "stats",
                stats,
            }),
            Self::Trouble(trouble) => to_json(&Tagged {
                r#type: "error",
                content: trouble,
            }),
            Self::Extra(extra) => extra.encode(),
            Self::Unknown { kind } => to_json(&Tagged {
                r#type: kind.as_str(),
                content: &Nothing {},
            }),
        }
    }
}

fn content<'a, T: Deserialize<'a>>(what: &'static str, text: &'a str) -> Result<T, DecodeError> {
    lenient::object(text).map_err(|source| DecodeError::Content { what, source })
}

fn decode_answer(id: &str, text: &str, is_response: bool) -> Result<AgentMessage, DecodeError> {
    let id = CallId::new(id).map_err(|_| DecodeError::Missing {
        what: "answer",
        field: "a usable id",
    })?;
    Answer::decode(id, text, is_response).map(AgentMessage::Answer)
}

fn decode_event(name: &str, payload: Option<&RawValue>) -> Result<AgentMessage, DecodeError> {
    let payload = |what| {
        payload.map(RawValue::get).ok_or(DecodeError::Missing {
            what,
            field: "payload",
        })
    };
    match name {
        "container_event" => Ok(AgentMessage::ContainerEvent(content(
            "container_event",
            payload("container_event")?,
        )?)),
        "container_stats" => Ok(AgentMessage::ContainerStats(content(
            "container_stats",
            payload("container_stats")?,
        )?)),
        unknown => Ok(AgentMessage::Unknown {
            kind: Text::cut(unknown),
        }),
    }
}

/// Writes one of our own values as JSON.
pub(crate) fn to_json<T: Serialize>(value: &T) -> String {
    // Our values have string keys and finite numbers only, which is all that this can fail on.
    serde_json::to_string(value).unwrap_or_else(|error| {
        debug_assert!(false, "own message not encodable: {error}");
        "{}".to_string()
    })
}

#[derive(Serialize)]
struct Tagged<'a, T> {
    r#type: &'a str,
    #[serde(flatten)]
    content: &'a T,
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct FlatStats<'a> {
    r#type: &'static str,
    stats: &'a HostStats,
}

#[derive(Serialize)]
struct Event<'a, T> {
    r#type: &'static str,
    command: &'static str,
    payload: &'a T,
    timestamp: Timestamp,
}

impl<'a, T> Event<'a, T> {
    fn new(command: &'static str, payload: &'a T, timestamp: Timestamp) -> Self {
        Self {
            r#type: "event",
            command,
            payload,
            timestamp,
        }
    }
}
