//! A raw agent of the extension brings its spool over a real socket.

use async_tungstenite::tungstenite::Message;
use pilotfish_protocol::extension::RunId;
use pilotfish_protocol::frame::Encoder;
use pilotfish_protocol::spool::{BATCH_BYTES, BatchEncoder, Entry, Lost, Segment, put_frame};
use pilotfish_protocol::{HostMetric, Reading, Subject};
use serde_json::{Value, json};

use super::*;
use crate::peer::{Extended, until};
use crate::rig::{Rig, Setup};
use crate::store::events::{self, EventRecord};

/// When a board without a battery sends: a quarter of an hour after 1970.
const NOW_MS: u64 = 1_000_000;

/// Ticks a second apart up to now, as one segment's frames.
fn frames() -> Vec<u8> {
    let (mut encoder, mut frames) = (Encoder::new(), Vec::new());
    encoder.announce(Subject::Host).unwrap();
    for ago in (0..5).rev() {
        let mut reading = Reading::EMPTY;
        reading.set(HostMetric::Load1, 100 + ago);
        encoder.take(0, &reading);
        encoder.begin(NOW_MS - 1000 * u64::try_from(ago).unwrap());
        let mut frame = Vec::new();
        encoder.encode(&mut frame);
        put_frame(&mut frames, &frame);
    }
    frames
}

fn batch(entries: &[(u64, Entry<'_>)]) -> Message {
    let mut batch = BatchEncoder::new(RunId(0xab), NOW_MS, BATCH_BYTES);
    for (seq, entry) in entries {
        assert!(batch.push(*seq, entry));
    }
    Message::binary(batch.finish().unwrap())
}

/// A death that the Engine stamped five seconds before the batch is sent.
const DIE: &str = r#"{"container_id":"0123456789ab","action":"die","container_name":"web",
    "timestamp":"1970-01-01T00:16:35.250Z"}"#;

const START: &str = r#"{"container_id":"0123456789ab","action":"start","container_name":"web",
    "timestamp":"1970-01-01T00:16:36Z"}"#;

fn spooled(seq: u64) -> Value {
    json!({"run": "00000000000000ab", "seq": seq})
}

fn acknowledged(seq: u64) -> Value {
    json!({"type": "spooled", "run": "00000000000000ab", "seq": seq})
}

/// The events of this action that are in the store, newest first.
fn stored(rig: &Rig, action: &str) -> Vec<EventRecord> {
    smol::block_on(rig.app.board.flush(&rig.app));
    let events = events::list(&rig.app.store, None, None, 100).unwrap();
    let events = events.into_iter().map(|(_, event)| event);
    events.filter(|event| event.action == action).collect()
}

#[test]
fn a_spool_is_kept_once_and_acknowledged_each_time_also_after_a_crash() {
    let mut rig = Rig::start();
    let mut agent = Extended::enrolled(&rig, "E1");
    assert_eq!(agent.agreed.get("spooled"), None);
    let frames = frames();
    let segment = Entry::Segment(Segment {
        from_ms: 0,
        until_ms: u64::MAX,
        frames: &frames,
    });
    let first = [(1, segment), (2, Entry::Event(DIE))];
    let more = [first[0], first[1], (4, Entry::Event(START))];
    for _ in 0..2 {
        agent.send(batch(&first));
        assert_eq!(agent.hear(), acknowledged(2));
    }
    // Another cut of the same entries, with one that is new.
    agent.send(batch(&more));
    assert_eq!(agent.hear(), acknowledged(4));
    for _ in 0..2 {
        let deaths = stored(&rig, "die");
        assert_eq!((deaths.len(), stored(&rig, "start").len()), (1, 1));
        let ago_ms = clock::unix_ms() - deaths[0].at_unix_ms;
        assert!(deaths[0].is_late && ago_ms >= 4750, "{deaths:?}");
        let directory = rig.crash();
        rig = Rig::start_with(Setup {
            directory: Some(directory),
            ..Setup::default()
        });
        agent = agent.again(&rig);
        assert_eq!(agent.agreed["spooled"], json!([spooled(4)]));
        // What has gone late into the log is not the last live event.
        assert_eq!(agent.agreed.get("last_event_ns"), None);
        agent.send(batch(&more));
        assert_eq!(agent.hear(), acknowledged(4));
    }
}

#[test]
fn what_only_one_of_the_two_files_has_is_completed_and_not_told_twice() {
    let rig = Rig::start();
    let mut agent = Extended::enrolled(&rig, "E1");
    let host = agent.host();
    let late = LateEvents {
        agent: AgentId::new(agent.agent_id.as_str()).unwrap(),
        host,
        run: RunId(0xab),
        seq: 1,
        events: vec![(1, 5, serde_json::from_str(DIE).unwrap())],
        lost: Vec::new(),
        last_event: None,
    };
    // A power cut came between the events and the history.
    smol::block_on(rig.app.board.keep_late(&rig.app, late)).unwrap();
    let mut again = agent.again(&rig);
    assert_eq!(again.agreed.get("spooled"), None);
    again.send(batch(&[(1, Entry::Event(DIE)), (2, Entry::Event(START))]));
    assert_eq!(again.hear(), acknowledged(2));
    assert_eq!(
        (stored(&rig, "die").len(), stored(&rig, "start").len()),
        (1, 1)
    );
    agent = again.again(&rig);
    assert_eq!(agent.agreed["spooled"], json!([spooled(2)]));
}

#[test]
fn an_event_that_was_told_live_does_not_come_again_out_of_the_spool() {
    let rig = Rig::start();
    let mut agent = Extended::enrolled(&rig, "E1");
    let die: Value = serde_json::from_str(DIE).unwrap();
    agent.say(&json!({"type": "event", "command": "container_event", "payload": die}));
    let host = agent.host();
    let board = &rig.app.board;
    until("the event is taken", || board.last_event(&host).is_some());
    smol::block_on(board.flush(&rig.app));
    let directory = rig.crash();
    let rig = Rig::start_with(Setup {
        directory: Some(directory),
        ..Setup::default()
    });
    let mut agent = agent.again(&rig);
    assert_eq!(agent.agreed["last_event_ns"], json!(995_250_000_000_u64));
    agent.send(batch(&[(1, Entry::Event(DIE)), (2, Entry::Event(START))]));
    assert_eq!(agent.hear(), acknowledged(2));
    let (deaths, starts) = (stored(&rig, "die"), stored(&rig, "start"));
    assert_eq!((deaths.len(), starts.len()), (1, 1));
    assert!(!deaths[0].is_late && starts[0].is_late);
    let agent = agent.again(&rig);
    assert_eq!(agent.agreed["last_event_ns"], json!(995_250_000_000_u64));
}

#[test]
fn what_the_spool_lost_is_counted_and_told_once() {
    let rig = Rig::start();
    let mut agent = Extended::enrolled(&rig, "E1");
    let lost = Entry::Lost(Lost {
        ticks: 7,
        events: 3,
    });
    for _ in 0..2 {
        agent.send(batch(&[(1, lost)]));
        assert_eq!(agent.hear(), acknowledged(1));
    }
    let gaps = stored(&rig, "gap");
    assert_eq!(gaps.len(), 1);
    assert_eq!(
        gaps[0].detail.as_deref(),
        Some("the agent's spool was full: 3 events and 7 ticks are lost")
    );
    let session = rig.log_in();
    let shown = rig.ask_as(&session, &format!("GET /api/v1/hosts/{}", agent.host()), "");
    assert_eq!(shown.json()["lost"], json!({"ticks": 7, "events": 3}));
}

#[test]
fn a_batch_that_counts_its_losses_one_by_one_does_not_fill_the_log() {
    let rig = Rig::start();
    let mut agent = Extended::enrolled(&rig, "E1");
    let lost = Entry::Lost(Lost {
        ticks: 1,
        events: 0,
    });
    let entries: Vec<_> = (1..=40).map(|seq| (seq, lost)).collect();
    agent.send(batch(&entries));
    assert_eq!(agent.hear(), acknowledged(40));
    assert_eq!(stored(&rig, "gap").len(), LOST);
}

#[test]
fn short_frames_that_stand_for_many_slots_are_not_looked_at_without_end() {
    let (mut encoder, mut frames) = (Encoder::new(), Vec::new());
    encoder.announce(Subject::Host).unwrap();
    for number in 1..2000 {
        encoder
            .announce(Subject::Sensor(format!("{number}")))
            .unwrap();
    }
    for number in 1..2000_u16 {
        encoder.take(number, &Reading::EMPTY);
    }
    for at_ms in 1..1000 {
        encoder.take(0, &Reading::EMPTY);
        encoder.begin(at_ms * 1_200_000);
        let mut frame = Vec::new();
        while encoder.encode(&mut frame) {
            put_frame(&mut frames, &std::mem::take(&mut frame));
        }
        put_frame(&mut frames, &frame);
    }
    let segment = Segment {
        from_ms: 0,
        until_ms: u64::MAX,
        frames: &frames,
    };
    let (mut taken, mut looked_at) = (Taken::default(), 0);
    taken.segment(&segment, Some, |rows| {
        looked_at += 1;
        rows.to_vec()
    });
    assert!(looked_at <= READINGS / 2000 + 1, "{looked_at} ticks");
    assert!(taken.dropped > 900);
}

#[test]
fn batches_that_come_without_a_pause_are_held_back() {
    let rig = Rig::start();
    let mut agent = Extended::enrolled(&rig, "E1");
    let began = clock::now();
    for seq in 1..=3 {
        agent.send(batch(&[(seq, Entry::Event(DIE))]));
        assert_eq!(agent.hear(), acknowledged(seq));
    }
    assert!(clock::now() - began >= (PAUSE + PAUSE_AN_EVENT) * 2);
}

#[test]
fn the_time_of_an_event_is_that_of_the_host_s_clock_unless_that_was_set() {
    let at = SentAt {
        agent_ms: NOW_MS,
        unix_ms: 1_800_000_000_000,
    };
    let event = |timestamp: &str| -> ContainerEvent {
        let text =
            format!(r#"{{"container_id":"0123456789ab","action":"die","timestamp":{timestamp}}}"#);
        serde_json::from_str(&text).unwrap()
    };
    for (timestamp, expected) in [
        (r#""1970-01-01T00:16:35.250Z""#, 1_799_999_995_250),
        // Set to the true time after the run began.
        (r#""2027-01-15T07:59:00Z""#, 1_799_999_940_000),
        (r#""2999-01-01T00:00:00Z""#, 1_800_000_000_000),
        ("null", 1_800_000_000_000),
    ] {
        assert_eq!(at.event_unix_ms(&event(timestamp)), expected, "{timestamp}");
    }
}
