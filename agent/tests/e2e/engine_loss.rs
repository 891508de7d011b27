//! The Engine is down at the start, or hangs: the agent stays, says so once, and goes on by itself.

use std::time::Duration;

use anyhow::{Result, ensure};
use pilotfish_lab::{Agent, Engine, Sample, Server, Stack, until};
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn a_host_appears_as_soon_as_an_engine_that_was_down_at_the_start_is_up() -> Result<()> {
    let mut engine = Engine::start()?;
    engine.stop()?;
    let server = Server::start()?;
    let api = server.api()?;
    let mut agent = Agent::builder()
        .engine(&engine)
        .server(&server)
        .token(&api.registration_token(false)?)
        .start()?;
    agent.wait_log("Engine", Duration::from_secs(10))?;
    engine.start_again()?;
    api.wait_host("the host", DEADLINE, |host| {
        host["link"] == "online" && host["engine"]["state"] == "up"
    })?;
    Ok(())
}

#[test]
fn a_host_without_an_engine_appears_and_its_engine_joins_it_later() -> Result<()> {
    let mut engine = Engine::start()?;
    engine.stop()?;
    let agent = Agent::builder()
        .engine(&engine)
        .env("ENGINE_OPTIONAL", "true");
    let server = Server::start()?;
    let api = server.api()?;
    let _agent = agent
        .server(&server)
        .token(&api.registration_token(false)?)
        .start()?;
    let bare = api.wait_host("the bare host", DEADLINE, |host| {
        host["link"] == "online" && host["engine"]["state"] == "down" && host["stats"].is_object()
    })?;
    assert!(bare["containers"].is_null(), "{bare}");
    engine.start_again()?;
    let whole = api.wait_host("the host with its Engine", DEADLINE, |host| {
        host["engine"]["state"] == "up" && host["containers"].is_object()
    })?;
    assert_eq!(whole["id"], bare["id"], "it is the same host");
    assert_eq!(api.hosts()?.len(), 1);
    Ok(())
}

#[test]
fn an_agent_that_is_known_connects_although_its_engine_is_down() -> Result<()> {
    let mut engine = Engine::start()?;
    let mut stack = Stack::start(&engine)?;
    stack.agent.program().terminate(Duration::from_secs(2))?;
    engine.stop()?;
    stack.agent.start_again()?;
    stack.wait_host("a host whose Engine is down", DEADLINE, |host| {
        host["link"] == "online" && host["engine"]["state"] == "down"
    })?;
    let refused = stack
        .api
        .operate(&stack.host, "0123456789ab", "start", None)?;
    assert_eq!(
        (refused.status, refused.kind()),
        (503, "engine-down"),
        "{refused:?}"
    );
    Ok(())
}

#[test]
fn a_hanging_engine_is_noticed_and_costs_neither_the_link_nor_the_log() -> Result<()> {
    let engine = Engine::start()?;
    engine.run(&Sample::idle("before"))?;
    let mut stack = Stack::start(&engine)?;
    engine.freeze()?;
    stack.wait_host("a host whose Engine hangs", DEADLINE, |host| {
        host["link"] == "online" && host["engine"]["state"] == "down"
    })?;
    // Told once, and not again while it goes on hanging: a ping is due every few seconds.
    let told_down = || -> usize {
        let log = stack.agent.log();
        let is_told = |line: &&Value| {
            line["level"] == "warn"
                && line["msg"]
                    .as_str()
                    .unwrap_or_default()
                    .contains("Engine is down")
        };
        log.iter().filter(is_told).count()
    };
    assert_eq!(told_down(), 1, "{}", stack.agent.tail());

    // With the Engine still hanging the link is lost and comes back.
    stack.server.restart()?;
    stack.wait_host(
        "the host again, its Engine still hanging",
        DEADLINE,
        |host| host["link"] == "online" && host["engine"]["state"] == "down",
    )?;
    assert_eq!(told_down(), 1, "{}", stack.agent.tail());

    engine.thaw()?;
    stack.wait_host("a host whose Engine is back", DEADLINE, |host| {
        host["link"] == "online" && host["engine"]["state"] == "up"
    })?;
    engine.run(&Sample::idle("after"))?;
    stack.wait_container("after", DEADLINE, |container| {
        container["state"] == "running"
    })?;
    let told = until("an event of the new container", DEADLINE, || {
        let events = stack.api.events(100)?;
        let is_told = events
            .iter()
            .any(|event| event["container_name"] == "after");
        ensure!(is_told, "{events:?}");
        Ok(())
    });
    stack.explain(told)
}
