//! What must hold of any bytes: no decoder panics, and what one reads is read the same again after it was written.
//!
//! `tests/corpus.rs` replays the corpus through the same function.

use pilotfish_protocol::{AgentMessage, AuthAnswer, ContainerListing, ServerMessage, Timestamp};

/// Feeds `bytes` to every decoder and checks what it reads.
pub(crate) fn decode_json(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    agent_message(text);
    server_message(text);
    auth_answer(text);
    container_list(text);
    timestamp(text);
}

fn agent_message(text: &str) {
    let Ok(message) = AgentMessage::decode(text) else {
        return;
    };
    // Never sent; its word may be one that means something.
    if let AgentMessage::Unknown { .. } = message {
        return;
    }
    let at = Timestamp::from_unix_ms(0);
    let encoded = message.encode(at);
    let again = AgentMessage::decode(&encoded).expect("reads what it wrote");
    assert_eq!(format!("{again:?}"), format!("{message:?}"));
    assert_eq!(again.encode(at), encoded);
}

fn server_message(text: &str) {
    let Ok(message) = ServerMessage::decode(text) else {
        return;
    };
    let Some(encoded) = message.encode() else {
        return;
    };
    let again = ServerMessage::decode(&encoded).expect("reads what it wrote");
    assert_eq!(again, message);
}

fn auth_answer(text: &str) {
    let Ok(answer) = AuthAnswer::decode(text) else {
        return;
    };
    let again = AuthAnswer::decode(&answer.encode()).expect("reads what it wrote");
    assert_eq!(again, answer);
}

fn container_list(text: &str) {
    let Ok(list) = serde_json::from_str::<Vec<ContainerListing>>(text) else {
        return;
    };
    let encoded = serde_json::to_string(&list).expect("has text keys only");
    let again: Vec<ContainerListing> = serde_json::from_str(&encoded).expect("reads what it wrote");
    assert_eq!(again, list);
}

fn timestamp(text: &str) {
    let Some(instant) = Timestamp::parse(text) else {
        return;
    };
    assert_eq!(Timestamp::parse(&instant.to_string()), Some(instant));
}
