//! More calls than the agent carries out at once: some wait, too many are refused, none is lost.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pilotfish_lab::wire::FakeBackend;
use pilotfish_lab::{Agent, Engine, Sample};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(20);

/// Calls in hand, those that wait counted too.
const IN_HAND: usize = 64;

const SENT: usize = IN_HAND + 6;

#[test]
fn the_65th_call_is_refused_as_busy_and_the_others_are_answered_in_the_end() -> Result<()> {
    let engine = Engine::start()?;
    let container = engine.run(&Sample::idle("asked-about"))?;
    let backend = FakeBackend::start()?;
    let agent = Agent::builder()
        .engine(&engine)
        .url(&backend.url())
        .token("once")
        .start()?;
    let (mut peer, _) = backend.register("for-ever", DEADLINE)?;
    engine.freeze()?;
    for number in 0..SENT {
        let id = format!("call-{number}");
        peer.send(&json!({
            "type": "container_operation", "id": id, "correlation_id": id,
            "payload": { "action": "inspect", "container_id": container.short_id() },
        }))?;
    }
    let is_answer = |frame: &Value| frame["correlation_id"].is_string();
    for _ in IN_HAND..SENT {
        let refused = peer
            .find("refusal", DEADLINE, is_answer)
            .with_context(|| agent.tail())?;
        let error = refused["error"].as_str().unwrap_or_default();
        ensure!(error.contains("busy"), "{refused}");
    }
    engine.thaw()?;
    let mut answered = BTreeSet::new();
    for _ in 0..IN_HAND {
        let answer = peer.find("answer", DEADLINE, is_answer)?;
        let id = answer["correlation_id"].as_str().unwrap_or_default();
        ensure!(answered.insert(id.to_owned()), "{id} was answered twice");
    }
    assert_eq!(answered.len(), IN_HAND);
    Ok(())
}
