//! Pure: which version of the Engine API to speak.
//!
//! Source: Docker Engine API, `GET /version`. Engine 20.10 speaks up to 1.41; Engine 29 speaks 1.44 to 1.52 and refuses anything older;
//! Podman 4 answers with its own version, API 1.41 and oldest 1.24.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use super::error::EngineError;

/// A version of the Engine API, such as 1.41.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    major: u16,
    minor: u16,
}

impl ApiVersion {
    /// The oldest version this agent speaks (Engine 19.03).
    pub const OLDEST: Self = Self::new(1, 40);
    /// The newest version this agent speaks (Engine 29).
    pub const NEWEST: Self = Self::new(1, 52);
    /// The first version whose stats can be read without waiting for a second sample.
    pub const ONE_SHOT_STATS: Self = Self::new(1, 41);

    /// Version `major.minor`.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self::new(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl<'de> Deserialize<'de> for ApiVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        Self::parse(text).ok_or_else(|| de::Error::custom("not an API version"))
    }
}

/// What an Engine answers to `GET /version`, as far as it is used.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EngineVersion {
    /// The Engine's own version, such as `20.10.24`.
    #[serde(default)]
    pub version: String,
    #[serde(rename = "ApiVersion")]
    newest: ApiVersion,
    /// Absent in Engines before API 1.24.
    #[serde(rename = "MinAPIVersion", default)]
    oldest: Option<ApiVersion>,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Component {
    #[serde(default)]
    name: String,
}

impl EngineVersion {
    /// The newest API version that both sides speak.
    ///
    /// # Errors
    ///
    /// [`EngineError::NoCommonVersion`] when there is none.
    pub fn negotiate(&self) -> Result<ApiVersion, EngineError> {
        let oldest = self.oldest.unwrap_or(ApiVersion::OLDEST);
        let common = self.newest.min(ApiVersion::NEWEST);
        if common < oldest.max(ApiVersion::OLDEST) {
            let newest = self.newest;
            return Err(EngineError::NoCommonVersion { oldest, newest });
        }
        Ok(common)
    }

    /// Tells whether this is Podman behind its Docker-compatible API.
    #[must_use]
    pub fn is_podman(&self) -> bool {
        self.components
            .iter()
            .any(|component| component.name == "Podman Engine")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &[u8], expected_api: ApiVersion, expected_version: &str, is_podman: bool) {
        let version: EngineVersion = serde_json::from_slice(body).unwrap();
        assert_eq!(version.negotiate().unwrap(), expected_api);
        assert_eq!(version.version, expected_version);
        assert_eq!(version.is_podman(), is_podman);
    }

    #[test]
    fn engines_of_six_years_are_spoken_to() {
        let v = ApiVersion::new;
        check(
            include_bytes!("fixtures/version/docker-20.10.24.json"),
            v(1, 41),
            "20.10.24+dfsg1",
            false,
        );
        check(
            include_bytes!("fixtures/version/docker-24.0.7.json"),
            v(1, 43),
            "24.0.7",
            false,
        );
        check(
            include_bytes!("fixtures/version/docker-28.2.2.json"),
            v(1, 50),
            "28.2.2",
            false,
        );
        check(
            include_bytes!("fixtures/version/docker-29.0.0.json"),
            v(1, 52),
            "29.0.0",
            false,
        );
        check(
            include_bytes!("fixtures/version/podman-4.3.1.json"),
            v(1, 41),
            "4.3.1",
            true,
        );
    }

    fn engine(newest: &str, oldest: &str) -> EngineVersion {
        let body = format!(r#"{{"ApiVersion":"{newest}","MinAPIVersion":"{oldest}"}}"#);
        serde_json::from_str(&body).unwrap()
    }

    #[test]
    fn the_newest_common_version_is_taken() {
        let negotiated = |newest, oldest| engine(newest, oldest).negotiate().ok();
        assert_eq!(negotiated("1.40", "1.12"), Some(ApiVersion::OLDEST));
        assert_eq!(negotiated("1.60", "1.52"), Some(ApiVersion::NEWEST));
        assert_eq!(negotiated("2.0", "1.44"), Some(ApiVersion::NEWEST));
        assert_eq!(negotiated("1.60", "1.53"), None, "too new");
        assert_eq!(negotiated("1.39", "1.12"), None, "too old");
        assert_eq!(negotiated("1.9", "1.9"), None, "9 is less than 40");
    }

    #[test]
    fn an_engine_without_a_minimum_is_taken_at_its_version() {
        let version: EngineVersion = serde_json::from_str(r#"{"ApiVersion":"1.41"}"#).unwrap();
        assert_eq!(version.negotiate().unwrap(), ApiVersion::new(1, 41));
    }

    #[test]
    fn both_ranges_are_named_when_there_is_no_common_version() {
        let error = engine("1.39", "1.12").negotiate().unwrap_err();
        let text = "the Engine speaks API 1.12 to 1.39, this agent 1.40 to 1.52";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for bad in ["", "1", "1.", ".41", "1.41.2", "v1.41", "-1.41", "1.99999"] {
            let body = format!(r#"{{"ApiVersion":"{bad}"}}"#);
            let parsed: Result<EngineVersion, _> = serde_json::from_str(&body);
            assert!(parsed.is_err(), "{bad}");
        }
    }
}
