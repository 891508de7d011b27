//! Answers as either kind of agent sends them, and as nobody should.

use super::*;
use crate::AgentMessage;

#[track_caller]
fn decode(text: &str) -> Answer {
    match AgentMessage::decode(text) {
        Ok(AgentMessage::Answer(answer)) => answer,
        other => panic!("{text}: {other:?}"),
    }
}

/// Checks a `response`'s payload or the failure's text and kind.
#[track_caller]
fn check_response(text: &str, expected: Result<&str, (&str, Option<FailureKind>)>) {
    let answer = decode(text);
    let Answer::Response { outcome, .. } = &answer else {
        panic!("{text}: {answer:?}")
    };
    let outcome = outcome
        .as_ref()
        .map(|payload| payload.get())
        .map_err(|failure| (failure.error(), failure.kind));
    assert_eq!(outcome, expected, "{text}");
}

/// Checks the status of a flat answer, or the failure's text and kind.
#[track_caller]
fn check_flat(text: &str, expected: Result<Option<&str>, (&str, Option<FailureKind>)>) {
    let answer = decode(text);
    let Answer::Operation { outcome, .. } = &answer else {
        panic!("{text}: {answer:?}")
    };
    let outcome = outcome
        .as_ref()
        .map(|done| done.status.as_deref())
        .map_err(|failure| (failure.error(), failure.kind));
    assert_eq!(outcome, expected, "{text}");
}

const NEITHER: (&str, Option<FailureKind>) = (
    "invalid response: neither success nor payload",
    Some(FailureKind::InvalidResponse),
);

#[test]
fn a_payload_is_kept_as_it_came_and_null_is_one() {
    check_response(
        r#"{"type":"response","id":"1","payload":[ 1 ]}"#,
        Ok("[ 1 ]"),
    );
    check_response(r#"{"type":"response","id":"1","payload":null}"#, Ok("null"));
    check_response(r#"{"type":"response","id":"1","success":true}"#, Ok("null"));
}

#[test]
fn a_truthy_error_is_a_failure_whatever_else_is_there() {
    for payload in ["", r#","payload":null"#, r#","payload":{},"success":true"#] {
        let text = format!(r#"{{"type":"response","id":"1","error":"no such image"{payload}}}"#);
        check_response(&text, Err(("no such image", None)));
    }
    for (error, told) in [
        ("true", "true"),
        ("7", "7"),
        ("0.5", "0.5"),
        (r#"{"code":7}"#, r#"{"code":7}"#),
        (r#"[ "why" ]"#, r#"[ "why" ]"#),
        (r#"" \u003c ""#, "unknown error"),
    ] {
        let text = format!(r#"{{"correlation_id":"1","success":true,"error":{error}}}"#);
        check_flat(&text, Err((told, None)));
    }
}

#[test]
fn an_error_that_is_not_truthy_is_none() {
    for error in ["null", "false", "0", "0.0", "-0", "\"\"", "[]", "{ }"] {
        let text = format!(
            r#"{{"correlation_id":"1","success":true,"status":"started","error":{error}}}"#
        );
        check_flat(&text, Ok(Some("started")));
    }
}

#[test]
fn neither_success_nor_payload_is_a_failure() {
    check_flat(r#"{"correlation_id":"1","status":"started"}"#, Err(NEITHER));
    check_response(r#"{"type":"response","id":"1"}"#, Err(NEITHER));
}

#[test]
fn success_that_is_false_is_a_failure_without_words() {
    check_flat(
        r#"{"correlation_id":"1","success":false,"error_type":"busy"}"#,
        Err(("unknown error", Some(FailureKind::Busy))),
    );
}

#[test]
fn the_kind_of_a_failure_is_known_or_left_out() {
    for (json, kind) in [
        (
            r#""permission_denied""#,
            Some(FailureKind::PermissionDenied),
        ),
        (r#""cosmic_ray""#, None),
        ("7", None),
        ("null", None),
    ] {
        let text = format!(r#"{{"correlation_id":"1","error":"e","error_type":{json}}}"#);
        check_flat(&text, Err(("e", kind)));
    }
}

#[test]
fn the_fields_of_a_flat_answer_may_be_inside_a_payload() {
    check_flat(
        r#"{"correlation_id":"1","success":true,"payload":{"status":"started"}}"#,
        Ok(Some("started")),
    );
    check_flat(
        r#"{"correlation_id":"1","payload":{"status":"started"}}"#,
        Ok(Some("started")),
    );
    for payload in ["null", "7"] {
        let text = format!(
            r#"{{"correlation_id":"1","success":true,"status":"killed","payload":{payload}}}"#
        );
        check_flat(&text, Ok(Some("killed")));
    }
}

#[test]
fn a_list_in_the_flat_form_answers_a_command() {
    check_response(
        r#"{"correlation_id":"1","success":true,"payload":[{}]}"#,
        Ok("[{}]"),
    );
}

#[test]
fn a_flat_answer_whose_fields_are_odd_still_ends_the_wait() {
    let answer = decode(r#"{"correlation_id":"1","success":true,"logs":["line"]}"#);
    let Answer::Operation {
        id,
        outcome: Err(failure),
    } = answer
    else {
        panic!("{answer:?}")
    };
    assert_eq!(id.as_str(), "1");
    assert_eq!(failure.kind, Some(FailureKind::InvalidResponse));
}

#[test]
fn a_container_id_that_is_none_is_left_out() {
    for id in ["null", "7", "\"web\"", "{}"] {
        let text = format!(
            r#"{{"correlation_id":"1","success":true,"status":"started","container_id":{id}}}"#
        );
        check_flat(&text, Ok(Some("started")));
    }
}

#[test]
fn an_answer_without_a_usable_id_is_an_error() {
    for text in [
        r#"{"correlation_id":"","success":true}"#,
        r#"{"correlation_id":"two words","success":true}"#,
        r#"{"correlation_id":7,"success":true}"#,
        r#"{"type":"response","payload":[]}"#,
        r#"{"type":"response","id":7,"payload":[]}"#,
    ] {
        assert!(AgentMessage::decode(text).is_err(), "{text}");
    }
}

#[test]
fn every_kind_of_failure_has_a_word_of_its_own() {
    for (kind, word) in FailureKind::ALL {
        assert_eq!(kind.as_str(), word);
        assert_eq!(FailureKind::from_str(word), Some(kind));
    }
}
