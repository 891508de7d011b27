//! The door over real connections, spoken to in raw JSON.

mod strangers;

use std::io::Read as _;
use std::thread;

use async_tungstenite::tungstenite::client::client;
use pilotfish_protocol::HostId;
use serde_json::{Value, json};

use super::*;
use crate::agents::session::exchange::{CallError, PACE};
use crate::agents::{AskError, Times};
use crate::peer::{Enrolled, Peer, foreign_id, register, registration_token, until};
use crate::rig::{Rig, Setup};
use crate::store::{agents, audit, events, hosts};

fn is_online(rig: &Rig, host: &str) -> bool {
    let host = HostId::new(host).unwrap();
    let look = |fleet: &crate::telemetry::fleet::Fleet| {
        fleet.find(&host).is_some_and(|h| h.session.is_some())
    };
    rig.app.board.look(look)
}

fn event_actions(rig: &Rig) -> Vec<String> {
    smol::block_on(rig.app.board.flush(&rig.app));
    let events = events::list(&rig.app.store, None, None, 100).unwrap();
    events
        .into_iter()
        .rev()
        .map(|(_, event)| event.action)
        .collect()
}

#[track_caller]
fn check_refused(rig: &Rig, register: &Value, fragment: &str) {
    let (mut peer, answer) = Peer::registered(rig, register);
    assert_eq!(answer["type"], "auth_error", "{answer}");
    assert!(
        answer["error"].as_str().unwrap().contains(fragment),
        "{answer}"
    );
    assert_eq!(peer.end(), Some((1008, "Authentication failed".to_owned())));
}

#[test]
fn a_new_agent_is_enrolled_and_gets_a_secret_that_is_not_its_id() {
    let rig = Rig::start();
    let Enrolled {
        mut peer,
        agent_id,
        host_id,
        token,
    } = Peer::enrolled(&rig, "E1");
    assert_ne!(token, agent_id);
    assert_eq!(token.len(), 43);
    let call = peer.hear();
    assert_eq!(
        (&call["type"], &call["command"]),
        (&json!("command"), &json!("list_containers"))
    );
    until("online", || is_online(&rig, &host_id));
    assert_eq!(event_actions(&rig), ["enrolled", "online"]);
    let audit = audit::list(&rig.app.store, None, 9).unwrap();
    assert_eq!(audit[0].1.action, "agent.enrol");
    assert!(!format!("{audit:?}").contains(&token));
}

#[test]
fn a_known_agent_comes_back_with_its_token_and_gets_no_new_one() {
    let rig = Rig::start();
    let Enrolled {
        peer,
        agent_id,
        host_id,
        token,
    } = Peer::enrolled(&rig, "E1");
    drop(peer);
    let (_peer, answer) = Peer::registered(&rig, &register(&token, "E1"));
    assert_eq!(
        answer,
        json!({"type": "auth_success", "agent_id": agent_id, "host_id": host_id})
    );
}

#[test]
fn an_agent_that_went_away_before_its_answer_comes_again_with_the_same_token() {
    let rig = Rig::start();
    let enrol = register(&registration_token(&rig, false), "E1");
    let mut gone = Peer::knock(&rig);
    gone.say(&enrol);
    drop(gone);
    until("enrolled", || {
        !hosts::list(&rig.app.store).unwrap().is_empty()
    });
    let (mut peer, answer) = Peer::registered(&rig, &enrol);
    assert_eq!(answer["type"], "auth_success", "{answer}");
    let host_id = answer["host_id"].as_str().unwrap();
    until("online", || is_online(&rig, host_id));
    assert_eq!(hosts::list(&rig.app.store).unwrap().len(), 1);
    assert_eq!(event_actions(&rig)[0], "enrolled");
    let again = |entries: &[(u64, audit::AuditRecord)]| {
        let details = entries
            .iter()
            .filter_map(|(_, entry)| entry.detail.as_ref());
        details.filter(|detail| detail.contains("again")).count()
    };
    assert_eq!(again(&audit::list(&rig.app.store, None, 9).unwrap()), 1);

    // Once it has said a word it has its token, and the other one is spent.
    peer.say(&json!({"type": "heartbeat"}));
    let is_answered = || {
        let agents = agents::list(&rig.app.store).unwrap();
        agents.iter().all(|(agent, _)| agent.unanswered.is_none())
    };
    until("answered", is_answered);
    check_refused(&rig, &enrol, "maximum uses");
    let token = answer["permanent_token"].as_str().unwrap();
    let (_peer, back) = Peer::registered(&rig, &register(token, "E1"));
    assert_eq!(back["host_id"], host_id);
}

#[test]
fn a_known_agent_comes_back_after_the_server_was_restarted() {
    let rig = Rig::start();
    let Enrolled { host_id, token, .. } = Peer::enrolled(&rig, "E1");
    let directory = Some(rig.stop());
    let rig = Rig::start_with(Setup {
        directory,
        ..Setup::default()
    });
    assert!(!is_online(&rig, &host_id));
    let (_peer, answer) = Peer::registered(&rig, &register(&token, "E1"));
    assert_eq!(answer["host_id"], host_id.as_str());
    until("online", || is_online(&rig, &host_id));
}

#[test]
fn the_public_ids_open_no_door() {
    let rig = Rig::start();
    let Enrolled {
        peer: _peer,
        agent_id,
        host_id,
        ..
    } = Peer::enrolled(&rig, "E1");
    check_refused(
        &rig,
        &register(&agent_id, "E1"),
        "Invalid registration token",
    );
    check_refused(
        &rig,
        &register(&host_id, "E1"),
        "Invalid registration token",
    );
    assert!(is_online(&rig, &host_id));
}

#[test]
fn of_two_agents_with_one_single_use_token_exactly_one_is_let_in() {
    let rig = Rig::start();
    for round in 0..5 {
        let token = registration_token(&rig, false);
        let answers: Vec<Value> = thread::scope(|scope| {
            let knock = |engine: String| {
                let register = register(&token, &engine);
                let rig = &rig;
                scope.spawn(move || Peer::registered(rig, &register).1)
            };
            let both = [knock(format!("A{round}")), knock(format!("B{round}"))];
            both.map(|thread| thread.join().unwrap()).into()
        });
        let refused: Vec<_> = answers
            .iter()
            .filter(|a| a["type"] == "auth_error")
            .collect();
        assert_eq!(refused.len(), 1, "{answers:?}");
        assert!(
            refused[0]["error"]
                .as_str()
                .unwrap()
                .contains("maximum uses")
        );
    }
}

#[test]
fn a_refused_registration_does_not_spend_the_token() {
    let rig = Rig::start();
    let Enrolled { peer: _peer, .. } = Peer::enrolled(&rig, "E1");
    let token = registration_token(&rig, false);
    check_refused(&rig, &register(&token, "E1"), "already registered");
    let mut forced = register(&token, "E1");
    forced["force_unique_registration"] = json!(true);
    check_refused(&rig, &forced, "FORCE_UNIQUE");
    forced["hostname_source"] = json!("agent_name");
    let (_second, answer) = Peer::registered(&rig, &forced);
    assert_eq!(answer["type"], "auth_success", "{answer}");
    // Both have the same name told; neither was refused for it.
    let names: Vec<String> = rig
        .app
        .board
        .look(|fleet| fleet.iter().map(|(_, h)| h.facts.name.clone()).collect());
    assert!(
        names.contains(&"e1".to_owned()) && names.contains(&"e1-2".to_owned()),
        "{names:?}"
    );
}

#[test]
fn a_permanent_token_is_good_on_its_own_engine_only() {
    let rig = Rig::start();
    let Enrolled { token, .. } = Peer::enrolled(&rig, "E1");
    check_refused(&rig, &register(&token, "E2"), "does not match engine_id");
    let audit = audit::list(&rig.app.store, None, 1).unwrap();
    assert_eq!(
        (audit[0].1.action.as_str(), audit[0].1.outcome),
        ("agent.refuse", Outcome::Denied)
    );
}

#[test]
fn fields_of_another_version_are_no_reason_to_refuse() {
    let rig = Rig::start();
    let mut register = register(&registration_token(&rig, false), "E1");
    register["from_the_future"] = json!({"a": [1]});
    register["total_memory"] = json!(0);
    register["num_cpus"] = Value::Null;
    let (_peer, answer) = Peer::registered(&rig, &register);
    assert_eq!(answer["type"], "auth_success", "{answer}");
}

#[test]
fn a_newer_connection_takes_over_at_once_from_one_that_does_not_read() {
    let rig = Rig::start();
    let Enrolled {
        peer: mut old,
        host_id,
        token,
        ..
    } = Peer::enrolled(&rig, "E1");
    // The old one neither reads nor closes: half-open. The new one answers nevertheless.
    let (mut new, _) = Peer::registered(&rig, &register(&token, "E1"));
    new.answer_list(&json!([]));
    assert_eq!(
        old.end(),
        Some((1000, "New connection established".to_owned()))
    );
    drop(old);
    new.answer_list_on_demand(&rig, &host_id);
    assert!(is_online(&rig, &host_id));
    assert_eq!(event_actions(&rig), ["enrolled", "online"]);
}

#[test]
fn two_connections_that_replace_each_other_leave_the_host_online() {
    let rig = Rig::start();
    let Enrolled {
        mut peer,
        host_id,
        token,
        ..
    } = Peer::enrolled(&rig, "E1");
    for _ in 0..20 {
        let (new, answer) = Peer::registered(&rig, &register(&token, "E1"));
        assert_eq!(answer["type"], "auth_success");
        drop(std::mem::replace(&mut peer, new));
    }
    peer.answer_list_on_demand(&rig, &host_id);
    assert!(is_online(&rig, &host_id));
    let is_end_known = || {
        event_actions(&rig)
            .last()
            .is_some_and(|action| action == "offline")
    };
    drop(peer);
    until("offline", || !is_online(&rig, &host_id) && is_end_known());
}

#[test]
fn a_deleted_host_is_cut_off_and_its_token_lets_nobody_in() {
    let rig = Rig::start();
    let session = rig.log_in();
    let Enrolled {
        mut peer,
        host_id,
        token,
        ..
    } = Peer::enrolled(&rig, "E1");
    until("online", || is_online(&rig, &host_id));
    let reply = rig.ask_as(&session, &format!("DELETE /api/v1/hosts/{host_id}"), "");
    assert_eq!(reply.status, 204, "{reply:?}");
    assert_eq!(peer.end(), Some((1008, "Host removed".to_owned())));
    check_refused(&rig, &register(&token, "E1"), "Invalid registration token");
    rig.ask_as(&session, &format!("GET /api/v1/hosts/{host_id}"), "")
        .check_problem(404, "not-found");
    assert_eq!(event_actions(&rig), ["enrolled", "online", "removed"]);
    // The machine can be enrolled anew.
    let again = Peer::enrolled(&rig, "E1");
    assert_ne!(again.host_id, host_id);
}

#[test]
fn a_call_fails_at_once_when_the_agent_goes() {
    let rig = Rig::start();
    let session = rig.log_in();
    let Enrolled {
        mut peer, host_id, ..
    } = Peer::enrolled(&rig, "E1");
    thread::scope(|scope| {
        let line = format!("POST /api/v1/hosts/{host_id}/containers/0123456789ab/start");
        let (rig, session) = (&rig, &session);
        let asked = scope.spawn(move || rig.ask_as(session, &line, ""));
        peer.hear_call("start");
        let began = clock::now();
        drop(peer);
        asked
            .join()
            .unwrap()
            .check_problem(502, "agent-disconnected");
        assert!(clock::now() - began < Duration::from_secs(5));
    });
    until("offline", || !is_online(&rig, &host_id));
    let line = format!("POST /api/v1/hosts/{host_id}/containers/0123456789ab/start");
    rig.ask_as(&session, &line, "")
        .check_problem(503, "host-offline");
}

#[test]
fn the_65th_call_of_an_agent_is_turned_away_as_busy() {
    let rig = Rig::start();
    let Enrolled {
        mut peer, host_id, ..
    } = Peer::enrolled(&rig, "E1");
    let operation = || pilotfish_protocol::Operation {
        container_id: pilotfish_protocol::ContainerId::new("0123456789ab").unwrap(),
        kind: pilotfish_protocol::OperationKind::Start,
    };
    peer.hear_call("list_containers");
    let host = HostId::new(host_id).unwrap();
    // With the list that is not answered these are 64.
    for _ in 1..64 {
        let (app, host) = (Arc::clone(&rig.app), host.clone());
        rig.app.executor.spawn(async move {
            app.agents.ask(&host, operation()).await.ok();
        });
        peer.hear_call("start");
    }
    let answer = smol::block_on(rig.app.agents.ask(&host, operation()));
    assert_eq!(answer.unwrap_err(), AskError::Call(CallError::Busy));
}

#[test]
fn one_agent_cannot_answer_for_another() {
    let rig = Rig::start();
    let session = rig.log_in();
    let Enrolled {
        peer: mut asked,
        host_id,
        ..
    } = Peer::enrolled(&rig, "E1");
    let Enrolled {
        peer: mut other, ..
    } = Peer::enrolled(&rig, "E2");
    thread::scope(|scope| {
        let line = format!("POST /api/v1/hosts/{host_id}/containers/0123456789ab/start");
        let (rig, session) = (&rig, &session);
        let reply = scope.spawn(move || rig.ask_as(session, &line, ""));
        let call = asked.hear_call("start");
        other.say(&json!({"correlation_id": call["id"], "success": false, "error": "forged"}));
        other.say(&json!({"correlation_id": foreign_id(7), "success": true}));
        // The other's forgery was read when what it says next shows.
        other.answer_list(&json!([]));
        asked.say(&json!({"correlation_id": call["id"], "success": true, "status": "started"}));
        assert_eq!(reply.join().unwrap().json(), json!({"status": "started"}));
    });
}

#[test]
fn an_agent_that_is_silent_is_shown_offline_and_cut() {
    let silence = Duration::from_millis(150);
    let pace = crate::agents::session::exchange::Pace {
        ping: Duration::from_millis(40),
        silence,
        ..PACE
    };
    let rig = Rig::start_with(Setup {
        times: Times {
            pace,
            ..Times::default()
        },
        ..Setup::default()
    });
    let Enrolled {
        mut peer, host_id, ..
    } = Peer::enrolled(&rig, "E1");
    // Reading raw bytes answers no ping.
    let mut rest = Vec::new();
    peer.socket.get_mut().read_to_end(&mut rest).unwrap();
    until("offline", || !is_online(&rig, &host_id));
    assert_eq!(event_actions(&rig), ["enrolled", "online", "offline"]);
}

#[test]
fn an_agent_that_answers_pings_stays() {
    let silence = Duration::from_millis(400);
    let pace = crate::agents::session::exchange::Pace {
        ping: Duration::from_millis(50),
        silence,
        list_slow: Duration::from_millis(100),
        ..PACE
    };
    let rig = Rig::start_with(Setup {
        times: Times {
            pace,
            ..Times::default()
        },
        ..Setup::default()
    });
    let Enrolled {
        mut peer, host_id, ..
    } = Peer::enrolled(&rig, "E1");
    let began = clock::now();
    while clock::now() - began < silence * 3 {
        peer.answer_list(&json!([]));
    }
    assert!(is_online(&rig, &host_id));
}

#[test]
fn a_binary_frame_ends_a_session_and_nonsense_in_text_does_not() {
    let rig = Rig::start();
    let Enrolled {
        mut peer, host_id, ..
    } = Peer::enrolled(&rig, "E1");
    for nonsense in [
        "not json",
        "[]",
        "{}",
        r#"{"type":"new in 2030"}"#,
        r#"{"type":"stats"}"#,
    ] {
        peer.socket.send(Message::text(nonsense)).unwrap();
    }
    peer.answer_list(&json!([]));
    peer.answer_list_on_demand(&rig, &host_id);
    peer.socket.send(Message::binary(&b"\x01"[..])).unwrap();
    assert_eq!(peer.end().map(|(code, _)| code), Some(1003));
}

#[test]
fn a_long_answer_is_taken_and_one_over_16_mib_ends_the_session() {
    let rig = Rig::start();
    let session = rig.log_in();
    let Enrolled {
        mut peer, host_id, ..
    } = Peer::enrolled(&rig, "E1");
    let log = "2026-11-23T21:05:00Z line\n".repeat(300_000);
    thread::scope(|scope| {
        let line = format!("GET /api/v1/hosts/{host_id}/containers/0123456789ab/logs?tail=5000");
        let (rig, session) = (&rig, &session);
        let reply = scope.spawn(move || rig.ask_as(session, &line, ""));
        let call = peer.hear_call("get_logs");
        peer.say(&json!({"correlation_id": call["id"], "success": true, "logs": log}));
        let lines = reply.join().unwrap().json();
        assert_eq!(lines["lines"].as_array().unwrap().len(), 300_000);
    });
    peer.socket
        .send(Message::text(" ".repeat(limits::MESSAGE_BYTES + 1)))
        .ok();
    assert_eq!(peer.end().map(|(code, _)| code), Some(1009));
}

impl Peer {
    /// Has the list asked for by an operation, and sees that what is answered is what is known.
    #[track_caller]
    fn answer_list_on_demand(&mut self, rig: &Rig, host: &str) {
        let id = HostId::new(host).unwrap();
        let (app, asked) = (Arc::clone(&rig.app), id.clone());
        let operation = pilotfish_protocol::Operation {
            container_id: pilotfish_protocol::ContainerId::new("0123456789ab").unwrap(),
            kind: pilotfish_protocol::OperationKind::Kill,
        };
        rig.app.executor.spawn(async move {
            app.agents.ask(&asked, operation).await.ok();
        });
        let call = loop {
            // A list that was asked for before would keep the next one waiting.
            let call = self.hear();
            if call["payload"]["action"] == "kill" {
                break call;
            }
            self.say(&json!({"type": "response", "id": call["id"], "payload": []}));
        };
        self.say(&json!({"correlation_id": call["id"], "success": true}));
        self.answer_list(&json!([{"Id": "0123456789ab", "State": "exited"}]));
        until("the list", || {
            rig.app.board.look(|fleet| {
                let list = fleet.find(&id).and_then(|host| host.list.as_ref());
                list.is_some_and(|list| list.containers.len() == 1)
            })
        });
    }
}
