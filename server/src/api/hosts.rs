//! The hosts: what is known of them, and how one is removed.

use hyper::StatusCode;
use pilotfish_protocol::HostId;
use serde::Serialize;

use crate::api::call::Call;
use crate::http::problem::Problem;
use crate::http::response::{self, Response};
use crate::store::audit::Outcome;
use crate::store::hosts;
use crate::telemetry::view::HostView;

#[derive(Serialize)]
struct Hosts<'a> {
    hosts: Vec<HostView<'a>>,
}

/// `GET /api/v1/hosts`: lists all hosts.
///
/// # Errors
///
/// None of its own.
pub async fn list(call: Call) -> Result<Response, Problem> {
    call.app.board.look(|fleet| {
        let hosts = fleet.iter().map(|(id, host)| HostView::of(id, host));
        response::ok(&Hosts {
            hosts: hosts.collect(),
        })
    })
}

/// `GET /api/v1/hosts/{host}`: shows one.
///
/// # Errors
///
/// [`Problem::NotFound`].
pub async fn show(call: Call) -> Result<Response, Problem> {
    let id = host_id(&call)?;
    call.app.board.look(|fleet| {
        let host = fleet.find(&id).ok_or(NO_HOST)?;
        response::ok(&HostView::of(&id, host))
    })
}

/// `DELETE /api/v1/hosts/{host}`: forgets a host, its agent, its containers and its history, and closes the agent's connection.
///
/// # Errors
///
/// [`Problem::NotFound`].
pub async fn remove(call: Call) -> Result<Response, Problem> {
    let id = host_id(&call)?;
    let (app, doer) = (call.app.clone(), call.doer());
    let stored = id.clone();
    // First the store: from then on its token lets nobody in. Then nobody finds the host, and at last its connection closes.
    let removed = app
        .with_store(move |store| hosts::remove(store, &stored))
        .await?;
    app.board.remove(&id);
    app.agents.dismiss(&id);
    let removed = removed.ok_or(NO_HOST)?;
    log::info!("host {} ({id}) removed", removed.name);
    let target = Some(removed.name);
    // Before the history, which may fail when the rest is done.
    doer.audit(&app, "host.remove", target, Outcome::Ok, None)
        .await?;
    app.history.forget(&id, &removed.agent_id).await?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}

/// The problem of a host that is not there.
pub const NO_HOST: Problem = Problem::NotFound("host");

/// Gives the host that the path names.
///
/// # Errors
///
/// [`Problem::NotFound`] also for what cannot be an id.
pub fn host_id(call: &Call) -> Result<HostId, Problem> {
    HostId::new(call.param("host")?).map_err(|_| NO_HOST)
}
