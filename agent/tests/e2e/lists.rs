//! The container list travels as changes: the server holds what the Engine lists, and hears the whole list only when it lost it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pilotfish_lab::wire::{FakeBackend, Peer, register_message};
use pilotfish_lab::{Agent, Engine, Relay, Sample, Server, Stack, clock, pause, until};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(20);
/// Containers that do nothing.
const IDLE: usize = 20;
/// What a minute at rest may cost on the line, both ways: six ticks of the host, two heartbeats, pings. A whole list of them is 10 KB and more.
const QUIET_MINUTE_BYTES: u64 = 4000;

/// Name and state of every container, as the Engine tells.
fn listed(engine: &Engine) -> Result<BTreeMap<String, String>> {
    let all = engine.get("/containers/json?all=true")?;
    let all = all.as_array().context("no list")?.iter();
    Ok(all
        .map(|container| {
            let name = container["Names"][0].as_str().unwrap_or_default();
            (
                name.trim_start_matches('/').to_owned(),
                text(&container["State"]),
            )
        })
        .collect())
}

/// The same, as the server tells.
fn shown(stack: &Stack) -> Result<BTreeMap<String, String>> {
    let all = stack.api.containers(&stack.host)?;
    let all = all.iter();
    Ok(all
        .map(|container| (text(&container["name"]), text(&container["state"])))
        .collect())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Waits until both have the same list, while the Engine's stays as it is.
fn wait_same(stack: &Stack, engine: &Engine) -> Result<()> {
    stack.explain(until("the Engine's list", DEADLINE, || {
        let (shown, listed) = (shown(stack)?, listed(engine)?);
        ensure!(shown == listed, "{shown:?} instead of {listed:?}");
        Ok(())
    }))
}

#[test]
fn whatever_happens_to_containers_the_server_holds_what_the_engine_lists() -> Result<()> {
    let engine = Engine::start()?;
    let stack = Stack::start(&engine)?;
    let flapping = Sample::script("flaps", "sleep 1").restart("always");
    engine.run(&flapping)?;
    let end_at = clock::now() + Duration::from_secs(20);
    for round in 0.. {
        if clock::now() >= end_at {
            break;
        }
        let name = format!("round-{round}");
        let container = engine.create(&Sample::idle(&name))?;
        engine.post(&format!("/containers/{name}/start"), None)?;
        match round % 4 {
            0 => engine.remove(&container.id)?,
            1 => {
                let path = format!("/containers/{name}/rename?name=renamed-{round}");
                engine.post(&path, None)?;
            }
            2 => {
                engine.post(&format!("/containers/{name}/kill"), None)?;
            }
            _ => {
                engine.post(&format!("/containers/{name}/pause"), None)?;
            }
        }
        pause(Duration::from_millis(300));
    }
    // From here on the Engine's list stays as it is.
    engine.remove("flaps")?;
    wait_same(&stack, &engine)
}

#[test]
fn a_quiet_minute_costs_no_list_and_a_server_that_lost_it_gets_it_again() -> Result<()> {
    let engine = Engine::start()?;
    for number in 0..IDLE {
        engine.run(&Sample::idle(&format!("idle-{number}")))?;
    }
    let server = Server::start()?;
    let relay = Relay::start(server.address())?;
    let mut stack = Stack::start_relayed(server, &relay, Agent::builder().engine(&engine))?;
    wait_same(&stack, &engine)?;
    // Two ticks later everything was announced.
    pause(Duration::from_secs(15));
    let written_before = written_bytes(stack.agent.pid())?;
    let before = relay.up_bytes() + relay.down_bytes();
    pause(Duration::from_secs(60));
    let bytes = relay.up_bytes() + relay.down_bytes() - before;
    ensure!(bytes <= QUIET_MINUTE_BYTES, "{bytes} bytes");
    ensure!(bytes > 0);
    let written = written_bytes(stack.agent.pid())? - written_before;
    assert_eq!(written, 0, "bytes written to the disk in a minute at rest");

    stack.server.restart()?;
    stack.api = stack.server.api()?;
    wait_same(&stack, &engine)
}

/// Bytes that a process caused to be sent to a disk (proc(5), `io`).
fn written_bytes(pid: u32) -> Result<u64> {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io"))?;
    let mut lines = io.lines();
    let number = lines.find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(number.context("no write_bytes")?.parse()?)
}

/// What a server agrees to that holds a list with this hash.
fn agree(backend: &FakeBackend, hash: &str) -> Result<Peer> {
    let mut peer = backend.accept(DEADLINE)?;
    let register = peer.json(DEADLINE)?;
    ensure!(
        register["capabilities"]["pilotfish_1"] == true,
        "{register}"
    );
    peer.send(&json!({
        "type": "auth_success",
        "agent_id": "5f2c1d9e-8a37-4c0b-9b1e-2f6a7d3c4e5f",
        "host_id": "0b9d8c7e-6f5a-4b3c-8d2e-1f0a9b8c7d6e",
        "permanent_token": "for-ever",
        "pilotfish": {
            "version": 1, "session": 1, "server_time_ms": 1_700_000_000_000_u64,
            "stats_interval_ms": 10_000, "heartbeat_ms": 5000, "silence_ms": 45_000,
            "containers": hash,
        },
    }))?;
    Ok(peer)
}

/// Reads messages, frames among them, until a text is what is wanted.
fn find(peer: &mut Peer, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    let give_up_at = clock::now() + DEADLINE;
    loop {
        let left = give_up_at.saturating_duration_since(clock::now());
        let message = peer.next(left).with_context(|| what.to_owned())?;
        let Ok(text) = message.to_text() else {
            continue;
        };
        if let Ok(message) = serde_json::from_str(text)
            && wanted(&message)
        {
            return Ok(message);
        }
    }
}

#[test]
fn an_agent_sends_the_whole_list_to_a_server_that_holds_another_one() -> Result<()> {
    let engine = Engine::start()?;
    engine.run(&Sample::idle("there"))?;
    let backend = FakeBackend::start()?;
    let agent = Agent::builder().engine(&engine).url(&backend.url());
    let _agent = agent.token("once").start()?;
    let is_full = |message: &Value| message["type"] == "containers" && message["is_full"] == true;

    let mut peer = agree(&backend, "00000000deadbeef")?;
    let list = find(&mut peer, "whole list", is_full)?;
    assert_eq!(list["set"].as_array().map(Vec::len), Some(1), "{list}");
    // A heartbeat has the hash of what was sent; a server that finds another one asks.
    find(&mut peer, "heartbeat", |message| {
        message["type"] == "heartbeat" && message["containers"] == list["hash"]
    })?;
    peer.send(&json!({ "type": "list" }))?;
    let again = find(&mut peer, "whole list again", is_full)?;
    assert_eq!(again["hash"], list["hash"]);
    peer.cut()?;

    // One that holds the same is told nothing.
    let hash = text(&list["hash"]);
    let mut peer = agree(&backend, &hash)?;
    let first = find(&mut peer, "heartbeat", |message| {
        message["type"] == "containers" || message["type"] == "heartbeat"
    })?;
    assert_eq!(first["type"], "heartbeat", "{first}");
    Ok(())
}

#[test]
fn a_server_asks_for_the_list_when_a_heartbeat_tells_of_another_one() -> Result<()> {
    let server = Server::start()?;
    let token = server.api()?.registration_token(false)?;
    let mut peer = server.dial_as_agent()?;
    let mut register = register_message(&token, "forged-engine", "forged");
    register["capabilities"]["pilotfish_1"] = true.into();
    peer.send(&register)?;
    peer.find("agreement", DEADLINE, |message| {
        message["pilotfish"].is_object()
    })?;
    peer.send(&json!({
        "type": "containers", "is_full": true, "set": [], "hash": "0000000000000000",
    }))?;
    peer.send(&json!({ "type": "heartbeat", "containers": "00000000deadbeef" }))?;
    peer.find("question", DEADLINE, |message| message["type"] == "list")?;
    Ok(())
}
