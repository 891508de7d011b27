//! What holds for every value, every text and every tree of JSON.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

#[path = "properties/extension.rs"]
mod extension;
#[path = "properties/strategies.rs"]
mod strategies;

use pilotfish_protocol::{
    AgentMessage, AuthAnswer, ContainerListing, Register, ServerMessage, Text, Timestamp, limits,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const AT_MS: i64 = 1_795_467_900_123;

proptest! {
    #[test]
    fn what_an_agent_says_is_read_as_it_was_written(message in strategies::agent_message()) {
        let at = Timestamp::from_unix_ms(AT_MS);
        let encoded = message.encode(at);
        let decoded = AgentMessage::decode(&encoded).unwrap();
        // Both together are the whole value: the token is in the encoding, what is told apart by type only in the other.
        prop_assert_eq!(format!("{decoded:?}"), format!("{message:?}"));
        prop_assert_eq!(decoded.encode(at), encoded);
    }

    #[test]
    fn what_a_server_says_is_read_as_it_was_written(message in strategies::server_message()) {
        let encoded = message.encode().unwrap();
        prop_assert_eq!(ServerMessage::decode(&encoded).unwrap(), message);
    }

    #[test]
    fn the_answer_to_a_registration_is_read_as_it_was_written(answer in strategies::auth_answer()) {
        prop_assert_eq!(AuthAnswer::decode(&answer.encode()).unwrap(), answer);
    }

    #[test]
    fn a_container_list_is_read_as_it_was_written(listing in strategies::listing()) {
        let encoded = serde_json::to_string(&listing).unwrap();
        prop_assert_eq!(serde_json::from_str::<ContainerListing>(&encoded).unwrap(), listing);
    }

    #[test]
    fn a_registration_is_one_that_a_dockmon_backend_accepts(register in strategies::register()) {
        check_accepted(&register);
    }

    #[test]
    fn no_text_makes_a_decoder_panic(text in strategies::words()) {
        decode_all(&text);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        decode_all(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_json_makes_a_decoder_panic(value in strategies::json()) {
        decode_all(&value.to_string());
        for kind in ["register", "heartbeat", "response", "event", "stats", "error",
            "containers", "collector", "cadence", "spent", "coverage", "spooled"] {
            let mut value = value.clone();
            if let Value::Object(fields) = &mut value {
                fields.insert("type".to_owned(), kind.into());
            }
            decode_all(&value.to_string());
        }
        for kind in ["container_event", "container_stats"] {
            let event = json!({"type": "event", "command": kind, "payload": value});
            decode_all(&event.to_string());
        }
        for kind in ["container_operation", "command"] {
            let call = json!({"type": kind, "id": "1", "command": value, "payload": value});
            decode_all(&call.to_string());
        }
        decode_all(&json!({"type": "stats", "stats": value}).to_string());
        decode_all(&json!({"agent_id": "a", "host_id": "h", "pilotfish": value}).to_string());
    }

    #[test]
    fn cutting_text_twice_is_cutting_it_once(text in strategies::words()) {
        let once = Text::<20>::cut(&text);
        prop_assert!(once.as_str().len() <= 20);
        prop_assert_eq!(&Text::<20>::cut(once.as_str()), &once);
    }
}

/// Runs every decoder; what they read is their business, except that an instant is in range.
fn decode_all(text: &str) {
    drop(AgentMessage::decode(text));
    drop(ServerMessage::decode(text));
    drop(AuthAnswer::decode(text));
    drop(serde_json::from_str::<Vec<ContainerListing>>(text));
    let latest = Timestamp::from_unix_ms(i64::MAX);
    assert!(Timestamp::parse(text).is_none_or(|instant| instant <= latest));
}

#[test]
fn deep_nesting_is_refused_or_passed_over_but_no_stack_overflow() {
    let deep = 100_000;
    let open = "[".repeat(deep);
    let whole = format!("{open}{}", "]".repeat(deep));
    let objects = r#"{"error":"#.repeat(deep);
    for text in [&open, &whole, &objects] {
        assert!(AgentMessage::decode(text).is_err());
        assert!(ServerMessage::decode(text).is_err());
        assert!(AuthAnswer::decode(text).is_err());
        assert!(serde_json::from_str::<Vec<ContainerListing>>(text).is_err());
    }
    for field in [
        "type", "payload", "stats", "error", "engine", "token", "more",
    ] {
        for kind in ["register", "response", "heartbeat", "error", "command"] {
            decode_all(&format!(
                r#"{{"type":"{kind}","id":"1","{field}":{whole}}}"#
            ));
        }
    }
    let payload = format!(r#"{{"action":"stop","container_id":"0123456789ab","timeout":{whole}}}"#);
    decode_all(&format!(
        r#"{{"type":"container_operation","id":"1","payload":{payload}}}"#
    ));
}

/// The keys a DockMon backend knows, and the longest text it takes for each, in characters; 0 for what is no text.
const REGISTER_KEYS: &[(&str, usize)] = &[
    ("type", 8),
    ("token", 255),
    ("engine_id", 255),
    ("version", 50),
    ("proto_version", 20),
    ("capabilities", 0),
    ("hostname", 255),
    ("hostname_source", 10),
    ("force_unique_registration", 0),
    ("os_type", 50),
    ("os_version", 500),
    ("kernel_version", 255),
    ("docker_version", 50),
    ("daemon_started_at", 100),
    ("total_memory", 0),
    ("num_cpus", 0),
    ("agent_os", 20),
    ("agent_arch", 20),
    ("host_ip", 45),
    ("host_ips", 0),
];

/// Checks the encoding by the rules of a DockMon backend's model.
fn check_accepted(register: &Register) {
    let message = AgentMessage::Register(Box::new(register.clone()));
    let encoded = message.encode(Timestamp::from_unix_ms(AT_MS));
    assert!(
        encoded.len() <= limits::UNAUTHENTICATED_MESSAGE_BYTES,
        "{encoded}"
    );
    let value: Value = serde_json::from_str(&encoded).unwrap();
    for required in [
        "type",
        "token",
        "engine_id",
        "version",
        "proto_version",
        "capabilities",
    ] {
        assert!(value.get(required).is_some(), "{required}: {encoded}");
    }
    for (key, value) in value.as_object().unwrap() {
        let row = REGISTER_KEYS.iter().find(|row| row.0 == key);
        let (_, longest) = row.unwrap_or_else(|| panic!("unknown key {key}: {encoded}"));
        let is_accepted = match key.as_str() {
            "type" => value == "register",
            "capabilities" => value.as_object().unwrap().values().all(Value::is_boolean),
            "force_unique_registration" => value.is_boolean(),
            "total_memory" => (1..=1_000_000_000_000_000).contains(&value.as_u64().unwrap()),
            "num_cpus" => (1..=10_000).contains(&value.as_u64().unwrap()),
            "host_ips" => (1..=50).contains(&value.as_array().unwrap().len()),
            "hostname_source" => {
                ["agent_name", "daemon", "os", "engine_id"].contains(&value.as_str().unwrap())
            }
            _ => value.as_str().unwrap().chars().count() <= *longest,
        };
        assert!(is_accepted, "{key}: {value}");
    }
}
