//! What becomes of the server's calls.

use super::*;

#[test]
fn eight_calls_run_the_ninth_waits_and_the_sixty_fifth_is_refused_as_busy() {
    let mut script = Script::open();
    for id in 1..=8 {
        assert!(
            matches!(
                script.operation(id, "start", "bbbbbbbbbbbb")[..],
                [Action::Run(_)]
            ),
            "call {id}"
        );
    }
    for id in 9..=64 {
        assert!(
            script.operation(id, "start", "bbbbbbbbbbbb").is_empty(),
            "call {id}"
        );
    }
    let actions = script.operation(65, "start", "bbbbbbbbbbbb");
    let text = text_sent(&actions);
    assert!(
        text.contains(r#""correlation_id":"65""#) && text.contains("busy"),
        "{text}"
    );
    let number = script.agent.number;
    let actions = script.say(Event::CallDone {
        number,
        answer: done("1"),
    });
    assert!(
        matches!(&actions[..], [Action::Run(call)] if call.id.as_str() == "9"),
        "{actions:?}"
    );
}

#[test]
fn calls_are_answered_at_once_while_the_engine_is_down() {
    let mut script = Script::open();
    script.engine_down("hangs");
    script.sent();
    script.sent();
    let actions = script.operation(1, "start", "bbbbbbbbbbbb");
    assert!(text_sent(&actions).contains(r#""error_type":"engine_down""#));
    script.sent();
    let actions = script.receive(r#"{"type":"command","command":"list_containers","id":"2"}"#);
    assert!(
        text_sent(&actions)
            .contains(r#""type":"response","id":"2","error":"Docker Engine does not answer"#)
    );
}

#[test]
fn the_agents_own_container_is_not_stopped_killed_or_removed() {
    let mut script = Script::open();
    for (id, action) in ["stop", "kill", "remove"].into_iter().enumerate() {
        let actions = script.operation(u32::try_from(id).unwrap(), action, OWN);
        assert!(
            text_sent(&actions).contains(r#""error_type":"permission_denied""#),
            "{action}: {actions:?}"
        );
        script.sent();
    }
    assert!(matches!(
        script.operation(9, "inspect", OWN)[..],
        [Action::Run(_)]
    ));
}

#[test]
fn the_container_that_the_engine_tells_to_be_the_agents_own_is_guarded_instead() {
    let mut script = Script::open();
    let own = ContainerId::new("cccccccccccc").unwrap();
    script.say(Event::OwnContainers(vec![own]));
    let actions = script.operation(1, "stop", "cccccccccccc");
    assert!(text_sent(&actions).contains("permission_denied"));
    assert!(matches!(
        script.operation(2, "stop", OWN)[..],
        [Action::Run(_)]
    ));
}

#[test]
fn unusable_calls_are_answered_and_messages_without_an_id_are_not() {
    let mut script = Script::open();
    let actions = script.receive(r#"{"type":"command","command":"fly","id":"1"}"#);
    assert!(text_sent(&actions).contains("unknown command: fly"));
    script.sent();
    let actions = script.receive(r#"{"type":"container_operation","id":"2","payload":7}"#);
    assert!(text_sent(&actions).contains(r#""correlation_id":"2","success":false"#));
    script.sent();
    for text in [
        "{}",
        "[]",
        "no json",
        r#"{"type":"health_check_configs_sync"}"#,
        r#"{"type":"command","command":"x"}"#,
    ] {
        assert!(script.receive(text).is_empty(), "{text}");
    }
    assert!(script.agent.uplink.is_open());
}

#[test]
fn an_answer_to_an_earlier_connection_is_dropped_and_its_waiting_calls_are_not_run() {
    let mut script = Script::open();
    for id in 1..=10 {
        script.operation(id, "start", "bbbbbbbbbbbb");
    }
    let old = script.agent.number;
    let actions = script.uplink(Input::Broken {
        why: "reset".into(),
    });
    assert!(
        matches!(&actions[..], [Action::Drop, Action::Measure(_)]),
        "{actions:?}"
    );
    script.now.at = script.agent.deadline().unwrap();
    assert!(matches!(
        script.say(Event::Timeout)[..],
        [Action::Dial { .. }]
    ));
    script.uplink(Input::Dialed);
    script.uplink(Input::Received(SUCCESS.into()));
    script.sent();
    assert!(
        script
            .say(Event::CallDone {
                number: old,
                answer: done("1")
            })
            .is_empty()
    );
    assert!(
        matches!(
            script.operation(11, "start", "bbbbbbbbbbbb")[..],
            [Action::Run(_)]
        ),
        "the place is free again"
    );
}
