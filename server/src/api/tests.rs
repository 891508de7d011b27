//! The API over HTTP: sessions, CSRF, tokens, the audit, and what is refused.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::auth::limiter::FREE_PER_ADDRESS;
use crate::auth::sessions::read_cookie;
use crate::clock;
use crate::peer::{Peer, until};
use crate::rig::{PASSWORD, Rig, Setup};
use crate::store::{audit, registration_tokens, sessions};

const WRONG: &str = "wrong horse";

#[test]
fn the_right_password_begins_a_session_that_knows_who_it_is() {
    let rig = Rig::start();
    let session = rig.log_in();
    let reply = rig.ask_as(&session, "GET /api/v1/session", "");
    assert_eq!(reply.status, 200);
    let expected = json!({"user": {"name": "admin"}, "csrf_token": session.csrf_token});
    assert_eq!(reply.json(), expected);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

#[test]
fn a_wrong_password_and_an_unknown_name_are_refused_alike() {
    let rig = Rig::start();
    let wrong = rig.try_log_in("admin", WRONG);
    wrong.check_problem(401, "unauthenticated");
    assert_eq!(wrong.header("set-cookie"), None);
    let unknown = rig.try_log_in("nobody", PASSWORD);
    unknown.check_problem(401, "unauthenticated");
    assert_eq!(unknown.body, wrong.body);
    rig.try_log_in(&"n".repeat(65), PASSWORD)
        .check_problem(401, "unauthenticated");
}

#[test]
fn after_too_many_wrong_passwords_even_the_right_one_has_to_wait() {
    let rig = Rig::start();
    for _ in 0..FREE_PER_ADDRESS {
        rig.try_log_in("admin", WRONG)
            .check_problem(401, "unauthenticated");
    }
    let locked = rig.try_log_in("admin", PASSWORD);
    locked.check_problem(429, "too-many-requests");
    assert_eq!(locked.header("retry-after"), Some("1"));
}

#[test]
fn without_a_session_nothing_but_the_open_routes_answers() {
    let rig = Rig::start();
    for line in [
        "GET /api/v1/session",
        "DELETE /api/v1/session",
        "GET /api/v1/registration-tokens",
        "POST /api/v1/registration-tokens",
        "DELETE /api/v1/registration-tokens/x",
        "GET /api/v1/audit",
    ] {
        rig.ask(line, &[], "").check_problem(401, "unauthenticated");
        let forged = "Cookie: pilotfish_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        rig.ask(line, &[forged], "")
            .check_problem(401, "unauthenticated");
    }
    assert_eq!(
        rig.ask("GET /healthz", &[], "").json(),
        json!({"status": "ok"})
    );
}

#[test]
fn a_change_needs_the_csrf_token_of_its_session() {
    let rig = Rig::start();
    let (session, other) = (rig.log_in(), rig.log_in());
    let cookie = format!("Cookie: {}", session.cookie);
    let line = "POST /api/v1/registration-tokens";
    rig.ask(line, &[&cookie], "{}").check_problem(403, "csrf");
    rig.ask(line, &[&cookie, "X-CSRF-Token: x"], "{}")
        .check_problem(403, "csrf");
    let others = format!("X-CSRF-Token: {}", other.csrf_token);
    rig.ask(line, &[&cookie, &others], "{}")
        .check_problem(403, "csrf");
    assert_eq!(rig.ask_as(&session, line, "{}").status, 201);
    assert_eq!(rig.ask("GET /api/v1/session", &[&cookie], "").status, 200);
}

#[test]
fn a_change_from_another_sites_page_is_refused() {
    let rig = Rig::start();
    let body = json!({"username": "admin", "password": PASSWORD}).to_string();
    let line = "POST /api/v1/session";
    rig.ask(line, &["Origin: https://evil.example"], &body)
        .check_problem(403, "csrf");
    rig.ask(line, &["Origin: null"], &body)
        .check_problem(403, "csrf");
    assert_eq!(
        rig.ask(line, &["Origin: http://pilotfish.test"], &body)
            .status,
        200
    );
}

#[test]
fn logging_out_ends_the_session_and_the_cookie() {
    let rig = Rig::start();
    let session = rig.log_in();
    let reply = rig.ask_as(&session, "DELETE /api/v1/session", "");
    assert_eq!(reply.status, 204);
    assert!(reply.header("set-cookie").unwrap().contains("Max-Age=0"));
    rig.ask_as(&session, "GET /api/v1/session", "")
        .check_problem(401, "unauthenticated");
}

#[test]
fn an_expired_session_is_none() {
    let rig = Rig::start();
    let session = rig.log_in();
    let hash = read_cookie(&session.cookie).unwrap().hash();
    let mut record = sessions::find(&rig.app.store, &hash, clock::unix_ms())
        .unwrap()
        .unwrap();
    record.expires_unix_ms = clock::unix_ms();
    record.created_unix_ms = 0;
    sessions::put(&rig.app.store, &hash, &record).unwrap();
    rig.ask_as(&session, "GET /api/v1/session", "")
        .check_problem(401, "unauthenticated");
}

#[test]
fn a_registration_token_is_shown_once_and_works_until_revoked() {
    let rig = Rig::start();
    let session = rig.log_in();
    let line = "/api/v1/registration-tokens";
    let reply = rig.ask_as(&session, &format!("POST {line}"), r#"{"multi_use":true}"#);
    assert_eq!(reply.status, 201);
    let mut created = reply.json();
    let token = created.as_object_mut().unwrap().remove("token").unwrap();
    let token = token.as_str().unwrap();
    assert_eq!(
        (token.len(), &created["multi_use"], &created["uses"]),
        (43, &json!(true), &json!(0))
    );
    assert_eq!(created["created_by"], "admin");
    let at = |name: &str| created[name].as_u64().unwrap();
    assert_eq!(
        at("expires_unix_ms") - at("created_unix_ms"),
        15 * 60 * 1000
    );

    let listed = rig.ask_as(&session, &format!("GET {line}"), "");
    assert!(!listed.body.contains(token));
    assert_eq!(listed.json(), json!({"tokens": [created]}));

    let hash = crate::auth::secret::Secret::from(token.to_owned()).hash();
    let found = || {
        let find = |transaction: &_| registration_tokens::find_in(transaction, &hash);
        rig.app.store.write(find).unwrap()
    };
    assert!(found().is_some());
    let revoke = format!("DELETE {line}/{}", created["id"].as_str().unwrap());
    assert_eq!(rig.ask_as(&session, &revoke, "").status, 204);
    rig.ask_as(&session, &revoke, "")
        .check_problem(404, "not-found");
    assert!(found().is_none());
}

#[test]
fn a_body_that_is_not_as_described_is_told_what_is_wrong() {
    let rig = Rig::start();
    for body in [
        "",
        "[]",
        "{}",
        "{",
        r#"{"username":"admin"}"#,
        r#"{"username":"a","password":1}"#,
    ] {
        rig.ask("POST /api/v1/session", &[], body)
            .check_problem(400, "bad-request");
    }
    let session = rig.log_in();
    let reply = rig.ask_as(
        &session,
        "POST /api/v1/registration-tokens",
        r#"{"multi_use":"yes"}"#,
    );
    reply.check_problem(400, "bad-request");
    assert!(
        reply.json()["detail"]
            .as_str()
            .unwrap()
            .starts_with("body: "),
        "{reply:?}"
    );
}

#[test]
fn the_audit_tells_who_did_what_newest_first() {
    let rig = Rig::start();
    rig.try_log_in("admin", WRONG);
    rig.try_log_in("hunter2-in-the-wrong-field", "x");
    let session = rig.log_in();
    let token = rig
        .ask_as(&session, "POST /api/v1/registration-tokens", "")
        .json();
    let id = token["id"].as_str().unwrap();
    rig.ask_as(
        &session,
        &format!("DELETE /api/v1/registration-tokens/{id}"),
        "",
    );

    let reply = rig.ask_as(&session, "GET /api/v1/audit", "");
    assert!(
        !reply.body.contains("hunter2") && !reply.body.contains(token["token"].as_str().unwrap())
    );
    let told = reply.json();
    let entries = told["entries"].as_array().unwrap();
    let short = |entry: &Value| {
        let [user, action, target, outcome, detail, address] =
            ["user", "action", "target", "outcome", "detail", "address"].map(|f| entry[f].clone());
        json!([user, action, target, outcome, detail, address])
    };
    let short: Vec<Value> = entries.iter().map(short).collect();
    assert_eq!(
        short,
        [
            json!([
                "admin",
                "registration_token.revoke",
                id,
                "ok",
                null,
                "127.0.0.1"
            ]),
            json!([
                "admin",
                "registration_token.create",
                id,
                "ok",
                null,
                "127.0.0.1"
            ]),
            json!(["admin", "session.log_in", null, "ok", null, "127.0.0.1"]),
            json!([
                null,
                "session.log_in",
                null,
                "denied",
                "unknown user",
                "127.0.0.1"
            ]),
            json!([
                "admin",
                "session.log_in",
                null,
                "denied",
                "wrong password",
                "127.0.0.1"
            ]),
        ]
    );
    let page = rig
        .ask_as(&session, "GET /api/v1/audit?limit=2&before=4", "")
        .json();
    assert_eq!(page["entries"].as_array().unwrap()[..], entries[2..4]);
    for query in ["limit=0", "limit=501", "limit=x", "before=x"] {
        let reply = rig.ask_as(&session, &format!("GET /api/v1/audit?{query}"), "");
        reply.check_problem(400, "bad-request");
    }
}

#[test]
fn a_server_that_starts_again_still_knows_its_sessions() {
    let rig = Rig::start();
    let session = rig.log_in();
    let directory = Some(rig.stop());
    let rig = Rig::start_with(Setup {
        directory,
        ..Setup::default()
    });
    let reply = rig.ask_as(&session, "GET /api/v1/session", "");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["csrf_token"], session.csrf_token);
}

#[test]
fn a_change_is_made_and_written_down_although_who_asked_goes_away() {
    let rig = Rig::start();
    let session = rig.log_in();
    let enrolled = Peer::enrolled(&rig, "E1");
    let mut stream = rig.connect();
    let head = format!(
        "DELETE /api/v1/hosts/{} HTTP/1.1\r\nHost: x\r\nCookie: {}\r\nX-CSRF-Token: {}\r\n\r\n",
        enrolled.host_id, session.cookie, session.csrf_token
    );
    smol::block_on(rig.app.board.flush(&rig.app));
    // The store is busy until the server has seen that nobody waits for the answer.
    let busy = rig.app.store.write(|_| {
        stream.write_all(head.as_bytes()).unwrap();
        let is_in_hand = || Arc::strong_count(&rig.app.store) > 1;
        until("the request is in hand", is_in_hand);
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.is_empty());
        Ok::<(), crate::store::StoreError>(())
    });
    busy.unwrap();
    let is_removed = || {
        let entries = audit::list(&rig.app.store, None, 9).unwrap();
        entries
            .iter()
            .any(|(_, entry)| entry.action == "host.remove")
    };
    until("removed", is_removed);
    assert_eq!(rig.app.board.look(|fleet| fleet.iter().count()), 0);
}
