//! Pure: the agent's answers to calls, in the two forms of the wire.

use alloc::borrow::{Cow, ToOwned as _};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::agent_message::to_json;
use crate::error::DecodeError;
use crate::ids::{CallId, ContainerId};
use crate::lenient::{self, Scalar};
use crate::limits;
use crate::text::Text;
use crate::time::Timestamp;

/// Which of the two forms an answer has; a call determines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerForm {
    /// Answer to a `command`: `{"type":"response","id",…,"payload"}`.
    Response,
    /// Answer to a `container_operation`: `{"correlation_id",…,"success"}` with flat fields.
    Flat,
}

/// The answer to one call.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Answer to a `command`: its payload as JSON, or why it failed.
    Response {
        /// The call it answers.
        id: CallId,
        /// The payload's JSON.
        outcome: Result<Box<RawValue>, Failure>,
    },
    /// Answer to a `container_operation`.
    Operation {
        /// The call it answers.
        id: CallId,
        /// What was done.
        outcome: Result<OperationDone, Failure>,
    },
}

/// What a `container_operation` did; which fields are there depends on the action.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct OperationDone {
    /// The container, as the server named it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::container_id"
    )]
    pub container_id: Option<ContainerId>,
    /// `started`, `stopped`, `restarted`, `killed`, `paused`, `unpaused`, `renamed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Set when the container was removed.
    #[serde(
        default,
        skip_serializing_if = "core::ops::Not::not",
        deserialize_with = "lenient::null_as_default"
    )]
    pub removed: bool,
    /// Log text, a line each, every line beginning with the Engine's timestamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<String>,
    /// The log was longer than may be sent, and was cut.
    #[serde(
        default,
        rename = "truncated",
        skip_serializing_if = "core::ops::Not::not",
        deserialize_with = "lenient::null_as_default"
    )]
    pub is_cut: bool,
    /// The Engine's inspect object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Box<RawValue>>,
}

impl OperationDone {
    /// The container's state was changed: `status` is the wire's word for it.
    #[must_use]
    pub fn status(container_id: ContainerId, status: &str) -> Self {
        Self {
            container_id: Some(container_id),
            status: Some(String::from(status)),
            ..Self::default()
        }
    }

    /// The container was removed.
    #[must_use]
    pub fn removed(container_id: ContainerId) -> Self {
        Self {
            container_id: Some(container_id),
            removed: true,
            ..Self::default()
        }
    }

    /// The end of the container's log.
    #[must_use]
    pub fn logs(logs: String, is_cut: bool) -> Self {
        Self {
            logs: Some(logs),
            is_cut,
            ..Self::default()
        }
    }

    /// The Engine's inspect object.
    #[must_use]
    pub fn inspected(container: Box<RawValue>) -> Self {
        Self {
            container: Some(container),
            ..Self::default()
        }
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong; never empty.
    error: Text<{ limits::ERROR_LEN }>,
    /// What kind of failure it is, when the agent says so.
    pub kind: Option<FailureKind>,
}

impl Failure {
    /// A failure with its text; an empty text becomes `unknown error`.
    #[must_use]
    pub fn new(error: &str, kind: Option<FailureKind>) -> Self {
        let error = Text::cut_if_any(error).unwrap_or_else(|| Text::cut("unknown error"));
        Self { error, kind }
    }

    /// What went wrong.
    #[must_use]
    pub fn error(&self) -> &str {
        self.error.as_str()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.error())
    }
}

/// What kind of failure it is (the wire's `error_type`). A DockMon backend knows the first three, others it takes as general ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The agent refuses: its own container, the host's policy.
    PermissionDenied,
    /// The Engine refused.
    DockerError,
    /// The call or its answer is not as described.
    InvalidResponse,
    /// The Engine does not answer.
    EngineDown,
    /// Too many calls in hand.
    Busy,
    /// The agent does not know the call.
    NotSupported,
}

impl FailureKind {
    const ALL: [(Self, &'static str); 6] = [
        (Self::PermissionDenied, "permission_denied"),
        (Self::DockerError, "docker_error"),
        (Self::InvalidResponse, "invalid_response"),
        (Self::EngineDown, "engine_down"),
        (Self::Busy, "busy"),
        (Self::NotSupported, "not_supported"),
    ];

    /// The wire's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|row| row.0 == self)
            .map_or("", |row| row.1)
    }

    fn from_str(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|row| row.1 == text).map(|row| row.0)
    }
}

impl Answer {
    /// The answer that a call of this form failed.
    #[must_use]
    pub fn failed(form: AnswerForm, id: CallId, failure: Failure) -> Self {
        match form {
            AnswerForm::Response => Self::Response {
                id,
                outcome: Err(failure),
            },
            AnswerForm::Flat => Self::Operation {
                id,
                outcome: Err(failure),
            },
        }
    }

    /// The call it answers.
    #[must_use]
    pub fn id(&self) -> &CallId {
        match self {
            Self::Response { id, .. } | Self::Operation { id, .. } => id,
        }
    }

    /// Writes the answer; `at` is the agent's clock.
    #[must_use]
    pub fn encode(&self, at: Timestamp) -> String {
        match self {
            Self::Response { id, outcome } => to_json(&Response {
                r#type: "response",
                id,
                payload: outcome.as_deref().ok(),
                error: outcome.as_ref().err().map(Failure::error),
                error_type: kind_word(outcome.as_ref().err()),
                timestamp: at,
            }),
            Self::Operation { id, outcome } => to_json(&Flat {
                correlation_id: id,
                success: outcome.is_ok(),
                error: outcome.as_ref().err().map(Failure::error),
                error_type: kind_word(outcome.as_ref().err()),
                done: outcome.as_ref().ok(),
            }),
        }
    }

    /// Reads an answer: `text` is a JSON object that has `correlation_id`, or type `response` and an `id`.
    ///
    /// A truthy `error` is a failure whatever else is there; an object with neither `success` nor `payload` is one, too. The
    /// fields of a flat answer may also be inside its `payload`; a payload that is a list can only answer a `command`. An answer whose fields are not as described is a failure, so
    /// that who waits for it does not wait in vain.
    pub(crate) fn decode(id: CallId, text: &str, is_response: bool) -> Result<Self, DecodeError> {
        let fields: Fields<'_> = lenient::object(text).map_err(|source| DecodeError::Content {
            what: "answer",
            source,
        })?;
        let failure = fields.failure();
        if is_response || fields.is_list() {
            let outcome = failure.map_or_else(
                || Ok(fields.payload.unwrap_or(RawValue::NULL).to_owned()),
                Err,
            );
            return Ok(Self::Response { id, outcome });
        }
        let outcome = failure.map_or_else(|| fields.done(text), Err);
        Ok(Self::Operation { id, outcome })
    }
}

fn kind_word(failure: Option<&Failure>) -> Option<&'static str> {
    failure
        .and_then(|failure| failure.kind)
        .map(FailureKind::as_str)
}

#[derive(Serialize)]
struct Response<'a> {
    r#type: &'static str,
    id: &'a CallId,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<&'static str>,
    timestamp: Timestamp,
}

#[derive(Serialize)]
struct Flat<'a> {
    correlation_id: &'a CallId,
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<&'static str>,
    #[serde(flatten)]
    done: Option<&'a OperationDone>,
}

/// What tells success from failure in either form.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error_type: Scalar<'a>,
    #[serde(borrow, default)]
    success: Scalar<'a>,
    #[serde(borrow, default, deserialize_with = "lenient::present")]
    payload: Option<&'a RawValue>,
}

impl Fields<'_> {
    fn failure(&self) -> Option<Failure> {
        let kind = self
            .error_type
            .clone()
            .into_text()
            .and_then(|text| FailureKind::from_str(&text));
        if let Some(error) = self.error.and_then(told) {
            return Some(Failure::new(&error, kind));
        }
        match (&self.success, self.payload) {
            (Scalar::Null, None) => {
                let error = "invalid response: neither success nor payload";
                Some(Failure::new(error, Some(FailureKind::InvalidResponse)))
            }
            (Scalar::Bool(false), _) => Some(Failure::new("", kind)),
            (_, _) => None,
        }
    }

    fn is_list(&self) -> bool {
        self.payload
            .is_some_and(|payload| payload.get().starts_with('['))
    }

    fn done(&self, whole: &str) -> Result<OperationDone, Failure> {
        let payload = self.payload.map(RawValue::get);
        let object = payload.filter(|payload| payload.starts_with('{'));
        serde_json::from_str(object.unwrap_or(whole)).map_err(|error| {
            let error = format!("invalid response: {error}");
            Failure::new(&error, Some(FailureKind::InvalidResponse))
        })
    }
}

/// The text of an `error` that is truthy, as a DockMon backend (in Python) sees it; its JSON when it is no text.
fn told(error: &RawValue) -> Option<Cow<'_, str>> {
    let json = error.get();
    match serde_json::from_str(json).unwrap_or_default() {
        Scalar::Null | Scalar::Bool(false) | Scalar::Whole(0) => None,
        Scalar::Float(0.0) => None,
        Scalar::Text(text) => (!text.is_empty()).then_some(text),
        Scalar::Compound if json[1..json.len() - 1].trim().is_empty() => None,
        Scalar::Bool(true) | Scalar::Whole(_) | Scalar::Float(_) | Scalar::Compound => {
            Some(Cow::Borrowed(json))
        }
    }
}

#[cfg(test)]
mod tests;
