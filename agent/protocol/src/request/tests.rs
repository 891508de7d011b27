//! Operations read from payloads, good and bad.

use super::*;

#[track_caller]
fn check(payload: &str, expected: Result<OperationKind, &str>) {
    let raw: &RawValue = serde_json::from_str(payload).unwrap();
    match (Operation::from_payload(Some(raw)), expected) {
        (Ok(operation), Ok(kind)) => assert_eq!(operation.kind, kind, "{payload}"),
        (Err(error), Err(fragment)) => assert!(error.contains(fragment), "{payload}: {error}"),
        (got, expected) => panic!("{payload}: got {got:?}, expected {expected:?}"),
    }
}

#[test]
fn stop_and_restart_take_a_timeout_in_whole_seconds() {
    let seconds = |n| Some(Duration::from_secs(n));
    check(
        r#"{"action":"stop","container_id":"0123456789ab"}"#,
        Ok(OperationKind::Stop { timeout: None }),
    );
    check(
        r#"{"action":"stop","container_id":"0123456789ab","timeout":60}"#,
        Ok(OperationKind::Stop {
            timeout: seconds(60),
        }),
    );
    check(
        r#"{"action":"restart","container_id":"0123456789ab","timeout":1e12}"#,
        Ok(OperationKind::Restart {
            timeout: Some(limits::STOP_TIMEOUT),
        }),
    );
    check(
        r#"{"action":"stop","container_id":"0123456789ab","timeout":-1}"#,
        Ok(OperationKind::Stop { timeout: None }),
    );
}

#[test]
fn a_tail_that_is_no_number_gets_the_default_and_a_large_one_the_limit() {
    for (tail, lines) in [
        ("500", 500),
        ("\"500\"", limits::LOG_TAIL_DEFAULT_LINES),
        ("null", limits::LOG_TAIL_DEFAULT_LINES),
        ("0", 1),
        ("99999999999", limits::LOG_TAIL_LINES),
    ] {
        let payload =
            format!(r#"{{"action":"get_logs","container_id":"0123456789ab","tail":{tail}}}"#);
        check(&payload, Ok(OperationKind::GetLogs { tail: lines }));
    }
}

#[test]
fn a_new_name_is_checked_before_the_engine_sees_it() {
    let rename = |name: &str| {
        format!(r#"{{"action":"rename","container_id":"0123456789ab","new_name":"{name}"}}"#)
    };
    for good in ["web-2", "/web-2"] {
        check(
            &rename(good),
            Ok(OperationKind::Rename {
                new_name: "web-2".into(),
            }),
        );
    }
    for bad in ["", "a", "-web", "web/../x", "web 2"] {
        check(&rename(bad), Err("new_name"));
    }
}

#[test]
fn every_unusable_payload_has_an_answer_that_names_what_is_wrong() {
    check("7", Err("container_operation"));
    check("[]", Err("not an object"));
    check("{}", Err("lacks action"));
    check(r#"{"container_id":"0123456789ab"}"#, Err("lacks action"));
    check(r#"{"action":"start"}"#, Err("lacks container_id"));
    check(
        r#"{"action":"start","container_id":"web"}"#,
        Err("container id"),
    );
    check(
        r#"{"action":"start","container_id":7}"#,
        Err("container_operation"),
    );
    check(
        r#"{"action":"pull_image","container_id":"0123456789ab"}"#,
        Err("unknown action: pull_image"),
    );
    assert!(Operation::from_payload(None).is_err());
}
