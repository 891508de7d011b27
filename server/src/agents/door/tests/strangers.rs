//! Those who knock and are no agents: what they say, how long they wait, how much they send.

use std::io::{Read as _, Write as _};

use super::*;

#[test]
fn what_is_no_registration_is_refused_with_its_reason() {
    let rig = Rig::start();
    check_refused(
        &rig,
        &json!({"type": "reconnect"}),
        "Invalid authentication type",
    );
    check_refused(
        &rig,
        &json!({"type": "register", "token": "t"}),
        "Invalid registration data",
    );
    let mut bad = register("two words", "E1");
    check_refused(&rig, &bad, "Invalid registration data");
    bad["token"] = json!("unknown");
    check_refused(&rig, &bad, "Invalid registration token");
}

#[test]
fn each_breach_before_authentication_has_its_close_code() {
    let rig = Rig::start();
    for (message, code) in [
        (Message::binary(&b"{}"[..]), 1003),
        (Message::text("not json"), 1007),
        (Message::text("[]"), 1007),
        (
            Message::text(format!(
                "{{\"type\":\"register\",\"x\":\"{}\"}}",
                "a".repeat(65_536)
            )),
            1009,
        ),
        (Message::text(" ".repeat(5_000_000)), 1009),
    ] {
        let mut peer = Peer::knock(&rig);
        // The server may close before all of it is written.
        peer.socket.send(message).ok();
        let end = peer.end();
        assert_eq!(end.as_ref().map(|(code, _)| *code), Some(code), "{end:?}");
    }
}

#[test]
fn who_says_nothing_is_sent_away() {
    let times = Times {
        register_wait: Duration::from_millis(50),
        ..Times::default()
    };
    let rig = Rig::start_with(Setup {
        times,
        ..Setup::default()
    });
    let mut peer = Peer::knock(&rig);
    let answer = peer.hear();
    assert!(
        answer["error"]
            .as_str()
            .unwrap()
            .contains("Authentication timeout"),
        "{answer}"
    );
    assert_eq!(
        peer.end(),
        Some((1008, "Authentication timeout".to_owned()))
    );
}

#[test]
fn the_ninth_who_waits_at_one_address_is_turned_away() {
    let rig = Rig::start();
    let mut waiting: Vec<Peer> = (0..8).map(|_| Peer::knock(&rig)).collect();
    let url = format!("ws://{}/api/agent/ws", rig.address);
    assert!(client(url.as_str(), rig.connect()).is_err());
    // One who is let in does not wait any more.
    let first = waiting.last_mut().unwrap();
    first.say(&register(&registration_token(&rig, false), "E1"));
    assert_eq!(first.hear()["type"], "auth_success");
    until("room at the door", || {
        client(url.as_str(), rig.connect()).is_ok()
    });
}

#[test]
fn a_browser_that_another_sites_page_sent_is_turned_away() {
    let rig = Rig::start();
    let knock = [
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Origin: https://evil.example",
    ];
    let reply = rig.ask("GET /api/agent/ws", &knock, "");
    reply.check_problem(403, "csrf");
    let head = rig.ask("HEAD /api/agent/ws", &knock[..4], "");
    assert_eq!(head.status, 400);
}

#[test]
fn the_header_of_a_frame_without_end_is_enough_to_be_turned_away() {
    let rig = Rig::start();
    let header = [0x81, 0xff, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 1, 2, 3, 4];
    let mut peer = Peer::knock(&rig);
    peer.socket.get_mut().write_all(&header).unwrap();
    let too_large = Some((1009, "Too large before authentication".to_owned()));
    assert_eq!(peer.end(), too_large);

    // The same right behind the handshake, in one segment with it.
    let mut stream = rig.connect();
    let head = "GET /api/agent/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream
        .write_all(&[head.as_bytes(), &header].concat())
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(b"Too large before authentication"));
}
