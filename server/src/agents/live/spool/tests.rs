//! A raw agent of the extension brings its spool over a real socket.

use async_tungstenite::tungstenite::Message;
use pilotfish_protocol::extension::RunId;
use pilotfish_protocol::frame::Encoder;
use pilotfish_protocol::spool::{BATCH_BYTES, BatchEncoder, Entry, Segment, put_frame};
use pilotfish_protocol::{HostMetric, Reading, Subject};
use serde_json::json;

use crate::peer::{Peer, register, registration_token};
use crate::rig::Rig;
use crate::store::events;

/// Ticks a second apart up to `now_ms`, as one segment's frames.
fn frames(now_ms: u64) -> Vec<u8> {
    let (mut encoder, mut frames) = (Encoder::new(), Vec::new());
    encoder.announce(Subject::Host).unwrap();
    for step in 0..5 {
        let mut reading = Reading::EMPTY;
        reading.set(HostMetric::Load1, step);
        encoder.take(0, &reading);
        encoder.begin(now_ms - 5000 + u64::try_from(step).unwrap() * 1000);
        let mut frame = Vec::new();
        encoder.encode(&mut frame);
        put_frame(&mut frames, &frame);
    }
    frames
}

fn batch(first: u64) -> Vec<u8> {
    // A board without a clock.
    let now_ms = 1_000_000;
    let mut batch = BatchEncoder::new(RunId(0xab), now_ms, BATCH_BYTES);
    let segment = Segment {
        from_ms: 0,
        until_ms: u64::MAX,
        frames: &frames(now_ms),
    };
    assert!(batch.push(first, &Entry::Segment(segment)));
    let event = r#"{"container_id":"0123456789ab","action":"die","container_name":"web"}"#;
    assert!(batch.push(first + 1, &Entry::Event(event)));
    batch.finish().unwrap()
}

#[test]
fn a_spool_is_kept_once_and_acknowledged_each_time() {
    let rig = Rig::start();
    let mut hello = register(&registration_token(&rig, false), "E1");
    hello["capabilities"]["pilotfish_1"] = json!(true);
    let (mut peer, answer) = Peer::registered(&rig, &hello);
    let agreed = &answer["pilotfish"];
    assert_eq!(
        (
            &agreed["version"],
            &agreed["stats_interval_ms"],
            &agreed["silence_ms"]
        ),
        (&json!(1), &json!(10_000), &json!(45_000))
    );
    let spooled = |seq| json!({"type": "spooled", "run": "00000000000000ab", "seq": seq});
    for _ in 0..2 {
        peer.socket.send(Message::binary(batch(1))).unwrap();
        assert_eq!(peer.hear(), spooled(2));
    }
    smol::block_on(rig.app.board.flush(&rig.app));
    let events = events::list(&rig.app.store, None, None, 100).unwrap();
    let deaths = events.iter().filter(|(_, event)| event.action == "die");
    assert_eq!(deaths.count(), 1);
}

#[test]
fn a_frame_that_cannot_be_used_is_answered_with_a_request_for_a_keyframe() {
    let rig = Rig::start();
    let mut hello = register(&registration_token(&rig, false), "E1");
    hello["capabilities"]["pilotfish_1"] = json!(true);
    let (mut peer, _) = Peer::registered(&rig, &hello);
    peer.socket.send(Message::binary(&b"\x01\x00"[..])).unwrap();
    assert_eq!(peer.hear(), json!({"type": "keyframe"}));
    peer.say(&json!({"type": "heartbeat", "containers": "00000000000000ff"}));
    assert_eq!(peer.hear(), json!({"type": "list"}));
}
