//! The history of hosts and containers, for charts.

use pilotfish_protocol::{ContainerId, HostId, ShortId};

use crate::api::call::Call;
use crate::api::hosts::{NO_HOST, host_id};
use crate::clock;
use crate::http::problem::Problem;
use crate::http::response::{self, Response};
use crate::store::history::reading::ReadError;
use crate::telemetry::history::{Query, QueryError};
use crate::telemetry::measure::Measure;

/// Points in one answer when the query does not say.
const DEFAULT_POINTS: u64 = 300;

/// Points in one answer at most.
const MAX_POINTS: u64 = 2000;

/// The range when the query does not say.
const DEFAULT_RANGE_MS: u64 = 3_600_000;

/// The longest range: ten years.
const MAX_RANGE_MS: u64 = 3650 * 24 * 3_600_000;

/// `GET /api/v1/hosts/{host}/history`: the host, its interfaces, file systems and sensors.
///
/// # Errors
///
/// [`Problem::NotFound`]; [`Problem::BadRequest`] names the parameter; [`Problem::TooManyRequests`].
pub async fn of_host(call: Call) -> Result<Response, Problem> {
    let host = known_host(&call)?;
    answer(&call, host, None).await
}

/// `GET /api/v1/hosts/{host}/containers/{id}/history`: one container, also after it was removed.
///
/// # Errors
///
/// As [`of_host`].
pub async fn of_container(call: Call) -> Result<Response, Problem> {
    let host = known_host(&call)?;
    let id = ContainerId::new(call.param("id")?).map_err(|_| Problem::NotFound("container"))?;
    answer(&call, host, Some(ShortId::of(&id))).await
}

async fn answer(
    call: &Call,
    host: HostId,
    container: Option<ShortId>,
) -> Result<Response, Problem> {
    let now_unix_ms = clock::unix_ms();
    let to_unix_ms = call.query("to_unix_ms")?.unwrap_or(now_unix_ms);
    let from_unix_ms = call.query("from_unix_ms")?;
    let from_unix_ms = from_unix_ms.unwrap_or_else(|| to_unix_ms.saturating_sub(DEFAULT_RANGE_MS));
    let points = call.query("points")?.unwrap_or(DEFAULT_POINTS);
    check(from_unix_ms, to_unix_ms, points)?;
    let query = Query {
        host,
        container,
        from_unix_ms,
        to_unix_ms,
        points,
        measures: measures(call.query::<String>("measures")?.as_deref())?,
    };
    let answer = call.app.history.query(query).await;
    response::ok(&answer.map_err(problem)?)
}

fn known_host(call: &Call) -> Result<HostId, Problem> {
    let id = host_id(call)?;
    call.app
        .board
        .look(|fleet| fleet.find(&id).map(|_| ()))
        .ok_or(NO_HOST)?;
    Ok(id)
}

fn check(from_unix_ms: u64, to_unix_ms: u64, points: u64) -> Result<(), Problem> {
    let wrong = |text: String| Err(Problem::BadRequest(format!("query: {text}")));
    if from_unix_ms >= to_unix_ms {
        return wrong("from_unix_ms: not before to_unix_ms".to_owned());
    }
    if to_unix_ms - from_unix_ms > MAX_RANGE_MS {
        return wrong("from_unix_ms: more than ten years before to_unix_ms".to_owned());
    }
    if !(1..=MAX_POINTS).contains(&points) {
        return wrong(format!("points: not in 1..={MAX_POINTS}"));
    }
    Ok(())
}

fn measures(list: Option<&str>) -> Result<Vec<Measure>, Problem> {
    let words = list
        .unwrap_or_default()
        .split(',')
        .filter(|word| !word.is_empty());
    let mut measures = Vec::new();
    for word in words {
        let measure = word.parse();
        let measure =
            measure.map_err(|error| Problem::BadRequest(format!("query: measures: {error}")))?;
        // So that a list is never longer than there are measures.
        if !measures.contains(&measure) {
            measures.push(measure);
        }
    }
    Ok(measures)
}

fn problem(error: QueryError) -> Problem {
    match error {
        QueryError::Busy => Problem::TooManyRequests(std::time::Duration::from_secs(1)),
        QueryError::Read(ReadError::TooMuch) => Problem::BadRequest(
            "query: from_unix_ms: more than is read at once; ask for a shorter range, or for some measures".to_owned(),
        ),
        QueryError::Read(error @ (ReadError::TooSlow | ReadError::Store(_))) => Problem::internal(&error),
    }
}

#[cfg(test)]
mod tests;
