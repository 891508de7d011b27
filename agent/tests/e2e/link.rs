//! The link breaks in every way it can: it is noticed, and mends by itself.

use std::time::Duration;

use anyhow::{Result, ensure};
use pilotfish_lab::{Agent, Relay, Server, Stack, clock, shared_engine};

const DEADLINE: Duration = Duration::from_secs(20);

/// Both ends promise to notice silence within 45 s.
const SILENCE: Duration = Duration::from_secs(45);

fn relayed() -> Result<(Relay, Stack)> {
    let engine = shared_engine()?;
    let server = Server::start()?;
    let relay = Relay::start(server.address())?;
    let stack = Stack::start_relayed(server, &relay, Agent::builder().engine(engine))?;
    Ok((relay, stack))
}

#[test]
fn an_agent_comes_back_after_the_server_was_restarted() -> Result<()> {
    let engine = shared_engine()?;
    let mut stack = Stack::start(engine)?;
    let name = stack.host()?["name"].take();
    stack.server.restart()?;
    stack.api = stack.server.api()?;
    let host = stack.wait_host("the host after the restart", DEADLINE, |host| {
        host["link"] == "online" && host["containers"].is_object()
    })?;
    assert_eq!(host["name"], name);
    assert_eq!(stack.api.hosts()?.len(), 1);
    Ok(())
}

#[test]
fn an_agent_comes_back_after_the_server_was_killed() -> Result<()> {
    let engine = shared_engine()?;
    let mut stack = Stack::start(engine)?;
    stack.server.kill()?;
    stack.server.start_again()?;
    stack.api = stack.server.api()?;
    stack.wait_host("the host after the kill", DEADLINE, |host| {
        host["link"] == "online" && host["containers"].is_object()
    })?;
    Ok(())
}

#[test]
fn a_reset_is_noticed_at_once_and_mended() -> Result<()> {
    let (relay, stack) = relayed()?;
    let taken = relay.taken();
    relay.cut();
    stack.wait_host("a new link", DEADLINE, |host| {
        relay.taken() > taken && host["link"] == "online"
    })?;
    Ok(())
}

#[test]
fn a_half_open_link_is_noticed_by_both_ends_and_mended() -> Result<()> {
    let (relay, stack) = relayed()?;
    let taken = relay.taken();
    let stalled_at = clock::now();
    relay.stall();
    let tolerance = Duration::from_secs(10);
    stack.wait_host("an offline host", SILENCE + tolerance, |host| {
        host["link"] == "offline"
    })?;
    // The agent dials anew; the relay takes the connection and holds it like the old one.
    pilotfish_lab::until("a new dial", SILENCE + tolerance, || {
        ensure!(relay.taken() > taken, "{} connections", relay.taken());
        Ok(())
    })?;
    let noticed = clock::now() - stalled_at;
    ensure!(noticed <= SILENCE + tolerance, "noticed after {noticed:?}");
    relay.pass();
    stack.wait_host("an online host", DEADLINE, |host| host["link"] == "online")?;
    Ok(())
}

#[test]
fn a_command_in_flight_fails_at_once_when_the_agent_goes_away() -> Result<()> {
    let engine = shared_engine()?;
    let stubborn = engine.run(&pilotfish_lab::Sample::stubborn("in-flight"))?;
    let mut stack = Stack::start(engine)?;
    let (api, host) = (stack.api.clone(), stack.host.clone());
    let body = serde_json::json!({ "timeout_seconds": 20 });
    let id = stubborn.short_id().to_owned();
    std::thread::scope(|scope| {
        let call = scope.spawn(|| api.operate(&host, &id, "stop", Some(&body)));
        stack.agent.wait_log("stop", DEADLINE)?;
        let killed_at = clock::now();
        stack.agent.program().kill()?;
        let reply = call.join().expect("the call does not panic")?;
        assert_eq!(
            (reply.status, reply.kind()),
            (502, "agent-disconnected"),
            "{reply:?}"
        );
        let waited = clock::now() - killed_at;
        ensure!(waited < Duration::from_secs(3), "failed after {waited:?}");
        Ok(())
    })
}
