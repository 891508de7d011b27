//! What happened, for an operator to read.

use pilotfish_protocol::HostId;
use serde::Serialize;

use crate::api::call::Call;
use crate::http::problem::Problem;
use crate::http::response::{self, Response};
use crate::store::events;
use crate::telemetry::view::EventView;

/// Events in one answer when the query does not say.
const DEFAULT_LIMIT: usize = 100;

/// Events in one answer at most.
const MAX_LIMIT: usize = 500;

#[derive(Serialize)]
struct Events<'a> {
    events: Vec<EventView<'a>>,
}

/// `GET /api/v1/events?limit=N&before=ID&host=ID`: lists events, newest first.
///
/// # Errors
///
/// [`Problem::BadRequest`] for a query that is not as described.
pub async fn list(call: Call) -> Result<Response, Problem> {
    let limit = call.query::<usize>("limit")?.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::BadRequest(format!(
            "query: limit: not in 1..={MAX_LIMIT}"
        )));
    }
    let before = call.query("before")?;
    let host = call.query::<String>("host")?.map(HostId::new).transpose();
    let host = host.map_err(|error| Problem::BadRequest(format!("query: host: {error}")))?;
    // What waits to be written belongs to the answer.
    call.app.board.flush(&call.app).await;
    let list = move |store: &_| events::list(store, before, host.as_ref(), limit);
    let events = call.app.with_store(list).await?;
    response::ok(&Events {
        events: events
            .iter()
            .map(|(id, event)| EventView::of(*id, event))
            .collect(),
    })
}
