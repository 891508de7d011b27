//! What every request meets before a route: limits, deadlines, TLS, security headers, the page.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::http::admission::Limits;
use crate::http::listener::{Deadlines, HEAD_BYTES};
use crate::http::request::BODY_BYTES;
use crate::http::tls;
use crate::rig::{PASSWORD, Reply, Rig, Setup, ask_on};

/// Short enough to wait for, long enough for what must come before it.
const SOON: Duration = Duration::from_millis(200);

fn impatient() -> Setup {
    let deadlines = Deadlines {
        handshake: SOON,
        head: SOON,
        body: SOON,
        write: SOON,
    };
    Setup {
        deadlines,
        ..Setup::default()
    }
}

/// Reads until the server closes; a reset also counts as closed.
fn read_to_close(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let ended = stream.read_to_end(&mut bytes);
    let is_closed = ended.as_ref().map_or_else(
        |error| error.kind() == std::io::ErrorKind::ConnectionReset,
        |_| true,
    );
    assert!(is_closed, "{ended:?}");
    bytes
}

#[test]
fn every_answer_carries_the_security_headers() {
    let rig = Rig::start();
    for (line, status) in [
        ("GET /", 200),
        ("GET /nothing", 404),
        ("GET /api/v1/session", 401),
    ] {
        let reply = rig.ask(line, &[], "");
        assert_eq!(reply.status, status, "{line}");
        assert_eq!(
            reply.header("content-security-policy"),
            Some("default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
        );
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
    }
}

#[test]
fn the_page_is_served_and_not_sent_again() {
    let rig = Rig::start();
    let page = rig.ask("GET /", &[], "");
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    assert!(page.body.contains("<html"));
    let known = format!("If-None-Match: {}", page.header("etag").unwrap());
    let again = rig.ask("GET /index.html", &[&known], "");
    assert_eq!((again.status, again.body.as_str()), (304, ""));
}

#[test]
fn head_is_answered_as_get_without_the_body() {
    let rig = Rig::start();
    let (get, head) = (rig.ask("GET /", &[], ""), rig.ask("HEAD /", &[], ""));
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), get.header("content-length"));
}

#[test]
fn unknown_paths_and_methods_are_problems() {
    let rig = Rig::start();
    for path in [
        "/nothing",
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/nothing",
        "/api/index.html",
    ] {
        rig.ask(&format!("GET {path}"), &[], "")
            .check_problem(404, "not-found");
    }
    let put = rig.ask("PUT /api/v1/session", &[], "");
    put.check_problem(405, "method-not-allowed");
    assert_eq!(put.header("allow"), Some("DELETE, GET, HEAD, POST"));
    let post = rig.ask("POST /", &[], "");
    post.check_problem(405, "method-not-allowed");
    assert_eq!(post.header("allow"), Some("GET, HEAD"));
}

#[test]
fn a_body_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let rig = Rig::start();
    let padding = BODY_BYTES - format!(r#"{{"username":"admin","password":"{PASSWORD}"}}"#).len();
    let body = |extra| {
        format!(
            r#"{{"username":"admin",{}"password":"{PASSWORD}"}}"#,
            " ".repeat(padding + extra)
        )
    };
    assert_eq!(rig.ask("POST /api/v1/session", &[], &body(0)).status, 200);
    rig.ask("POST /api/v1/session", &[], &body(1))
        .check_problem(413, "too-large");
}

#[test]
fn a_chunked_body_has_the_same_limit() {
    let rig = Rig::start();
    let mut stream = rig.connect();
    let head = "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("{:x}\r\n{}\r\n", BODY_BYTES + 1, " ".repeat(BODY_BYTES + 1));
    stream
        .write_all(format!("{head}{chunk}").as_bytes())
        .unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[test]
fn a_head_over_the_limit_is_refused() {
    let rig = Rig::start();
    let long = format!("X-Long: {}", "x".repeat(HEAD_BYTES));
    let mut stream = rig.connect();
    stream
        .write_all(format!("GET / HTTP/1.1\r\n{long}\r\n\r\n").as_bytes())
        .unwrap();
    assert_eq!(Reply::read(&read_to_close(&mut stream)).status, 431);
}

#[test]
fn a_head_that_comes_too_slowly_is_cut() {
    let rig = Rig::start_with(impatient());
    let mut stream = rig.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost:").unwrap();
    read_to_close(&mut stream);
}

#[test]
fn an_idle_connection_is_closed() {
    let rig = Rig::start_with(impatient());
    let mut stream = rig.connect();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let reply = Reply::read(&read_to_close(&mut stream));
    assert_eq!((reply.status, reply.header("connection")), (200, None));
}

#[test]
fn a_body_that_comes_too_slowly_is_refused() {
    let rig = Rig::start_with(impatient());
    let mut stream = rig.connect();
    let head = "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    Reply::read(&read_to_close(&mut stream)).check_problem(400, "bad-request");
}

#[test]
fn a_peer_that_reads_nothing_is_cut() {
    let rig = Rig::start_with(impatient());
    let mut stream = rig.connect();
    // Answers fill the socket's buffers until the server cannot write, and then not read.
    let asking = "GET /app.js HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    while stream.write_all(asking.as_bytes()).is_ok() {}
    let error = stream.take_error().unwrap();
    assert!(error.is_none_or(|error| error.kind() != std::io::ErrorKind::TimedOut));
}

#[test]
fn one_address_may_have_so_many_connections() {
    let limits = Limits {
        total: 8,
        per_address: 2,
    };
    let rig = Rig::start_with(Setup {
        limits,
        ..Setup::default()
    });
    let ask = |stream: &mut TcpStream| {
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).is_ok()
    };
    let mut held = [rig.connect(), rig.connect()];
    assert!(held.iter_mut().all(ask));
    assert!(read_to_close(&mut rig.connect()).is_empty());
}

#[test]
fn the_signal_closes_idle_connections() {
    let rig = Rig::start();
    let mut stream = rig.connect();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    rig.trigger.fire();
    read_to_close(&mut stream);
}

fn over_tls() -> (Rig, Arc<ClientConfig>) {
    let issued = rcgen::generate_simple_self_signed(["pilotfish.test".to_owned()]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = (
        directory.path().join("cert.pem"),
        directory.path().join("key.pem"),
    );
    std::fs::write(&certificate, issued.cert.pem()).unwrap();
    std::fs::write(&key, issued.signing_key.serialize_pem()).unwrap();
    let tls = tls::acceptor(&certificate, &key).unwrap();
    let rig = Rig::start_with(Setup {
        tls: Some(tls),
        ..impatient()
    });
    let mut roots = RootCertStore::empty();
    roots.add(issued.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (rig, Arc::new(client))
}

#[test]
fn over_tls_the_cookie_is_secure() {
    let (rig, client) = over_tls();
    let name = ServerName::try_from("pilotfish.test").unwrap();
    let connection = ClientConnection::new(client, name).unwrap();
    let mut stream = StreamOwned::new(connection, rig.connect());
    let body = serde_json::json!({"username": "admin", "password": PASSWORD}).to_string();
    let reply = ask_on(&mut stream, "POST /api/v1/session", &[], &body);
    assert_eq!(reply.status, 200);
    assert!(
        reply.header("set-cookie").unwrap().ends_with("; Secure"),
        "{reply:?}"
    );
}

#[test]
fn a_peer_that_does_not_shake_hands_is_cut() {
    let (rig, _) = over_tls();
    let mut silent = rig.connect();
    assert!(read_to_close(&mut silent).is_empty());
    let mut plain = rig.connect();
    plain
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    assert!(!read_to_close(&mut plain).starts_with(b"HTTP"));
}
