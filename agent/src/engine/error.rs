//! Pure: why a request to the Engine failed, and what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::op::Op;
use super::version::ApiVersion;
use crate::chain::Chain;

/// What to do about a socket that may not be opened.
const NO_RIGHT: &str = "; put the agent's user into the group that owns the socket (most often \"docker\": SupplementaryGroups= or usermod -aG; in a container --group-add with the group's number)";

/// Why a request to the Engine failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The socket could not be opened: no Engine, or no right to speak to it.
    #[error("cannot open Engine socket {}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The connection broke, or what came was not HTTP/1.1.
    #[error("cannot {op}: the connection to the Engine broke")]
    Framing {
        /// What was asked.
        op: Op,
        /// What broke.
        source: hyper::Error,
    },
    /// The Engine refused, in its own words.
    #[error("cannot {op}: status {code}: {message}")]
    Status {
        /// What was asked.
        op: Op,
        /// The HTTP status.
        code: u16,
        /// The Engine's own message.
        message: String,
    },
    /// The answer was not complete in time.
    #[error("cannot {op}: no answer after {waited:?}")]
    Timeout {
        /// What was asked.
        op: Op,
        /// How long was waited.
        waited: Duration,
    },
    /// The answer is larger than the agent reads.
    #[error("cannot {op}: the answer is larger than {limit_bytes} bytes")]
    TooLarge {
        /// What was asked.
        op: Op,
        /// The cap that was reached.
        limit_bytes: usize,
    },
    /// The answer is not the JSON that the Engine API describes.
    #[error("cannot {op}: the answer is not what the Engine API describes")]
    Json {
        /// What was asked.
        op: Op,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The Engine and the agent have no API version in common.
    #[error(
        "the Engine speaks API {oldest} to {newest}, this agent {} to {}",
        ApiVersion::OLDEST,
        ApiVersion::NEWEST
    )]
    NoCommonVersion {
        /// The oldest version the Engine takes.
        oldest: ApiVersion,
        /// The newest version the Engine takes.
        newest: ApiVersion,
    },
}

impl EngineError {
    /// Tells whether the Engine may be gone or hung, so that it is worth asking whether it is there at all.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Framing { .. } | Self::Timeout { .. } => true,
            Self::Status { .. }
            | Self::TooLarge { .. }
            | Self::Json { .. }
            | Self::NoCommonVersion { .. } => false,
        }
    }

    /// Tells whether the Engine does not know what the request was about (status 404).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { code: 404, .. })
    }

    /// The reason for a person: the Engine's own words when it spoke, else what went wrong with its causes.
    #[must_use]
    pub fn reason(&self) -> String {
        if let Self::Status { message, .. } = self {
            return message.clone();
        }
        let mut reason = Chain(self).to_string();
        if let Self::Connect { source, .. } = self
            && source.kind() == io::ErrorKind::PermissionDenied
        {
            reason.push_str(NO_RIGHT);
        }
        reason
    }

    /// Reads the Engine's answer to a request it refused. `body` holds `{"message": …}` (Engine API, `ErrorResponse`) or plain text.
    pub(super) fn from_answer(op: Op, code: u16, body: &[u8]) -> Self {
        #[derive(serde::Deserialize)]
        struct ErrorResponse {
            message: String,
        }
        let message = match serde_json::from_slice(body) {
            Ok(ErrorResponse { message }) => message,
            Err(_) => String::from_utf8_lossy(body).into_owned(),
        };
        let message = match message.trim() {
            "" => format!("the Engine answered with status {code}"),
            message => message.to_owned(),
        };
        Self::Status { op, code, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(kind: io::ErrorKind) -> EngineError {
        let path = PathBuf::from("/run/docker.sock");
        EngineError::Connect {
            path,
            source: kind.into(),
        }
    }

    #[test]
    fn the_engines_own_message_is_kept() {
        #[track_caller]
        fn check(body: &str, expected: &str) {
            let error = EngineError::from_answer(Op::Start, 404, body.as_bytes());
            assert_eq!(error.reason(), expected);
            assert!(error.is_not_found());
        }
        check(
            "{\"message\":\"No such container: web\"}\n",
            "No such container: web",
        );
        check(
            "{\"cause\":\"x\",\"message\":\"no such\",\"response\":404}",
            "no such",
        );
        check("page not found\n", "page not found");
        check("", "the Engine answered with status 404");
        check("{\"message\":\"\"}", "the Engine answered with status 404");
    }

    #[test]
    fn an_answer_proves_that_the_engine_is_there() {
        let waited = Duration::from_secs(5);
        assert!(
            EngineError::Timeout {
                op: Op::Ping,
                waited
            }
            .is_unreachable()
        );
        assert!(connect(io::ErrorKind::NotFound).is_unreachable());
        assert!(!EngineError::from_answer(Op::Start, 500, b"").is_unreachable());
        let limit_bytes = 10;
        assert!(
            !EngineError::TooLarge {
                op: Op::Ping,
                limit_bytes
            }
            .is_unreachable()
        );
    }

    #[test]
    fn the_reason_holds_each_cause_once() {
        let reason = connect(io::ErrorKind::ConnectionRefused).reason();
        assert_eq!(
            reason,
            "cannot open Engine socket /run/docker.sock: connection refused"
        );
        let reason = connect(io::ErrorKind::PermissionDenied).reason();
        let expected = "cannot open Engine socket /run/docker.sock: permission denied; put the agent's user into the group";
        assert!(reason.starts_with(expected), "{reason}");
    }
}
