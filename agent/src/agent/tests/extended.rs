//! Sessions that speak the extension.

use pilotfish_protocol::extension::{CollectorReport, ContainerSource, ListChange, ListHash};
use pilotfish_protocol::frame::{self, Decoder};

use super::*;

/// A server that agrees to the extension, and knows containers with this hash.
fn agreement(containers: u64) -> String {
    format!(
        r#"{{"type":"auth_success","agent_id":"a","host_id":"h","permanent_token":"perm","pilotfish":{{"version":1,"session":1,
        "server_time_ms":0,"stats_interval_ms":10000,"heartbeat_ms":30000,"silence_ms":45000,"containers":"{containers:016x}"}}}}"#
    )
}

/// An agent in an extended session; what it did when that opened.
fn opened(before: impl FnOnce(&mut Script)) -> (Script, Vec<Action>) {
    let mut script = Script::new(None);
    script.engine_up("E");
    before(&mut script);
    script.uplink(Input::Dialed);
    script.receive(&agreement(7));
    let actions = script.kept(Ok(()));
    (script, actions)
}

fn change(is_full: bool, hash: u64) -> Event {
    let hash = ListHash(hash);
    let change = ListChange {
        is_full,
        set: Vec::new(),
        gone: Vec::new(),
        hash,
    };
    Event::Listed {
        hash,
        change: Some(change),
    }
}

fn report() -> CollectorReport {
    CollectorReport {
        run: Some(pilotfish_protocol::extension::RunId(1)),
        containers: ContainerSource::CgroupV2,
        why: None,
        cgroup_driver: None,
        missing: Vec::new(),
        boot_id: None,
        uptime_ms: None,
    }
}

#[track_caller]
fn frame_sent(actions: &[Action]) -> &[u8] {
    match actions {
        [Action::Send(Message::Binary(bytes))] => bytes,
        other => panic!("not one frame: {other:?}"),
    }
}

#[test]
fn a_tick_goes_out_as_a_frame_when_the_network_has_taken_what_was_before() {
    let (mut script, _) = opened(|_| {});
    assert!(script.say(Event::Tick(host_tick())).is_empty());
    let actions = script.sent();
    let frame = frame_sent(&actions);
    assert_eq!(frame[0], frame::KIND);
    let decoded = Decoder::new().decode(frame).unwrap();
    assert!(decoded.is_keyframe && decoded.is_whole);
}

#[test]
fn a_server_that_lost_step_gets_a_keyframe_with_the_next_tick() {
    let (mut script, _) = opened(|_| {});
    let mut tick = host_tick();
    script.say(Event::Tick(tick.clone()));
    script.sent();
    script.sent();
    assert!(script.receive(r#"{"type":"keyframe"}"#).is_empty());
    tick.at_ms += 10_000;
    let actions = script.say(Event::Tick(tick));
    let decoded = Decoder::new().decode(frame_sent(&actions)).unwrap();
    assert!(decoded.is_keyframe);
}

#[test]
fn containers_are_told_in_full_only_to_a_server_that_knows_others() {
    let (_, actions) = opened(|script| {
        assert!(script.say(change(true, 7)).is_empty());
    });
    assert!(
        !actions
            .iter()
            .any(|action| matches!(action, Action::ListAll))
    );
    let (_, actions) = opened(|script| {
        script.say(change(true, 8));
    });
    assert!(
        actions
            .iter()
            .any(|action| matches!(action, Action::ListAll))
    );
    let (_, actions) = opened(|_| {});
    assert!(
        actions
            .iter()
            .any(|action| matches!(action, Action::ListAll))
    );
}

#[test]
fn changes_of_the_list_go_out_and_its_hash_with_every_heartbeat() {
    let (mut script, _) = opened(|script| {
        script.say(change(true, 7));
    });
    script.sent();
    let actions = script.say(change(false, 9));
    assert!(text_sent(&actions).contains(r#""hash":"0000000000000009""#));
    script.sent();
    script.now.at += Duration::from_secs(30);
    let actions = script.say(Event::Timeout);
    let text = text_sent(&actions);
    assert!(
        text.contains(r#""containers":"0000000000000009""#),
        "{text}"
    );
    let actions = script.receive(r#"{"type":"list"}"#);
    assert!(matches!(actions[..], [Action::ListAll]), "{actions:?}");
}

#[test]
fn the_base_dialect_has_neither_hash_nor_changes_nor_reports() {
    let mut script = Script::open();
    assert!(script.say(change(true, 9)).is_empty());
    assert!(script.say(Event::Collector(report())).is_empty());
    script.now.at += Duration::from_secs(30);
    let actions = script.say(Event::Timeout);
    assert!(!text_sent(&actions[1..]).contains("containers"));
    assert!(script.receive(r#"{"type":"list"}"#).is_empty());
}

#[test]
fn how_the_host_is_measured_is_told_at_the_beginning_and_when_it_changes() {
    let (mut script, _) = opened(|script| {
        script.say(Event::Collector(report()));
    });
    let actions = script.sent();
    assert!(text_sent(&actions).contains(r#""type":"collector""#));
    script.sent();
    let actions = script.say(Event::Collector(report()));
    assert!(text_sent(&actions).contains("cgroup_v2"));
}

#[test]
fn the_server_sets_how_often_is_measured_and_an_ended_session_sets_it_back() {
    let (mut script, actions) = opened(|_| {});
    assert!(
        !actions
            .iter()
            .any(|action| matches!(action, Action::Measure(_)))
    );
    let actions = script.receive(r#"{"type":"cadence","stats_interval_ms":1000}"#);
    assert!(matches!(actions[..], [Action::Measure(every)] if every == Duration::from_secs(1)));
    assert!(
        script
            .receive(r#"{"type":"cadence","stats_interval_ms":0}"#)
            .is_empty()
    );
    let actions = script.uplink(Input::Broken { why: "gone".into() });
    let at_rest = actions.iter().any(
        |action| matches!(action, Action::Measure(every) if *every == Duration::from_secs(10)),
    );
    assert!(at_rest, "{actions:?}");
}

#[test]
fn what_happened_since_the_start_is_no_reason_not_to_ask_for_what_was_before() {
    let mut script = Script::new(None);
    script.engine_up("E");
    script.say(Event::Container(event("start")));
    script.uplink(Input::Dialed);
    script.receive(&agreement(7).replace(r#""version":1"#, r#""version":1,"last_event_ns":5000"#));
    let actions = script.kept(Ok(()));
    let is_recall = |action: &Action| matches!(action, Action::Recall { since_ns: 5000, .. });
    assert!(actions.iter().any(is_recall), "{actions:?}");
}

#[test]
fn the_engine_is_asked_once_for_what_the_server_has_not_heard_of_and_gaps_are_told() {
    let mut script = Script::new(None);
    script.engine_up("E");
    let agreement = agreement(7).replace(r#""version":1"#, r#""version":1,"last_event_ns":5000"#);
    script.uplink(Input::Dialed);
    script.receive(&agreement);
    let actions = script.kept(Ok(()));
    let is_recall = |action: &Action| matches!(action, Action::Recall { since_ns: 5000, .. });
    assert!(actions.iter().any(is_recall), "{actions:?}");
    script.sent();
    let gap = Span {
        from_ms: 1,
        to_ms: 2,
    };
    let events = vec![event("die")];
    let gap = Some(gap);
    let actions = script.say(Event::Recalled { events, gap });
    assert!(text_sent(&actions).contains(r#""events_gap":{"from_ms":1,"to_ms":2}"#));
    assert!(text_sent(&script.sent()).contains("die"));

    script.uplink(Input::Broken { why: "gone".into() });
    script.say(Event::EventsMissing(Span {
        from_ms: 7,
        to_ms: 8,
    }));
    script.now.at = script.agent.deadline().unwrap();
    script.say(Event::Timeout);
    script.uplink(Input::Dialed);
    let actions = script.receive(&agreement);
    assert!(!actions.iter().any(is_recall), "{actions:?}");
    // Nobody knows whether the first one arrived.
    assert!(text_sent(&script.sent()).contains(r#"{"from_ms":1,"to_ms":8}"#));
}

#[test]
fn a_gap_that_was_told_over_a_link_that_may_have_been_dead_is_told_again() {
    let (mut script, _) = opened(|_| {});
    script.sent();
    let gap = |from_ms, to_ms| Event::EventsMissing(Span { from_ms, to_ms });
    let is_told = |actions: &[Action], from_ms, to_ms| {
        let gap = format!(r#"{{\"from_ms\":{from_ms},\"to_ms\":{to_ms}}}"#);
        format!("{actions:?}").contains(&gap)
    };
    assert!(is_told(&script.say(gap(7, 8)), 7, 8));
    // Two that wait are told as one.
    script.say(gap(20, 21));
    script.say(gap(30, 31));
    assert!(is_told(&script.sent(), 20, 31));
    script.uplink(Input::Broken { why: "gone".into() });
    again(&mut script, "");
    assert!(is_told(&script.sent(), 20, 31));
    script.now.at += Duration::from_secs(300);
    script.uplink(Input::Broken { why: "gone".into() });
    again(&mut script, "");
    assert!(!is_told(&script.sent(), 20, 31));
}

/// Loses the link, and goes on to the next session with a server that knows `more` in its agreement.
fn again(script: &mut Script, more: &str) -> Vec<Action> {
    script.now.at = script.agent.deadline().unwrap();
    script.say(Event::Timeout);
    script.uplink(Input::Dialed);
    let agreement = agreement(7).replace(r#""version":1"#, &format!(r#""version":1{more}"#));
    script.receive(&agreement)
}

/// The first binary message that is sent when everything before it was taken.
fn next_binary(script: &mut Script) -> Vec<u8> {
    for _ in 0..20 {
        script.now.run_ms += 1000;
        script.now.at += Duration::from_secs(1);
        let actions = script.sent();
        let actions = actions.into_iter().chain(script.say(Event::Timeout));
        for action in actions {
            if let Action::Send(Message::Binary(bytes)) = action {
                return bytes;
            }
        }
    }
    panic!("no binary message")
}

#[test]
fn what_happened_without_a_link_comes_from_the_spool_behind_everything_else() {
    let (mut script, _) = opened(|_| {});
    script.sent();
    script.uplink(Input::Broken { why: "gone".into() });
    script.say(Event::Container(event("die")));
    let mut tick = host_tick();
    tick.at_ms = script.now.run_ms + 5_000;
    script.now.run_ms += 5_000;
    script.say(Event::Tick(tick));
    let actions = again(&mut script, "");
    let texts: Vec<&Action> = actions
        .iter()
        .filter(
            |action| matches!(action, Action::Send(Message::Text(text)) if text.contains("die")),
        )
        .collect();
    assert!(texts.is_empty(), "it is no live event: {texts:?}");
    let batch = next_binary(&mut script);
    assert_eq!(batch[0], pilotfish_protocol::spool::KIND);
    let text = String::from_utf8_lossy(&batch).into_owned();
    assert!(text.contains(r#""action":"die""#), "{text}");
}

#[test]
fn what_the_server_has_of_the_spool_is_not_sent_again() {
    let (mut script, _) = opened(|_| {});
    script.sent();
    script.uplink(Input::Broken { why: "gone".into() });
    script.say(Event::Container(event("die")));
    let spooled = r#","spooled":[{"run":"0000000000000001","seq":1000}]"#;
    again(&mut script, spooled);
    for _ in 0..20 {
        script.now.run_ms += 1000;
        script.now.at += Duration::from_secs(1);
        let mut actions = script.sent();
        actions.extend(script.say(Event::Timeout));
        let is_binary = |action: &Action| matches!(action, Action::Send(Message::Binary(_)));
        assert!(!actions.iter().any(is_binary), "{actions:?}");
    }
}

#[test]
fn an_outage_of_ten_minutes_is_written_to_the_disk_once() {
    let (mut script, _) = opened(|_| {});
    script.sent();
    script.uplink(Input::Broken { why: "gone".into() });
    let mut writes = 0;
    for _ in 0..100 {
        script.now.run_ms += 10_000;
        script.now.at += Duration::from_secs(10);
        let mut tick = host_tick();
        tick.at_ms = script.now.run_ms;
        let actions = script.say(Event::Tick(tick));
        let is_write = |action: &Action| matches!(action, Action::KeepSpool(_));
        if actions.iter().any(is_write) {
            writes += 1;
            script.say(Event::SpoolKept { is_done: true });
        }
    }
    assert_eq!(writes, 1);
}

#[test]
fn who_looks_is_told_at_once_what_the_line_has_cost_and_then_now_and_then() {
    let (mut script, _) = opened(|_| {});
    script.sent();
    script.receive(r#"{"type":"cadence","stats_interval_ms":1000}"#);
    let told = |script: &mut Script, after: Duration| {
        script.now.at += after;
        let mut tick = host_tick();
        tick.at_ms = script.now.run_ms;
        let mut actions = script.say(Event::Tick(tick));
        actions.extend(script.sent());
        let is_told = |action: &Action| matches!(action, Action::Send(Message::Text(text)) if text.contains(r#""type":"spent""#));
        actions.iter().any(is_told)
    };
    assert!(told(&mut script, Duration::from_secs(1)));
    assert!(!told(&mut script, Duration::from_secs(1)));
    assert!(told(&mut script, Duration::from_secs(30)));
}

#[test]
fn events_that_a_slow_link_had_no_room_for_are_counted_to_the_server() {
    let (mut script, _) = opened(|_| {});
    for _ in 0..1030 {
        script.say(Event::Container(event("start")));
    }
    let told = text_sent(&script.sent()).to_owned();
    assert!(told.contains(r#""lost_events":6"#), "{told}");
}
