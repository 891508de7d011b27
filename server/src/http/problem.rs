//! Pure: what goes wrong with a request, as `application/problem+json` (RFC 9457); docs/api.md.

use std::error::Error;
use std::time::Duration;

use http_body_util::Full;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};

pub use crate::chain::chain;

/// Why a request is not answered as asked.
///
/// Texts are for people; they name the field or repeat the Engine's own message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Body, path or query is not as described; the text names what.
    BadRequest(String),
    /// No session, or it ended, or wrong name or password.
    Unauthenticated,
    /// Missing or wrong `X-CSRF-Token`, or a foreign `Origin`.
    Csrf,
    /// The agent refuses.
    DeniedByHost(String),
    /// No such thing; the text says what was not found.
    NotFound(&'static str),
    /// The path has other methods, listed as in `Allow`.
    MethodNotAllowed(String),
    /// The Engine says the state does not allow it.
    Conflict(String),
    /// The request body is over its cap.
    TooLarge,
    /// Too often; try again after this time.
    TooManyRequests(Duration),
    /// A fault of the server; the text is logged and not told.
    Internal(String),
    /// This host's agent does not know the operation.
    NotSupported(String),
    /// The Engine refused, in its own words.
    EngineError(String),
    /// The agent went away while the command was in flight.
    AgentDisconnected,
    /// No agent is connected.
    HostOffline,
    /// The agent is connected, its Engine does not answer.
    EngineDown(String),
    /// Too many commands in hand; try again after this time.
    AgentBusy(Duration),
    /// No answer within the command's deadline.
    AgentTimeout(Duration),
}

/// What a problem is called on the wire.
#[derive(Debug, Clone, Copy)]
struct Facts {
    kind: &'static str,
    status: StatusCode,
    title: &'static str,
}

impl Problem {
    /// Makes a fault of the server out of its cause, with the whole chain for the log.
    pub fn internal(error: &dyn Error) -> Problem {
        Problem::Internal(chain(error))
    }

    /// Gives the status of the answer.
    pub fn status(&self) -> StatusCode {
        self.facts().status
    }

    /// Gives the problem's KIND.
    pub fn kind(&self) -> &'static str {
        self.facts().kind
    }

    /// Makes the answer that tells the problem.
    pub fn response(&self) -> hyper::Response<Full<Bytes>> {
        let Facts {
            kind,
            status,
            title,
        } = self.facts();
        let body = serde_json::json!({
            "type": format!("about:blank#{kind}"),
            "title": title,
            "status": status.as_u16(),
            "detail": self.detail(),
            "kind": kind,
        });
        let mut response = hyper::Response::new(Full::new(Bytes::from(body.to_string())));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after) = self.retry_after() {
            // Rounded up, so that a client who waits as told is not refused again.
            let seconds = after.as_millis().div_ceil(1000).max(1);
            if let Ok(value) = HeaderValue::try_from(seconds.to_string()) {
                headers.insert(header::RETRY_AFTER, value);
            }
        }
        if let Problem::MethodNotAllowed(allow) = self
            && let Ok(value) = HeaderValue::try_from(allow.as_str())
        {
            headers.insert(header::ALLOW, value);
        }
        response
    }

    #[rustfmt::skip] // one row a line reads as the table it is
    fn facts(&self) -> Facts {
        let (kind, status, title) = match self {
            Problem::BadRequest(_) => ("bad-request", StatusCode::BAD_REQUEST, "The request is not as described"),
            Problem::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED, "Log in first"),
            Problem::Csrf => ("csrf", StatusCode::FORBIDDEN, "The request does not come from this server's page"),
            Problem::DeniedByHost(_) => ("denied-by-host", StatusCode::FORBIDDEN, "The host does not allow it"),
            Problem::NotFound(_) => ("not-found", StatusCode::NOT_FOUND, "Not found"),
            Problem::MethodNotAllowed(_) => ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED, "This path has other methods"),
            Problem::Conflict(_) => ("conflict", StatusCode::CONFLICT, "The present state does not allow it"),
            Problem::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large"),
            Problem::TooManyRequests(_) => ("too-many-requests", StatusCode::TOO_MANY_REQUESTS, "Too many attempts"),
            Problem::Internal(_) => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "The server failed"),
            Problem::NotSupported(_) => ("not-supported", StatusCode::NOT_IMPLEMENTED, "This host's agent cannot do it"),
            Problem::EngineError(_) => ("engine-error", StatusCode::BAD_GATEWAY, "The Engine refused"),
            Problem::AgentDisconnected => ("agent-disconnected", StatusCode::BAD_GATEWAY, "The agent went away"),
            Problem::HostOffline => ("host-offline", StatusCode::SERVICE_UNAVAILABLE, "The host is offline"),
            Problem::EngineDown(_) => ("engine-down", StatusCode::SERVICE_UNAVAILABLE, "The host's Engine does not answer"),
            Problem::AgentBusy(_) => ("agent-busy", StatusCode::SERVICE_UNAVAILABLE, "Too many commands at once"),
            Problem::AgentTimeout(_) => ("agent-timeout", StatusCode::GATEWAY_TIMEOUT, "The agent did not answer in time"),
        };
        Facts { kind, status, title }
    }

    fn detail(&self) -> String {
        match self {
            Problem::BadRequest(text)
            | Problem::DeniedByHost(text)
            | Problem::Conflict(text)
            | Problem::NotSupported(text)
            | Problem::EngineError(text)
            | Problem::EngineDown(text) => text.clone(),
            Problem::Unauthenticated => "no session, or wrong name or password".to_owned(),
            Problem::Csrf => "missing or wrong X-CSRF-Token, or a foreign Origin".to_owned(),
            Problem::NotFound(what) => format!("no such {what}"),
            Problem::MethodNotAllowed(allow) => format!("allowed: {allow}"),
            Problem::TooLarge => "request bodies are limited to 64 KiB".to_owned(),
            Problem::TooManyRequests(after) | Problem::AgentBusy(after) => {
                format!("try again in {} s", after.as_millis().div_ceil(1000).max(1))
            }
            Problem::Internal(_) => "the server's log says more".to_owned(),
            Problem::AgentDisconnected => {
                "the agent went away before it answered; whether it did it is not known".to_owned()
            }
            Problem::HostOffline => "no agent of this host is connected".to_owned(),
            Problem::AgentTimeout(deadline) => {
                format!(
                    "no answer within {} s; whether it was done is not known",
                    deadline.as_secs()
                )
            }
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Problem::TooManyRequests(after) | Problem::AgentBusy(after) => Some(*after),
            Problem::BadRequest(_)
            | Problem::Unauthenticated
            | Problem::Csrf
            | Problem::DeniedByHost(_)
            | Problem::NotFound(_)
            | Problem::MethodNotAllowed(_)
            | Problem::Conflict(_)
            | Problem::TooLarge
            | Problem::Internal(_)
            | Problem::NotSupported(_)
            | Problem::EngineError(_)
            | Problem::AgentDisconnected
            | Problem::HostOffline
            | Problem::EngineDown(_)
            | Problem::AgentTimeout(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
