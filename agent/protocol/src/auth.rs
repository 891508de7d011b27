//! Pure: the server's answer to `register`, and why it may refuse.

use alloc::borrow::{Cow, ToOwned as _};
use alloc::string::{String, ToString as _};

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::error::DecodeError;
use crate::extension::Extension;
use crate::ids::{AgentId, HostId};
use crate::lenient;
use crate::limits;
use crate::text::Text;
use crate::token::Token;

/// The agent is let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthSuccess {
    /// The agent's id with this server.
    pub agent_id: AgentId,
    /// The host's id with this server.
    pub host_id: HostId,
    /// What the agent presents from now on; it must be durable before anything else happens.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "token"
    )]
    pub permanent_token: Option<Token>,
    /// What a Pilotfish server agrees to beyond the base dialect; of an agent that did not offer it, and from a DockMon backend: absent.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "extension"
    )]
    pub pilotfish: Option<Extension>,
}

/// Reads the agreed extension; one that cannot be read, or of another version, is not agreed.
fn extension<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Extension>, D::Error> {
    let value = Option::<&'de serde_json::value::RawValue>::deserialize(deserializer)?;
    let extension: Option<Extension> =
        value.and_then(|value| serde_json::from_str(value.get()).ok());
    Ok(extension.filter(|extension| extension.version == crate::extension::VERSION))
}

/// Reads an optional token; an empty one is absent, one of another charset is an error.
fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Token>, D::Error> {
    lenient::name(deserializer)?
        .filter(|text| !text.is_empty())
        .map(|text| Token::new(text.into_owned()).map_err(de::Error::custom))
        .transpose()
}

/// The first message a server sends: the answer to `register`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthAnswer {
    /// Let in.
    Success(AuthSuccess),
    /// Refused; the connection is closed with 1008 after it.
    Refused {
        /// What kind of refusal it is, as far as the text tells.
        refusal: Refusal,
        /// The server's words, never empty, cleaned and cut as [`Text`] does it: they are for a log.
        error: String,
    },
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "lenient::name")]
    error: Option<Cow<'a, str>>,
}

impl AuthAnswer {
    /// Reads the first message of a server: whatever has the ids is a success, whatever has an error is a refusal.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when it is neither; the connection is of no use then.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let envelope: Envelope<'_> = lenient::object(text).map_err(DecodeError::NotAnObject)?;
        if let Some(error) = envelope.error.filter(|error| !error.is_empty()) {
            let error = Text::<{ limits::ERROR_LEN }>::cut_if_any(&error)
                .map_or_else(|| "no reason given".to_owned(), |error| error.to_string());
            return Ok(Self::Refused {
                refusal: Refusal::from_text(&error),
                error,
            });
        }
        let success = serde_json::from_str(text).map_err(|source| DecodeError::Content {
            what: "auth_success",
            source,
        })?;
        Ok(Self::Success(success))
    }

    /// Writes the message.
    #[must_use]
    pub fn encode(&self) -> String {
        #[derive(Serialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        enum Wire<'a> {
            AuthSuccess(&'a AuthSuccess),
            AuthError { error: &'a str },
        }
        let wire = match self {
            Self::Success(success) => Wire::AuthSuccess(success),
            Self::Refused { error, .. } => Wire::AuthError { error },
        };
        crate::agent_message::to_json(&wire)
    }

    /// The refusal in this server's own words.
    #[must_use]
    pub fn refuse(refusal: Refusal) -> Self {
        Self::Refused {
            refusal,
            error: refusal.text().to_string(),
        }
    }
}

/// Why a registration is refused. The fragment of each text is what both dialects agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The message breaks the model.
    InvalidRegistration,
    /// The first message was something else.
    WrongType,
    /// No first message in time.
    TooLate,
    /// Neither a permanent nor a registration token this server knows.
    TokenUnknown,
    /// A single-use token that was used.
    TokenUsedUp,
    /// A registration token past its life.
    TokenExpired,
    /// The permanent token belongs to another Engine.
    EngineMismatch,
    /// The Engine belongs to an agent already.
    EngineTaken,
    /// Forced registration without a name given by the operator.
    ForceNeedsName,
    /// A text this side does not know.
    Other,
}

impl Refusal {
    const ALL: [(Self, &'static str, &'static str); 9] = [
        (
            Self::InvalidRegistration,
            "Invalid registration data",
            "Invalid registration data",
        ),
        (
            Self::WrongType,
            "Invalid authentication type",
            "Invalid authentication type: the first message must be register",
        ),
        (
            Self::TooLate,
            "Authentication timeout",
            "Authentication timeout: no register message in 30 s",
        ),
        (
            Self::TokenUnknown,
            "Invalid registration token",
            "Invalid registration token: this server does not know it",
        ),
        (
            Self::TokenUsedUp,
            "maximum uses",
            "Registration token has reached its maximum uses",
        ),
        (
            Self::TokenExpired,
            "expired",
            "Registration token has expired",
        ),
        (
            Self::EngineMismatch,
            "does not match engine_id",
            "Permanent token does not match engine_id",
        ),
        (
            Self::EngineTaken,
            "already registered",
            "This Engine is already registered; for a cloned machine give it an Engine id of its own, or set AGENT_NAME and FORCE_UNIQUE_REGISTRATION=true",
        ),
        (
            Self::ForceNeedsName,
            "FORCE_UNIQUE",
            "FORCE_UNIQUE_REGISTRATION needs a name of its own in AGENT_NAME",
        ),
    ];

    /// The text this server sends.
    #[must_use]
    pub fn text(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|row| row.0 == self)
            .map_or("Registration refused", |row| row.2)
    }

    /// Recognises a refusal by the fragment of its text.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        // "already registered" texts also name FORCE_UNIQUE_REGISTRATION, so the order of the table decides.
        Self::ALL
            .iter()
            .find(|row| text.contains(row.1))
            .map_or(Self::Other, |row| row.0)
    }

    /// Tells whether the token itself was refused, so that another token may do better.
    #[must_use]
    pub fn is_token_rejected(self) -> bool {
        match self {
            Self::TokenUnknown | Self::TokenUsedUp | Self::TokenExpired | Self::EngineMismatch => {
                true
            }
            Self::InvalidRegistration
            | Self::WrongType
            | Self::TooLate
            | Self::EngineTaken
            | Self::ForceNeedsName
            | Self::Other => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn every_refusal_is_recognised_by_its_own_text() {
        for (refusal, _, text) in Refusal::ALL {
            assert_eq!(Refusal::from_text(text), refusal, "{text}");
        }
        assert_eq!(Refusal::from_text("no idea"), Refusal::Other);
        assert_eq!(Refusal::from_text(Refusal::Other.text()), Refusal::Other);
    }

    #[test]
    fn an_answer_without_type_is_a_success_when_it_has_the_ids() {
        let answer = AuthAnswer::decode(r#"{"agent_id":"a-1","host_id":"h-1"}"#).unwrap();
        assert!(matches!(
            answer,
            AuthAnswer::Success(AuthSuccess {
                permanent_token: None,
                ..
            })
        ));
    }

    #[test]
    fn an_empty_permanent_token_is_none() {
        for token in ["\"\"", "null", "7"] {
            let text = format!(r#"{{"agent_id":"a-1","host_id":"h-1","permanent_token":{token}}}"#);
            let answer = AuthAnswer::decode(&text).unwrap();
            let AuthAnswer::Success(success) = answer else {
                panic!("{text}: {answer:?}")
            };
            assert_eq!(success.permanent_token, None, "{text}");
        }
    }

    #[test]
    fn the_words_of_a_refusal_are_fit_for_one_line_of_a_log() {
        let text = format!(
            r#"{{"error":"token\nexpired\u001b[2J{}"}}"#,
            "!".repeat(5000)
        );
        let answer = AuthAnswer::decode(&text).unwrap();
        let AuthAnswer::Refused { refusal, error } = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(refusal, Refusal::TokenExpired);
        assert_eq!(error.len(), limits::ERROR_LEN);
        assert!(error.starts_with("tokenexpired[2J!"), "{error}");
    }

    #[test]
    fn a_refusal_without_a_printable_word_is_a_refusal() {
        let answer = AuthAnswer::decode(r#"{"error":"\u001c\b\n"}"#).unwrap();
        let refused = AuthAnswer::Refused {
            refusal: Refusal::Other,
            error: "no reason given".to_owned(),
        };
        assert_eq!(answer, refused);
    }

    #[test]
    fn an_answer_with_neither_ids_nor_error_is_an_error() {
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"type":"auth_success","agent_id":7,"host_id":"h"}"#,
            r#"{"error":""}"#,
            r#"["Invalid registration token"]"#,
            r#"{"agent_id":"a","host_id":"h","permanent_token":"two words"}"#,
        ] {
            assert!(AuthAnswer::decode(bad).is_err(), "{bad}");
        }
    }
}
