//! Pure: the agent's regular sign of life, and trouble it reports.
//!
//! A DockMon backend looks at nothing but the type of a heartbeat. A Pilotfish server also reads the Engine's state from it, so
//! that a state told once and lost on the way is told again with the next one.

use alloc::string::String;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::ContainerId;
use crate::lenient;
use crate::limits;
use crate::text::Text;

/// A sign of life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// How the Engine is, when the agent says so (a DockMon agent does not).
    #[serde(flatten)]
    pub engine: Option<EngineState>,
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

/// The flat form of [`EngineState`] inside a heartbeat: `engine`, `engine_version`, `engine_error`.
#[derive(Serialize, Deserialize)]
struct EngineFields {
    engine: String,
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
}

impl Serialize for EngineState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = match self.clone() {
            Self::Up { version } => EngineFields {
                engine: String::from("up"),
                engine_version: version,
                engine_error: None,
            },
            Self::Down { why } => EngineFields {
                engine: String::from("down"),
                engine_version: None,
                engine_error: Some(why),
            },
        };
        fields.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for EngineState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = EngineFields::deserialize(deserializer)?;
        match fields.engine.as_str() {
            "up" => Ok(Self::Up {
                version: fields.engine_version,
            }),
            "down" => Ok(Self::Down {
                why: fields.engine_error.unwrap_or_default(),
            }),
            _ => Err(serde::de::Error::custom("engine is neither up nor down")),
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
        deserialize_with = "lenient_details"
    )]
    pub details: Option<Text<{ limits::ERROR_LEN }>>,
    /// The container it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_id: Option<ContainerId>,
}

fn lenient_details<'de, D, const MAX: usize>(deserializer: D) -> Result<Option<Text<MAX>>, D::Error>
where
    D: Deserializer<'de>,
{
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().and_then(Text::cut_if_any))
}
