//! What waits, in which order, and who loses.

use pilotfish_protocol::OperationDone;

use super::*;

const NOW: fn() -> Timestamp = || Timestamp::from_unix_ms(0);

#[test]
fn answers_go_before_events_and_events_before_stats() {
    let mut outbox = Outbox::default();
    outbox.push_stats("host", "stats".into());
    outbox.push_event("event".into());
    outbox.push_answer(&logs("1", 5), NOW());
    assert!(text(&mut outbox).unwrap().contains("correlation_id"));
    assert_eq!(text(&mut outbox).as_deref(), Some("event"));
    assert_eq!(text(&mut outbox).as_deref(), Some("stats"));
    assert_eq!(text(&mut outbox), None);
}

#[test]
fn the_latest_sample_of_a_subject_takes_the_place_of_the_older_one() {
    let mut outbox = Outbox::default();
    for n in 0..3 {
        outbox.push_stats("a", format!("a{n}"));
        outbox.push_stats("b", format!("b{n}"));
    }
    assert_eq!(text(&mut outbox).as_deref(), Some("a2"));
    assert_eq!(text(&mut outbox).as_deref(), Some("b2"));
    assert_eq!(text(&mut outbox), None);
}

#[test]
fn more_subjects_than_fit_lose_the_newest_subject() {
    let mut outbox = Outbox::default();
    for n in 0..=SUBJECTS {
        outbox.push_stats(&n.to_string(), n.to_string());
    }
    assert_eq!(std::iter::from_fn(|| outbox.pop()).count(), SUBJECTS);
}

#[test]
fn the_oldest_events_are_lost_and_counted() {
    let mut outbox = Outbox::default();
    for n in 0..EVENTS + 3 {
        outbox.push_event(n.to_string());
    }
    assert_eq!(outbox.take_lost_events(), 3);
    assert_eq!(outbox.take_lost_events(), 0);
    assert_eq!(text(&mut outbox).as_deref(), Some("3"));
}

#[test]
fn events_are_bounded_by_their_bytes_too() {
    let mut outbox = Outbox::default();
    for _ in 0..5 {
        outbox.push_event("x".repeat(EVENT_BYTES / 4));
    }
    assert_eq!(outbox.take_lost_events(), 1);
    outbox.push_event("y".repeat(EVENT_BYTES + 1));
    assert_eq!(
        text(&mut outbox),
        None,
        "an event over the limit is lost itself"
    );
}

#[test]
fn one_large_answer_passes_and_the_next_becomes_a_short_failure() {
    let mut outbox = Outbox::default();
    outbox.push_answer(&logs("1", ANSWER_BYTES), NOW());
    outbox.push_answer(&logs("2", 100), NOW());
    assert!(text(&mut outbox).unwrap().len() > ANSWER_BYTES);
    let second = text(&mut outbox).unwrap();
    assert!(
        second.contains(r#""correlation_id":"2","success":false"#),
        "{second}"
    );
    outbox.push_answer(&logs("3", 100), NOW());
    assert!(text(&mut outbox).unwrap().contains(r#""success":true"#));
}

#[test]
fn answers_are_bounded_by_their_number() {
    let mut outbox = Outbox::default();
    for n in 0..=ANSWERS {
        outbox.push_answer(&logs(&n.to_string(), 1), NOW());
    }
    assert_eq!(std::iter::from_fn(|| outbox.pop()).count(), ANSWERS);
}

#[test]
fn a_heartbeat_goes_before_all_lanes_and_replaces_an_older_one() {
    let mut outbox = Outbox::default();
    outbox.push_answer(&logs("1", 5), NOW());
    outbox.put_heartbeat("old".into());
    outbox.put_heartbeat("new".into());
    assert_eq!(text(&mut outbox).as_deref(), Some("new"));
    assert!(text(&mut outbox).unwrap().contains("correlation_id"));
}

#[test]
fn only_events_outlive_the_session() {
    let mut outbox = Outbox::default();
    outbox.put_heartbeat("beat".into());
    outbox.push_answer(&logs("1", 5), NOW());
    outbox.push_event("event".into());
    outbox.push_stats("host", "stats".into());
    outbox.session_ended();
    assert_eq!(text(&mut outbox).as_deref(), Some("event"));
    assert_eq!(text(&mut outbox), None);
}

#[test]
fn a_report_takes_the_place_of_an_older_one_of_its_kind() {
    let mut outbox = Outbox::default();
    outbox.put_report(Report::Collector, "old".into());
    outbox.put_report(Report::Cadence, "cadence".into());
    outbox.put_report(Report::Collector, "new".into());
    outbox.push_event("event".into());
    let order: Vec<String> = std::iter::from_fn(|| text(&mut outbox)).collect();
    assert_eq!(order, ["cadence", "new", "event"]);
}

#[test]
fn a_full_list_takes_the_place_of_the_changes_that_wait() {
    let mut outbox = Outbox::default();
    outbox.push_list(ListHash(0), "of what was not told".into(), false);
    outbox.push_list(ListHash(0), "full".into(), true);
    outbox.push_list(ListHash(0), "full".into(), true);
    outbox.push_list(ListHash(0), "after".into(), false);
    assert_eq!(outbox.pop(), Some((Lane::Lists, "full".into())));
    assert_eq!(outbox.pop(), Some((Lane::Lists, "after".into())));
    assert_eq!(outbox.pop(), None);
}

#[test]
fn list_changes_beyond_their_limit_are_all_dropped_and_one_large_list_passes() {
    let mut outbox = Outbox::default();
    outbox.holds_list(ListHash(0));
    for n in 0..=LISTS {
        outbox.push_list(ListHash(0), n.to_string(), false);
    }
    assert_eq!(outbox.pop(), None);
    outbox.push_list(ListHash(0), "x".repeat(LIST_BYTES + 1), true);
    outbox.push_list(ListHash(0), "y".into(), false);
    assert_eq!(outbox.pop(), None, "the server asks for the whole list");
    outbox.push_list(ListHash(0), "z".repeat(LIST_BYTES + 1), true);
    assert!(outbox.pop().is_some());
}

#[test]
fn events_that_are_kept_elsewhere_are_forgotten_without_being_counted() {
    let mut outbox = Outbox::default();
    for n in 0..=EVENTS {
        outbox.push_event(n.to_string());
    }
    outbox.forget_events();
    assert_eq!((outbox.pop(), outbox.has_lost_events()), (None, false));
}

#[test]
fn the_hash_told_is_of_what_was_handed_over_and_of_all_after_a_loss() {
    let newest = Some(ListHash(9));
    let mut outbox = Outbox::default();
    assert_eq!(outbox.told_list(newest), None);
    outbox.push_list(ListHash(8), "full".into(), true);
    outbox.push_list(ListHash(9), "change".into(), false);
    assert_eq!(outbox.told_list(newest), None);
    outbox.pop();
    assert_eq!(outbox.told_list(newest), Some(ListHash(8)));
    outbox.pop();
    assert_eq!(outbox.told_list(newest), newest);
    for n in 0..=LISTS {
        outbox.push_list(ListHash(10), n.to_string(), false);
    }
    let after_loss = Some(ListHash(10));
    assert_eq!(
        outbox.told_list(after_loss),
        after_loss,
        "the server holds another"
    );
}

fn text(outbox: &mut Outbox) -> Option<String> {
    outbox.pop().map(|(_, text)| text)
}

fn logs(id: &str, bytes: usize) -> Answer {
    let outcome = Ok(OperationDone::logs("x".repeat(bytes), false));
    Answer::Operation {
        id: CallId::new(id).unwrap(),
        outcome,
    }
}
