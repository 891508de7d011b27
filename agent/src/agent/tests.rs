//! The agent as scripts of events: what it does for each, without a socket, an Engine or a sleep.

use std::time::Duration;

use pilotfish_protocol::{CallId, OperationDone};

use super::*;
use crate::sample::tick::Tick;
use crate::spool::Stored;
use crate::uplink::backoff::Backoff;
use crate::uplink::budget::Traffic;
use pilotfish_protocol::extension::RunId;
use pilotfish_protocol::extension::from_agent::Span;
use pilotfish_protocol::{Answer, ContainerEvent, Timestamp, Token};

const SUCCESS: &str =
    r#"{"type":"auth_success","agent_id":"a","host_id":"h","permanent_token":"perm"}"#;
const OWN: &str = "aaaaaaaaaaaa";

/// An agent and a clock that moves when told.
struct Script {
    agent: Agent,
    now: Now,
}

impl Script {
    fn new(enrolment: Option<Enrolment>) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "an Instant can only be had from the clock; all else is added to it"
        )]
        let now = Now {
            at: Instant::now(),
            wall: Timestamp::from_unix_ms(0),
            run_ms: 1_000_000,
        };
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 42);
        let permanent = enrolment
            .as_ref()
            .map(|enrolment| enrolment.permanent_token.clone());
        let credentials = Credentials::new(permanent, Some(Token::new("reg").unwrap()));
        let uplink = Uplink::new(backoff, Duration::from_secs(60));
        let own = ContainerId::new(OWN).unwrap();
        Self {
            agent: Agent::new(uplink, credentials, enrolment, Some(own), keeping(now), now),
            now,
        }
    }

    /// An agent with an open session, its first heartbeat taken by the network.
    fn open() -> Self {
        let mut script = Self::new(None);
        script.engine_up("E");
        script.uplink(Input::Dialed);
        script.uplink(Input::Received(SUCCESS.into()));
        script.kept(Ok(()));
        script.sent();
        script
    }

    fn say(&mut self, event: Event) -> Vec<Action> {
        self.agent.handle(event, self.now);
        self.actions()
    }

    fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.agent.poll_action()).collect()
    }

    fn uplink(&mut self, input: Input) -> Vec<Action> {
        let number = self.agent.number;
        self.say(Event::Uplink { number, input })
    }

    fn sent(&mut self) -> Vec<Action> {
        let number = self.agent.number;
        let traffic = Traffic::default();
        self.say(Event::Sent { number, traffic })
    }

    fn engine_up(&mut self, id: &str) -> Vec<Action> {
        self.say(Event::EngineUp {
            id: engine_id(id),
            version: "29.0".into(),
        })
    }

    fn engine_down(&mut self, why: &str) -> Vec<Action> {
        self.say(Event::EngineDown { why: why.into() })
    }

    fn kept(&mut self, outcome: Result<(), String>) -> Vec<Action> {
        let number = self.agent.number;
        self.say(Event::Kept { number, outcome })
    }

    fn receive(&mut self, text: &str) -> Vec<Action> {
        self.uplink(Input::Received(text.into()))
    }

    fn operation(&mut self, id: u32, action: &str, container: &str) -> Vec<Action> {
        self.receive(&format!(
            r#"{{"type":"container_operation","id":"{id}","payload":{{"action":"{action}","container_id":"{container}"}}}}"#
        ))
    }
}

fn keeping(now: Now) -> Keeping {
    Keeping {
        spool: Spool::new(RunId(1), Stored::default(), now.run_ms),
        budget: Budget::new(None, Duration::from_secs(1), now.at),
    }
}

fn engine_id(text: &str) -> EngineId {
    EngineId::new(text).unwrap()
}

fn enrolment() -> Enrolment {
    Enrolment {
        agent_id: pilotfish_protocol::AgentId::new("a").unwrap(),
        host_id: pilotfish_protocol::HostId::new("h").unwrap(),
        engine_id: engine_id("E"),
        permanent_token: Token::new("perm").unwrap(),
    }
}

fn done(id: &str) -> Answer {
    let container = ContainerId::new("bbbbbbbbbbbb").unwrap();
    Answer::Operation {
        id: CallId::new(id).unwrap(),
        outcome: Ok(OperationDone::status(container, "started")),
    }
}

/// A tick with nothing but the host's memory.
fn host_tick() -> Tick {
    let mut reading = pilotfish_protocol::Reading::EMPTY;
    reading.set(pilotfish_protocol::HostMetric::MemoryKib, 1000);
    reading.set(pilotfish_protocol::HostMetric::MemoryUsedKib, 500);
    Tick {
        at_ms: 1000,
        host: vec![(pilotfish_protocol::Subject::Host, reading)],
        containers: Vec::new(),
    }
}

#[track_caller]
fn text_sent(actions: &[Action]) -> &str {
    match actions {
        [Action::Send(Message::Text(text))] => text,
        other => panic!("not one message: {other:?}"),
    }
}

#[test]
fn a_new_agent_dials_only_after_the_engine_told_its_id() {
    let mut script = Script::new(None);
    assert!(script.actions().is_empty());
    assert!(script.engine_down("no socket").is_empty());
    let actions = script.engine_up("E");
    assert!(matches!(actions[..], [Action::Dial { .. }]));
}

#[test]
fn an_agent_that_may_go_without_an_engine_stands_in_for_it_until_one_answers() {
    let mut script = Script::new(None);
    script.agent = script
        .agent
        .without_engine(EngineId::stand_in(7), script.now);
    let actions = script.engine_down("no socket");
    assert!(matches!(actions[..], [Action::Dial { .. }]), "{actions:?}");
    let actions = script.uplink(Input::Dialed);
    assert!(
        matches!(&actions[..], [Action::Register { engine_id, .. }] if engine_id.is_stand_in()),
        "{actions:?}"
    );
    script.uplink(Input::Received(SUCCESS.into()));
    script.kept(Ok(()));
    let actions = script.engine_up("E");
    assert!(
        matches!(actions.last(), Some(Action::Dial { .. })),
        "{actions:?}"
    );
    let actions = script.uplink(Input::Dialed);
    assert!(
        matches!(&actions[..], [Action::Register { engine_id: id, token }] if *id == engine_id("E") && token.expose() == "perm"),
        "{actions:?}"
    );
}

#[test]
fn an_engine_that_answers_in_time_needs_no_stand_in() {
    let mut script = Script::new(None);
    script.agent = script
        .agent
        .without_engine(EngineId::stand_in(7), script.now);
    script.engine_up("E");
    let actions = script.uplink(Input::Dialed);
    assert!(
        matches!(&actions[..], [Action::Register { engine_id: id, .. }] if *id == engine_id("E")),
        "{actions:?}"
    );
}

#[test]
fn an_enrolled_agent_dials_although_the_engine_is_down_and_says_so() {
    let mut script = Script::new(Some(enrolment()));
    assert!(
        script.actions().is_empty(),
        "it gives the Engine a moment to say what it is"
    );
    assert!(matches!(
        script.engine_down("no socket")[..],
        [Action::Dial { .. }]
    ));
    let actions = script.uplink(Input::Dialed);
    assert!(matches!(&actions[..], [Action::Register { token, .. }] if token.expose() == "perm"));
    let actions = script.uplink(Input::Received(SUCCESS.into()));
    assert!(
        matches!(&actions[..], [Action::Measure(_), Action::Send(Message::Text(text))] if text.contains(r#""engine":"down""#)),
        "{actions:?}"
    );
}

#[test]
fn an_enrolled_agent_does_not_wait_long_for_an_engine_that_hangs() {
    let mut script = Script::new(Some(enrolment()));
    let deadline = script.agent.deadline().unwrap();
    assert_eq!(deadline - script.now.at, ENGINE_WAIT);
    script.now.at = deadline;
    assert!(matches!(
        script.say(Event::Timeout)[..],
        [Action::Dial { .. }]
    ));
}

#[test]
fn an_enrolment_is_durable_before_anything_is_sent_and_written_only_when_it_is_new() {
    let mut script = Script::new(None);
    script.engine_up("E");
    script.uplink(Input::Dialed);
    let actions = script.uplink(Input::Received(SUCCESS.into()));
    assert!(
        matches!(&actions[..], [Action::Keep { enrolment: kept, .. }] if *kept == enrolment()),
        "{actions:?}"
    );
    assert!(script.say(Event::Container(event("start"))).is_empty());
    let actions = script.kept(Ok(()));
    assert!(
        matches!(&actions[..], [Action::Measure(_), Action::Send(_)]),
        "{actions:?}"
    );

    let mut again = Script::new(Some(enrolment()));
    again.engine_up("E");
    again.uplink(Input::Dialed);
    let actions = again.uplink(Input::Received(SUCCESS.into()));
    assert!(
        !actions
            .iter()
            .any(|action| matches!(action, Action::Keep { .. })),
        "{actions:?}"
    );
}

#[test]
fn an_enrolment_that_cannot_be_written_is_tried_again_and_holds_the_session_back() {
    let mut script = Script::new(None);
    script.engine_up("E");
    script.uplink(Input::Dialed);
    script.uplink(Input::Received(SUCCESS.into()));
    assert!(script.kept(Err("disk full".into())).is_empty());
    script.now.at = script.agent.deadline().unwrap();
    let actions = script.say(Event::Timeout);
    assert!(
        matches!(&actions[..], [Action::Keep { enrolment: kept, .. }] if *kept == enrolment()),
        "{actions:?}"
    );
}

#[test]
fn a_session_after_a_lost_one_waits_for_the_enrolment_that_is_not_durable_yet() {
    let mut script = Script::new(None);
    script.engine_up("E");
    script.uplink(Input::Dialed);
    script.uplink(Input::Received(SUCCESS.into()));
    let first = script.agent.number;
    script.uplink(Input::Broken {
        why: "reset".into(),
    });
    script.now.at = script.agent.deadline().unwrap();
    script.say(Event::Timeout);
    script.uplink(Input::Dialed);
    let actions = script.uplink(Input::Received(SUCCESS.into()));
    assert!(actions.is_empty(), "the write is under way: {actions:?}");
    assert!(!script.agent.uplink.is_open());
    script.say(Event::Kept {
        number: first,
        outcome: Ok(()),
    });
    assert!(script.agent.uplink.is_open());
}

#[test]
fn a_newer_enrolment_is_not_taken_for_durable_when_an_older_one_is() {
    let mut script = Script::new(None);
    script.engine_up("E");
    script.uplink(Input::Dialed);
    script.uplink(Input::Received(SUCCESS.into()));
    let first = script.agent.number;
    script.uplink(Input::Broken {
        why: "reset".into(),
    });
    script.now.at = script.agent.deadline().unwrap();
    script.say(Event::Timeout);
    script.uplink(Input::Dialed);
    let newer = SUCCESS.replace(r#""perm""#, r#""perm-2""#);
    let actions = script.uplink(Input::Received(newer.as_str().into()));
    assert!(matches!(&actions[..], [Action::Keep { .. }]), "{actions:?}");
    script.say(Event::Kept {
        number: first,
        outcome: Ok(()),
    });
    assert!(!script.agent.uplink.is_open());
    script.kept(Ok(()));
    assert!(script.agent.uplink.is_open());
}

#[test]
fn dropped_events_are_logged_once_a_minute_however_many_messages_pass() {
    let mut script = Script::open();
    script.say(Event::Container(event("start")));
    let lose_some = |script: &mut Script| {
        for _ in 0..2000 {
            script.say(Event::Container(event("start")));
        }
        script.sent();
        script.agent.outbox.has_lost_events()
    };
    assert!(!lose_some(&mut script), "told");
    assert!(lose_some(&mut script), "counted on");
    script.now.at += LOST_PERIOD;
    assert!(!lose_some(&mut script), "told with the next line");
}

#[test]
fn a_rejected_permanent_token_makes_way_for_the_registration_token_at_once() {
    let mut script = Script::new(Some(enrolment()));
    script.engine_up("E");
    script.uplink(Input::Dialed);
    script.uplink(Input::Received(
        r#"{"type":"auth_error","error":"Invalid registration token"}"#.into(),
    ));
    let actions = script.say(Event::Timeout);
    assert!(matches!(actions[..], [Action::Dial { .. }]), "{actions:?}");
    let actions = script.uplink(Input::Dialed);
    assert!(
        matches!(&actions[..], [Action::Register { token, .. }] if token.expose() == "reg"),
        "{actions:?}"
    );
}

#[test]
fn another_engine_behind_the_socket_is_registered_anew() {
    let mut script = Script::open();
    let actions = script.engine_up("F");
    assert!(matches!(actions[0], Action::Hangup(1000)));
    assert!(
        matches!(actions.last(), Some(Action::Dial { .. })),
        "{actions:?}"
    );
    let actions = script.uplink(Input::Dialed);
    assert!(
        matches!(&actions[..], [Action::Register { engine_id: id, .. }] if *id == engine_id("F"))
    );
}

#[test]
fn a_change_of_the_engine_is_told_at_once_and_once() {
    let mut script = Script::open();
    let actions = script.engine_down("hangs");
    assert!(text_sent(&actions).contains(r#""engine":"down""#));
    assert!(
        text_sent(&script.sent()).contains(r#""type":"error""#),
        "and for a DockMon backend as trouble"
    );
    assert!(script.sent().is_empty());
    let actions = script.engine_up("E");
    assert!(text_sent(&actions).contains(r#""engine":"up""#));
}

#[test]
fn an_engine_that_was_exchanged_unseen_is_told_and_one_that_is_the_same_is_not() {
    let mut script = Script::open();
    assert!(script.engine_up("E").is_empty());
    let actions = script.say(Event::EngineUp {
        id: engine_id("E"),
        version: "30.0".into(),
    });
    assert!(text_sent(&actions).contains(r#""engine_version":"30.0""#));
}

#[test]
fn one_message_at_a_time_is_handed_to_the_network() {
    let mut script = Script::open();
    let actions = script.say(Event::Container(event("start")));
    assert!(text_sent(&actions).contains("container_event"));
    assert!(script.say(Event::Container(event("die"))).is_empty());
    assert!(text_sent(&script.sent()).contains("die"));
    assert!(script.sent().is_empty());
}

#[test]
fn samples_without_a_session_are_dropped_and_events_are_kept() {
    let mut script = Script::new(None);
    script.say(Event::Tick(host_tick()));
    script.say(Event::Container(event("start")));
    script.engine_up("E");
    script.uplink(Input::Dialed);
    script.uplink(Input::Received(SUCCESS.into()));
    script.kept(Ok(()));
    assert!(text_sent(&script.sent()).contains("container_event"));
    assert!(script.sent().is_empty());
}

#[test]
fn what_is_left_of_an_earlier_connection_is_not_taken_for_the_new_one() {
    let mut script = Script::open();
    let old = script.agent.number;
    script.uplink(Input::Broken {
        why: "reset".into(),
    });
    script.now.at = script.agent.deadline().unwrap();
    script.say(Event::Timeout);
    assert!(
        script
            .say(Event::Uplink {
                number: old,
                input: Input::Dialed
            })
            .is_empty()
    );
    assert!(
        script
            .say(Event::Sent {
                number: old,
                traffic: Traffic::default(),
            })
            .is_empty()
    );
}

#[test]
fn stopping_closes_the_session_and_exits() {
    let mut script = Script::open();
    let actions = script.say(Event::Stop);
    assert!(matches!(actions[..], [Action::Hangup(1000)]), "{actions:?}");
    let actions = script.uplink(Input::Closed {
        code: Some(1000),
        reason: String::new(),
    });
    assert!(matches!(actions[..], [Action::Exit]), "{actions:?}");
}

fn event(action: &str) -> ContainerEvent {
    ContainerEvent {
        container_id: ContainerId::new("bbbbbbbbbbbb").unwrap(),
        container_name: "web".into(),
        image: "busybox".into(),
        action: action.into(),
        timestamp: None,
        attributes: std::collections::BTreeMap::new(),
    }
}

mod calls;
mod extended;
