//! Answers: JSON, nothing, a problem; and the headers every answer carries.

use http_body_util::Full;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use serde::Serialize;

use crate::http::problem::Problem;

/// An answer with its whole body in memory.
pub type Response = hyper::Response<Full<Bytes>>;

/// Headers of every answer: the page may load only itself, be framed by nobody, and tell nobody
/// where it was.
const SECURITY: [(HeaderName, HeaderValue); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
        ),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
];

/// Makes an answer with `body` of the given content type.
pub fn with_body(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Makes a JSON answer.
///
/// # Errors
///
/// [`Problem::Internal`] when `value` cannot be written as JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| Problem::internal(&error))?;
    Ok(with_body(status, "application/json", body))
}

/// Makes a 200 answer with `value` as JSON.
///
/// # Errors
///
/// As [`json`].
pub fn ok(value: &impl Serialize) -> Result<Response, Problem> {
    json(StatusCode::OK, value)
}

/// Makes an answer without a body.
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// Adds the headers that every answer carries.
pub fn secure(response: &mut Response) {
    for (name, value) in SECURITY {
        response.headers_mut().insert(name, value);
    }
}
