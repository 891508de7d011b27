//! Who did what, for an operator to read.

use serde::Serialize;

use crate::api::call::Call;
use crate::http::problem::Problem;
use crate::http::response::{self, Response};
use crate::store::audit::{self, AuditRecord, Outcome};

/// Entries in one answer when the query does not say.
const DEFAULT_LIMIT: usize = 100;

/// Entries in one answer at most.
const MAX_LIMIT: usize = 500;

#[derive(Serialize)]
struct Entries {
    entries: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    id: u64,
    at_unix_ms: u64,
    user: Option<String>,
    action: String,
    target: Option<String>,
    outcome: &'static str,
    detail: Option<String>,
    address: String,
}

impl From<(u64, AuditRecord)> for Entry {
    fn from((id, record): (u64, AuditRecord)) -> Entry {
        let AuditRecord {
            at_unix_ms,
            user,
            action,
            target,
            outcome,
            detail,
            address,
        } = record;
        let outcome = match outcome {
            Outcome::Ok => "ok",
            Outcome::Failed => "failed",
            Outcome::Denied => "denied",
        };
        Entry {
            id,
            at_unix_ms,
            user,
            action,
            target,
            outcome,
            detail,
            address,
        }
    }
}

/// `GET /api/v1/audit?limit=N&before=ID`: lists entries, newest first.
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
    let entries = call
        .app
        .with_store(move |store| audit::list(store, before, limit))
        .await?;
    response::ok(&Entries {
        entries: entries.into_iter().map(Entry::from).collect(),
    })
}
