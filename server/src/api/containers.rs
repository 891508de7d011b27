//! A host's containers: what is known of them, and what may be done with one.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use pilotfish_protocol::{ContainerId, HostId, Operation, OperationDone, OperationKind, limits};
use serde::{Deserialize, Serialize};

use crate::agents::AskError;
use crate::agents::session::exchange::CallError;
use crate::api::call::{Call, Doer};
use crate::api::hosts::{NO_HOST, host_id};
use crate::api::log_lines::{self, Line};
use crate::api::{failure, inspected};
use crate::app::App;
use crate::clock;
use crate::http::problem::Problem;
use crate::http::response::{self, Response};
use crate::store::audit::Outcome;
use crate::telemetry::view::ContainerView;

/// Lines of a log when the query does not say.
const DEFAULT_TAIL: u32 = 200;

/// The problem of a container that is not there.
const NO_CONTAINER: Problem = Problem::NotFound("container");

#[derive(Serialize)]
struct Containers<'a> {
    at_unix_ms: Option<u64>,
    containers: Vec<ContainerView<'a>>,
}

#[derive(Serialize)]
struct Inspected {
    container: serde_json::Value,
}

#[derive(Serialize)]
struct Done {
    status: &'static str,
}

#[derive(Serialize)]
struct Log<'a> {
    lines: Vec<Line<'a>>,
    is_cut: bool,
}

#[derive(Deserialize)]
struct Grace {
    timeout_seconds: Option<u64>,
}

#[derive(Deserialize)]
struct NewName {
    name: String,
}

/// `GET /api/v1/hosts/{host}/containers`: lists them as they were last known.
///
/// # Errors
///
/// [`Problem::NotFound`].
pub async fn list(call: Call) -> Result<Response, Problem> {
    let id = host_id(&call)?;
    call.app.board.look(|fleet| {
        let list = fleet.find(&id).ok_or(NO_HOST)?.list.as_ref();
        response::ok(&Containers {
            at_unix_ms: list.map(|list| list.at_unix_ms),
            containers: ContainerView::all(list),
        })
    })
}

/// `GET …/containers/{id}`: shows the Engine's inspect object.
///
/// # Errors
///
/// What the agent or the way to it says.
pub async fn inspect(call: Call) -> Result<Response, Problem> {
    let place = Place::of(&call)?;
    let done = place.ask(OperationKind::Inspect).await;
    let object = done.map_err(|error| failure::problem(&error))?.container;
    // As text it may be as long as a message; as an object it takes many times that.
    let object = object.filter(|object| object.get().len() <= limits::ANSWER_BYTES);
    let object = object.ok_or_else(not_as_described)?;
    blocking::unblock(move || {
        let object = serde_json::from_str(object.get()).map_err(|_| not_as_described())?;
        response::ok(&Inspected {
            container: inspected::mask(object),
        })
    })
    .await
}

/// `GET …/containers/{id}/logs?tail=N`: reads the end of the log.
///
/// # Errors
///
/// [`Problem::BadRequest`] for a number out of range; what the agent or the way to it says.
pub async fn logs(call: Call) -> Result<Response, Problem> {
    let tail = call.query::<u32>("tail")?.unwrap_or(DEFAULT_TAIL);
    if !(1..=limits::LOG_TAIL_LINES).contains(&tail) {
        let most = limits::LOG_TAIL_LINES;
        return Err(Problem::BadRequest(format!(
            "query: tail: not in 1..={most}"
        )));
    }
    let place = Place::of(&call)?;
    let is_in_order = place.is_agent_ours;
    let done = place.ask(OperationKind::GetLogs { tail }).await;
    let done = done.map_err(|error| failure::problem(&error))?;
    let log = done.logs.ok_or_else(not_as_described)?;
    // Ten megabytes are sorted and written anew: not on a thread that others wait for.
    blocking::unblock(move || {
        response::ok(&Log {
            lines: log_lines::split(&log, is_in_order),
            is_cut: done.is_cut,
        })
    })
    .await
}

/// `POST …/start`.
///
/// # Errors
///
/// What the agent or the way to it says; so do all that follow.
pub async fn start(call: Call) -> Result<Response, Problem> {
    operate(call, OperationKind::Start, "started").await
}

/// `POST …/stop`, with `{"timeout_seconds"}` if wished.
///
/// # Errors
///
/// As [`start`], and [`Problem::BadRequest`] for a wrong body.
pub async fn stop(call: Call) -> Result<Response, Problem> {
    let (asked, timeout) = grace(call).await?;
    carry_out(asked, OperationKind::Stop { timeout }, "stopped").await
}

/// `POST …/restart`, with `{"timeout_seconds"}` if wished.
///
/// # Errors
///
/// As [`stop`].
pub async fn restart(call: Call) -> Result<Response, Problem> {
    let (asked, timeout) = grace(call).await?;
    carry_out(asked, OperationKind::Restart { timeout }, "restarted").await
}

/// `POST …/kill`.
///
/// # Errors
///
/// As [`start`].
pub async fn kill(call: Call) -> Result<Response, Problem> {
    operate(call, OperationKind::Kill, "killed").await
}

/// `POST …/pause`.
///
/// # Errors
///
/// As [`start`].
pub async fn pause(call: Call) -> Result<Response, Problem> {
    operate(call, OperationKind::Pause, "paused").await
}

/// `POST …/unpause`.
///
/// # Errors
///
/// As [`start`].
pub async fn unpause(call: Call) -> Result<Response, Problem> {
    operate(call, OperationKind::Unpause, "unpaused").await
}

/// `POST …/rename` with `{"name"}`.
///
/// # Errors
///
/// As [`stop`].
pub async fn rename(call: Call) -> Result<Response, Problem> {
    let asked = Asked::of(&call)?;
    let NewName { name } = call.request.json().await?;
    if !is_container_name(&name) {
        let why = "body: name: 2 to 255 letters, digits, _ . - beginning with a letter or digit";
        return Err(Problem::BadRequest(why.to_owned()));
    }
    carry_out(asked, OperationKind::Rename { new_name: name }, "renamed").await
}

/// `DELETE …/containers/{id}?force=true|false`.
///
/// # Errors
///
/// As [`start`], and [`Problem::BadRequest`] for a wrong query.
pub async fn remove(call: Call) -> Result<Response, Problem> {
    let force = call.query::<bool>("force")?.unwrap_or(false);
    operate(call, OperationKind::Remove { force }, "removed").await
}

/// Which container of which host.
struct Place {
    app: Arc<App>,
    host: HostId,
    host_name: String,
    container: ContainerId,
    container_name: Option<String>,
    is_agent_ours: bool,
}

/// Who asks for which container.
struct Asked {
    place: Place,
    doer: Doer,
}

impl Place {
    fn of(call: &Call) -> Result<Self, Problem> {
        let host = host_id(call)?;
        let container = ContainerId::new(call.param("id")?).map_err(|_| NO_CONTAINER)?;
        let app = Arc::clone(&call.app);
        let (host_name, container_name, is_agent_ours) = app.board.look(|fleet| {
            let found = fleet.find(&host).ok_or(NO_HOST)?;
            let name = fleet
                .container(&host, &container)
                .map(|known| known.name.clone());
            Ok::<_, Problem>((found.facts.name.clone(), name, found.facts.agent.is_ours))
        })?;
        Ok(Self {
            app,
            host,
            host_name,
            container,
            container_name,
            is_agent_ours,
        })
    }

    async fn ask(&self, kind: OperationKind) -> Result<OperationDone, AskError> {
        let operation = Operation {
            // A backend names containers by 12 digits, and so do we: to agents all are the same.
            container_id: self.container.to_short(),
            kind,
        };
        self.app.agents.ask(&self.host, operation).await
    }

    /// Names the container for the audit.
    fn target(&self) -> String {
        let container = match &self.container_name {
            Some(name) => Cow::Borrowed(name.as_str()),
            None => Cow::Borrowed(self.container.short()),
        };
        format!("{}/{container}", self.host_name)
    }
}

impl Asked {
    fn of(call: &Call) -> Result<Self, Problem> {
        Ok(Self {
            place: Place::of(call)?,
            doer: call.doer(),
        })
    }
}

async fn operate(
    call: Call,
    kind: OperationKind,
    status: &'static str,
) -> Result<Response, Problem> {
    let asked = Asked::of(&call)?;
    carry_out(asked, kind, status).await
}

/// Has the operation done, and writes down who asked for it and how it ended.
async fn carry_out(
    asked: Asked,
    kind: OperationKind,
    status: &'static str,
) -> Result<Response, Problem> {
    let Asked { place, doer } = asked;
    let action = audit_action(&kind);
    let detail = match &kind {
        OperationKind::Rename { new_name } => Some(format!("to {new_name}")),
        OperationKind::Remove { force: true } => Some("with force".to_owned()),
        OperationKind::Remove { force: false }
        | OperationKind::Start
        | OperationKind::Stop { .. }
        | OperationKind::Restart { .. }
        | OperationKind::Kill
        | OperationKind::Pause
        | OperationKind::Unpause
        | OperationKind::GetLogs { .. }
        | OperationKind::Inspect => None,
    };
    let began = clock::now();
    let outcome = place.ask(kind).await;
    let took = format!("{} ms", (clock::now() - began).as_millis());
    let (word, why) = match &outcome {
        Ok(_) => (Outcome::Ok, None),
        Err(error) => (audit_outcome(error), Some(error.to_string())),
    };
    let parts = [detail, why, Some(took)].into_iter().flatten();
    let detail = parts.collect::<Vec<_>>().join(", ");
    let audited = doer.audit(&place.app, action, Some(place.target()), word, Some(detail));
    if let Err(error) = audited.await {
        // It is done all the same, and that is what who asked must know.
        log::error!(
            "{action} is not in the audit: {}",
            crate::http::problem::chain(&error)
        );
    }
    match outcome {
        Ok(_) => response::ok(&Done { status }),
        Err(error) => Err(failure::problem(&error)),
    }
}

fn audit_action(kind: &OperationKind) -> &'static str {
    match kind {
        OperationKind::Start => "container.start",
        OperationKind::Stop { .. } => "container.stop",
        OperationKind::Restart { .. } => "container.restart",
        OperationKind::Kill => "container.kill",
        OperationKind::Pause => "container.pause",
        OperationKind::Unpause => "container.unpause",
        OperationKind::Remove { .. } => "container.remove",
        OperationKind::Rename { .. } => "container.rename",
        OperationKind::GetLogs { .. } => "container.logs",
        OperationKind::Inspect => "container.inspect",
    }
}

fn audit_outcome(error: &AskError) -> Outcome {
    let is_denied = match error {
        AskError::Call(CallError::Failed(failure)) => {
            failure.kind == Some(pilotfish_protocol::FailureKind::PermissionDenied)
        }
        AskError::Offline
        | AskError::Call(CallError::Busy | CallError::Disconnected | CallError::Late(_)) => false,
    };
    if is_denied {
        Outcome::Denied
    } else {
        Outcome::Failed
    }
}

/// Reads the grace before SIGKILL.
async fn grace(call: Call) -> Result<(Asked, Option<Duration>), Problem> {
    let asked = Asked::of(&call)?;
    let Grace { timeout_seconds } = call.request.json().await?;
    let timeout = timeout_seconds.map(Duration::from_secs);
    if timeout.is_some_and(|timeout| timeout > limits::STOP_TIMEOUT) {
        let most = limits::STOP_TIMEOUT.as_secs();
        return Err(Problem::BadRequest(format!(
            "body: timeout_seconds: over {most}"
        )));
    }
    Ok((asked, timeout))
}

fn is_container_name(name: &str) -> bool {
    (2..=limits::CONTAINER_NAME_LEN).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

fn not_as_described() -> Problem {
    Problem::EngineError("the agent's answer is not as described".to_owned())
}

#[cfg(test)]
mod tests;
