//! Pure: how the hosts' Engines are, as their agents tell it.

use pilotfish_protocol::{EngineState, HostId};

use super::{Fleet, SessionId};

/// An Engine, as far as its agent tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Engine {
    /// How it is.
    pub health: Health,
    /// Its version.
    pub version: Option<String>,
    /// Since when it is as it is.
    pub since_unix_ms: Option<u64>,
}

/// Whether an Engine answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Up,
    /// It does not; the agent's words.
    Down(String),
    /// Nobody tells.
    #[default]
    Unknown,
}

/// What a new Engine state means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineChange {
    /// Nothing new.
    Nothing,
    /// A detail, such as the version: worth showing, no event.
    Detail,
    /// It answers again, or for the first time in this session.
    Up {
        /// It was known to be down.
        was_down: bool,
    },
    /// It does not answer any more.
    Down(String),
}

impl Fleet {
    /// Takes what the agent says of its Engine.
    pub fn engine(
        &mut self,
        id: &HostId,
        session: SessionId,
        told: &EngineState,
        at_unix_ms: u64,
    ) -> EngineChange {
        let Some(host) = self.live(id, session) else {
            return EngineChange::Nothing;
        };
        let engine = &mut host.engine;
        match told {
            EngineState::Up { version } => {
                let version = version.as_ref().map(|version| version.as_str().to_owned());
                let is_new_version = version.is_some() && version != engine.version;
                if is_new_version {
                    engine.version = version;
                }
                let before = std::mem::replace(&mut engine.health, Health::Up);
                match before {
                    Health::Up if is_new_version => EngineChange::Detail,
                    Health::Up => EngineChange::Nothing,
                    Health::Down(_) | Health::Unknown => {
                        engine.since_unix_ms = Some(at_unix_ms);
                        let was_down = before != Health::Unknown;
                        EngineChange::Up { was_down }
                    }
                }
            }
            EngineState::Down { why } => {
                let why = why.as_str().to_owned();
                let now = Health::Down(why.clone());
                let before = std::mem::replace(&mut engine.health, now);
                match before {
                    Health::Down(old) if old == why => EngineChange::Nothing,
                    Health::Down(_) => EngineChange::Detail,
                    Health::Up | Health::Unknown => {
                        engine.since_unix_ms = Some(at_unix_ms);
                        EngineChange::Down(why)
                    }
                }
            }
        }
    }
}
