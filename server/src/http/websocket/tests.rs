//! The handshake over a real connection, and the socket that comes of it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use async_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use async_tungstenite::tungstenite::{Message, WebSocket};
use futures_lite::StreamExt as _;

use crate::app::App;
use crate::http::listener::Answer;
use crate::http::websocket::{Socket, upgrade};
use crate::rig::{Reply, Rig, Setup};

/// RFC 6455 §1.3.
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const HEADERS: [&str; 4] = [
    "Upgrade: WebSocket",
    "Connection: keep-alive, Upgrade",
    "Sec-WebSocket-Version: 13",
    KEY,
];

fn echoing() -> Setup {
    let answer: fn(Arc<App>) -> Answer = |app| {
        Arc::new(move |request| {
            let config = WebSocketConfig::default();
            let response = upgrade(request, config, &app.executor, echo);
            Box::pin(async { response.unwrap_or_else(|problem| problem.response()) })
        })
    };
    Setup {
        answer: Some(answer),
        ..Setup::default()
    }
}

async fn echo(mut socket: Socket) {
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() && socket.send(message).await.is_err() {
            return;
        }
    }
}

/// Sends the handshake with `after` right behind it; gives the answer and the stream behind it.
fn shake(rig: &Rig, headers: &[&str], after: &[u8]) -> (Reply, TcpStream) {
    let mut stream = rig.connect();
    let head = format!(
        "GET /ws HTTP/1.1\r\nHost: x\r\n{}\r\n\r\n",
        headers.join("\r\n")
    );
    stream
        .write_all(&[head.as_bytes(), after].concat())
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    (Reply::read(&answer), stream)
}

#[test]
fn a_handshake_gives_a_socket_that_carries_messages() {
    let rig = Rig::start_with(echoing());
    let (reply, stream) = shake(&rig, &HEADERS, b"");
    assert_eq!(
        (reply.status, reply.header("sec-websocket-accept")),
        (101, Some(ACCEPT))
    );
    let mut socket = WebSocket::from_raw_socket(stream, Role::Client, None);
    socket.send(Message::text("hello")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("hello"));
}

#[test]
fn bytes_sent_right_behind_the_handshake_are_not_lost() {
    let rig = Rig::start_with(echoing());
    // A masked text frame (RFC 6455 §5.7) with a mask of zeros.
    let (_, stream) = shake(&rig, &HEADERS, b"\x81\x85\0\0\0\0early");
    let mut socket = WebSocket::from_raw_socket(stream, Role::Client, None);
    assert_eq!(socket.read().unwrap(), Message::text("early"));
}

#[test]
fn the_socket_counts_as_a_connection_until_it_ends() {
    let limits = crate::http::admission::Limits {
        total: 1,
        per_address: 1,
    };
    let rig = Rig::start_with(Setup {
        limits,
        ..echoing()
    });
    let (_, stream) = shake(&rig, &HEADERS, b"");
    let mut refused = Vec::new();
    let closed = rig.connect().read_to_end(&mut refused);
    assert!(refused.is_empty(), "{closed:?}");
    let mut socket = WebSocket::from_raw_socket(stream, Role::Client, None);
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
    // The server's end is dropped a moment after ours; until then the door stays shut.
    let is_open = || {
        let mut stream = rig.connect();
        let mut byte = [0];
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .is_ok()
            && matches!(stream.read(&mut byte), Ok(1))
    };
    assert!((0..10_000).any(|_| is_open()));
}

#[test]
fn a_request_that_is_no_handshake_is_told_what_it_lacks() {
    let rig = Rig::start_with(echoing());
    for lacking in 0..HEADERS.len() {
        let mut headers = HEADERS.to_vec();
        headers.remove(lacking);
        rig.ask("GET /ws", &headers, "")
            .check_problem(400, "bad-request");
    }
    let mut headers = HEADERS;
    headers[2] = "Sec-WebSocket-Version: 8";
    rig.ask("GET /ws", &headers, "")
        .check_problem(400, "bad-request");
    headers = HEADERS;
    headers[3] = "Sec-WebSocket-Key: short";
    rig.ask("GET /ws", &headers, "")
        .check_problem(400, "bad-request");
}
