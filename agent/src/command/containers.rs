//! Carries out operations on one container.

use pilotfish_protocol::{Failure, FailureKind, Operation, OperationDone, OperationKind};

use super::log_size;
use crate::engine::{Engine, EngineError};

/// Carries `operation` out. Has the Engine client's deadlines.
///
/// # Errors
///
/// The [`Failure`] to answer with: the verb and the Engine's own message.
pub async fn carry_out(engine: &Engine, operation: Operation) -> Result<OperationDone, Failure> {
    let Operation {
        container_id: id,
        kind,
    } = operation;
    let failed = |error: EngineError| failure(kind.action(), &error);
    let status = match &kind {
        OperationKind::Start => engine.start(&id).await.map(|()| "started"),
        OperationKind::Stop { timeout } => engine.stop(&id, *timeout).await.map(|()| "stopped"),
        OperationKind::Restart { timeout } => {
            engine.restart(&id, *timeout).await.map(|()| "restarted")
        }
        OperationKind::Kill => engine.kill(&id).await.map(|()| "killed"),
        OperationKind::Pause => engine.pause(&id).await.map(|()| "paused"),
        OperationKind::Unpause => engine.unpause(&id).await.map(|()| "unpaused"),
        OperationKind::Rename { new_name } => {
            engine.rename(&id, new_name).await.map(|()| "renamed")
        }
        OperationKind::Remove { force } => {
            return engine
                .remove(&id, *force)
                .await
                .map(|()| OperationDone::removed(id))
                .map_err(failed);
        }
        OperationKind::GetLogs { tail } => {
            let mut logs = engine.logs(&id, *tail).await.map_err(failed)?;
            let is_cut = log_size::cut_to_message(&mut logs.text) || logs.is_cut;
            return Ok(OperationDone::logs(logs.text, is_cut));
        }
        OperationKind::Inspect => {
            return engine
                .inspect_container(&id)
                .await
                .map(OperationDone::inspected)
                .map_err(failed);
        }
    };
    status
        .map(|word| OperationDone::status(id.clone(), word))
        .map_err(failed)
}

/// The answer to a call the Engine did not carry out; `action` is the wire's name of it.
#[must_use]
pub fn failure(action: &str, error: &EngineError) -> Failure {
    let subject = match action {
        "get_logs" => "get logs of container".to_owned(),
        "list_containers" => "list containers".to_owned(),
        verb => format!("{verb} container"),
    };
    let kind = if error.is_unreachable() {
        FailureKind::EngineDown
    } else {
        FailureKind::DockerError
    };
    Failure::new(
        &format!("failed to {subject}: {}", error.reason()),
        Some(kind),
    )
}
