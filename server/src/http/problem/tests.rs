//! The table of problems against docs/api.md, and what an answer tells.

use std::collections::BTreeMap;
use std::io;

use http_body_util::BodyExt as _;

use super::*;

/// One of each; a new variant goes here and into docs/api.md.
fn all() -> Vec<Problem> {
    let text = String::new;
    vec![
        Problem::BadRequest(text()),
        Problem::Unauthenticated,
        Problem::Csrf,
        Problem::DeniedByHost(text()),
        Problem::NotFound("host"),
        Problem::MethodNotAllowed(text()),
        Problem::Conflict(text()),
        Problem::TooLarge,
        Problem::TooManyRequests(Duration::ZERO),
        Problem::Internal(text()),
        Problem::NotSupported(text()),
        Problem::EngineError(text()),
        Problem::AgentDisconnected,
        Problem::HostOffline,
        Problem::EngineDown(text()),
        Problem::AgentBusy(Duration::ZERO),
        Problem::AgentTimeout(Duration::ZERO),
    ]
}

#[test]
fn kinds_and_statuses_are_those_of_the_api_document() {
    let document = include_str!("../../../../docs/api.md");
    let described: BTreeMap<String, u16> = document
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|');
            let kind = cells.next()?.trim().trim_end_matches('`').to_owned();
            Some((kind, cells.next()?.trim().parse().ok()?))
        })
        .collect();
    let built: BTreeMap<String, u16> = all()
        .iter()
        .map(|problem| (problem.kind().to_owned(), problem.status().as_u16()))
        .collect();
    assert_eq!(built, described);
}

#[test]
fn an_answer_tells_type_title_status_detail_and_kind() {
    let response = Problem::NotFound("host").response();
    assert_eq!(response.status(), 404);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let body = smol::block_on(response.into_body().collect())
        .unwrap()
        .to_bytes();
    let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        told,
        serde_json::json!({
            "type": "about:blank#not-found",
            "title": "Not found",
            "status": 404,
            "detail": "no such host",
            "kind": "not-found",
        })
    );
}

#[test]
fn retry_after_is_rounded_up_to_whole_seconds() {
    for (after, header) in [(0, "1"), (1000, "1"), (1001, "2"), (300_000, "300")] {
        let response = Problem::TooManyRequests(Duration::from_millis(after)).response();
        assert_eq!(response.headers()["retry-after"], header);
    }
}

#[test]
fn method_not_allowed_carries_allow() {
    let response = Problem::MethodNotAllowed("GET, HEAD".to_owned()).response();
    assert_eq!(response.headers()["allow"], "GET, HEAD");
}

#[test]
fn the_cause_of_an_internal_fault_is_not_told() {
    let problem = Problem::internal(&io::Error::other("disk on fire"));
    assert_eq!(problem, Problem::Internal("disk on fire".to_owned()));
    let body = smol::block_on(problem.response().into_body().collect())
        .unwrap()
        .to_bytes();
    assert!(!String::from_utf8_lossy(&body).contains("fire"));
}
