//! Pure: what a server says beyond the base dialect.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::RunId;
use crate::agent_message::to_json;

/// A text message from a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerExtra {
    /// From now on stats are wanted this often.
    Cadence {
        /// The time between two ticks.
        stats_interval_ms: u64,
    },
    /// A stats frame could not be used: the next one is to be a keyframe.
    Keyframe {},
    /// All containers are wanted: what the server knows is not what the heartbeat says.
    List {},
    /// All entries of the spool up to this one are durable here.
    Spooled {
        /// The run whose entries they are.
        run: RunId,
        /// The last of them.
        seq: u64,
    },
}

impl ServerExtra {
    /// The values of `type` that are in this enum.
    pub(crate) const TYPES: [&str; 4] = ["cadence", "keyframe", "list", "spooled"];

    /// Writes the message.
    #[must_use]
    pub fn encode(&self) -> String {
        to_json(self)
    }
}
