//! Pure: an Engine's inspect object with the values of environment variables masked, whatever the agent did.

use serde_json::Value;

/// Masks the values of `Config.Env`; a name stays, as does everything else.
pub fn mask(mut object: Value) -> Value {
    // `Config` at the top is the container's; Podman repeats it nowhere else.
    let env = object
        .get_mut("Config")
        .and_then(|config| config.get_mut("Env"))
        .and_then(Value::as_array_mut);
    for entry in env.into_iter().flatten() {
        let name = entry.as_str().and_then(|text| text.split_once('='));
        match name.map(|(name, _)| format!("{name}=***")) {
            Some(masked) => *entry = Value::String(masked),
            // A name without a value has nothing to hide; what is no text must not be shown.
            None if entry.is_string() => {}
            None => *entry = Value::Null,
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(object: Value, expected: Value) {
        assert_eq!(mask(object), expected);
    }

    #[test]
    fn values_are_masked_and_names_stay() {
        check(
            json!({"Id": "a", "Config": {"Env": ["A=secret", "B=x=y", "C=", "D", {"E": "secret"}], "Cmd": ["A=b"]}}),
            json!({"Id": "a", "Config": {"Env": ["A=***", "B=***", "C=***", "D", null], "Cmd": ["A=b"]}}),
        );
    }

    #[test]
    fn an_object_of_another_shape_stays_as_it_is() {
        for object in [
            json!({}),
            json!({"Config": null}),
            json!({"Config": {"Env": null}}),
            json!([]),
        ] {
            check(object.clone(), object);
        }
    }
}
