//! Scripts of what happens on an Engine, and the questions that follow.

use proptest::prelude::*;

use super::*;

fn id(n: usize) -> ContainerId {
    ContainerId::new(format!("{n:064x}")).unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "any instant will do; only differences count"
)]
fn start() -> Instant {
    Instant::now()
}

const ALL: Question = Question::All {
    is_to_restate: false,
};

/// A pacer whose Engine is up and listed, and the time from which on it is free again.
fn listed() -> (Pacer, Instant) {
    let now = start();
    let mut pacer = Pacer::new();
    pacer.engine_up(now);
    let question = pacer.take(now).unwrap();
    pacer.done(question, true, now);
    (pacer, now + PAUSE)
}

#[test]
fn an_engine_that_comes_up_is_listed_at_once_and_then_every_five_minutes() {
    let now = start();
    let mut pacer = Pacer::new();
    assert_eq!((pacer.deadline(), pacer.take(now)), (None, None));
    pacer.engine_up(now);
    assert_eq!(pacer.take(now), Some(ALL));
    assert_eq!(pacer.deadline(), None, "one question at a time");
    pacer.done(ALL, true, now);
    assert_eq!(pacer.deadline(), Some(now + RECONCILE_EVERY));
    assert_eq!(pacer.take(now + RECONCILE_EVERY - GATHER), None);
    assert_eq!(pacer.take(now + RECONCILE_EVERY), Some(ALL));
}

#[test]
fn changes_of_one_moment_are_one_question() {
    let (mut pacer, now) = listed();
    for n in [2, 1, 2] {
        pacer.changed(&id(n), now);
    }
    assert_eq!(pacer.take(now), None);
    assert_eq!(pacer.deadline(), Some(now + GATHER));
    let asked = Question::Only(vec![id(1), id(2)]);
    assert_eq!(pacer.take(now + GATHER), Some(asked));
    assert_eq!(pacer.deadline(), None);
}

#[test]
fn a_container_that_flaps_costs_one_question_a_second() {
    let (mut pacer, mut now) = listed();
    let end = now + Duration::from_secs(60);
    let mut questions = 0;
    while now < end {
        pacer.changed(&id(1), now);
        if let Some(question) = pacer.take(now) {
            questions += 1;
            pacer.done(question, true, now + Duration::from_millis(5));
        }
        now += Duration::from_millis(20);
    }
    assert!((50..=60).contains(&questions), "{questions}");
}

#[test]
fn what_changes_while_a_question_is_under_way_is_asked_after_it() {
    let (mut pacer, now) = listed();
    pacer.changed(&id(1), now);
    let asked_at = now + GATHER;
    let question = pacer.take(asked_at).unwrap();
    pacer.changed(&id(1), asked_at);
    assert!(!pacer.is_settled());
    let took = Duration::from_secs(4);
    pacer.done(question, true, asked_at + took);
    // A slow Engine is left as long as it took.
    assert_eq!(pacer.deadline(), Some(asked_at + took + took));
    let next = pacer.take(asked_at + took + took);
    assert_eq!(next, Some(Question::Only(vec![id(1)])));
    assert!(pacer.is_settled());
}

#[test]
fn more_changes_than_a_question_names_are_a_question_for_all() {
    let (mut pacer, now) = listed();
    for n in 0..NAMED {
        pacer.changed(&id(n), now);
    }
    let mut more = listed().0;
    for n in 0..=NAMED + 5 {
        more.changed(&id(n), now);
    }
    let Some(Question::Only(ids)) = pacer.take(now + GATHER) else {
        panic!("{pacer:?}");
    };
    assert_eq!(ids.len(), NAMED);
    assert!(more.changed.is_empty());
    assert_eq!(more.take(now + PAUSE + GATHER), Some(ALL));
}

#[test]
fn a_question_that_failed_is_put_again_with_what_changed_meanwhile() {
    let (mut pacer, now) = listed();
    pacer.changed(&id(1), now);
    let now = now + GATHER;
    let question = pacer.take(now).unwrap();
    pacer.changed(&id(2), now);
    pacer.done(question, false, now);
    assert_eq!(pacer.deadline(), Some(now + RETRY_AFTER));
    let again = pacer.take(now + RETRY_AFTER).unwrap();
    assert_eq!(again, Question::Only(vec![id(1), id(2)]));
}

#[test]
fn a_list_that_the_server_wants_is_sent_whole_however_often_it_fails() {
    let (mut pacer, now) = listed();
    pacer.restate(now);
    let wanted = Question::All {
        is_to_restate: true,
    };
    let question = pacer.take(now).unwrap();
    assert_eq!(question, wanted);
    pacer.done(question, false, now);
    pacer.engine_down();
    assert_eq!(pacer.deadline(), None);
    pacer.engine_up(now);
    assert_eq!(pacer.take(now), Some(wanted.clone()));
    // The answer never comes.
    pacer.engine_up(now);
    assert_eq!(pacer.take(now), Some(wanted.clone()));
    pacer.done(wanted, true, now);
    assert_eq!(pacer.take(now + RECONCILE_EVERY), Some(ALL));
}

#[test]
fn a_list_that_the_server_wants_while_another_is_on_its_way_is_sent_whole_as_well() {
    let (mut pacer, now) = listed();
    pacer.all_changed(now);
    let question = pacer.take(now + GATHER).unwrap();
    pacer.restate(now + GATHER);
    pacer.done(question, true, now + GATHER);
    let wanted = Question::All {
        is_to_restate: true,
    };
    assert_eq!(pacer.take(now + GATHER + PAUSE), Some(wanted));
}

#[test]
fn a_server_that_wants_all_containers_without_pause_gets_them_now_and_then() {
    let (mut pacer, mut now) = listed();
    let end = now + Duration::from_secs(60);
    let took = Duration::from_secs(2);
    let (mut lists, mut asking) = (0, None);
    while now < end {
        pacer.restate(now);
        if let Some((question, until)) = asking.take() {
            if until <= now {
                pacer.done(question, true, now);
            } else {
                asking = Some((question, until));
            }
        } else if let Some(question) = pacer.take(now) {
            lists += 1;
            asking = Some((question, now + took));
        }
        now += Duration::from_millis(20);
    }
    // Each takes the Engine 2 s, and it is left alone for 8 s.
    assert!((5..=7).contains(&lists), "{lists}");
}

#[test]
fn an_answer_of_an_engine_that_is_down_ends_nothing() {
    let (mut pacer, now) = listed();
    pacer.changed(&id(1), now);
    let question = pacer.take(now + GATHER).unwrap();
    pacer.engine_down();
    pacer.done(question, true, now);
    assert_eq!((pacer.deadline(), pacer.take(now)), (None, None));
    // What changes while it is down is in the list when it is up.
    pacer.changed(&id(3), now);
    pacer.engine_up(now);
    assert_eq!(pacer.take(now), Some(ALL));
}

#[derive(Clone, Debug)]
enum Step {
    Up,
    Down,
    Changed(usize),
    Gap,
    Restate,
    Wait(u64),
    End(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => Just(Step::Up),
        1 => Just(Step::Down),
        8 => (0_usize..200).prop_map(Step::Changed),
        1 => Just(Step::Gap),
        1 => Just(Step::Restate),
        6 => (0_u64..2000).prop_map(Step::Wait),
        6 => any::<bool>().prop_map(Step::End),
    ]
}

proptest! {
    /// No container that changed is left unasked, nothing grows, and questions keep their distance.
    #[test]
    fn every_change_is_asked_about_in_the_end(steps in prop::collection::vec(step(), 0..200)) {
        let mut now = start();
        let mut pacer = Pacer::new();
        pacer.engine_up(now);
        let mut is_up = true;
        let mut asking: Option<Question> = None;
        let mut ended_at = None;
        // Containers whose last change came after the last question that covers them.
        let mut unasked: BTreeSet<ContainerId> = BTreeSet::new();
        let mut in_question: BTreeSet<ContainerId> = BTreeSet::new();
        let end = [Step::End(true), Step::Up, Step::Wait(400_000), Step::End(true), Step::Wait(400_000)];
        for step in steps.into_iter().chain(end) {
            match step {
                Step::Up => {
                    pacer.engine_up(now);
                    (is_up, ended_at) = (true, None);
                    unasked.append(&mut in_question);
                    asking = None;
                }
                Step::Down => {
                    pacer.engine_down();
                    is_up = false;
                    unasked.append(&mut in_question);
                    asking = None;
                }
                Step::Changed(n) => {
                    pacer.changed(&id(n), now);
                    unasked.insert(id(n));
                }
                Step::Gap => pacer.all_changed(now),
                Step::Restate => pacer.restate(now),
                Step::Wait(ms) => now += Duration::from_millis(ms),
                Step::End(is_answered) => if let Some(question) = asking.take() {
                    pacer.done(question, is_answered, now);
                    ended_at = Some(now);
                    if !is_answered {
                        unasked.append(&mut in_question);
                    }
                    in_question.clear();
                },
            }
            if let Some(question) = pacer.take(now) {
                prop_assert!(is_up && asking.is_none());
                prop_assert!(ended_at.is_none_or(|at| now >= at + PAUSE));
                match &question {
                    Question::All { .. } => in_question = std::mem::take(&mut unasked),
                    Question::Only(ids) => {
                        prop_assert!(!ids.is_empty() && ids.len() <= NAMED);
                        in_question = ids.iter().cloned().collect();
                        unasked.retain(|id| !in_question.contains(id));
                    }
                }
                asking = Some(question);
            }
            prop_assert!(pacer.changed.len() <= NAMED);
        }
        prop_assert!(unasked.is_empty(), "{unasked:?}");
    }
}
