//! Containers over the API, with an agent that speaks raw JSON.

use std::thread;

use serde_json::{Value, json};

use crate::peer::{Enrolled, Peer, linked, register, registration_token, until};
use crate::rig::{Reply, Rig, Session};
use crate::store::audit::{self, Outcome};

const ID: &str = "0123456789ab";

/// A server with one agent, and a log-in.
struct Scene {
    rig: Rig,
    session: Session,
    peer: Peer,
    host: String,
}

impl Scene {
    fn new() -> Scene {
        let rig = Rig::start();
        let session = rig.log_in();
        let Enrolled { peer, host_id, .. } = Peer::enrolled(&rig, "E1");
        Scene {
            rig,
            session,
            peer,
            host: host_id,
        }
    }

    /// Sends a request while the agent carries out `act`; `{}` in the line stands for the host's path.
    #[track_caller]
    fn ask_while(&mut self, line: &str, body: &str, act: impl FnOnce(&mut Peer)) -> Reply {
        let line = line.replace("{}", &format!("/api/v1/hosts/{}", self.host));
        let (rig, session, peer) = (&self.rig, &self.session, &mut self.peer);
        thread::scope(|scope| {
            let asked = scope.spawn(move || rig.ask_as(session, &line, body));
            act(peer);
            asked.join().unwrap()
        })
    }

    #[track_caller]
    fn ask(&mut self, line: &str, body: &str) -> Reply {
        self.ask_while(line, body, |_| {})
    }

    /// Checks an operation: what the agent is asked, and what its answer becomes.
    #[track_caller]
    fn check(&mut self, line: &str, body: &str, payload: Value, answer: Value) -> Reply {
        self.ask_while(line, body, |peer| {
            let call = peer.hear_call(payload["action"].as_str().unwrap());
            assert_eq!(call["type"], "container_operation");
            assert_eq!(call["payload"], payload);
            let mut answer = answer;
            answer["correlation_id"] = call["id"].clone();
            peer.say(&answer);
        })
    }

    fn last_audit(&self) -> (String, Option<String>, Outcome) {
        let entry = audit::list(&self.rig.app.store, None, 1)
            .unwrap()
            .remove(0)
            .1;
        (entry.action, entry.target, entry.outcome)
    }
}

#[test]
fn a_listed_container_is_shown_with_its_latest_stats() {
    let mut scene = Scene::new();
    let empty = scene.ask("GET {}/containers", "").json();
    assert_eq!(empty, json!({"at_unix_ms": null, "containers": []}));
    scene.peer.answer_list(&json!([{
        "Id": format!("{ID}{ID}"), "Names": ["/web"], "Image": "nginx:1", "State": "running", "Status": "Up 3 minutes",
        "Created": 5, "StartedAt": "2026-11-23T21:05:00Z", "Labels": {"a": "b"}, "Env": {"SECRET": "s3cret"},
        "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}],
    }]));
    scene.peer.say(&json!({"type": "event", "command": "container_stats", "payload": {
        "container_id": format!("{ID}{ID}"), "container_name": "/web", "cpu_percent": 150.5, "memory_usage": 1000}}));
    let mut shown = Value::Null;
    until("stats", || {
        let listed = scene.ask("GET {}/containers", "").json();
        shown = listed.pointer("/containers/0").cloned().unwrap_or_default();
        !shown["stats"].is_null()
    });
    let stats = shown["stats"].take();
    assert_eq!(
        shown,
        json!({
            "id": ID, "name": "web", "image": "nginx:1", "state": "running", "status": "Up 3 minutes",
            "created_unix_ms": 5000, "started_unix_ms": 1_795_467_900_000_u64, "ports": ["8080:80/tcp"],
            "labels": {"a": "b"}, "is_agent": false, "stats": null,
        })
    );
    assert_eq!(
        (&stats["cpu_percent"], &stats["memory_bytes"]),
        (&json!(150.5), &json!(1000))
    );
    for unknown in [
        "memory_percent",
        "network_bytes_per_sec",
        "network_rx_bytes",
        "disk_read_bytes",
    ] {
        assert_eq!(stats[unknown], Value::Null, "{unknown}");
    }
    let host = scene.ask("GET {}", "").json();
    assert_eq!(
        (&host["containers"]["running"], &host["containers"]["total"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&host["link"], &host["engine"]["state"]),
        (&json!("online"), &json!("up"))
    );
    assert_eq!(host["system"]["addresses"], json!(["192.0.2.7"]));
    assert_eq!(host["stats"], Value::Null);
}

#[test]
fn operations_reach_the_agent_and_their_end_is_told_and_audited() {
    let mut scene = Scene::new();
    let done = |status: &str| json!({"success": true, "container_id": ID, "status": status});
    for (action, status) in [
        ("start", "started"),
        ("stop", "stopped"),
        ("restart", "restarted"),
        ("kill", "killed"),
        ("pause", "paused"),
        ("unpause", "unpaused"),
    ] {
        let line = format!("POST {{}}/containers/{ID}/{action}");
        let payload = json!({"action": action, "container_id": ID});
        let reply = scene.check(&line, "", payload, done(status));
        assert_eq!(
            (reply.status, reply.json()),
            (200, json!({"status": status}))
        );
        let (audited, target, outcome) = scene.last_audit();
        assert_eq!(
            (audited, outcome),
            (format!("container.{action}"), Outcome::Ok)
        );
        assert_eq!(target, Some(format!("e1/{ID}")));
    }
    let payload = json!({"action": "stop", "container_id": ID, "timeout": 7});
    let line = format!("POST {{}}/containers/{ID}/stop");
    assert_eq!(
        scene
            .check(&line, r#"{"timeout_seconds":7}"#, payload, done("stopped"))
            .status,
        200
    );
    let payload = json!({"action": "rename", "container_id": ID, "new_name": "web-2"});
    let line = format!("POST {{}}/containers/{ID}/rename");
    let reply = scene.check(&line, r#"{"name":"web-2"}"#, payload, done("renamed"));
    assert_eq!(reply.json(), json!({"status": "renamed"}));
    let payload = json!({"action": "remove", "container_id": ID, "force": true});
    // A full id in the path means the same container.
    let line = format!("DELETE {{}}/containers/{ID}{ID}?force=true");
    let reply = scene.check(
        &line,
        "",
        payload,
        json!({"success": true, "removed": true}),
    );
    assert_eq!(reply.json(), json!({"status": "removed"}));
}

#[test]
fn a_failed_operation_keeps_the_engines_message() {
    let mut scene = Scene::new();
    for (answer, status, kind, outcome) in [
        (
            json!({"error": "failed to stop container: disk on fire"}),
            502,
            "engine-error",
            Outcome::Failed,
        ),
        (
            json!({"error": "Container x is not running"}),
            409,
            "conflict",
            Outcome::Failed,
        ),
        (
            json!({"error": "No such container: x"}),
            404,
            "not-found",
            Outcome::Failed,
        ),
        (
            json!({"error": "mine", "error_type": "permission_denied"}),
            403,
            "denied-by-host",
            Outcome::Denied,
        ),
        (
            json!({"error": "gone", "error_type": "engine_down"}),
            503,
            "engine-down",
            Outcome::Failed,
        ),
        (
            json!({"error": "full", "error_type": "busy"}),
            503,
            "agent-busy",
            Outcome::Failed,
        ),
        (
            json!({"error": "unknown action: pause"}),
            501,
            "not-supported",
            Outcome::Failed,
        ),
    ] {
        let text = answer["error"].clone();
        let mut answer = answer;
        answer["success"] = json!(false);
        let line = format!("POST {{}}/containers/{ID}/kill");
        let payload = json!({"action": "kill", "container_id": ID});
        let reply = scene.check(&line, "", payload, answer);
        reply.check_problem(status, kind);
        if !["not-found", "agent-busy"].contains(&kind) {
            assert_eq!(reply.json()["detail"], text);
        }
        assert_eq!(scene.last_audit().2, outcome, "{kind}");
    }
}

#[test]
fn what_is_asked_wrongly_does_not_reach_the_agent() {
    let mut scene = Scene::new();
    for (line, body, status, kind) in [
        (
            "POST {}/containers/0123456789ab/rename",
            r#"{"name":"-x"}"#,
            400,
            "bad-request",
        ),
        (
            "POST {}/containers/0123456789ab/rename",
            "{}",
            400,
            "bad-request",
        ),
        (
            "POST {}/containers/0123456789ab/stop",
            r#"{"timeout_seconds":-1}"#,
            400,
            "bad-request",
        ),
        (
            "POST {}/containers/0123456789ab/stop",
            r#"{"timeout_seconds":3601}"#,
            400,
            "bad-request",
        ),
        (
            "DELETE {}/containers/0123456789ab?force=maybe",
            "",
            400,
            "bad-request",
        ),
        (
            "GET {}/containers/0123456789ab/logs?tail=0",
            "",
            400,
            "bad-request",
        ),
        (
            "GET {}/containers/0123456789ab/logs?tail=5001",
            "",
            400,
            "bad-request",
        ),
        ("POST {}/containers/web/start", "", 404, "not-found"),
        (
            "POST /api/v1/hosts/nobody/containers/0123456789ab/start",
            "",
            404,
            "not-found",
        ),
        ("DELETE /api/v1/hosts/nobody", "", 404, "not-found"),
    ] {
        scene.ask(line, body).check_problem(status, kind);
    }
    let line = format!("POST /api/v1/hosts/{}/containers/{ID}/start", scene.host);
    scene
        .rig
        .ask(&line, &[], "")
        .check_problem(401, "unauthenticated");
    let cookie = format!("Cookie: {}", scene.session.cookie);
    scene
        .rig
        .ask(&line, &[&cookie], "")
        .check_problem(403, "csrf");
}

#[test]
fn a_log_is_told_in_lines() {
    let mut scene = Scene::new();
    let payload = json!({"action": "get_logs", "container_id": ID, "tail": 200});
    let logs = "2026-11-23T21:05:01Z second\n2026-11-23T21:05:00Z first\nno time\n";
    let answer = json!({"success": true, "logs": logs, "truncated": true});
    let reply = scene.check(
        &format!("GET {{}}/containers/{ID}/logs"),
        "",
        payload,
        answer,
    );
    // Our agent's order is the true one.
    assert_eq!(
        reply.json(),
        json!({"is_cut": true, "lines": [
            {"at": "2026-11-23T21:05:01Z", "text": "second"},
            {"at": "2026-11-23T21:05:00Z", "text": "first"},
            {"at": null, "text": "no time"},
        ]})
    );
}

#[test]
fn the_log_of_a_dockmon_agent_is_brought_in_order_and_its_inspect_masked() {
    let mut scene = Scene::new();
    let mut dockmon = register(&registration_token(&scene.rig, false), "E2");
    dockmon["capabilities"] = json!({"container_operations": true});
    let (peer, answer) = Peer::registered(&scene.rig, &dockmon);
    scene.peer = peer;
    scene.host = answer["host_id"].as_str().unwrap().to_owned();
    linked(&scene.rig, &scene.host);
    let payload = json!({"action": "get_logs", "container_id": ID, "tail": 2});
    let logs = "2026-11-23T21:05:01Z second\n2026-11-23T21:05:00Z first\n";
    let answer = json!({"success": true, "logs": logs});
    let reply = scene.check(
        &format!("GET {{}}/containers/{ID}/logs?tail=2"),
        "",
        payload,
        answer,
    );
    assert_eq!(reply.json()["lines"][0]["text"], "first");
    let payload = json!({"action": "inspect", "container_id": ID});
    let object = json!({"Id": ID, "Config": {"Env": ["PASSWORD=s3cret"]}});
    let answer = json!({"success": true, "container": object});
    let reply = scene.check(&format!("GET {{}}/containers/{ID}"), "", payload, answer);
    assert_eq!(
        reply.json(),
        json!({"container": {"Id": ID, "Config": {"Env": ["PASSWORD=***"]}}})
    );
}

#[test]
fn an_inspect_object_beyond_all_measure_is_refused() {
    let mut scene = Scene::new();
    let payload = json!({"action": "inspect", "container_id": ID});
    let object = json!({"Id": "x".repeat(pilotfish_protocol::limits::ANSWER_BYTES)});
    let answer =
        json!({"type": "container_operation_response", "success": true, "container": object});
    scene
        .check(&format!("GET {{}}/containers/{ID}"), "", payload, answer)
        .check_problem(502, "engine-error");
}

#[test]
fn events_are_told_newest_first_and_spam_is_not() {
    let mut scene = Scene::new();
    let mut event = |action: &str, attributes: Value| {
        scene.peer.say(&json!({"type": "event", "command": "container_event", "payload": {
            "container_id": format!("{ID}{ID}"), "container_name": "web", "image": "nginx", "action": action,
            "attributes": attributes}}));
    };
    event("start", json!({}));
    event("exec_create: cat /run/secret", json!({}));
    event("die", json!({"exitCode": "137"}));
    let mut events = Value::Null;
    until("events", || {
        events = scene.ask("GET /api/v1/events", "").json()["events"].take();
        events.as_array().is_some_and(|events| events.len() == 4)
    });
    let actions: Vec<&str> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["die", "start", "online", "enrolled"]);
    assert_eq!(events[0]["detail"], "exit code 137");
    assert_eq!(
        (&events[0]["container_id"], &events[0]["host_name"]),
        (&json!(ID), &json!("e1"))
    );
    let before = &events[1]["id"];
    let older = scene
        .ask(&format!("GET /api/v1/events?before={before}&limit=1"), "")
        .json();
    assert_eq!(older["events"][0]["action"], "online");
    let other = scene.ask("GET /api/v1/events?host=nobody", "").json();
    assert_eq!(other, json!({"events": []}));
}
