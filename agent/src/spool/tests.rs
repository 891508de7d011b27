//! The spool with a server, a disk and a clock of its own: scripts here, random lives in `model`.

mod model;
mod rig;

use pilotfish_protocol::spool::Lost;

use super::*;
use rig::{MINUTE_MS, Rig};

#[test]
fn a_session_that_lasts_writes_nothing_and_keeps_little() {
    let mut rig = Rig::new(20);
    rig.open();
    rig.pass(120 * MINUTE_MS);
    assert_eq!(rig.commits.len(), 0);
    assert_eq!(rig.spool.deadline_ms(), None);
    assert!(
        rig.spool.held_bytes() < 40_000,
        "{}",
        rig.spool.held_bytes()
    );
    assert_eq!(rig.replay_all(), 0);
}

#[test]
fn an_outage_of_nine_minutes_is_sent_as_it_was_recorded_and_writes_nothing() {
    let mut rig = Rig::new(3);
    rig.open();
    rig.pass(5 * MINUTE_MS);
    rig.close();
    rig.pass(9 * MINUTE_MS);
    rig.event("die");
    rig.open();
    rig.replay_all();
    assert_eq!(rig.server.spooled_ticks(), 9 * 6);
    assert_eq!(rig.server.events, ["die"]);
    rig.pass(60 * MINUTE_MS);
    assert_eq!(rig.commits.len(), 0);
}

#[test]
fn what_a_dead_link_swallowed_comes_from_the_spool() {
    let mut rig = Rig::new(3);
    rig.open();
    rig.pass(5 * MINUTE_MS);
    rig.is_link_dead = true;
    rig.event("die");
    rig.pass(MINUTE_MS);
    rig.close();
    rig.pass(MINUTE_MS);
    rig.open();
    rig.replay_all();
    assert_eq!(rig.server.spooled_ticks(), 12);
    assert_eq!(rig.server.events, ["die"]);
    assert_eq!(rig.spool.lost(), Lost::default());
}

#[test]
fn ticks_get_coarser_with_age() {
    let mut rig = Rig::new(3);
    rig.pass(24 * 60 * MINUTE_MS);
    rig.open();
    rig.replay_all();
    let steps = rig.server.steps_s();
    let count = |step_s| steps.iter().filter(|step| **step == step_s).count();
    // Ten minutes and what its oldest segment has beyond them; two hours likewise; the rest.
    assert!((60..=95).contains(&count(10)), "{}", count(10));
    assert!((105..=150).contains(&count(60)), "{}", count(60));
    assert!((125..=135).contains(&count(600)), "{}", count(600));
    assert_eq!(rig.server.lost, Lost::default());
}

#[test]
fn after_a_kill_at_most_ten_minutes_are_missing() {
    let mut rig = Rig::new(3);
    rig.pass(34 * MINUTE_MS);
    rig.event("die");
    rig.restart();
    rig.pass(MINUTE_MS);
    rig.open();
    rig.replay_all();
    let last_ms = rig.server.last_spooled_ms_of_first_run();
    assert!(rig.now_ms - last_ms <= 11 * MINUTE_MS);
    assert_eq!(rig.server.runs(), 2);
    rig.pass(20 * MINUTE_MS);
    assert!(rig.disk.is_empty());
    assert_eq!(rig.commits.len(), 4);
}

#[test]
fn a_crash_loop_writes_no_oftener_than_a_run_that_lasts() {
    let mut rig = Rig::new(3);
    for _ in 0..20 {
        rig.pass(7 * MINUTE_MS);
        rig.restart();
    }
    assert!(rig.commits.len() <= 14, "{}", rig.commits.len());
}

#[test]
fn an_ack_that_was_lost_makes_nothing_twice() {
    let mut rig = Rig::new(3);
    rig.pass(30 * MINUTE_MS);
    rig.open();
    assert!(rig.replay_one(false));
    rig.close();
    rig.pass(200 * MINUTE_MS);
    rig.restart();
    rig.open();
    assert!(rig.replay_one(false));
    rig.close();
    rig.open();
    rig.replay_all();
    rig.check_nothing_missing();
}

#[test]
fn one_batch_is_under_way_and_the_next_waits_for_its_time() {
    let mut rig = Rig::new(20);
    rig.pass(100 * MINUTE_MS);
    rig.open();
    let now_ms = rig.now_ms;
    let Next::Send(batch) = rig.spool.next(now_ms) else {
        panic!("nothing to send");
    };
    assert_eq!(rig.spool.next(now_ms + 5000), Next::Nothing);
    assert_eq!(
        rig.spool.deadline_ms().filter(|at_ms| *at_ms < now_ms),
        None
    );
    let (run, seq) = rig.server.take(&batch);
    rig.spool.acknowledged(run, seq, now_ms + 5000);
    assert_eq!(rig.spool.next(now_ms + 9999), Next::Nothing);
    assert_eq!(rig.spool.deadline_ms(), Some(now_ms + 10_000));
    assert!(matches!(rig.spool.next(now_ms + 10_000), Next::Send(_)));
}

#[test]
fn for_a_server_that_takes_no_spool_nothing_is_kept_or_written() {
    let mut rig = Rig::new(3);
    rig.pass(30 * MINUTE_MS);
    rig.spool.unwanted();
    rig.pass(9 * MINUTE_MS);
    assert!(!rig.disk.is_empty());
    rig.pass(MINUTE_MS);
    assert!(rig.disk.is_empty());
    let commits = rig.commits.len();
    rig.spool.closed(rig.now_ms);
    rig.event("die");
    rig.pass(60 * MINUTE_MS);
    assert_eq!(rig.commits.len(), commits);
    assert_eq!(rig.spool.deadline_ms(), None);
    rig.open();
    assert_eq!(rig.replay_all(), 0);
    rig.close();
    rig.event("die");
    rig.open();
    rig.replay_all();
    assert_eq!(rig.server.events, ["die"]);
}

#[test]
fn ten_thousand_events_keep_the_newest_and_count_the_others() {
    let mut rig = Rig::new(0);
    for n in 0..10_000 {
        rig.event(&format!("{n:0100}"));
    }
    rig.open();
    rig.replay_all();
    let kept = u64::try_from(rig.server.events.len()).unwrap();
    assert!((400..=700).contains(&kept), "{kept}");
    assert_eq!(rig.server.lost.events, 10_000 - kept);
    assert_eq!(rig.server.events.last(), Some(&format!("{:0100}", 9999)));
}

#[test]
fn an_event_that_is_too_long_is_counted() {
    let mut rig = Rig::new(0);
    rig.event(&"x".repeat(EVENT_BYTES + 1));
    assert_eq!(rig.spool.lost().events, 1);
    rig.event(&"x".repeat(EVENT_BYTES));
    rig.open();
    rig.replay_all();
    assert_eq!(rig.server.events.len(), 1);
    assert_eq!(rig.server.lost.events, 1);
}

#[test]
fn rows_that_rotted_are_counted_and_the_others_sent() {
    let mut rig = Rig::new(3);
    rig.pass(65 * MINUTE_MS);
    let first = *rig.disk.keys().next().unwrap();
    let rotten: Vec<u8> = rig.disk[&first].iter().map(|byte| byte ^ 1).collect();
    rig.disk.insert(first, rotten.into());
    rig.restart();
    rig.open();
    let second = *rig.disk.keys().nth(1).unwrap();
    rig.disk.remove(&second);
    rig.replay_all();
    assert!(rig.server.lost.ticks > 1);
    assert!(rig.server.spooled_ticks() > 10);
    rig.pass(20 * MINUTE_MS);
    assert!(rig.disk.is_empty());
}

#[test]
fn a_host_with_more_containers_than_fit_keeps_the_first_of_them_within_the_limit() {
    let mut rig = Rig::new(400);
    rig.pass(30 * MINUTE_MS);
    rig.open();
    rig.replay_all();
    // Coarser than by age alone, and nothing is lost.
    let ticks = rig.server.spooled_ticks();
    assert!((30..180).contains(&ticks), "{ticks}");
    assert_eq!(rig.server.lost, Lost::default());
    assert_eq!(rig.server.most_containers, SUBJECTS - 1);
}

#[test]
fn a_day_of_twenty_containers_takes_fifty_kilobytes_of_memory_and_of_the_disk_less() {
    let mut rig = Rig::new(20);
    rig.pass(24 * 60 * MINUTE_MS);
    let rows = rig.disk.values().map(|row| row.len()).sum::<usize>();
    assert!(
        rig.spool.held_bytes() < 60_000,
        "{}",
        rig.spool.held_bytes()
    );
    assert!(rows < 45_000, "{rows}");
    assert!(rig.commits.len() <= 24 * 6);
}
