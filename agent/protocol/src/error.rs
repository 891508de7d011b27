//! Pure: why bytes from a peer are not a message. Implemented by hand: this crate has no other dependency for it.

use alloc::string::String;
use core::fmt;

/// Why bytes from a peer could not be read as a message.
#[derive(Debug)]
pub enum DecodeError {
    /// Not JSON, or not a JSON object of the envelope's shape.
    NotAnObject(serde_json::Error),
    /// The object has no `type`, and is no answer either.
    NoType,
    /// A known message whose content is not as described.
    Content {
        /// What was being read, e.g. `register`.
        what: &'static str,
        /// Where and why it failed.
        source: serde_json::Error,
    },
    /// A known message that lacks a part it cannot do without.
    Missing {
        /// What was being read.
        what: &'static str,
        /// The absent field.
        field: &'static str,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject(_) => f.write_str("message is not a JSON object"),
            Self::NoType => f.write_str("message has no type"),
            Self::Content { what, .. } => write!(f, "cannot read {what}"),
            Self::Missing { what, field } => write!(f, "{what} lacks {field}"),
        }
    }
}

impl core::error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::NotAnObject(source) | Self::Content { source, .. } => Some(source),
            Self::NoType | Self::Missing { .. } => None,
        }
    }
}

/// Why a text is not an id or a token. Never holds the text: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidId {
    /// Which id was wanted, e.g. `container id`.
    pub what: &'static str,
    /// What is wrong, and what would be right.
    pub why: String,
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid {}: {}", self.what, self.why)
    }
}

impl core::error::Error for InvalidId {}
