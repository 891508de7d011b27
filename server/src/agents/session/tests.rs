//! Scripts of what happens to a session, and what it wants done.

use pilotfish_protocol::{Failure, ListHash};

use super::*;
use crate::agents::session::exchange::PACE;
use crate::agents::session::rhythm::{METERED_RHYTHM, RHYTHM, Rhythm};

const MS: Duration = Duration::from_millis(1);
/// What the ids of the regular lists begin with.
const LISTS: [u8; 16] = [0xee; 16];
const SECOND: Duration = Duration::from_secs(1);

/// A session and the time it is fed with.
struct Script {
    session: Session<&'static str>,
    start: Instant,
    now: Instant,
}

/// What came out, short enough to compare.
#[derive(Debug, PartialEq, Eq)]
enum Out {
    List,
    Send(String),
    Ping,
    Done(&'static str, Result<(), CallError>),
    Listed(usize),
    Changed(usize),
    Confirmed,
    Up,
    Down(String),
    Report,
    Close(Ending),
}

impl Script {
    fn new(is_ours: bool) -> Script {
        Script::of(if is_ours {
            Dialect::Heartbeats
        } else {
            Dialect::DockMon
        })
    }

    fn of(dialect: Dialect) -> Script {
        let start = crate::clock::now();
        let mut session = Session::new(PACE, dialect, LISTS, start + SECOND * 60, start);
        session.handle(Input::Time, start);
        Script {
            session,
            start,
            now: start,
        }
    }

    /// Goes to `after` the start, hearing the agent all the while.
    fn at(&mut self, after: Duration) -> &mut Script {
        self.now = self.start + after;
        self.session.handle(Input::Heard(self.now), self.now);
        self
    }

    fn feed(&mut self, input: Input<&'static str>) -> &mut Script {
        self.session.handle(input, self.now);
        self
    }

    fn message(&mut self, json: &str) -> &mut Script {
        self.feed(Input::Message(AgentMessage::decode(json).unwrap()))
    }

    fn call(&mut self, number: u8, kind: OperationKind, waiter: &'static str) -> &mut Script {
        let container_id = pilotfish_protocol::ContainerId::new("0123456789ab").unwrap();
        let operation = Operation { container_id, kind };
        let id = calls::call_id([number; 16]);
        self.feed(Input::Call {
            id,
            operation,
            waiter,
        })
    }

    /// Answers the list that is in flight.
    fn answer_list(&mut self, rest: &str) -> &mut Script {
        let waiting = self.session.lists.count - 1;
        let mut random = LISTS;
        for (byte, count) in random.iter_mut().zip(waiting.to_be_bytes()) {
            *byte ^= count;
        }
        let id = calls::call_id(random);
        self.message(&format!(r#"{{"type":"response","id":"{id}",{rest}}}"#))
    }

    fn outputs(&mut self) -> Vec<Out> {
        let outputs = std::iter::from_fn(|| self.session.poll_output());
        let short = outputs.map(|output| match output {
            Output::Send(text) if text.contains("list_containers") => Out::List,
            Output::Send(text) => {
                let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                let action = value["payload"]["action"].as_str();
                Out::Send(action.map_or(text, str::to_owned))
            }
            Output::Ping => Out::Ping,
            Output::Done(waiter, outcome) => Out::Done(waiter, outcome.map(|_| ())),
            Output::Report(Report::Engine(EngineState::Up { .. })) => Out::Up,
            Output::Report(Report::Engine(EngineState::Down { why })) => Out::Down(why.to_string()),
            Output::Report(Report::List(listings)) => Out::Listed(listings.len()),
            Output::Report(Report::Change(change)) => Out::Changed(change.set.len()),
            Output::Report(Report::ListConfirmed) => Out::Confirmed,
            Output::Report(
                Report::Event(_)
                | Report::Collector(_)
                | Report::Cadence(_)
                | Report::Spending(_)
                | Report::Coverage(_)
                | Report::ContainerStats(_)
                | Report::HostStats(_)
                | Report::Trouble(_),
            ) => Out::Report,
            Output::Close(ending) => Out::Close(ending),
        });
        short.filter(|out| *out != Out::Ping).collect()
    }

    #[track_caller]
    fn check(&mut self, expected: &[Out]) -> &mut Script {
        assert_eq!(self.outputs(), expected);
        self
    }
}

const RUNNING: &str = r#""payload":[{"Id":"0123456789ab","State":"running"}]"#;
const EMPTY: &str = r#""payload":[]"#;

fn send(action: &str) -> Out {
    Out::Send(action.to_owned())
}

#[test]
fn containers_are_listed_at_once_and_every_10_seconds() {
    let mut script = Script::new(true);
    script.check(&[Out::List]);
    script
        .at(SECOND)
        .answer_list(RUNNING)
        .check(&[Out::Up, Out::Listed(1)]);
    script.at(SECOND * 10 - MS).feed(Input::Time).check(&[]);
    script.at(SECOND * 10).feed(Input::Time).check(&[Out::List]);
}

#[test]
fn containers_are_listed_every_2_seconds_while_somebody_looks() {
    let mut script = Script::new(true);
    script.check(&[Out::List]);
    script
        .at(SECOND)
        .answer_list(EMPTY)
        .check(&[Out::Up, Out::Listed(0)]);
    script
        .at(SECOND * 3)
        .feed(Input::Watched(true))
        .check(&[Out::List]);
    script.answer_list(EMPTY).check(&[Out::Up, Out::Listed(0)]);
    script.at(SECOND * 5).check(&[Out::List]);
    script
        .feed(Input::Watched(false))
        .answer_list(EMPTY)
        .check(&[Out::Up, Out::Listed(0)]);
    script.at(SECOND * 14).check(&[]);
    script.at(SECOND * 15).check(&[Out::List]);
}

#[test]
fn there_are_never_two_lists_in_flight() {
    let mut script = Script::new(true);
    script.check(&[Out::List]);
    script.at(SECOND * 20).feed(Input::Watched(true)).check(&[]);
    script
        .answer_list(EMPTY)
        .check(&[Out::Up, Out::Listed(0), Out::List]);
}

#[test]
fn a_list_without_answer_is_asked_again_after_its_deadline() {
    let mut script = Script::new(true);
    script.check(&[Out::List]);
    script.at(SECOND * 30 - MS).check(&[]);
    script.at(SECOND * 30).check(&[Out::List]);
}

#[test]
fn a_dockmon_agent_whose_list_fails_or_is_late_has_an_engine_that_is_down() {
    let mut script = Script::new(false);
    script.check(&[Out::List]);
    let error = r#""error":"Cannot connect to the Docker daemon""#;
    let down = Out::Down("Cannot connect to the Docker daemon".to_owned());
    script.answer_list(error).check(&[down]);
    script.at(SECOND * 10).check(&[Out::List]);
    let down = Out::Down("no container list within 30 s".to_owned());
    script.at(SECOND * 40).check(&[down, Out::List]);
    script.answer_list(EMPTY).check(&[Out::Up, Out::Listed(0)]);
}

#[test]
fn our_agents_word_on_its_engine_is_taken_from_kind_and_heartbeat() {
    let mut script = Script::new(true);
    script.check(&[Out::List]);
    script.answer_list(r#""error":"broken pipe""#).check(&[]);
    script.at(SECOND * 10).check(&[Out::List]);
    let error = r#""error":"gone","error_type":"engine_down""#;
    script
        .answer_list(error)
        .check(&[Out::Down("gone".to_owned())]);
    script.message(r#"{"type":"heartbeat","engine":"down","engine_error":"refused"}"#);
    script.check(&[Out::Down("refused".to_owned())]);
    // It is back: what it holds now is wanted soon.
    script
        .at(SECOND * 13)
        .message(r#"{"type":"heartbeat","engine":"up"}"#);
    script.check(&[Out::Up, Out::List]);
}

#[test]
fn an_operation_is_sent_and_its_answer_comes_to_who_asked() {
    let mut script = Script::new(true);
    script
        .check(&[Out::List])
        .answer_list(EMPTY)
        .check(&[Out::Up, Out::Listed(0)]);
    script
        .call(1, OperationKind::Start, "ann")
        .check(&[send("start")]);
    script
        .call(2, OperationKind::Kill, "bob")
        .check(&[send("kill")]);
    let answer = |number: u8, rest: &str| {
        let id = calls::call_id([number; 16]);
        format!(r#"{{"correlation_id":"{id}",{rest}}}"#)
    };
    script.message(&answer(2, r#""success":false,"error":"is not running""#));
    let failed = CallError::Failed(Failure::new("is not running", None));
    script.check(&[Out::Done("bob", Err(failed))]);
    // What was done changes the list.
    script.message(&answer(1, r#""success":true,"status":"started""#));
    script.check(&[Out::Done("ann", Ok(())), Out::List]);
    script.message(&answer(1, r#""success":true"#)).check(&[]);
    script.message(&answer(9, r#""success":true"#)).check(&[]);
}

#[test]
fn an_operation_is_late_after_30_seconds_and_a_stop_20_after_its_grace() {
    let mut script = Script::new(true);
    script.check(&[Out::List]).answer_list(EMPTY).outputs();
    script
        .call(1, OperationKind::Start, "ann")
        .check(&[send("start")]);
    let timeout = Some(SECOND * 40);
    script
        .call(2, OperationKind::Stop { timeout }, "bob")
        .check(&[send("stop")]);
    script.at(SECOND * 29).outputs();
    script.answer_list(EMPTY).outputs();
    script
        .at(SECOND * 30)
        .check(&[Out::Done("ann", Err(CallError::Late(SECOND * 30)))]);
    script.at(SECOND * 60);
    let late = Out::Done("bob", Err(CallError::Late(SECOND * 60)));
    assert!(script.outputs().contains(&late));
}

#[test]
fn the_65th_call_is_busy() {
    let mut script = Script::new(true);
    script.check(&[Out::List]);
    // The list is the first of the 64.
    for number in 1..64 {
        script
            .call(number, OperationKind::Start, "ann")
            .check(&[send("start")]);
    }
    script
        .call(64, OperationKind::Start, "bob")
        .check(&[Out::Done("bob", Err(CallError::Busy))]);
}

#[test]
fn the_end_gives_all_who_wait_and_nobody_is_asked_after_it() {
    let mut script = Script::new(true);
    script.check(&[Out::List]);
    script
        .call(1, OperationKind::Start, "ann")
        .check(&[send("start")]);
    assert_eq!(script.session.end(), ["ann"]);
    script.call(2, OperationKind::Start, "bob");
    script.check(&[Out::Done("bob", Err(CallError::Disconnected))]);
    script.at(SECOND * 100).check(&[]);
}

#[test]
fn an_agent_that_is_silent_for_45_seconds_is_gone() {
    let mut script = Script::new(true);
    script.outputs();
    let start = script.start;
    script.session.handle(Input::Time, start + SECOND * 45 - MS);
    assert!(!script.outputs().contains(&Out::Close(Ending::Silent)));
    assert!(script.session.deadline() <= start + SECOND * 45);
    script.session.handle(Input::Time, start + SECOND * 45);
    assert_eq!(script.outputs().last(), Some(&Out::Close(Ending::Silent)));
}

#[test]
fn pings_are_sent_every_15_seconds() {
    let mut script = Script::new(true);
    let pings = |script: &mut Script| {
        let outputs = std::iter::from_fn(|| script.session.poll_output());
        outputs
            .filter(|output| matches!(output, Output::Ping))
            .count()
    };
    script.at(SECOND * 15 - MS);
    assert_eq!(pings(&mut script), 0);
    script.at(SECOND * 15);
    assert_eq!(pings(&mut script), 1);
    script.at(SECOND * 29);
    assert_eq!(pings(&mut script), 0);
}

#[test]
fn an_event_wants_a_list_but_not_more_often_than_every_2_seconds() {
    let mut script = Script::new(true);
    script.check(&[Out::List]).answer_list(EMPTY).outputs();
    script.at(SECOND);
    let now = script.now;
    script.session.list_is_old(now);
    script.feed(Input::Time).check(&[]);
    script.at(SECOND * 2).check(&[Out::List]);
    // While it is on its way: once more afterwards.
    script.session.list_is_old(now);
    script.answer_list(EMPTY).check(&[Out::Up, Out::Listed(0)]);
    script.at(SECOND * 4).check(&[Out::List]);
}

#[test]
fn a_dockmon_agent_without_stats_for_a_minute_is_made_to_reconnect() {
    let sample =
        r#"{"type":"event","command":"container_stats","payload":{"container_id":"0123456789ab"}}"#;
    for (is_ours, list, expected) in [
        (false, RUNNING, vec![Out::Close(Ending::StreamsLost)]),
        (false, EMPTY, vec![]),
        (true, RUNNING, vec![]),
    ] {
        let mut script = Script::new(is_ours);
        script.at(SECOND).answer_list(list).outputs();
        for second in 2..80 {
            script.at(SECOND * second);
            if second == 20 {
                script.message(sample);
            }
            if script.outputs().contains(&Out::List) {
                script.answer_list(list).outputs();
            }
        }
        let mut outputs = script.at(SECOND * 80).outputs();
        outputs.retain(|out| *out != Out::List);
        assert_eq!(outputs, expected);
    }
}

#[test]
fn list_elements_that_cannot_be_read_are_left_out() {
    let mut script = Script::new(true);
    script.check(&[Out::List]);
    script.answer_list(r#""payload":[{"Id":"short"},7,{"Id":"0123456789ab"}]"#);
    script.check(&[Out::Up, Out::Listed(1)]);
    script.at(SECOND * 10).check(&[Out::List]);
    script
        .answer_list(r#""payload":{"not":"a list"}"#)
        .check(&[]);
}

#[test]
fn a_flood_of_events_is_cut_and_counted_and_spam_costs_nothing() {
    let mut script = Script::new(true);
    script.check(&[Out::List]).answer_list(EMPTY).outputs();
    let event = |action: &str| {
        let payload = format!(r#"{{"container_id":"0123456789ab","action":"{action}"}}"#);
        format!(r#"{{"type":"event","command":"container_event","payload":{payload}}}"#)
    };
    for _ in 0..1000 {
        script.message(&event("exec_create: sh"));
    }
    script.check(&[]);
    for _ in 0..502 {
        script.message(&event("start"));
    }
    assert_eq!(script.outputs().len(), 500);
    // The word on what is lost, and the event.
    script
        .at(SECOND)
        .message(&event("start"))
        .check(&[Out::Report, Out::Report]);
}

#[test]
fn a_flood_of_trouble_or_of_words_on_the_engine_is_cut() {
    let mut script = Script::new(true);
    script.check(&[Out::List]).answer_list(EMPTY).outputs();
    for _ in 0..502 {
        script.message(r#"{"type":"error","error":"on fire"}"#);
    }
    assert_eq!(script.outputs().len(), 500);
    for _ in 0..300 {
        script.message(r#"{"type":"heartbeat","engine":"down"}"#);
        script.message(r#"{"type":"heartbeat","engine":"up"}"#);
    }
    assert_eq!(script.outputs().len(), 500);
    script
        .at(SECOND)
        .message(r#"{"type":"heartbeat","engine":"up"}"#);
    assert!(script.outputs().contains(&Out::Up));
}

#[test]
fn of_a_list_without_end_only_so_much_is_read() {
    let mut script = Script::new(true);
    let listing = r#"{"Id":"0123456789ab"}"#;
    let listings = vec![listing; crate::telemetry::fleet::CONTAINERS + 1].join(",");
    script.check(&[Out::List]);
    script.answer_list(&format!(r#""payload":[{listings}]"#));
    let most = Out::Listed(crate::telemetry::fleet::CONTAINERS);
    assert!(script.outputs().contains(&most));
}

/// A session of the extension with a host of which these containers are held.
fn extended(rhythm: Rhythm, held: Option<u64>) -> Script {
    let held = held.map(ListHash);
    Script::of(Dialect::Extension { rhythm, held })
}

fn extra(json: &str) -> Out {
    Out::Send(json.to_owned())
}

fn cadence(ms: u64) -> Out {
    extra(&format!(r#"{{"type":"cadence","stats_interval_ms":{ms}}}"#))
}

fn heartbeat(hash: u64) -> String {
    format!(r#"{{"type":"heartbeat","containers":"{hash:016x}"}}"#)
}

const LIST: &str = r#"{"type":"list"}"#;
const KEYFRAME: &str = r#"{"type":"keyframe"}"#;

#[test]
fn an_agent_of_the_extension_is_never_asked_for_its_containers_regularly() {
    let mut script = extended(RHYTHM, None);
    script.check(&[]);
    script.message(r#"{"type":"heartbeat","engine":"up"}"#);
    script.check(&[Out::Up]);
    script.feed(Input::Watched(true)).check(&[cadence(1000)]);
    let now = script.now;
    script.session.list_is_old(now);
    script.at(SECOND * 3600).feed(Input::Time).check(&[]);
}

#[test]
fn a_heartbeat_with_another_hash_wants_the_whole_list_ever_more_rarely() {
    let mut script = extended(RHYTHM, Some(7));
    script.message(&heartbeat(7)).check(&[Out::Confirmed]);
    script.message(&heartbeat(8)).check(&[extra(LIST)]);
    script.at(SECOND * 5 - MS).message(&heartbeat(8)).check(&[]);
    script
        .at(SECOND * 5)
        .message(&heartbeat(8))
        .check(&[extra(LIST)]);
    script.at(SECOND * 10).message(&heartbeat(8)).check(&[]);
    script
        .at(SECOND * 15)
        .message(&heartbeat(8))
        .check(&[extra(LIST)]);
    // As soon as both hold the same, another difference counts at once.
    script.message(&heartbeat(7)).check(&[Out::Confirmed]);
    script
        .at(SECOND * 35)
        .message(&heartbeat(8))
        .check(&[extra(LIST)]);
    script
        .at(SECOND * 40)
        .message(&heartbeat(8))
        .check(&[extra(LIST)]);
}

#[test]
fn a_change_after_which_both_hold_something_else_wants_the_whole_list() {
    let mut script = extended(RHYTHM, None);
    let change = r#"{"type":"containers","is_full":true,"hash":"01","set":[{"Id":"0123456789ab"},{"Id":7}]}"#;
    script.message(change).check(&[Out::Changed(1)]);
    let now = script.now;
    script.session.holds(Some(ListHash(1)), ListHash(1), now);
    script.check(&[]);
    script.session.holds(Some(ListHash(2)), ListHash(1), now);
    script.check(&[extra(LIST)]);
}

#[test]
fn messages_of_the_extension_mean_nothing_where_it_was_not_agreed() {
    let mut script = Script::new(true);
    script.check(&[Out::List]);
    script
        .message(r#"{"type":"containers","is_full":true,"hash":"01","set":[]}"#)
        .message(&heartbeat(3))
        .feed(Input::Frame { is_usable: false })
        .check(&[]);
}

#[test]
fn the_cadence_follows_the_viewers_and_lingers_after_the_last() {
    let mut script = extended(
        Rhythm {
            linger: SECOND * 20,
            ..RHYTHM
        },
        None,
    );
    script.feed(Input::Watched(true)).check(&[cadence(1000)]);
    script.at(SECOND).feed(Input::Watched(true)).check(&[]);
    script.feed(Input::Watched(false)).check(&[]);
    assert_eq!(script.session.deadline(), script.now + SECOND * 20);
    // Somebody else comes before it is over.
    script
        .at(SECOND * 20)
        .feed(Input::Watched(true))
        .feed(Input::Watched(false))
        .check(&[]);
    script.at(SECOND * 40 - MS).check(&[]);
    script.at(SECOND * 40).check(&[cadence(10_000)]);
    script
        .at(SECOND * 61)
        .feed(Input::Watched(false))
        .check(&[]);
}

#[test]
fn a_metered_agent_is_asked_for_no_more_than_a_tick_in_10_seconds() {
    let mut script = extended(METERED_RHYTHM, None);
    script.feed(Input::Watched(true)).check(&[cadence(10_000)]);
    script.feed(Input::Watched(false));
    script.at(SECOND * 30).check(&[cadence(300_000)]);
    let silent = script.now + SECOND * 750;
    script.session.handle(Input::Time, silent - MS);
    script.check(&[]);
    script.session.handle(Input::Time, silent);
    script.check(&[Out::Close(Ending::Silent)]);
}

#[test]
fn a_frame_that_cannot_be_used_wants_a_keyframe_but_not_at_every_frame() {
    let mut script = extended(RHYTHM, None);
    let bad = || Input::Frame { is_usable: false };
    script.feed(bad()).check(&[extra(KEYFRAME)]);
    script.feed(bad()).check(&[]);
    script.at(SECOND * 5).feed(bad()).check(&[extra(KEYFRAME)]);
    // A peer that alternates does not get an answer at each.
    for _ in 0..100 {
        script.feed(Input::Frame { is_usable: true }).feed(bad());
    }
    script.check(&[]);
}

#[test]
fn an_agent_of_the_extension_is_pinged_only_when_it_heard_nothing_for_30_seconds() {
    let pings = |script: &mut Script| {
        let outputs = std::iter::from_fn(|| script.session.poll_output());
        outputs
            .filter(|output| matches!(output, Output::Ping))
            .count()
    };
    let mut script = extended(RHYTHM, None);
    script.at(SECOND * 30 - MS);
    assert_eq!(pings(&mut script), 0);
    script.at(SECOND * 30);
    assert_eq!(pings(&mut script), 1);
    // The answer to its own ping is a word, as is a message.
    script.at(SECOND * 50).feed(Input::Pinged);
    script.at(SECOND * 79);
    assert_eq!(pings(&mut script), 0);
    script.feed(Input::Watched(true));
    script.at(SECOND * 109 - MS);
    assert_eq!(pings(&mut script), 0);
    script.at(SECOND * 109);
    assert_eq!(pings(&mut script), 1);
}
