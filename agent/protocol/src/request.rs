//! Pure: what a server asks an agent to do, parsed once and for all.

use alloc::borrow::{Cow, ToOwned as _};
use alloc::format;
use alloc::string::{String, ToString as _};
use core::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ids::ContainerId;
use crate::lenient::{self, Scalar};
use crate::limits;

/// Something to do with one container (`container_operation`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The container, as the server named it; answers repeat it.
    pub container_id: ContainerId,
    /// What to do.
    pub kind: OperationKind,
}

/// What can be done with one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationKind {
    /// Start it.
    Start,
    /// Stop it, with SIGKILL after `timeout`; `None` leaves it to the container's own setting.
    Stop {
        /// Grace before SIGKILL, whole seconds.
        timeout: Option<Duration>,
    },
    /// Stop and start it.
    Restart {
        /// Grace before SIGKILL, whole seconds.
        timeout: Option<Duration>,
    },
    /// Kill it with SIGKILL.
    Kill,
    /// Freeze its processes.
    Pause,
    /// Thaw its processes.
    Unpause,
    /// Remove it, keeping its volumes.
    Remove {
        /// Kills it first when it runs.
        force: bool,
    },
    /// Give it another name.
    Rename {
        /// The name, as the Engine accepts it: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
        new_name: String,
    },
    /// Read the end of its log.
    GetLogs {
        /// Number of lines, at most [`limits::LOG_TAIL_LINES`].
        tail: u32,
    },
    /// Read the Engine's inspect object.
    Inspect,
}

impl OperationKind {
    /// The wire's name of the action, which is also the verb of its error texts.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop { .. } => "stop",
            Self::Restart { .. } => "restart",
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
            Self::Remove { .. } => "remove",
            Self::Rename { .. } => "rename",
            Self::GetLogs { .. } => "get_logs",
            Self::Inspect => "inspect",
        }
    }
}

/// Something to do that is not about one container (`command`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// List all containers.
    ListContainers,
}

impl Command {
    /// The wire's name of the command.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ListContainers => "list_containers",
        }
    }

    /// The command of that name.
    ///
    /// # Errors
    ///
    /// The text of the answer to a command this agent does not know.
    pub fn from_name(name: &str) -> Result<Self, String> {
        match name {
            "list_containers" => Ok(Self::ListContainers),
            _ => Err(format!("unknown command: {}", short(name))),
        }
    }
}

/// The payload of a `container_operation` as it is on the wire.
#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, default)]
    action: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    container_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    timeout: Scalar<'a>,
    #[serde(borrow, default)]
    force: Scalar<'a>,
    #[serde(borrow, default)]
    new_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tail: Scalar<'a>,
}

impl Operation {
    /// Reads the payload of a `container_operation`.
    ///
    /// # Errors
    ///
    /// The text of the answer: what in the payload is wrong and what would be right.
    pub fn from_payload(payload: Option<&RawValue>) -> Result<Self, String> {
        let raw = payload.map_or("null", RawValue::get);
        let payload: Payload<'_> = lenient::object(raw)
            .map_err(|error| format!("invalid payload of container_operation: {error}"))?;
        let action = payload
            .action
            .ok_or_else(|| "payload lacks action".to_owned())?;
        let timeout = payload
            .timeout
            .whole_number()
            .map(Duration::from_secs)
            .map(|t| t.min(limits::STOP_TIMEOUT));
        let kind = match action.as_ref() {
            "start" => OperationKind::Start,
            "stop" => OperationKind::Stop { timeout },
            "restart" => OperationKind::Restart { timeout },
            "kill" => OperationKind::Kill,
            "pause" => OperationKind::Pause,
            "unpause" => OperationKind::Unpause,
            "remove" => OperationKind::Remove {
                force: payload.force.switch().unwrap_or(false),
            },
            "rename" => OperationKind::Rename {
                new_name: new_name(payload.new_name)?,
            },
            "get_logs" => OperationKind::GetLogs {
                tail: tail(&payload.tail),
            },
            "inspect" => OperationKind::Inspect,
            unknown => return Err(format!("unknown action: {}", short(unknown))),
        };
        let container_id = payload
            .container_id
            .ok_or_else(|| "payload lacks container_id".to_owned())?;
        let container_id =
            ContainerId::new(container_id.into_owned()).map_err(|error| error.to_string())?;
        Ok(Self { container_id, kind })
    }
}

/// Reads the number of log lines; what is no number gets the default, as a DockMon agent does it.
fn tail(value: &Scalar<'_>) -> u32 {
    let number = match value {
        Scalar::Whole(_) | Scalar::Float(_) => value.whole_number(),
        Scalar::Null | Scalar::Bool(_) | Scalar::Text(_) | Scalar::Compound => None,
    };
    number
        .map_or(limits::LOG_TAIL_DEFAULT_LINES, |n| {
            u32::try_from(n).unwrap_or(u32::MAX)
        })
        .clamp(1, limits::LOG_TAIL_LINES)
}

fn new_name(name: Option<Cow<'_, str>>) -> Result<String, String> {
    let name = name.unwrap_or_default();
    let name = name.trim_start_matches('/');
    let is_valid = name.len() <= limits::CONTAINER_NAME_LEN
        && name.len() >= 2
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    if is_valid {
        Ok(name.to_owned())
    } else {
        Err(format!(
            "invalid new_name: needs 2 to {} characters of a-z A-Z 0-9 _ . - beginning with a letter or digit",
            limits::CONTAINER_NAME_LEN
        ))
    }
}

/// The beginning of a name that a peer chose, fit for an error text.
fn short(name: &str) -> String {
    crate::text::Text::<64>::cut(name).to_string()
}

impl Serialize for Operation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            action: &'a str,
            container_id: &'a ContainerId,
            #[serde(skip_serializing_if = "Option::is_none")]
            timeout: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            force: Option<bool>,
            #[serde(skip_serializing_if = "Option::is_none")]
            new_name: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            tail: Option<u32>,
        }
        let mut wire = Wire {
            action: self.kind.action(),
            container_id: &self.container_id,
            timeout: None,
            force: None,
            new_name: None,
            tail: None,
        };
        match &self.kind {
            OperationKind::Stop { timeout } | OperationKind::Restart { timeout } => {
                wire.timeout = timeout.map(|timeout| timeout.as_secs());
            }
            OperationKind::Remove { force } => wire.force = Some(*force),
            OperationKind::Rename { new_name } => wire.new_name = Some(new_name),
            OperationKind::GetLogs { tail } => wire.tail = Some(*tail),
            OperationKind::Start
            | OperationKind::Kill
            | OperationKind::Pause
            | OperationKind::Unpause
            | OperationKind::Inspect => {}
        }
        wire.serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
