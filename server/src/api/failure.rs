//! Pure: why an agent's answer is which problem. Our agents say the kind; of a DockMon agent there is only the text.

use std::time::Duration;

use pilotfish_protocol::{Failure, FailureKind};

use crate::agents::AskError;
use crate::agents::session::exchange::CallError;
use crate::http::problem::Problem;

/// When one who met a busy agent may try again.
const BUSY: Duration = Duration::from_secs(2);

/// What in an Engine's message means that there is no such thing.
const NOT_FOUND: [&str; 2] = ["no such container", "no container with name or id"];

/// What in an Engine's message means that the present state does not allow it.
const CONFLICT: [&str; 12] = [
    "is not running",
    "is not paused",
    "is already",
    "already in use",
    "already paused",
    "already started",
    "is paused",
    "in use by",
    "is restarting",
    "container is running",
    "cannot remove container",
    "conflict",
];

/// Gives the problem of an operation that was not done.
pub fn problem(error: &AskError) -> Problem {
    match error {
        AskError::Offline => Problem::HostOffline,
        AskError::Call(CallError::Busy) => Problem::AgentBusy(BUSY),
        AskError::Call(CallError::Disconnected) => Problem::AgentDisconnected,
        AskError::Call(CallError::Late(deadline)) => Problem::AgentTimeout(*deadline),
        AskError::Call(CallError::Failed(failure)) => of_failure(failure),
    }
}

fn of_failure(failure: &Failure) -> Problem {
    let text = failure.error();
    match failure.kind {
        Some(FailureKind::PermissionDenied) => Problem::DeniedByHost(text.to_owned()),
        Some(FailureKind::EngineDown) => Problem::EngineDown(text.to_owned()),
        Some(FailureKind::Busy) => Problem::AgentBusy(BUSY),
        Some(FailureKind::NotSupported) => Problem::NotSupported(text.to_owned()),
        Some(FailureKind::InvalidResponse) => Problem::EngineError(text.to_owned()),
        Some(FailureKind::DockerError) | None => of_text(text),
    }
}

fn of_text(text: &str) -> Problem {
    let lower = text.to_lowercase();
    let has = |fragment: &&str| lower.contains(*fragment);
    if lower.contains("unknown action") || lower.contains("unknown command") {
        Problem::NotSupported(text.to_owned())
    } else if lower.contains("cannot connect to the docker daemon") {
        Problem::EngineDown(text.to_owned())
    } else if NOT_FOUND.iter().any(has) {
        Problem::NotFound("container")
    } else if CONFLICT.iter().any(has) {
        Problem::Conflict(text.to_owned())
    } else {
        Problem::EngineError(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, kind: Option<FailureKind>, expected: &str) {
        let failed = AskError::Call(CallError::Failed(Failure::new(text, kind)));
        assert_eq!(problem(&failed).kind(), expected, "{text}");
    }

    #[test]
    fn the_agents_kind_decides() {
        for (kind, expected) in [
            (FailureKind::PermissionDenied, "denied-by-host"),
            (FailureKind::EngineDown, "engine-down"),
            (FailureKind::Busy, "agent-busy"),
            (FailureKind::NotSupported, "not-supported"),
            (FailureKind::InvalidResponse, "engine-error"),
            (FailureKind::DockerError, "engine-error"),
        ] {
            check("something", Some(kind), expected);
        }
    }

    #[test]
    fn an_engines_message_tells_missing_and_conflicting_from_failed() {
        let prefix = "failed to stop container: Error response from daemon: ";
        for (text, expected) in [
            ("No such container: web", "not-found"),
            ("Container 0123456789ab is not running", "conflict"),
            (
                "Conflict. The container name \"/web\" is already in use by container",
                "conflict",
            ),
            ("Container 0123456789ab is not paused", "conflict"),
            ("container is paused and must be unpaused first", "conflict"),
            (
                "cannot remove container \"/web\": container is running",
                "conflict",
            ),
            (
                "driver failed programming external connectivity",
                "engine-error",
            ),
        ] {
            check(&format!("{prefix}{text}"), None, expected);
            check(text, Some(FailureKind::DockerError), expected);
        }
        check("unknown action: pause", None, "not-supported");
        check(
            "Cannot connect to the Docker daemon at unix:///x",
            None,
            "engine-down",
        );
    }

    #[test]
    fn the_engines_own_message_is_kept() {
        let failed = Failure::new("no space left on device", Some(FailureKind::DockerError));
        let problem = problem(&AskError::Call(CallError::Failed(failed)));
        assert_eq!(
            problem,
            Problem::EngineError("no space left on device".to_owned())
        );
    }

    #[test]
    fn what_happens_on_the_way_has_its_own_problems() {
        for (error, expected) in [
            (AskError::Offline, "host-offline"),
            (AskError::Call(CallError::Busy), "agent-busy"),
            (
                AskError::Call(CallError::Disconnected),
                "agent-disconnected",
            ),
            (
                AskError::Call(CallError::Late(Duration::from_secs(30))),
                "agent-timeout",
            ),
        ] {
            assert_eq!(problem(&error).kind(), expected);
        }
    }
}
