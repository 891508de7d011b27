//! A raw agent of the extension over a real socket, and a page that looks.

use async_tungstenite::tungstenite::Message;
use pilotfish_protocol::frame::Encoder;
use pilotfish_protocol::{ContainerMetric, HostMetric, ListHash, Reading, ShortId, Subject};
use serde_json::{Value, json};

use super::*;
use crate::agents::Times;
use crate::api::live::tests::Page;
use crate::peer::{Extended, until};
use crate::rig::{Rig, Setup};
use crate::store::events;
use crate::telemetry::history::keeping;

const RUN: &str = "00000000000000ab";

/// A container's listing as the agent writes it.
const WEB: &str = r#"{"Id":"0123456789ab0123456789ab0123456789ab0123456789ab0123456789ab0123","Names":["/web"],"Image":"nginx","State":"running","Status":"Up"}"#;

/// The frames of an agent with one container.
struct Frames(Encoder);

impl Frames {
    fn new() -> Frames {
        let mut encoder = Encoder::new();
        encoder.announce(Subject::Host).unwrap();
        let container = Subject::Container {
            id: ShortId([0x01, 0x23, 0x45, 0x67, 0x89, 0xab]),
            name: "web".to_owned(),
        };
        encoder.announce(container).unwrap();
        Frames(encoder)
    }

    /// A tick in which the container has used `cpu_ms` of a CPU.
    fn tick(&mut self, at_ms: u64, cpu_ms: i64) -> Message {
        let mut host = Reading::EMPTY;
        for load in [HostMetric::Load1, HostMetric::Load5, HostMetric::Load15] {
            host.set(load, 150);
        }
        self.0.take(0, &host);
        let mut container = Reading::EMPTY;
        container.set(ContainerMetric::CpuMs, cpu_ms);
        container.set(ContainerMetric::MemoryKib, 2048);
        self.0.take(1, &container);
        self.0.begin(at_ms);
        let mut frame = Vec::new();
        self.0.encode(&mut frame);
        Message::binary(frame)
    }
}

fn hash(listing: &str) -> String {
    format!("{:016x}", ListHash::of(listing.as_bytes()).0)
}

/// A change of the list, written around the listing's own bytes.
fn change(is_full: bool, listing: &str, hash: &str) -> Message {
    Message::text(format!(
        r#"{{"type":"containers","is_full":{is_full},"set":[{listing}],"hash":"{hash}"}}"#
    ))
}

fn shown(rig: &Rig, agent: &Extended) -> Value {
    let session = rig.log_in();
    let line = format!("GET /api/v1/hosts/{}", agent.host_id);
    rig.ask_as(&session, &line, "").json()
}

#[test]
fn a_tick_is_one_message_to_who_watches_with_the_rates_since_the_one_before() {
    let rig = Rig::start();
    let mut agent = Extended::enrolled(&rig, "E1");
    let mut page = Page::open(&rig, &rig.log_in());
    page.watch(Some(&agent.host_id));
    assert_eq!(agent.hear()["stats_interval_ms"], 1000);
    agent.send(change(true, WEB, &hash(WEB)));
    while page.hear_kind("containers")["containers"] == json!([]) {}
    let mut frames = Frames::new();
    agent.send(frames.tick(5_000, 1000));
    let first = page.hear_kind("stats");
    assert_eq!(first["interval_ms"], Value::Null);
    assert_eq!(
        first["containers"]["0123456789ab"]["cpu_percent"],
        Value::Null
    );
    agent.send(frames.tick(7_000, 1500));
    let second = page.hear_kind("stats");
    let container = &second["containers"]["0123456789ab"];
    assert_eq!(
        (
            &second["interval_ms"],
            &second["host"]["load"][0],
            &container["cpu_percent"]
        ),
        (&json!(2000), &json!(1.5), &json!(25))
    );
    assert_eq!(container["memory_bytes"], json!(2_097_152));
}

#[test]
fn lists_are_followed_by_their_changes_and_asked_for_when_the_hash_is_another() {
    let rig = Rig::start();
    let mut agent = Extended::enrolled(&rig, "E1");
    let list = json!({"type": "list"});
    // Something was changed that the server has not heard of.
    agent.send(change(true, WEB, "00000000000000ff"));
    assert_eq!(agent.hear(), list);
    agent.send(change(true, WEB, &hash(WEB)));
    let stopped = WEB.replace("running", "exited");
    agent.send(change(false, &stopped, &hash(&stopped)));
    agent.say(&json!({"type": "heartbeat", "containers": hash(&stopped)}));
    // Nothing is asked for: the next answer is that to a frame that cannot be used.
    agent.send(Message::binary(&b"\x01\x00"[..]));
    assert_eq!(agent.hear(), json!({"type": "keyframe"}));
    let counts = &shown(&rig, &agent)["containers"];
    assert_eq!(
        (&counts["running"], &counts["total"]),
        (&json!(0), &json!(1))
    );
    let mut agent = agent.again(&rig);
    assert_eq!(agent.agreed["containers"], hash(&stopped).as_str());
    agent.say(&json!({"type": "heartbeat", "containers": "00000000000000ff"}));
    assert_eq!(agent.hear(), list);
}

#[test]
fn stats_come_fast_while_a_page_watches_and_slowly_again_a_while_after_it_left() {
    let mut times = Times::default();
    times.rhythm.linger = Duration::from_millis(100);
    let rig = Rig::start_with(Setup {
        times,
        ..Setup::default()
    });
    let mut agent = Extended::enrolled(&rig, "E1");
    assert_eq!(agent.agreed["stats_interval_ms"], 10_000);
    let mut page = Page::open(&rig, &rig.log_in());
    let cadence = |ms: u64| json!({"type": "cadence", "stats_interval_ms": ms});
    for _ in 0..2 {
        page.watch(Some(&agent.host_id));
        assert_eq!(agent.hear(), cadence(1000));
        let left = clock::now();
        page.watch(None);
        assert_eq!(agent.hear(), cadence(10_000));
        assert!(clock::now() - left >= Duration::from_millis(100));
    }
}

#[test]
fn an_agent_where_traffic_is_dear_is_asked_for_little() {
    let rig = Rig::start();
    let token = crate::peer::registration_token(&rig, false);
    let agent = Extended::registered(&rig, "E1", &token, |hello| {
        hello["capabilities"]["pilotfish_metered"] = json!(true);
    });
    let agreed = &agent.agreed;
    assert_eq!(
        [
            &agreed["stats_interval_ms"],
            &agreed["heartbeat_ms"],
            &agreed["silence_ms"]
        ],
        [&json!(300_000), &json!(300_000), &json!(750_000)]
    );
}

#[test]
fn a_gap_that_is_told_before_the_first_tick_is_shown_by_the_server_s_clock() {
    let rig = Rig::start();
    let mut agent = Extended::enrolled(&rig, "E1");
    agent.say(
        &json!({"type": "coverage", "events_gap": {"from_ms": 1000, "to_ms": 4000},
        "lost_events": 2, "lost_ticks": 5}),
    );
    let before = clock::unix_ms();
    agent.send(Frames::new().tick(10_000, 0));
    until("the gap is shown", || {
        shown(&rig, &agent)["gaps"] != json!([])
    });
    let host = shown(&rig, &agent);
    let gap = &host["gaps"][0];
    let (from, to) = (
        gap["from_unix_ms"].as_u64().unwrap(),
        gap["to_unix_ms"].as_u64().unwrap(),
    );
    assert!(from + 9000 >= before && to - from == 3000, "{host}");
    assert_eq!(host["lost"], json!({"events": 2, "ticks": 5}));
    smol::block_on(rig.app.board.flush(&rig.app));
    let events = events::list(&rig.app.store, None, None, 10).unwrap();
    let gap = events
        .iter()
        .find(|(_, event)| event.action == "gap")
        .unwrap();
    assert_eq!(
        gap.1.detail.as_deref(),
        Some(
            "nobody knows what happened to containers in 3 s before this session; \
             2 events and 5 ticks are lost"
        )
    );
}

#[test]
fn an_agent_that_comes_again_hears_which_of_its_ticks_are_there_after_a_crash_those_on_the_disk() {
    let rig = Rig::start();
    let mut agent = Extended::enrolled(&rig, "E1");
    assert_eq!(agent.agreed.get("last_tick"), None);
    agent.say(&json!({"type": "collector", "containers": "cgroup_v2", "run": RUN}));
    let (mut frames, host) = (Frames::new(), agent.host());
    let mut tick = |agent: &mut Extended, rig: &Rig, at_ms: u64| {
        agent.send(frames.tick(at_ms, 0));
        let history = &rig.app.history;
        let is_taken = || {
            history
                .last_tick(&host)
                .is_some_and(|last| last.at_ms == at_ms)
        };
        until("the tick is taken", is_taken);
    };
    let last_tick = |at_ms: u64| json!({"run": RUN, "at_ms": at_ms});
    tick(&mut agent, &rig, 10_000);
    smol::block_on(keeping::finish(&rig.app));
    tick(&mut agent, &rig, 20_000);
    // What lies in memory counts as taken as long as the server runs.
    let again = agent.again(&rig);
    assert_eq!(again.agreed["last_tick"], last_tick(20_000));
    let directory = rig.crash();
    let rig = Rig::start_with(Setup {
        directory: Some(directory),
        ..Setup::default()
    });
    let agent = again.again(&rig);
    assert_eq!(agent.agreed["last_tick"], last_tick(10_000));
}
