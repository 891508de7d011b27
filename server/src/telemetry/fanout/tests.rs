//! What waits for viewers that are quick, slow and far behind.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn host(name: &str) -> HostId {
    HostId::new(name).unwrap()
}

fn text(text: &str) -> Arc<str> {
    Arc::from(text)
}

/// A fan-out with one viewer who has been told everything.
fn caught_up() -> (Fanout, ViewerId) {
    let mut fanout = Fanout::default();
    let viewer = fanout.add(Box::new(|| {})).unwrap();
    assert_eq!(
        fanout.next(viewer),
        Some(Next::Everything { watched: None })
    );
    (fanout, viewer)
}

/// Takes all that waits for a viewer, as text; everything anew is `*`.
fn drain(fanout: &mut Fanout, viewer: ViewerId) -> Vec<String> {
    let next = std::iter::from_fn(|| fanout.next(viewer));
    next.map(|next| match next {
        Next::Message(message) => message.to_string(),
        Next::Everything { .. } => "*".to_owned(),
    })
    .collect()
}

#[test]
fn messages_come_in_order_and_stats_as_the_latest_only() {
    let (mut fanout, viewer) = caught_up();
    let stats = Subject::Stats(host("h"));
    fanout.tell(&stats, &text("cpu 1"));
    fanout.queue(&text("event 1"));
    fanout.tell(&stats, &text("cpu 2"));
    fanout.queue(&text("event 2"));
    assert_eq!(drain(&mut fanout, viewer), ["event 1", "event 2", "cpu 2"]);
    fanout.tell(&stats, &text("cpu 3"));
    assert_eq!(drain(&mut fanout, viewer), ["cpu 3"]);
}

#[test]
fn one_encoding_is_shared_by_all_viewers() {
    let (mut fanout, first) = caught_up();
    let second = fanout.add(Box::new(|| {})).unwrap();
    fanout.next(second);
    let message = text("event");
    fanout.queue(&message);
    assert_eq!(Arc::strong_count(&message), 3);
    assert_eq!(drain(&mut fanout, first), ["event"]);
    assert_eq!(drain(&mut fanout, second), ["event"]);
}

#[test]
fn a_viewer_with_too_many_messages_is_told_everything_anew() {
    let (mut fanout, viewer) = caught_up();
    for _ in 0..QUEUED {
        fanout.queue(&text("event"));
    }
    fanout.tell(&Subject::Time, &text("time"));
    assert_eq!(drain(&mut fanout, viewer).len(), QUEUED + 1);
    for _ in 0..=QUEUED {
        fanout.queue(&text("event"));
    }
    fanout.queue(&text("lost"));
    fanout.tell(&Subject::Time, &text("lost"));
    assert_eq!(drain(&mut fanout, viewer), ["*"]);
}

#[test]
fn a_viewer_with_too_many_latest_values_is_told_everything_anew() {
    let (mut fanout, viewer) = caught_up();
    for number in 0..=LATEST {
        let subject = Subject::ContainerStats(host("h"), short(number));
        fanout.tell(&subject, &text("cpu"));
    }
    assert_eq!(drain(&mut fanout, viewer), ["*"]);
}

#[test]
fn details_of_a_host_come_to_those_who_watch_it() {
    let (mut fanout, viewer) = caught_up();
    let list = Subject::Containers(host("a"));
    fanout.tell_watchers(&host("a"), &list, &text("unseen"));
    assert_eq!(fanout.watch(viewer, Some(host("a"))), None);
    assert_eq!(fanout.watching(&host("a")), 1);
    fanout.tell_watchers(&host("a"), &list, &text("a"));
    fanout.tell_watchers(&host("b"), &Subject::Containers(host("b")), &text("b"));
    assert_eq!(drain(&mut fanout, viewer), ["a"]);
}

#[test]
fn looking_away_drops_the_details_that_wait() {
    let (mut fanout, viewer) = caught_up();
    fanout.watch(viewer, Some(host("a")));
    fanout.tell_watchers(&host("a"), &Subject::Containers(host("a")), &text("list"));
    assert_eq!(fanout.watch(viewer, None), Some(host("a")));
    assert!(drain(&mut fanout, viewer).is_empty());
    assert_eq!(fanout.watching(&host("a")), 0);
}

#[test]
fn nothing_is_told_of_a_host_after_it_is_forgotten() {
    let (mut fanout, viewer) = caught_up();
    fanout.tell(&Subject::Host(host("a")), &text("state"));
    fanout.tell(&Subject::Stats(host("a")), &text("stats"));
    fanout.tell(&Subject::Host(host("b")), &text("other"));
    fanout.forget(&host("a"));
    assert_eq!(drain(&mut fanout, viewer), ["other"]);
}

#[test]
fn the_viewer_is_woken_when_there_is_something_new() {
    let mut fanout = Fanout::default();
    let woken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&woken);
    let wake = move || {
        count.fetch_add(1, Ordering::Relaxed);
    };
    let viewer = fanout.add(Box::new(wake)).unwrap();
    assert_eq!(woken.load(Ordering::Relaxed), 1);
    fanout.next(viewer);
    fanout.queue(&text("event"));
    assert_eq!(woken.load(Ordering::Relaxed), 2);
}

#[test]
fn there_is_an_end_to_viewers() {
    let mut fanout = Fanout::default();
    let first = fanout.add(Box::new(|| {})).unwrap();
    for _ in 1..VIEWERS {
        fanout.add(Box::new(|| {})).unwrap();
    }
    assert_eq!(fanout.add(Box::new(|| {})), None);
    fanout.watch(first, Some(host("a")));
    assert_eq!(fanout.remove(first), Some(host("a")));
    assert!(fanout.add(Box::new(|| {})).is_some());
}

fn short(number: usize) -> ShortId {
    let mut id = [0; 6];
    id[..4].copy_from_slice(&u32::try_from(number).unwrap().to_be_bytes());
    ShortId(id)
}
