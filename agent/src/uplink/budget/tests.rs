//! Days of traffic, and the pace that is left.

use proptest::prelude::*;

use super::*;

const LIMIT: u64 = 10_000_000;
const ASKED: Duration = Duration::from_secs(10);
const MINIMUM: Duration = Duration::from_secs(1);

#[expect(
    clippy::disallowed_methods,
    reason = "any instant will do; only differences count"
)]
fn start() -> Instant {
    Instant::now()
}

fn budget(now: Instant) -> Budget {
    Budget::new(Some(LIMIT), MINIMUM, now)
}

fn interval(cadence: &Cadence) -> Duration {
    Duration::from_millis(cadence.stats_interval_ms)
}

#[track_caller]
fn check(cadence: &Cadence, interval_s: u64, slowed: Option<Slowed>) {
    let got = (cadence.stats_interval_ms, cadence.slowed);
    assert_eq!(got, (interval_s * 1000, slowed), "{cadence:?}");
}

#[test]
fn without_a_budget_only_the_minimum_holds_stats_back() {
    let now = start();
    let mut budget = Budget::new(None, Duration::from_secs(30), now);
    budget.spent(Lane::Stats, usize::MAX / 2);
    check(&budget.cadence(ASKED, now), 30, Some(Slowed::Minimum));
    let slow = Duration::from_secs(240);
    let cadence = budget.cadence(slow, now);
    check(&cadence, 240, None);
    assert_eq!(cadence.asked_ms, 240_000);
}

#[test]
fn four_fifths_of_the_budget_are_spent_at_the_pace_that_was_asked() {
    let now = start();
    let mut budget = budget(now);
    budget.spent(Lane::Answers, 7_999_999);
    check(&budget.cadence(MINIMUM, now), 1, None);
    budget.spent(Lane::Answers, 1);
    let cadence = budget.cadence(MINIMUM, now);
    assert_eq!(cadence.slowed, Some(Slowed::Budget), "{cadence:?}");
}

/// A day in which 8 MB are spent by noon, `other` bytes of it not on stats, the rest in ticks of 500 bytes.
fn at_noon(other: usize) -> (Budget, Instant) {
    let now = start();
    let mut budget = budget(now);
    let noon = now + DAY / 2;
    budget.spent(Lane::Events, other);
    for _ in 0..(8_000_000 - other) / 500 {
        budget.spent(Lane::Stats, 500);
        budget.cadence(MINIMUM, noon);
    }
    (budget, noon)
}

#[test]
fn what_is_left_lasts_until_the_days_end() {
    let (mut budget, noon) = at_noon(0);
    // 2 MB are 4000 ticks, one each 10.8 s; a fourth more, in whole seconds.
    check(&budget.cadence(MINIMUM, noon), 14, Some(Slowed::Budget));
    let slow = Duration::from_secs(60);
    check(&budget.cadence(slow, noon), 60, None);
}

#[test]
fn other_traffic_is_taken_to_go_on_as_it_did() {
    let (mut budget, noon) = at_noon(1_000_000);
    // One of the 2 MB will be spent on other things.
    check(&budget.cadence(MINIMUM, noon), 28, Some(Slowed::Budget));
    let (mut budget, noon) = at_noon(2_000_000);
    check(&budget.cadence(MINIMUM, noon), 600, Some(Slowed::Budget));
}

#[test]
fn a_budget_that_is_used_up_leaves_the_slowest_pace_until_the_new_day() {
    let now = start();
    let mut budget = budget(now);
    budget.spent(Lane::Spool, 20_000_000);
    check(&budget.cadence(ASKED, now), 600, Some(Slowed::Budget));
    let evening = now + DAY - MINIMUM;
    check(&budget.cadence(ASKED, evening), 600, Some(Slowed::Budget));
    check(&budget.cadence(ASKED, now + DAY), 10, None);
    assert_eq!(budget.spending(now + DAY).spool_bytes, 0);
    assert_eq!(
        budget.spending(now + DAY * 5 / 2).since_ms,
        12 * 3600 * 1000
    );
}

#[test]
fn the_pace_changes_in_steps_and_not_with_each_tick() {
    let mut now = start();
    let end = now + DAY;
    let mut budget = budget(now);
    let mut paces = Vec::new();
    while now < end {
        budget.spent(Lane::Stats, 190);
        let cadence = budget.cadence(MINIMUM, now);
        if paces.last() != Some(&cadence) {
            paces.push(cadence.clone());
        }
        now += interval(&cadence);
    }
    assert!((2..=20).contains(&paces.len()), "{paces:?}");
    let spent = budget.spending(end - MINIMUM).stats_bytes;
    // Within the budget, and most of it used.
    assert!((LIMIT * 9 / 10..=LIMIT).contains(&spent), "{spent}");
}

#[test]
fn the_meter_tells_what_each_lane_took_and_the_rest_is_upkeep() {
    let now = start();
    let mut budget = budget(now);
    for (lane, bytes) in [
        (Lane::Stats, 1),
        (Lane::Events, 20),
        (Lane::Answers, 300),
        (Lane::Lists, 4000),
        (Lane::Spool, 50_000),
        (Lane::Upkeep, 600_000),
    ] {
        budget.spent(lane, bytes);
    }
    let spending = |budget: &mut Budget| {
        let spent = budget.spending(now + MINIMUM);
        assert_eq!(
            (
                spent.budget_bytes,
                spent.since_ms,
                spent.stats_bytes,
                spent.events_bytes
            ),
            (Some(LIMIT), 1000, 1, 20)
        );
        assert_eq!(
            (spent.answers_bytes, spent.lists_bytes, spent.spool_bytes),
            (300, 4000, 50_000)
        );
        (spent.upkeep_bytes, spent.received_bytes)
    };
    // A socket that is not counted, or has not taken it all yet.
    assert_eq!(spending(&mut budget), (600_000, 0));
    budget.on_socket(Traffic {
        sent_bytes: 1_054_321,
        received_bytes: 7,
    });
    assert_eq!(spending(&mut budget), (1_000_000, 7));
    // The socket goes on counting in the new day.
    let tomorrow = now + DAY;
    budget.spending(tomorrow);
    budget.on_socket(Traffic {
        sent_bytes: 1_054_331,
        received_bytes: 8,
    });
    let spent = budget.spending(tomorrow);
    assert_eq!((spent.upkeep_bytes, spent.received_bytes), (10, 1));
}

#[derive(Clone, Debug)]
struct Tick {
    bytes: usize,
    other: Option<(Lane, usize)>,
    asked_s: u64,
}

fn tick() -> impl Strategy<Value = Tick> {
    let lane = prop_oneof![
        Just(Lane::Events),
        Just(Lane::Answers),
        Just(Lane::Lists),
        Just(Lane::Spool),
        Just(Lane::Upkeep)
    ];
    let other = prop::option::weighted(0.2, (lane, 0_usize..5000));
    (0_usize..3000, other, 1_u64..300).prop_map(|(bytes, other, asked_s)| Tick {
        bytes,
        other,
        asked_s,
    })
}

proptest! {
    /// Stats take the total over the budget by one tick at most; once it is over, they come at the slowest pace.
    #[test]
    fn stats_never_pass_the_budget_by_more_than_a_tick(
        limit in 1_u64..300_000,
        ticks in prop::collection::vec(tick(), 1..400),
    ) {
        let began = start();
        let mut now = began;
        let mut budget = Budget::new(Some(limit), MINIMUM, now);
        let (mut total, mut day) = (0_u64, 0);
        for tick in ticks {
            budget.spent(Lane::Stats, tick.bytes);
            total += tick.bytes as u64;
            if let Some((lane, bytes)) = tick.other {
                budget.spent(lane, bytes);
                total += bytes as u64;
            }
            let today = (now - began).as_secs() / DAY.as_secs();
            if today != day {
                (day, total) = (today, 0);
            }
            let asked = Duration::from_secs(tick.asked_s);
            let cadence = budget.cadence(asked, now);
            prop_assert!(interval(&cadence) >= asked && interval(&cadence) <= SLOWEST);
            if total >= limit {
                prop_assert_eq!(interval(&cadence), SLOWEST);
            }
            if total < limit - limit / 5 {
                prop_assert_eq!(interval(&cadence), asked);
            }
            let is_slowed = interval(&cadence) > asked;
            prop_assert_eq!(cadence.slowed, is_slowed.then_some(Slowed::Budget));
            now += interval(&cadence);
        }
    }

    /// With ticks and other traffic that stay as they are, a day ends within the budget when other traffic needs less than the last fifth.
    #[test]
    fn an_even_day_stays_within_its_budget(
        bytes in 1_usize..2000,
        upkeep in 0_usize..19,
        asked_s in 1_u64..120,
    ) {
        let mut now = start();
        let end = now + DAY;
        let mut budget = budget(now);
        while now < end {
            budget.spent(Lane::Stats, bytes);
            let cadence = budget.cadence(Duration::from_secs(asked_s), now);
            let until = interval(&cadence).min(end - now);
            // Per second, as heartbeats are.
            budget.spent(Lane::Upkeep, upkeep * usize::try_from(until.as_secs()).unwrap());
            now += until;
        }
        let spent = budget.spending(end - Duration::from_millis(1));
        prop_assert!(spent.stats_bytes + spent.upkeep_bytes <= LIMIT + bytes as u64, "{:?}", spent);
    }
}
