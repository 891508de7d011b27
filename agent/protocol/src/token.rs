//! Pure: a secret that crosses the wire. It never prints itself and is wiped when dropped.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use crate::error::InvalidId;
use crate::ids;
use crate::limits;

/// A registration token or a permanent token: 1 to 255 characters of `A-Za-z0-9-_:`.
///
/// `Debug` shows no character of it, there is no `Display`; equality is *not* constant-time, servers compare hashes.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// Takes `text` as a token.
    ///
    /// # Errors
    ///
    /// [`InvalidId`] when it is empty, too long or has another character; the error does not hold the text.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
        let text = Zeroizing::new(text.into());
        ids::check("token", &text, limits::TOKEN_LEN, ids::is_token_char)?;
        Ok(Self(text))
    }

    /// The secret itself, for the wire and for hashing.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(text.into_owned()).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn debug_shows_no_character_of_the_token() {
        let token = Token::new("s3cret-Token_1:x").unwrap();
        assert_eq!(format!("{token:?}"), "Token(***)");
    }

    #[test]
    fn length_and_charset_are_those_of_the_dockmon_backend() {
        assert!(Token::new("a".repeat(limits::TOKEN_LEN)).is_ok());
        assert!(Token::new("a".repeat(limits::TOKEN_LEN + 1)).is_err());
        for bad in ["", "two words", "quote\"", "ü"] {
            assert!(Token::new(bad).is_err(), "{bad}");
        }
    }
}
