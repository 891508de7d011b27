//! Whether the server answers, for those who watch it.

use serde::Serialize;

use crate::api::call::Call;
use crate::http::problem::Problem;
use crate::http::response::{self, Response};

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// `GET /healthz`: the server runs and its store can be read.
///
/// # Errors
///
/// [`Problem::Internal`] when the store fails.
pub async fn show(call: Call) -> Result<Response, Problem> {
    call.app.with_store(crate::store::users::is_empty).await?;
    response::ok(&Health { status: "ok" })
}
