//! The agent as a DockMon backend sees it: every frame of the base dialect, judged as raw JSON.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pilotfish_lab::wire::{End, FakeBackend, Peer};
use pilotfish_lab::{Agent, Engine, Sample, clock, shared_engine, until};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(20);

/// Every key that a DockMon backend takes in `register`; one more and it refuses.
const REGISTER_KEYS: &[&str] = &[
    "agent_arch",
    "agent_os",
    "capabilities",
    "daemon_started_at",
    "docker_version",
    "engine_id",
    "force_unique_registration",
    "host_ip",
    "host_ips",
    "hostname",
    "hostname_source",
    "kernel_version",
    "num_cpus",
    "os_type",
    "os_version",
    "proto_version",
    "token",
    "total_memory",
    "type",
    "version",
];

struct Session {
    engine: &'static Engine,
    backend: FakeBackend,
    peer: Peer,
    register: Value,
    agent: Agent,
    calls: u32,
}

impl Session {
    fn start() -> Result<Self> {
        let engine = shared_engine()?;
        let backend = FakeBackend::start()?;
        let agent = Agent::builder()
            .engine(engine)
            .url(&backend.url())
            .token("one-use-token")
            .start()?;
        let (peer, register) = backend
            .register("permanent-token", DEADLINE)
            .with_context(|| agent.tail())?;
        Ok(Self {
            engine,
            backend,
            peer,
            register,
            agent,
            calls: 0,
        })
    }

    /// A correlation of the form that a backend gives.
    fn next_id(&mut self) -> String {
        self.calls += 1;
        format!("00000000-0000-4000-8000-{:012}", self.calls)
    }

    /// Sends a `command` and answers its response.
    fn command(&mut self, name: &str, payload: Option<Value>) -> Result<Value> {
        let id = self.next_id();
        let mut command =
            json!({ "type": "command", "command": name, "id": id, "correlation_id": id });
        if let Some(payload) = payload {
            command["payload"] = payload;
        }
        self.peer.send(&command)?;
        let what = format!("response to {name}");
        self.peer.find(&what, DEADLINE, |frame| {
            frame["type"] == "response" && frame["id"] == id.as_str()
        })
    }

    /// Sends a `container_operation` and answers the flat answer.
    fn operation(&mut self, payload: &Value) -> Result<Value> {
        let id = self.next_id();
        self.peer.send(&json!({
            "type": "container_operation", "payload": payload, "id": id, "correlation_id": id,
        }))?;
        let what = format!("answer to {payload}");
        self.peer.find(&what, DEADLINE, |frame| {
            frame["correlation_id"] == id.as_str()
        })
    }
}

#[test]
fn registers_with_nothing_that_a_backend_refuses() -> Result<()> {
    let session = Session::start()?;
    let register = session.register.as_object().context("no object")?;
    let keys: BTreeSet<&str> = register.keys().map(String::as_str).collect();
    let known: BTreeSet<&str> = REGISTER_KEYS.iter().copied().collect();
    ensure!(keys.is_subset(&known), "{:?}", keys.difference(&known));
    let info = session.engine.get("/info")?;
    assert_eq!(register["token"], "one-use-token");
    assert_eq!(register["engine_id"], info["ID"]);
    assert_eq!(register["hostname"], info["Name"]);
    assert_eq!(register["hostname_source"], "daemon");
    assert_eq!(register["num_cpus"], info["NCPU"]);
    assert_eq!(register["total_memory"], info["MemTotal"]);
    assert_eq!(register["docker_version"], info["ServerVersion"]);
    let capabilities = register["capabilities"].as_object().context("no object")?;
    ensure!(
        capabilities.values().all(Value::is_boolean),
        "{capabilities:?}"
    );
    Ok(())
}

#[test]
fn comes_back_with_the_permanent_token_and_not_at_once() -> Result<()> {
    let mut session = Session::start()?;
    session.peer.close(1000, "New connection established")?;
    let closed_at = clock::now();
    let (_peer, register) = session.backend.register("permanent-token", DEADLINE)?;
    assert_eq!(register["token"], "permanent-token");
    assert_eq!(register["engine_id"], session.register["engine_id"]);
    // RECONNECT_INITIAL is 100 ms here, with full jitter; what must not be is a tight loop.
    ensure!(clock::now() > closed_at);
    Ok(())
}

#[test]
fn hangs_up_on_a_backend_that_does_not_answer() -> Result<()> {
    let engine = shared_engine()?;
    let backend = FakeBackend::start()?;
    let _agent = Agent::builder()
        .engine(engine)
        .url(&backend.url())
        .token("one-use-token")
        .start()?;
    let mut silent = backend.accept(DEADLINE)?;
    assert_eq!(silent.json(DEADLINE)?["type"], "register");
    let asked_at = clock::now();
    silent.end(Duration::from_secs(15))?;
    let waited = clock::now() - asked_at;
    ensure!(waited > Duration::from_secs(8), "hung up after {waited:?}");
    // The token was not spent, as far as the agent knows.
    let (_peer, register) = backend.register("permanent-token", DEADLINE)?;
    assert_eq!(register["token"], "one-use-token");
    Ok(())
}

#[test]
fn lists_containers_as_the_engine_does() -> Result<()> {
    let mut session = Session::start()?;
    let container = session
        .engine
        .run(&Sample::idle("listed").label("a", "b").env("SECRET", "x"))?;
    let response = session.command("list_containers", None)?;
    ensure!(
        response.get("error").is_none_or(Value::is_null),
        "{response}"
    );
    let listed = response["payload"]
        .as_array()
        .context("no list")?
        .iter()
        .find(|listed| listed["Id"] == container.id.as_str())
        .context("not listed")?;
    assert_eq!(listed["Names"][0], "/listed");
    assert_eq!(listed["State"], "running");
    assert_eq!(listed["Labels"]["a"], "b");
    ensure!(listed["Created"].is_i64(), "{listed}");
    ensure!(listed["RepoDigests"].is_array(), "{listed}");
    ensure!(listed["StartedAt"].is_string(), "{listed}");
    Ok(())
}

#[test]
fn answers_operations_flat_and_with_the_same_correlation() -> Result<()> {
    let mut session = Session::start()?;
    let container = session.engine.run(&Sample::idle("flat"))?;
    let id = container.short_id();
    let stopped =
        session.operation(&json!({ "action": "stop", "container_id": id, "timeout": 5 }))?;
    assert_eq!(stopped["success"], true, "{stopped}");
    assert_eq!(stopped["status"], "stopped");
    assert_eq!(stopped["container_id"], id);
    ensure!(stopped.get("type").is_none(), "{stopped}");

    let logs =
        session.operation(&json!({ "action": "get_logs", "container_id": id, "tail": 5 }))?;
    ensure!(logs["logs"].is_string(), "{logs}");
    let inspected = session.operation(&json!({ "action": "inspect", "container_id": id }))?;
    assert_eq!(inspected["container"]["Id"], container.id);

    let missing =
        session.operation(&json!({ "action": "start", "container_id": "0123456789ab" }))?;
    assert_eq!(missing["success"], false);
    let error = missing["error"].as_str().unwrap_or_default();
    ensure!(error.starts_with("failed to start container: "), "{error}");
    Ok(())
}

#[test]
fn says_so_when_it_does_not_know_a_command_or_an_action() -> Result<()> {
    let mut session = Session::start()?;
    let response = session.command("make_coffee", Some(json!({})))?;
    let error = response["error"].as_str().unwrap_or_default();
    ensure!(error.contains("unknown command"), "{response}");
    let answer = session.operation(&json!({ "action": "brew", "container_id": "0123456789ab" }))?;
    let error = answer["error"].as_str().unwrap_or_default();
    ensure!(error.contains("unknown action"), "{answer}");
    Ok(())
}

#[test]
fn survives_whatever_the_backend_sends() -> Result<()> {
    let mut session = Session::start()?;
    for text in [
        "",
        "[]",
        "null",
        "{",
        "{\"type\":1}",
        "{\"type\":\"command\"}",
        "{\"type\":\"tomorrow\",\"payload\":{}}",
        "{\"type\":\"container_operation\",\"payload\":[],\"id\":\"x\"}",
    ] {
        session.peer.send_text(text)?;
    }
    let response = session
        .command("list_containers", None)
        .with_context(|| session.agent.tail())?;
    ensure!(response["payload"].is_array(), "{response}");
    Ok(())
}

#[test]
fn tells_events_and_numbers_in_their_envelopes() -> Result<()> {
    let mut session = Session::start()?;
    let container = session.engine.run(&Sample::idle("enveloped"))?;
    let id = container.id.as_str();
    let event = session.peer.find("start event", DEADLINE, |frame| {
        frame["command"] == "container_event"
            && frame["payload"]["action"] == "start"
            && frame["payload"]["container_id"] == id
    })?;
    assert_eq!(event["type"], "event");
    assert_eq!(event["payload"]["container_name"], "enveloped");
    assert_eq!(event["payload"]["image"], pilotfish_lab::engine::IMAGE);
    ensure!(event["timestamp"].is_string(), "{event}");

    // The first reading has no interval yet; what is not known is left out, not 0.
    let stats = session.peer.find("numbers", DEADLINE * 2, |frame| {
        frame["command"] == "container_stats"
            && frame["payload"]["container_id"] == id
            && frame["payload"]["cpu_percent"].is_number()
    })?;
    for field in ["memory_usage", "memory_limit", "memory_percent"] {
        ensure!(stats["payload"][field].is_number(), "no {field}: {stats}");
    }
    let host = session.peer.find("host numbers", DEADLINE, |frame| {
        frame["type"] == "stats" && frame["stats"]["cpu_percent"].is_number()
    })?;
    for field in ["cpu_percent", "mem_percent", "net_bytes_per_sec"] {
        ensure!(host["stats"][field].is_number(), "no {field}: {host}");
    }
    Ok(())
}

#[test]
fn closes_on_a_message_over_the_cap() -> Result<()> {
    let mut session = Session::start()?;
    let huge = format!(
        "{{\"type\":\"command\",\"pad\":\"{}\"}}",
        "x".repeat(17 << 20)
    );
    // The agent may hang up before the last byte is out.
    drop(session.peer.send_text(&huge));
    let end = session.peer.end(DEADLINE)?;
    ensure!(matches!(end, End::Closed(1009, _) | End::Cut), "{end:?}");
    session.backend.register("permanent-token", DEADLINE)?;
    Ok(())
}

#[test]
fn a_slow_operation_holds_up_no_other() -> Result<()> {
    let mut session = Session::start()?;
    let stubborn = session.engine.run(&Sample::stubborn("slow"))?;
    session.peer.send(&json!({
        "type": "container_operation", "id": "slow", "correlation_id": "slow",
        "payload": { "action": "stop", "container_id": stubborn.short_id(), "timeout": 5 },
    }))?;
    let asked_at = clock::now();
    session.command("list_containers", None)?;
    let waited = clock::now() - asked_at;
    ensure!(waited < Duration::from_secs(3), "answered after {waited:?}");
    let slow = session.peer.find("the slow answer", DEADLINE, |frame| {
        frame["correlation_id"] == "slow"
    })?;
    assert_eq!(slow["success"], true, "{slow}");
    until("its end", DEADLINE, || {
        let state = session.engine.state(&stubborn.id)?;
        ensure!(state == "exited", "{state}");
        Ok(())
    })
}

#[test]
fn hears_nothing_but_the_base_dialect_at_its_own_pace() -> Result<()> {
    let mut session = Session::start()?;
    let container = session.engine.run(&Sample::idle("paced"))?;
    let (mut of_host, mut of_container) = (Vec::new(), 0);
    let end_at = clock::now() + Duration::from_secs(31);
    loop {
        let left = end_at.saturating_duration_since(clock::now());
        let Ok(message) = session.peer.next(left) else {
            break;
        };
        if message.is_ping() || message.is_pong() {
            continue;
        }
        ensure!(message.is_text(), "{message:?}");
        let message: Value = serde_json::from_str(message.to_text()?)?;
        let kind = message["type"].as_str().unwrap_or_default();
        ensure!(["event", "heartbeat", "stats"].contains(&kind), "{message}");
        if kind == "stats" {
            of_host.push(clock::now());
        }
        of_container += usize::from(
            message["command"] == "container_stats"
                && message["payload"]["container_id"] == container.id.as_str(),
        );
    }
    // A backend takes a host's own numbers only when they are younger than 10 s; containers are told half as often.
    ensure!((5..=7).contains(&of_host.len()), "{of_host:?}");
    ensure!(
        of_host
            .windows(2)
            .all(|two| two[1] - two[0] < Duration::from_secs(10)),
        "{of_host:?}"
    );
    ensure!((2..=4).contains(&of_container), "{of_container} samples");
    session.engine.remove(&container.id)
}
