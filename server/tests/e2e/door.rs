//! The agents' door as a DockMon agent finds it: raw JSON from the other side of the wire.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pilotfish_lab::wire::{End, Peer, register_message};
use pilotfish_lab::{Api, Server, clock, until};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(15);

/// A DockMon agent lists its containers within this time of being online.
const POLL_DEADLINE: Duration = Duration::from_secs(12);

const CONTAINER: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A server and the admin's session on it.
struct Door {
    server: Server,
    api: Api,
}

/// A raw agent that has registered.
struct FakeAgent {
    peer: Peer,
    success: Value,
}

impl FakeAgent {
    fn host(&self) -> &str {
        self.success["host_id"].as_str().unwrap_or_default()
    }

    fn permanent_token(&self) -> &str {
        self.success["permanent_token"].as_str().unwrap_or_default()
    }

    /// Answers the next `list_containers` with one running container called "web".
    fn list(&mut self) -> Result<()> {
        let command = self.peer.find("list_containers", POLL_DEADLINE, |frame| {
            frame["command"] == "list_containers"
        })?;
        self.peer.send(&json!({
            "type": "response",
            "id": command["id"],
            "payload": [{
                "Id": CONTAINER, "Names": ["/web"], "Image": "nginx:1", "ImageID": "sha256:0", "Command": "nginx",
                "Created": 1_700_000_000, "State": "running", "Status": "Up 3 minutes", "Labels": { "a": "b" },
                "Ports": [{ "IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp" }],
                "HostConfig": { "NetworkMode": "bridge" }, "Mounts": [], "RepoDigests": [],
                "StartedAt": "2026-01-01T00:00:00.123456789Z",
            }],
            "timestamp": "2026-01-01T00:00:01.5Z",
        }))
    }

    fn next_operation(&mut self) -> Result<Value> {
        self.peer.find("container_operation", DEADLINE, |frame| {
            frame["type"] == "container_operation"
        })
    }
}

impl Door {
    fn open() -> Result<Self> {
        let server = Server::start()?;
        let api = server.api()?;
        Ok(Self { server, api })
    }

    /// Registers with a token and answers the first frame and the socket.
    fn knock(&self, token: &str, engine_id: &str, name: &str) -> Result<(Peer, Value)> {
        let mut peer = self.server.dial_as_agent()?;
        peer.send(&register_message(token, engine_id, name))?;
        let answer = peer.json(DEADLINE)?;
        Ok((peer, answer))
    }

    fn enrol(&self, engine_id: &str, name: &str) -> Result<FakeAgent> {
        self.enter(&self.api.registration_token(false)?, engine_id, name)
    }

    fn enter(&self, token: &str, engine_id: &str, name: &str) -> Result<FakeAgent> {
        let (peer, success) = self.knock(token, engine_id, name)?;
        ensure!(success["type"] == "auth_success", "{success}");
        Ok(FakeAgent { peer, success })
    }

    /// The server refuses with a text that contains `fragment`, and closes with 1008.
    #[track_caller]
    fn check_refused(&self, token: &str, engine_id: &str, fragment: &str) {
        let (mut peer, answer) = self
            .knock(token, engine_id, "refused")
            .expect("the server answers");
        assert_eq!(answer["type"], "auth_error", "{answer}");
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.contains(fragment), "no {fragment:?} in {error:?}");
        let end = peer.end(DEADLINE).expect("the server closes");
        assert!(matches!(end, End::Closed(1008, _)), "{end:?}");
    }

    fn wait_link(&self, host: &str, link: &str, deadline: Duration) -> Result<Value> {
        self.api.wait_host(link, deadline, |known| {
            known["id"] == host && known["link"] == link
        })
    }
}

#[test]
fn a_dockmon_agent_registers_and_is_polled_for_its_containers() -> Result<()> {
    let door = Door::open()?;
    let mut agent = door.enrol("engine-1", "pi-zero")?;
    ensure!(agent.success["agent_id"].is_string(), "{}", agent.success);
    // 256 random bits at least, and never the public id.
    ensure!(agent.permanent_token().len() >= 32, "{}", agent.success);
    assert_ne!(agent.success["agent_id"], agent.success["permanent_token"]);

    let host = door.wait_link(agent.host(), "online", DEADLINE)?;
    assert_eq!(host["name"], "pi-zero");
    assert_eq!(host["agent"]["version"], "2.4.5");
    assert_eq!(host["agent"]["arch"], "arm64");
    assert_eq!(host["system"]["cpus"], 4);
    assert_eq!(host["engine"]["version"], "28.5.1");

    agent.list()?;
    let host = agent.host().to_owned();
    let web = door.api.wait_container(&host, "web", DEADLINE, |_| true)?;
    assert_eq!(web["id"], CONTAINER[..12]);
    assert_eq!(web["state"], "running");
    assert_eq!(web["image"], "nginx:1");
    assert_eq!(web["ports"], json!(["8080:80/tcp"]));
    assert!(web["stats"].is_null(), "{web}");
    Ok(())
}

#[test]
fn a_permanent_token_comes_back_to_the_same_host() -> Result<()> {
    let door = Door::open()?;
    let first = door.enrol("engine-1", "pi")?;
    let (host, token) = (first.host().to_owned(), first.permanent_token().to_owned());
    drop(first);
    let again = door.enter(&token, "engine-1", "pi")?;
    assert_eq!(again.host(), host);
    assert_eq!(door.api.hosts()?.len(), 1);
    door.check_refused(&token, "engine-2", "does not match engine_id");
    let agent_id = again.success["agent_id"].as_str().context("no agent_id")?;
    door.check_refused(agent_id, "engine-1", "Invalid registration token");
    Ok(())
}

#[test]
fn tokens_that_are_unknown_spent_or_revoked_open_nothing() -> Result<()> {
    let door = Door::open()?;
    door.check_refused("no-such-token", "engine-1", "Invalid registration token");
    let token = door.api.registration_token(false)?;
    let _agent = door.enter(&token, "engine-1", "pi")?;
    door.check_refused(&token, "engine-2", "maximum uses");
    let fresh = door.api.registration_token(false)?;
    door.check_refused(&fresh, "engine-1", "already registered");
    // The refusal did not spend it.
    door.enter(&fresh, "engine-3", "other")?;
    Ok(())
}

#[test]
fn one_use_is_one_use_also_when_two_come_at_once() -> Result<()> {
    let door = Door::open()?;
    let token = door.api.registration_token(false)?;
    let answers: Vec<Result<Value>> = thread::scope(|scope| {
        let knocks: Vec<_> = (0..8)
            .map(|number| {
                let (door, token) = (&door, &token);
                scope.spawn(move || {
                    let name = format!("racer-{number}");
                    let (_peer, answer) = door.knock(token, &name, &name)?;
                    Ok(answer["type"].clone())
                })
            })
            .collect();
        let joined = knocks.into_iter().map(|knock| knock.join());
        joined.map(|answer| answer.expect("no panic")).collect()
    });
    let answers: Vec<Value> = answers.into_iter().collect::<Result<_>>()?;
    let admitted = answers
        .iter()
        .filter(|answer| *answer == "auth_success")
        .count();
    assert_eq!(admitted, 1, "{answers:?}");
    assert_eq!(door.api.hosts()?.len(), 1);
    Ok(())
}

#[test]
fn whoever_says_nothing_is_shown_out_after_half_a_minute() -> Result<()> {
    let door = Door::open()?;
    let mut silent = door.server.dial_as_agent()?;
    let since = clock::now();
    let end = silent.end(Duration::from_secs(40))?;
    let waited = clock::now() - since;
    ensure!(matches!(end, End::Closed(1008, _)), "{end:?}");
    ensure!(waited > Duration::from_secs(25), "after {waited:?}");
    Ok(())
}

#[test]
fn what_is_no_registration_ends_the_connection() -> Result<()> {
    let door = Door::open()?;
    for text in [
        "",
        "[]",
        "{",
        "{\"type\":\"heartbeat\"}",
        "{\"type\":\"register\"}",
    ] {
        let mut peer = door.server.dial_as_agent()?;
        peer.send_text(text)?;
        peer.end(DEADLINE)
            .with_context(|| format!("after {text:?}"))?;
    }
    let mut binary = door.server.dial_as_agent()?;
    binary.send_binary(b"{}")?;
    binary.end(DEADLINE)?;
    let mut large = door.server.dial_as_agent()?;
    // The server may hang up before the last byte is out.
    drop(large.send_text(&"x".repeat(65 * 1024)));
    let end = large.end(DEADLINE)?;
    ensure!(matches!(end, End::Closed(1009, _) | End::Cut), "{end:?}");
    assert_eq!(door.api.hosts()?.len(), 0);
    Ok(())
}

#[test]
fn the_newest_connection_of_an_agent_wins() -> Result<()> {
    let door = Door::open()?;
    let mut older = door.enrol("engine-1", "pi")?;
    let token = older.permanent_token().to_owned();
    let mut newer = door.enter(&token, "engine-1", "pi")?;
    let end = older.peer.end(DEADLINE)?;
    assert_eq!(
        end,
        End::Closed(1000, "New connection established".to_owned())
    );
    newer.list()?;
    door.wait_link(newer.host(), "online", DEADLINE)?;
    door.api
        .wait_container(newer.host(), "web", DEADLINE, |_| true)?;
    Ok(())
}

#[test]
fn a_removed_host_is_hung_up_and_its_token_opens_nothing_more() -> Result<()> {
    let door = Door::open()?;
    let mut agent = door.enrol("engine-1", "pi")?;
    door.api.remove_host(agent.host())?;
    agent.peer.end(DEADLINE)?;
    assert_eq!(door.api.hosts()?.len(), 0);
    door.check_refused(
        agent.permanent_token(),
        "engine-1",
        "Invalid registration token",
    );
    Ok(())
}

#[test]
fn an_agent_that_falls_silent_is_offline_within_45_seconds() -> Result<()> {
    let door = Door::open()?;
    // It does not read, so it answers no ping.
    let agent = door.enrol("engine-1", "pi")?;
    let since = clock::now();
    door.wait_link(agent.host(), "offline", Duration::from_secs(50))?;
    let waited = clock::now() - since;
    ensure!(waited > Duration::from_secs(15), "after {waited:?}");
    Ok(())
}

#[test]
fn an_operation_reaches_the_agent_and_its_answer_the_caller() -> Result<()> {
    let door = Door::open()?;
    let mut agent = door.enrol("engine-1", "pi")?;
    agent.list()?;
    let host = agent.host().to_owned();
    let (api, id) = (&door.api, &CONTAINER[..12]);
    thread::scope(|scope| {
        let call = scope.spawn(|| api.operate(&host, id, "start", None));
        let operation = agent.next_operation()?;
        assert_eq!(operation["id"], operation["correlation_id"]);
        assert_eq!(
            operation["payload"],
            json!({ "action": "start", "container_id": id })
        );
        agent.peer.send(&json!({
            "correlation_id": operation["id"], "success": true, "container_id": id, "status": "started",
        }))?;
        let reply = call.join().expect("no panic")?;
        assert_eq!(
            (reply.status, &reply.body["status"]),
            (200, &json!("started"))
        );

        let call =
            scope.spawn(|| api.operate(&host, id, "stop", Some(&json!({ "timeout_seconds": 30 }))));
        let operation = agent.next_operation()?;
        assert_eq!(operation["payload"]["timeout"], 30);
        agent.peer.send(&json!({
            "correlation_id": operation["id"], "success": false, "error": "failed to stop container: the disk is on fire",
        }))?;
        let reply = call.join().expect("no panic")?;
        assert_eq!(
            (reply.status, reply.kind()),
            (502, "engine-error"),
            "{reply:?}"
        );
        ensure!(
            reply.body.to_string().contains("the disk is on fire"),
            "{reply:?}"
        );

        let call = scope.spawn(|| api.operate(&host, id, "kill", None));
        agent.next_operation()?;
        agent.peer.cut()?;
        let cut_at = clock::now();
        let reply = call.join().expect("no panic")?;
        assert_eq!(
            (reply.status, reply.kind()),
            (502, "agent-disconnected"),
            "{reply:?}"
        );
        ensure!(
            clock::now() - cut_at < Duration::from_secs(2),
            "not at once"
        );

        door.wait_link(&host, "offline", DEADLINE)?;
        let reply = api.operate(&host, id, "start", None)?;
        assert_eq!(
            (reply.status, reply.kind()),
            (503, "host-offline"),
            "{reply:?}"
        );
        Ok(())
    })
}

#[test]
fn an_agent_that_does_not_answer_is_waited_for_half_a_minute() -> Result<()> {
    let door = Door::open()?;
    let mut agent = door.enrol("engine-1", "pi")?;
    agent.list()?;
    let host = agent.host().to_owned();
    let asked_at = clock::now();
    let reply = thread::scope(|scope| {
        let call = scope.spawn(|| door.api.operate(&host, &CONTAINER[..12], "start", None));
        let operation = agent.next_operation()?;
        // Reading goes on, so that pings are answered and only the answer is missing.
        drop(
            agent
                .peer
                .find("nothing", Duration::from_secs(35), |_| false),
        );
        // An answer after the deadline is nobody's any more, and harmless.
        agent
            .peer
            .send(&json!({ "correlation_id": operation["id"], "success": true }))?;
        call.join().expect("no panic")
    })?;
    assert_eq!(
        (reply.status, reply.kind()),
        (504, "agent-timeout"),
        "{reply:?}"
    );
    ensure!(clock::now() - asked_at >= Duration::from_secs(29));
    door.wait_link(&host, "online", DEADLINE)?;
    Ok(())
}

#[test]
fn events_and_numbers_of_a_dockmon_agent_are_taken_as_they_come() -> Result<()> {
    let door = Door::open()?;
    let mut agent = door.enrol("engine-1", "pi")?;
    agent.list()?;
    agent.peer.send(&json!({
        "type": "event", "command": "container_event", "timestamp": "2026-01-01T00:00:02Z",
        "payload": { "container_id": CONTAINER, "container_name": "web", "image": "nginx:1", "action": "die",
                     "timestamp": "2026-01-01T01:00:02+01:00", "attributes": { "exitCode": "137" } },
    }))?;
    agent.peer.send(&json!({
        "type": "event", "command": "container_stats", "timestamp": "2026-01-01T00:00:02Z",
        "payload": { "container_id": CONTAINER, "container_name": "/web", "cpu_percent": 12.5, "memory_usage": 1000,
                     "memory_limit": 4000, "memory_percent": 25.0, "network_rx": 1, "network_tx": 2,
                     "disk_read": 3, "disk_write": 4, "timestamp": "2026-01-01T00:00:02Z" },
    }))?;
    agent.peer.send(&json!({ "type": "stats", "stats": { "cpu_percent": 50.5, "mem_percent": 40.25, "net_bytes_per_sec": 7.0 } }))?;
    agent
        .peer
        .send(&json!({ "type": "a message of tomorrow", "payload": 1 }))?;
    let host = agent.host();
    let web = door
        .api
        .wait_container(host, "web", DEADLINE, |web| web["stats"].is_object())?;
    assert_eq!(web["stats"]["cpu_percent"], 12.5);
    assert_eq!(web["stats"]["memory_bytes"], 1000);
    assert_eq!(web["stats"]["network_tx_bytes"], 2);
    let known = door
        .api
        .wait_host("host numbers", DEADLINE, |known| known["stats"].is_object())?;
    assert_eq!(known["stats"]["cpu_percent"], 50.5);
    let event = until("the event", DEADLINE, || {
        let events = door.api.events(20)?;
        let found = events
            .iter()
            .find(|event| event["action"] == "die")
            .cloned();
        found.with_context(|| format!("{events:?}"))
    })?;
    assert_eq!(event["subject"], "container");
    assert_eq!(event["container_name"], "web");
    assert_eq!(event["host_id"], host);
    ensure!(event.to_string().contains("137"), "{event}");
    Ok(())
}
