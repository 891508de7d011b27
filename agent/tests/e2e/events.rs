//! What happens on the Engine is told, while it happens and after a gap.

use std::time::Duration;

use anyhow::{Result, ensure};
use pilotfish_lab::{Agent, Engine, Relay, Sample, Server, Stack, shared_engine, until};

const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until the server knows these actions of a container, in this order among others.
fn wait_actions(stack: &Stack, container: &str, wanted: &[&str]) -> Result<()> {
    let told = until(&format!("{wanted:?} of {container}"), DEADLINE, || {
        let events = stack.api.events(500)?;
        let actions: Vec<&str> = events
            .iter()
            .rev()
            .filter(|event| event["container_name"] == container)
            .filter_map(|event| event["action"].as_str())
            .collect();
        let mut left = wanted.iter().peekable();
        for action in &actions {
            left.next_if(|wanted| action == *wanted);
        }
        ensure!(left.peek().is_none(), "{actions:?}");
        Ok(())
    });
    stack.explain(told)
}

#[test]
fn a_containers_life_is_told() -> Result<()> {
    let engine = shared_engine()?;
    let stack = Stack::start(engine)?;
    let container = engine.run(&Sample::new("short-life", &["true"]))?;
    wait_actions(&stack, "short-life", &["create", "start", "die"])?;
    engine.remove(&container.id)?;
    wait_actions(&stack, "short-life", &["die", "destroy"])
}

#[test]
fn what_happened_while_the_link_was_down_is_told_afterwards() -> Result<()> {
    let engine = shared_engine()?;
    let server = Server::start()?;
    let relay = Relay::start(server.address())?;
    let stack = Stack::start_relayed(server, &relay, Agent::builder().engine(engine))?;
    relay.refuse();
    stack.wait_host("an offline host", DEADLINE, |host| {
        host["link"] == "offline"
    })?;
    engine.run(&Sample::new("in-the-gap", &["true"]))?;
    until("its end", DEADLINE, || {
        let state = engine.state("in-the-gap")?;
        ensure!(state == "exited", "{state}");
        Ok(())
    })?;
    relay.pass();
    wait_actions(&stack, "in-the-gap", &["create", "start", "die"])
}

#[test]
fn events_and_numbers_come_again_after_the_engine_was_restarted() -> Result<()> {
    let mut engine = Engine::start()?;
    engine.run(&Sample::idle("always").restart("always"))?;
    let stack = Stack::start(&engine)?;
    stack.wait_container("always", DEADLINE, |container| {
        container["stats"].is_object()
    })?;

    engine.stop()?;
    stack.wait_host("a host whose Engine is down", DEADLINE, |host| {
        host["link"] == "online" && host["engine"]["state"] == "down"
    })?;
    engine.start_again()?;
    stack.wait_host("a host whose Engine is up", DEADLINE, |host| {
        host["link"] == "online" && host["engine"]["state"] == "up"
    })?;

    let up_again = stack.host()?;
    let since = up_again["engine"]["since_unix_ms"].as_u64();
    engine.run(&Sample::idle("after-restart"))?;
    wait_actions(&stack, "after-restart", &["create", "start"])?;
    let is_fresh =
        |container: &serde_json::Value| container["stats"]["at_unix_ms"].as_u64() > since;
    stack.wait_container("always", DEADLINE, is_fresh)?;
    stack.wait_container("after-restart", DEADLINE, is_fresh)?;
    Ok(())
}
