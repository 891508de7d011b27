//! Pure: the Engine's inspect object without the values of environment variables, which stay on the host.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::{self, SerializeMap as _};
use serde_json::value::RawValue;

/// What stands in place of a value.
const MASK: &str = "***";

/// An inspect object in the Engine's own form, with every `NAME=value` of `Config.Env` as `NAME=***`.
///
/// # Errors
///
/// When `object` is not a JSON object, or its `Config.Env` not a list of texts.
pub fn mask_env(object: &[u8]) -> Result<Box<RawValue>, serde_json::Error> {
    let mut object: Object<'_> = serde_json::from_slice(object)?;
    object.replace("Config", |config| {
        let mut config: Object<'_> = serde_json::from_str(config.get())?;
        config.replace("Env", |env| {
            let env: Option<Vec<Cow<'_, str>>> = serde_json::from_str(env.get())?;
            serde_json::value::to_raw_value(
                &env.map(|env| env.iter().map(|entry| mask(entry)).collect::<Vec<_>>()),
            )
        })?;
        serde_json::value::to_raw_value(&config)
    })?;
    serde_json::value::to_raw_value(&object)
}

fn mask(entry: &str) -> String {
    match entry.split_once('=') {
        Some((name, _secret)) => format!("{name}={MASK}"),
        None => entry.to_owned(),
    }
}

/// A JSON object whose values are left as they were written, in their order.
struct Object<'a>(Vec<(Cow<'a, str>, Cow<'a, RawValue>)>);

impl<'a> Object<'a> {
    /// Replaces every value of `key` that is not null.
    fn replace(
        &mut self,
        key: &str,
        with: impl Fn(&RawValue) -> Result<Box<RawValue>, serde_json::Error>,
    ) -> Result<(), serde_json::Error> {
        for (name, value) in &mut self.0 {
            if name == key && value.get() != "null" {
                *value = Cow::Owned(with(value)?);
            }
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(key) = map.next_key::<Key<'de>>()? {
                    let value: &RawValue = map.next_value()?;
                    entries.push((key.0, Cow::Borrowed(value)));
                }
                Ok(Object(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl ser::Serialize for Object<'_> {
    fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expected: &str) {
        assert_eq!(mask_env(input.as_bytes()).unwrap().get(), expected);
    }

    #[test]
    fn values_are_masked_and_all_else_stays_as_it_was_written() {
        check(
            r#"{"Id":"a","Config":{"Hostname":"h","Env":["TOKEN=a=b","EMPTY=","INHERITED","=odd"],"Cmd":null},"X":1.50}"#,
            r#"{"Id":"a","Config":{"Hostname":"h","Env":["TOKEN=***","EMPTY=***","INHERITED","=***"],"Cmd":null},"X":1.50}"#,
        );
    }

    #[test]
    fn an_escaped_or_repeated_key_hides_no_secret() {
        check(
            r#"{"C\u006fnfig":{"En\u0076":["A=b"]},"Config":{"Env":["A=b"],"Env":["A=b"]}}"#,
            r#"{"Config":{"Env":["A=***"]},"Config":{"Env":["A=***"],"Env":["A=***"]}}"#,
        );
    }

    #[test]
    fn an_object_without_env_is_passed_on() {
        for same in [
            r"{}",
            r#"{"Config":null}"#,
            r#"{"Config":{"Env":null}}"#,
            r#"{"Config":{"Env":[]}}"#,
        ] {
            check(same, same);
        }
    }

    #[test]
    fn what_cannot_be_masked_is_refused() {
        for bad in [
            "",
            "[]",
            "null",
            r#"{"Config":[]}"#,
            r#"{"Config":{"Env":{"A":"b"}}}"#,
            r#"{"Config":{"Env":[1]}}"#,
        ] {
            assert!(mask_env(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_recorded_object_keeps_all_but_its_secret_at_every_prefix() {
        let recorded = include_str!("fixtures/inspect.json").trim();
        assert!(recorded.contains("SECRET=hunter2"));
        check(recorded, &recorded.replace("SECRET=hunter2", "SECRET=***"));
        for end in 0..recorded.len() {
            assert!(mask_env(&recorded.as_bytes()[..end]).is_err(), "{end}");
        }
    }
}
