//! The link as scripts of inputs and times.

use pilotfish_protocol::Refusal;

use super::*;

const SUCCESS: &str =
    r#"{"type":"auth_success","agent_id":"a","host_id":"h","permanent_token":"t"}"#;
const REFUSED: &str = r#"{"type":"auth_error","error":"Invalid registration token"}"#;

/// A link and a clock that moves when told.
struct Script {
    uplink: Uplink,
    now: Instant,
}

impl Script {
    fn new() -> Self {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 42);
        #[expect(
            clippy::disallowed_methods,
            reason = "an Instant can only be had from the clock; all else is added to it"
        )]
        let now = Instant::now();
        Self {
            uplink: Uplink::new(backoff, Duration::from_secs(60)),
            now,
        }
    }

    fn open() -> Self {
        let mut script = Self::new();
        script.say(Input::Enable);
        script.say(Input::Dialed);
        script.say(Input::Received(SUCCESS.into()));
        let outputs = script.say(Input::Kept);
        assert_eq!(outputs, [Output::Opened]);
        script
    }

    fn say(&mut self, input: Input) -> Vec<Output> {
        self.uplink.handle(input, self.now);
        std::iter::from_fn(|| self.uplink.poll_output()).collect()
    }

    /// Lets time pass to the next deadline; returns what that brought.
    fn pass(&mut self) -> (Duration, Vec<Output>) {
        let deadline = self.uplink.deadline().expect("a deadline");
        let passed = deadline.saturating_duration_since(self.now);
        self.now = deadline.max(self.now);
        (passed, self.say(Input::Timeout))
    }
}

#[track_caller]
fn redial_after(outputs: &[Output]) -> Duration {
    let lost = outputs.iter().find_map(|output| match output {
        Output::Lost { redial_after, .. } => Some(*redial_after),
        Output::Dial
        | Output::Register
        | Output::Keep(_)
        | Output::Opened
        | Output::Deliver(_)
        | Output::Heartbeat
        | Output::Ping
        | Output::Refused { .. }
        | Output::Hangup { .. }
        | Output::Ended => None,
    });
    lost.unwrap_or_else(|| panic!("not lost: {outputs:?}"))
}

#[test]
fn nothing_is_dialed_before_the_link_is_enabled() {
    let mut script = Script::new();
    assert_eq!(script.uplink.deadline(), None);
    assert_eq!(script.say(Input::Timeout), []);
    assert_eq!(script.say(Input::Enable), [Output::Dial]);
    assert_eq!(script.say(Input::Enable), [], "enabling twice dials once");
}

#[test]
fn the_session_opens_only_after_the_enrolment_is_durable() {
    let mut script = Script::new();
    script.say(Input::Enable);
    assert_eq!(script.say(Input::Dialed), [Output::Register]);
    let outputs = script.say(Input::Received(SUCCESS.into()));
    assert!(matches!(&outputs[..], [Output::Keep(success)] if success.agent_id.as_str() == "a"));
    assert!(!script.uplink.is_open());
    assert_eq!(script.say(Input::Kept), [Output::Opened]);
    assert!(script.uplink.is_open());
}

#[test]
fn calls_that_come_before_the_enrolment_is_durable_are_delivered_after_it() {
    let mut script = Script::new();
    script.say(Input::Enable);
    script.say(Input::Dialed);
    script.say(Input::Received(SUCCESS.into()));
    assert_eq!(script.say(Input::Received("first".into())), []);
    assert_eq!(
        script.say(Input::Received("x".repeat(HELD_BYTES).as_str().into())),
        [],
        "too much to hold"
    );
    assert_eq!(script.say(Input::Received("second".into())), []);
    let deliver = |text: &str| Output::Deliver(text.into());
    assert_eq!(
        script.say(Input::Kept),
        [Output::Opened, deliver("first"), deliver("second")]
    );
}

#[test]
fn messages_without_a_byte_are_held_in_bounded_number_too() {
    let mut script = Script::new();
    script.say(Input::Enable);
    script.say(Input::Dialed);
    script.say(Input::Received(SUCCESS.into()));
    for _ in 0..=HELD {
        script.say(Input::Received("".into()));
    }
    assert_eq!(script.say(Input::Kept).len(), 1 + HELD);
}

#[test]
fn a_registration_that_is_not_answered_within_10_seconds_is_given_up() {
    let mut script = Script::new();
    script.say(Input::Enable);
    script.say(Input::Dialed);
    let (passed, outputs) = script.pass();
    assert_eq!(passed, Duration::from_secs(10));
    assert_eq!(outputs[0], Output::Hangup { code: 1002 });
    assert!(redial_after(&outputs) <= Duration::from_secs(1));
}

#[test]
fn dialing_that_takes_longer_than_30_seconds_is_given_up() {
    let mut script = Script::new();
    script.say(Input::Enable);
    let (passed, outputs) = script.pass();
    assert_eq!(passed, Duration::from_secs(30));
    assert_eq!(outputs[0], Output::Hangup { code: 1000 });
    redial_after(&outputs);
}

#[test]
fn a_refusal_is_told_after_the_loss_so_that_another_token_can_be_tried_at_once() {
    let mut script = Script::new();
    script.say(Input::Enable);
    script.say(Input::Dialed);
    let outputs = script.say(Input::Received(REFUSED.into()));
    assert!(matches!(
        outputs.last(),
        Some(Output::Refused {
            refusal: Refusal::TokenUnknown,
            ..
        })
    ));
    script.uplink.redial_now(script.now);
    assert_eq!(script.pass(), (Duration::ZERO, vec![Output::Dial]));
}

#[test]
fn an_answer_that_is_no_answer_hangs_up_with_a_protocol_error() {
    let mut script = Script::new();
    script.say(Input::Enable);
    script.say(Input::Dialed);
    let outputs = script.say(Input::Received("[]".into()));
    assert_eq!(outputs[0], Output::Hangup { code: 1002 });
}

#[test]
fn heartbeats_go_out_every_30_seconds_while_the_server_is_heard() {
    let mut script = Script::open();
    let opened_at = script.now;
    let mut beats = Vec::new();
    while script.now < opened_at + Duration::from_secs(100) {
        let (_, outputs) = script.pass();
        if outputs.contains(&Output::Heartbeat) {
            beats.push((script.now - opened_at).as_secs());
        }
        script.say(Input::Heard);
    }
    assert_eq!(beats, [30, 60, 90]);
}

#[test]
fn a_silent_server_is_pinged_and_given_up_within_45_seconds() {
    let mut script = Script::open();
    let heard_at = script.now;
    let mut pings = Vec::new();
    let outputs = loop {
        let (_, outputs) = script.pass();
        if outputs.contains(&Output::Ping) {
            pings.push((script.now - heard_at).as_secs());
        }
        if !script.uplink.is_open() {
            break outputs;
        }
    };
    assert_eq!(pings, [15, 30]);
    assert!(script.now - heard_at <= limits::PEER_SILENCE);
    assert_eq!(outputs[0], Output::Hangup { code: 1001 });
}

#[test]
fn no_ping_is_sent_while_messages_come_in() {
    let mut script = Script::open();
    for _ in 0..20 {
        script.now += Duration::from_secs(10);
        let outputs = script.say(Input::Received("{}".into()));
        assert_eq!(outputs, [Output::Deliver("{}".into())]);
        assert!(!script.say(Input::Timeout).contains(&Output::Ping));
    }
}

#[test]
fn every_loss_waits_for_a_delay_even_after_an_established_session() {
    let mut script = Script::open();
    let outputs = script.say(Input::Broken {
        why: "reset".into(),
    });
    assert!(matches!(outputs[0], Output::Lost { was_open: true, .. }));
    assert_eq!(script.pass().1, [Output::Dial]);
}

#[test]
fn sessions_that_end_young_back_off_further_and_further() {
    let mut script = Script::open();
    let mut sum = Duration::ZERO;
    for _ in 0..12 {
        sum += redial_after(&script.say(Input::Closed {
            code: Some(1011),
            reason: String::new(),
        }));
        script.pass();
        script.say(Input::Dialed);
        script.say(Input::Received(SUCCESS.into()));
        script.say(Input::Kept);
    }
    assert!(
        sum > Duration::from_secs(60),
        "12 short sessions within {sum:?}"
    );
}

#[test]
fn a_session_that_stood_for_a_minute_resets_the_back_off() {
    let mut script = Script::open();
    for _ in 0..8 {
        script.now += Duration::from_secs(61);
        script.say(Input::Heard);
        let delay = redial_after(&script.say(Input::Broken {
            why: "reset".into(),
        }));
        assert!(delay <= Duration::from_secs(1), "{delay:?}");
        script.pass();
        script.say(Input::Dialed);
        script.say(Input::Received(SUCCESS.into()));
        script.say(Input::Kept);
    }
}

#[test]
fn a_replaced_agent_waits_at_least_half_a_minute() {
    let mut script = Script::open();
    let outputs = script.say(Input::Closed {
        code: Some(1000),
        reason: REPLACED.into(),
    });
    assert!(redial_after(&outputs) >= Duration::from_secs(30));
}

#[test]
fn stopping_closes_the_session_and_ends_when_the_peer_answers_or_a_second_passed() {
    let mut script = Script::open();
    assert_eq!(script.say(Input::Stop), [Output::Hangup { code: 1000 }]);
    assert_eq!(
        script.say(Input::Received("{}".into())),
        [],
        "nothing is taken in any more"
    );
    assert_eq!(
        script.say(Input::Closed {
            code: Some(1000),
            reason: String::new()
        }),
        [Output::Ended]
    );

    let mut silent = Script::open();
    silent.say(Input::Stop);
    assert_eq!(silent.pass(), (Duration::from_secs(1), vec![Output::Ended]));
}

#[test]
fn being_told_to_stop_twice_still_leaves_time_for_the_close_frame() {
    let mut script = Script::open();
    script.say(Input::Stop);
    assert_eq!(script.say(Input::Stop), []);
    assert_eq!(script.pass(), (Duration::from_secs(1), vec![Output::Ended]));
}

#[test]
fn stopping_without_a_session_ends_at_once() {
    let mut script = Script::new();
    assert_eq!(script.say(Input::Stop), [Output::Ended]);
    let mut dialing = Script::new();
    dialing.say(Input::Enable);
    assert_eq!(dialing.say(Input::Stop), [Output::Ended]);
    assert_eq!(
        dialing.say(Input::Dialed),
        [],
        "what comes too late is left alone"
    );
}

#[test]
fn inputs_of_a_connection_that_was_given_up_change_nothing() {
    let mut script = Script::open();
    script.say(Input::Broken {
        why: "reset".into(),
    });
    for stale in [
        Input::Broken {
            why: "again".into(),
        },
        Input::Closed {
            code: None,
            reason: String::new(),
        },
        Input::Received("{}".into()),
        Input::Heard,
        Input::Kept,
        Input::Dialed,
    ] {
        assert_eq!(script.say(stale), []);
    }
}

#[test]
fn disabling_hangs_up_and_waits_to_be_enabled_again() {
    let mut script = Script::open();
    let outputs = script.say(Input::Disable);
    assert_eq!(outputs[0], Output::Hangup { code: 1000 });
    assert_eq!(script.uplink.deadline(), None);
    assert_eq!(script.say(Input::Enable), [Output::Dial]);
}

#[test]
fn a_server_that_breaks_the_rules_is_told_by_the_close_code() {
    let mut script = Script::open();
    let outputs = script.say(Input::Rejected {
        code: 1009,
        why: "too large".into(),
    });
    assert_eq!(outputs[0], Output::Hangup { code: 1009 });
    redial_after(&outputs);
    assert_eq!(
        script.say(Input::Rejected {
            code: 1009,
            why: "stale".into()
        }),
        []
    );
}
