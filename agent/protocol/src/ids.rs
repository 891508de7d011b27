//! Pure: the ids of the wire as types that cannot be mixed up, each checked when it is made.

use alloc::borrow::{Cow, ToOwned as _};
use alloc::format;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::error::InvalidId;
use crate::limits;

/// Tells whether `c` may stand in a token or an engine id (the DockMon backend's charset).
pub(crate) fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':')
}

/// Checks length and charset of an id, naming what is wrong but never the text itself.
pub(crate) fn check(
    what: &'static str,
    text: &str,
    max_len: usize,
    allowed: fn(char) -> bool,
) -> Result<(), InvalidId> {
    let why = if text.is_empty() {
        "is empty".to_owned()
    } else if text.len() > max_len {
        format!(
            "is {} bytes long, at most {max_len} are allowed",
            text.len()
        )
    } else if let Some(at) = text.find(|c| !allowed(c)) {
        format!("has a character that is not allowed at byte {at}")
    } else {
        return Ok(());
    };
    Err(InvalidId { what, why })
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:expr, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes `text` as an id.
            ///
            /// # Errors
            ///
            /// [`InvalidId`] when it is empty, too long or has a character that is not allowed.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                check($what, &text, $max, $allowed)?;
                Ok(Self(text))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(text.into_owned()).map_err(de::Error::custom)
            }
        }
    };
}

text_id!(
    /// An agent, as the server names it.
    AgentId, "agent id", limits::PEER_ID_LEN, is_token_char
);
text_id!(
    /// A host, as the server names it.
    HostId, "host id", limits::PEER_ID_LEN, is_token_char
);
text_id!(
    /// A Docker Engine, as it names itself (`/info` → `ID`); old Engines use groups of four letters with colons.
    EngineId, "engine id", limits::ENGINE_ID_LEN, is_token_char
);
text_id!(
    /// One call of the server to the agent; its answer carries the same id (the wire's `id` and `correlation_id`).
    CallId, "correlation id", limits::CALL_ID_LEN, |c| c.is_ascii_graphic()
);

/// How the id of an Engine that was never heard begins; no Engine names itself so.
const STAND_IN: &str = "none:";

impl EngineId {
    /// An id that stands in for the Engine of a host where none was ever heard. `random` tells such hosts apart.
    #[must_use]
    pub fn stand_in(random: u64) -> Self {
        Self(format!("{STAND_IN}{random:016x}"))
    }

    /// Tells whether the id only stands in for an Engine's own.
    #[must_use]
    pub fn is_stand_in(&self) -> bool {
        self.0.starts_with(STAND_IN)
    }
}

/// A container: 12 to 64 lower-case hex digits.
///
/// Two ids of one container may differ in length; compare them with [`ContainerId::is_same_container`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ContainerId(String);

impl ContainerId {
    /// Takes `text` as a container id.
    ///
    /// # Errors
    ///
    /// [`InvalidId`] unless it is 12 to 64 hex digits in lower case.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
        let text = text.into();
        let what = "container id";
        check(
            what,
            &text,
            limits::FULL_ID_LEN,
            |c| matches!(c, '0'..='9' | 'a'..='f'),
        )?;
        if text.len() < limits::SHORT_ID_LEN {
            let why = format!(
                "is {} digits long, at least {} are needed",
                text.len(),
                limits::SHORT_ID_LEN
            );
            return Err(InvalidId { what, why });
        }
        Ok(Self(text))
    }

    /// The id as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..limits::SHORT_ID_LEN]
    }

    /// The id cut to its first 12 digits.
    #[must_use]
    pub fn to_short(&self) -> Self {
        Self(self.short().to_owned())
    }

    /// Tells whether both ids name the same container: one is the beginning of the other.
    #[must_use]
    pub fn is_same_container(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0) || other.0.starts_with(&self.0)
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContainerId({})", self.0)
    }
}

impl<'de> Deserialize<'de> for ContainerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(text.into_owned()).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_id_has_12_to_64_lower_case_hex_digits() {
        for good in ["0123456789ab", &"a".repeat(64)] {
            assert_eq!(ContainerId::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "0123456789a",
            &"a".repeat(65),
            "0123456789AB",
            "web-server-1",
            "../../secrets",
        ] {
            assert!(ContainerId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn short_and_full_id_name_the_same_container() {
        let full = ContainerId::new("0123456789abcdef").unwrap();
        let short = ContainerId::new("0123456789ab").unwrap();
        let other = ContainerId::new("1123456789ab").unwrap();
        assert!(full.is_same_container(&short) && short.is_same_container(&full));
        assert!(!full.is_same_container(&other));
        assert_eq!(full.to_short(), short);
    }

    #[test]
    fn an_engine_id_may_have_the_colon_form_of_old_engines() {
        assert!(EngineId::new("ABCD:EF23:4567").is_ok());
        assert!(EngineId::new("a b").is_err());
        assert!(EngineId::new("a;b").is_err());
        assert!(EngineId::new("x".repeat(limits::ENGINE_ID_LEN)).is_ok());
        assert!(EngineId::new("x".repeat(limits::ENGINE_ID_LEN + 1)).is_err());
    }

    #[test]
    fn a_stand_in_is_a_valid_engine_id_that_no_engine_has() {
        let stand_in = EngineId::stand_in(7);
        assert_eq!(EngineId::new(stand_in.as_str()), Ok(stand_in.clone()));
        assert!(stand_in.is_stand_in());
        for own in [
            "4OUV:YZJ7:4JMU:3HQU",
            "8b2c0a0e-6a3e-4b0f-9d52-3f1f4f6f6a11",
        ] {
            assert!(!EngineId::new(own).unwrap().is_stand_in());
        }
    }

    #[test]
    fn the_error_never_repeats_the_text() {
        let error = EngineId::new("secret value").unwrap_err();
        assert!(!error.why.contains("secret"), "{error}");
    }
}
