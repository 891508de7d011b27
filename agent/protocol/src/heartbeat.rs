//! Pure: the agent's regular sign of life, and trouble it reports.
//!
//! A DockMon backend looks at nothing but the type of a heartbeat. A Pilotfish server also reads the Engine's state from it, so
//! that a state told once and lost on the way is told again with the next one.

use serde::{Deserialize, Serialize};

use crate::extension::ListHash;
use crate::ids::ContainerId;
use crate::lenient;
use crate::limits;
use crate::text::Text;

/// A sign of life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Fields", into = "Fields")]
pub struct Heartbeat {
    /// How the Engine is, when the agent says so (a DockMon agent does not).
    pub engine: Option<EngineState>,
    /// The containers that this agent knows, in a session that agreed to the extension.
    pub containers: Option<ListHash>,
}

/// Whether the Engine of an agent's host answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineState {
    /// It answers.
    Up {
        /// The Engine's version, when known.
        version: Option<Text<50>>,
    },
    /// It cannot be reached or does not answer.
    Down {
        /// Why, in the agent's words.
        why: Text<{ limits::ERROR_LEN }>,
    },
}

/// A heartbeat's fields on the wire. Whatever is odd in them is unknown: a sign of life counts in any case.
#[derive(Default, Serialize, Deserialize)]
struct Fields {
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    engine: Option<Text<8>>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    engine_version: Option<Text<50>>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    engine_error: Option<Text<{ limits::ERROR_LEN }>>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "hash"
    )]
    containers: Option<ListHash>,
}

/// Reads a hash; an odd one is unknown.
fn hash<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<ListHash>, D::Error> {
    let digits = lenient::name(deserializer)?;
    Ok(digits
        .and_then(|digits| u64::from_str_radix(&digits, 16).ok())
        .map(ListHash))
}

impl From<Heartbeat> for Fields {
    fn from(heartbeat: Heartbeat) -> Self {
        let containers = heartbeat.containers;
        match heartbeat.engine {
            Some(EngineState::Up { version }) => Self {
                containers,
                engine: Some(Text::cut("up")),
                engine_version: version,
                engine_error: None,
            },
            Some(EngineState::Down { why }) => Self {
                containers,
                engine: Some(Text::cut("down")),
                engine_version: None,
                engine_error: Some(why),
            },
            None => Self {
                containers,
                ..Self::default()
            },
        }
    }
}

impl From<Fields> for Heartbeat {
    fn from(fields: Fields) -> Self {
        let engine = match fields.engine.as_ref().map(Text::as_str) {
            Some("up") => Some(EngineState::Up {
                version: fields.engine_version,
            }),
            Some("down") => Some(EngineState::Down {
                why: fields.engine_error.unwrap_or_default(),
            }),
            Some(_) | None => None,
        };
        Self {
            engine,
            containers: fields.containers,
        }
    }
}

/// Trouble on the agent's side that belongs in the server's event log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What is wrong, for a person.
    pub error: Text<{ limits::ERROR_LEN }>,
    /// More of it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub details: Option<Text<{ limits::ERROR_LEN }>>,
    /// The container it is about.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::container_id"
    )]
    pub container_id: Option<ContainerId>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AgentMessage;

    #[track_caller]
    fn check(text: &str, expected: Option<EngineState>) {
        let message = AgentMessage::decode(text).unwrap();
        let AgentMessage::Heartbeat(heartbeat) = message else {
            panic!("{text}: {message:?}")
        };
        assert_eq!(heartbeat.engine, expected, "{text}");
    }

    #[test]
    fn a_heartbeat_tells_how_the_engine_is() {
        check(
            r#"{"type":"heartbeat","engine":"up","engine_version":"28.0.1"}"#,
            Some(EngineState::Up {
                version: Some(Text::cut("28.0.1")),
            }),
        );
        check(
            r#"{"engine_error":"no answer","engine":"down","type":"heartbeat"}"#,
            Some(EngineState::Down {
                why: Text::cut("no answer"),
            }),
        );
    }

    #[test]
    fn a_state_told_without_its_details_is_still_told() {
        for version in ["", r#","engine_version":7"#, r#","engine_version":null"#] {
            let text = alloc::format!(r#"{{"type":"heartbeat","engine":"up"{version}}}"#);
            check(&text, Some(EngineState::Up { version: None }));
        }
        check(
            r#"{"type":"heartbeat","engine":"down","engine_error":{}}"#,
            Some(EngineState::Down {
                why: Text::default(),
            }),
        );
    }

    #[test]
    fn a_heartbeat_with_an_odd_engine_is_a_heartbeat() {
        for text in [
            r#"{"type":"heartbeat"}"#,
            r#"{"type":"heartbeat","engine":7}"#,
            r#"{"type":"heartbeat","engine":null}"#,
            r#"{"type":"heartbeat","engine":"sideways"}"#,
            r#"{"type":"heartbeat","engine":"upside down"}"#,
            r#"{"type":"heartbeat","engine":{"up":[true]},"timestamp":7}"#,
            r#"{"type":"heartbeat","engine":"up","engine":"down"}"#,
        ] {
            check(text, None);
        }
    }

    #[test]
    fn trouble_is_told_whatever_container_it_names() {
        for id in ["null", "7", "\"web\"", "\"0123\""] {
            let text = alloc::format!(r#"{{"type":"error","error":"e","container_id":{id}}}"#);
            let message = AgentMessage::decode(&text).unwrap();
            let AgentMessage::Trouble(trouble) = message else {
                panic!("{text}: {message:?}")
            };
            assert_eq!(trouble.container_id, None, "{text}");
        }
    }
}
