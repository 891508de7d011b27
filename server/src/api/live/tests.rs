//! The live socket, as a page uses it.

use async_tungstenite::tungstenite::client::{IntoClientRequest as _, client};
use async_tungstenite::tungstenite::{Message, WebSocket};
use serde_json::{Value, json};

use crate::auth::sessions::read_cookie;
use crate::peer::{Enrolled, Peer, until};
use crate::rig::{Rig, Session};
use crate::store::sessions;

#[derive(Debug)]
pub(crate) struct Page(WebSocket<std::net::TcpStream>);

impl Page {
    #[track_caller]
    pub(crate) fn open(rig: &Rig, session: &Session) -> Page {
        let mut request = format!("ws://{}/api/v1/live", rig.address)
            .into_client_request()
            .unwrap();
        let headers = request.headers_mut();
        headers.insert("cookie", session.cookie.parse().unwrap());
        headers.insert("origin", format!("http://{}", rig.address).parse().unwrap());
        Page(client(request, rig.connect()).unwrap().0)
    }

    #[track_caller]
    pub(crate) fn hear(&mut self) -> Value {
        loop {
            match self.0.read().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(frame) => return json!({"closed": frame.map(|f| u16::from(f.code))}),
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// Hears messages up to the first of this kind.
    #[track_caller]
    pub(crate) fn hear_kind(&mut self, kind: &str) -> Value {
        loop {
            let message = self.hear();
            if message["kind"] == kind {
                return message;
            }
        }
    }

    pub(crate) fn watch(&mut self, host: Option<&str>) {
        let message = json!({"kind": "watch", "host_id": host}).to_string();
        self.0.send(Message::text(message)).unwrap();
    }
}

#[test]
fn a_page_hears_all_hosts_first_and_then_what_changes() {
    let rig = Rig::start();
    let session = rig.log_in();
    let mut page = Page::open(&rig, &session);
    assert_eq!(page.hear()["hosts"], json!([]));
    let Enrolled {
        mut peer, host_id, ..
    } = Peer::enrolled(&rig, "E1");
    assert_eq!(page.hear_kind("event")["event"]["action"], "enrolled");
    assert_eq!(page.hear_kind("host")["host"]["id"], host_id.as_str());
    peer.say(&json!({"type": "stats", "stats": {"cpu_percent": 12.5, "mem_percent": 40}}));
    let stats = page.hear_kind("stats");
    assert_eq!(stats["host_id"], host_id.as_str());
    assert_eq!(
        (
            &stats["host"]["cpu_percent"],
            &stats["host"]["network_bytes_per_sec"]
        ),
        (&json!(12.5), &Value::Null)
    );
    peer.say(&json!({"type": "heartbeat", "engine": "down", "engine_error": "refused"}));
    let host = loop {
        let host = page.hear_kind("host")["host"].take();
        if host["engine"]["state"] == "down" {
            break host;
        }
    };
    assert_eq!(
        (&host["engine"]["why"], &host["link"]),
        (&json!("refused"), &json!("online"))
    );
    drop(peer);
    while page.hear_kind("host")["host"]["link"] != "offline" {}
    rig.ask_as(&session, &format!("DELETE /api/v1/hosts/{host_id}"), "");
    assert_eq!(page.hear_kind("host_removed")["id"], host_id.as_str());
}

#[test]
fn a_watched_host_is_listed_at_once_and_its_containers_are_told() {
    let rig = Rig::start();
    let session = rig.log_in();
    let Enrolled {
        mut peer, host_id, ..
    } = Peer::enrolled(&rig, "E1");
    peer.answer_list(&json!([]));
    let mut page = Page::open(&rig, &session);
    page.hear_kind("hosts");
    page.watch(Some(&host_id));
    assert_eq!(page.hear_kind("containers")["host_id"], host_id.as_str());
    let container = json!({"Id": "0123456789ab", "Names": ["/web"], "State": "running"});
    peer.answer_list(&json!([container]));
    let told = loop {
        let told = page.hear_kind("containers");
        if told["containers"] != json!([]) {
            break told;
        }
    };
    assert_eq!(told["containers"][0]["name"], "web");
    peer.say(
        &json!({"type": "event", "command": "container_stats", "payload": {
        "container_id": "0123456789ab", "cpu_percent": 3}}),
    );
    let stats = page.hear_kind("stats");
    assert_eq!(stats["containers"]["0123456789ab"]["cpu_percent"], json!(3));
    // Two seconds later, not ten, the next list is asked for.
    peer.answer_list(&json!([]));
    while page.hear_kind("containers")["containers"] != json!([]) {}
}

#[test]
fn the_socket_is_closed_4401_when_the_log_in_ends() {
    let rig = Rig::start();
    let session = rig.log_in();
    let mut page = Page::open(&rig, &session);
    page.hear_kind("hosts");
    let secret = read_cookie(&session.cookie).unwrap();
    sessions::remove(&rig.app.store, &secret.hash()).unwrap();
    loop {
        let message = page.hear();
        if message.get("closed").is_some() {
            assert_eq!(message["closed"], 4401);
            break;
        }
    }
}

#[test]
fn a_foreign_page_or_one_without_log_in_gets_no_socket() {
    let rig = Rig::start();
    let session = rig.log_in();
    let upgrade = [
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ];
    let cookie = format!("Cookie: {}", session.cookie);
    let mut headers = upgrade.to_vec();
    headers.push(&cookie);
    rig.ask("GET /api/v1/live", &headers, "")
        .check_problem(403, "csrf");
    headers.push("Origin: https://evil.test");
    rig.ask("GET /api/v1/live", &headers, "")
        .check_problem(403, "csrf");
    let mut headers = upgrade.to_vec();
    headers.push("Origin: http://pilotfish.test");
    rig.ask("GET /api/v1/live", &headers, "")
        .check_problem(401, "unauthenticated");
}

#[test]
fn a_page_hears_when_the_agents_of_the_online_hosts_were_heard() {
    let rig = Rig::start();
    let session = rig.log_in();
    let online = Peer::enrolled(&rig, "E1");
    let mut gone = Peer::enrolled(&rig, "E2");
    gone.peer.socket.close(None).unwrap();
    gone.peer.end();
    let mut page = Page::open(&rig, &session);
    page.hear_kind("hosts");
    let is_online = |fleet: &crate::telemetry::fleet::Fleet| {
        fleet
            .iter()
            .filter(|(_, host)| host.session.is_some())
            .count()
    };
    until("one is gone", || rig.app.board.look(is_online) == 1);
    rig.app.board.tick();
    let time = page.hear_kind("time");
    let heard = time["heard"].as_object().unwrap();
    let hosts: Vec<_> = heard.keys().collect();
    assert_eq!(hosts, [&online.host_id]);
    assert!(heard[&online.host_id].as_u64() <= time["server_unix_ms"].as_u64());
}
