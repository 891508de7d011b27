//! Pure: which container to sample when, spread over the interval.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pilotfish_protocol::ContainerId;

/// How often each container is sampled.
pub const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// Most containers that are sampled; further ones are left out until others go.
pub const CONTAINERS: usize = 1024;

/// When the running containers are due.
///
/// A new container is due at once, then once per interval at a place that follows from its id, so that the Engine is not asked for all at
/// the same moment.
#[derive(Debug)]
pub struct Schedule {
    /// Intervals are counted from here.
    start: Instant,
    due_at: BTreeMap<ContainerId, Due>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    At(Instant),
    /// Being sampled.
    Taken,
}

impl Schedule {
    /// An empty schedule.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            start: now,
            due_at: BTreeMap::new(),
        }
    }

    /// Makes `running` the containers to sample; those that stay keep their place.
    pub fn keep_only<'a>(&mut self, running: impl Iterator<Item = &'a ContainerId>, now: Instant) {
        let mut before = std::mem::take(&mut self.due_at);
        for id in running.take(CONTAINERS) {
            let due = before.remove(id).unwrap_or(Due::At(now));
            self.due_at.insert(id.clone(), due);
        }
    }

    /// Adds a container, due at once, unless it is there or there are [`CONTAINERS`] already.
    pub fn add(&mut self, id: &ContainerId, now: Instant) {
        if self.due_at.len() < CONTAINERS && !self.due_at.contains_key(id) {
            self.due_at.insert(id.clone(), Due::At(now));
        }
    }

    /// Makes containers that were taken and never given back due at once.
    pub fn give_back_all(&mut self, now: Instant) {
        for due in self.due_at.values_mut() {
            if *due == Due::Taken {
                *due = Due::At(now);
            }
        }
    }

    /// Forgets a container.
    pub fn remove(&mut self, id: &ContainerId) {
        self.due_at.remove(id);
    }

    /// Tells whether a container is to be sampled.
    #[must_use]
    pub fn contains(&self, id: &ContainerId) -> bool {
        self.due_at.contains_key(id)
    }

    /// Takes the container that is due longest; [`Schedule::done`] gives it back.
    pub fn take(&mut self, now: Instant) -> Option<ContainerId> {
        let (at, id) = self.first()?;
        if at > now {
            return None;
        }
        let id = id.clone();
        self.due_at.insert(id.clone(), Due::Taken);
        Some(id)
    }

    /// When the next container is due; `None` when there is none.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.first().map(|(at, _)| at)
    }

    /// Gives a taken container its next turn, unless it was removed meanwhile.
    pub fn done(&mut self, id: &ContainerId, now: Instant) {
        let next = self.next_turn(id, now);
        if let Some(due) = self.due_at.get_mut(id) {
            *due = Due::At(next);
        }
    }

    fn first(&self) -> Option<(Instant, &ContainerId)> {
        let waiting = self.due_at.iter().filter_map(|(id, due)| match due {
            Due::At(at) => Some((*at, id)),
            Due::Taken => None,
        });
        waiting.min_by_key(|(at, _)| *at)
    }

    /// The first of the container's places that is at least half an interval away: two samples too close make a coarse CPU number.
    fn next_turn(&self, id: &ContainerId, now: Instant) -> Instant {
        let interval_ms = SAMPLE_EVERY.as_millis();
        let place_ms = u128::from(u32::from_str_radix(&id.as_str()[..8], 16).unwrap_or_default())
            % interval_ms;
        let earliest = now.saturating_duration_since(self.start).as_millis() + interval_ms / 2;
        let turns = (earliest + interval_ms - 1 - place_ms) / interval_ms;
        let at_ms = u64::try_from(turns * interval_ms + place_ms).unwrap_or(u64::MAX);
        self.start + Duration::from_millis(at_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> ContainerId {
        // Spread like real ids, which are random.
        ContainerId::new(format!("{:08x}{n:056x}", n.wrapping_mul(0x9e37_79b9))).unwrap()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do; only differences count"
    )]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_new_container_is_due_at_once_and_taken_once() {
        let now = start();
        let mut schedule = Schedule::new(now);
        assert_eq!((schedule.deadline(), schedule.take(now)), (None, None));
        schedule.add(&id(1), now);
        assert_eq!(schedule.deadline(), Some(now));
        assert_eq!(schedule.take(now), Some(id(1)));
        assert_eq!((schedule.deadline(), schedule.take(now)), (None, None));
    }

    #[test]
    fn turns_are_one_interval_apart_after_the_first() {
        let mut now = start();
        let mut schedule = Schedule::new(now);
        schedule.add(&id(7), now);
        let mut gaps = Vec::new();
        for _ in 0..5 {
            let due_at = schedule.deadline().unwrap();
            gaps.push(due_at - now);
            now = due_at;
            schedule.take(now).unwrap();
            // Sampling takes a moment, which must not add up.
            schedule.done(&id(7), now + Duration::from_millis(300));
        }
        assert!(
            (SAMPLE_EVERY / 2..SAMPLE_EVERY * 3 / 2 + Duration::from_secs(1)).contains(&gaps[1]),
            "{gaps:?}"
        );
        assert_eq!(gaps[2..], [SAMPLE_EVERY; 3]);
    }

    #[test]
    fn containers_are_spread_over_the_interval() {
        let now = start();
        let mut schedule = Schedule::new(now);
        for n in 0..100 {
            schedule.add(&id(n), now);
        }
        while let Some(id) = schedule.take(now) {
            schedule.done(&id, now);
        }
        let mut per_second = [0; 10];
        for n in 0..100 {
            let Some(Due::At(at)) = schedule.due_at.get(&id(n)) else {
                panic!("{n} is gone")
            };
            per_second[usize::try_from((*at - now).as_secs()).unwrap() % 10] += 1;
        }
        assert!(
            per_second.iter().all(|n| (5..=15).contains(n)),
            "{per_second:?}"
        );
    }

    #[test]
    fn a_container_that_goes_while_it_is_sampled_does_not_come_back() {
        let now = start();
        let mut schedule = Schedule::new(now);
        schedule.add(&id(1), now);
        schedule.take(now).unwrap();
        schedule.remove(&id(1));
        schedule.done(&id(1), now);
        assert!(!schedule.contains(&id(1)));
        assert_eq!(schedule.deadline(), None);
    }

    #[test]
    fn a_container_whose_sampling_was_given_up_is_due_again() {
        let now = start();
        let mut schedule = Schedule::new(now);
        schedule.add(&id(1), now);
        schedule.take(now).unwrap();
        schedule.give_back_all(now);
        assert_eq!(schedule.take(now), Some(id(1)));
    }

    #[test]
    fn a_new_list_keeps_the_places_of_those_that_stay() {
        let now = start();
        let mut schedule = Schedule::new(now);
        schedule.keep_only([id(1), id(2)].iter(), now);
        let taken = schedule.take(now).unwrap();
        let other = if taken == id(1) { id(2) } else { id(1) };
        schedule.done(&taken, now);
        schedule.keep_only([taken.clone(), id(3)].iter(), now);
        assert!(!schedule.contains(&other));
        assert_eq!(schedule.take(now), Some(id(3)));
        assert!(schedule.deadline().unwrap() > now);
    }

    #[test]
    fn no_more_than_the_limit_are_sampled() {
        let now = start();
        let limit = u32::try_from(CONTAINERS).unwrap();
        let mut schedule = Schedule::new(now);
        let ids: Vec<_> = (0..=limit).map(id).collect();
        schedule.keep_only(ids.iter(), now);
        assert_eq!(schedule.due_at.len(), CONTAINERS);
        schedule.add(&id(limit + 5), now);
        assert_eq!(schedule.due_at.len(), CONTAINERS);
        let first = schedule.take(now).unwrap();
        schedule.remove(&first);
        schedule.add(&id(limit + 5), now);
        assert_eq!(schedule.due_at.len(), CONTAINERS);
    }
}
