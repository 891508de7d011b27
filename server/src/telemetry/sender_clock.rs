//! Pure: an agent's clock by this server's. A board without a battery may be years off, and every crystal drifts a little.
//!
//! Of all that is heard the one that took the shortest way tells the offset best: a tick can come late, but not before it was.

/// An offset older than this is not believed any more, whatever held the ticks up.
const MOST_LATE_MS: u64 = 15 * 60 * 1000;

/// For each so many ms that pass, the offset may be 1 ms too early: more than crystals differ.
const LEAK: u64 = 1000;

/// One agent's clock, for the time of a session.
#[derive(Debug, Clone, Copy, Default)]
pub struct SenderClock {
    known: Option<Known>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    /// What is added to the agent's time, wrapping.
    offset_ms: u64,
    last_ms: u64,
}

impl SenderClock {
    /// Maps the time of something that came at `now_ms`; never later than that.
    pub fn map(&mut self, agent_ms: u64, now_ms: u64) -> u64 {
        let newest = Known {
            offset_ms: now_ms.wrapping_sub(agent_ms),
            last_ms: agent_ms,
        };
        let Some(known) = &mut self.known else {
            self.known = Some(newest);
            return now_ms;
        };
        let leak = agent_ms.saturating_sub(known.last_ms) / LEAK;
        known.offset_ms = known.offset_ms.wrapping_add(leak);
        known.last_ms = agent_ms;
        let mapped = agent_ms.wrapping_add(known.offset_ms);
        if mapped > now_ms || now_ms - mapped > MOST_LATE_MS {
            self.known = Some(newest);
            return now_ms;
        }
        mapped
    }

    /// Gives another time of that clock; `None` when nothing is known of it.
    #[must_use]
    pub fn at(&self, agent_ms: u64) -> Option<u64> {
        let known = self.known?;
        Some(agent_ms.wrapping_add(known.offset_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_years_off_is_mapped_by_what_is_heard_of_it() {
        let mut clock = SenderClock::default();
        assert_eq!(clock.at(5), None);
        assert_eq!(clock.map(1000, 1_800_000_000_000), 1_800_000_000_000);
        // A second that took two is still a second.
        assert_eq!(clock.map(2000, 1_800_000_002_000), 1_800_000_001_001);
        assert_eq!(clock.at(500), Some(1_799_999_999_501));
    }

    #[test]
    fn the_shortest_way_tells_the_offset() {
        let mut clock = SenderClock::default();
        assert_eq!(clock.map(1000, 10_000), 10_000);
        // It came sooner than the first: that one was late.
        assert_eq!(clock.map(2000, 10_500), 10_500);
        assert_eq!(clock.map(3000, 12_000), 11_501);
    }

    #[test]
    fn a_clock_that_drifts_is_followed() {
        let mut clock = SenderClock::default();
        // Slow by 200 of a million, for ten days.
        for tick in 0..86_400 {
            let (agent_ms, now_ms) = (tick * 9_998, 1_000_000 + tick * 10_000);
            let mapped = clock.map(agent_ms, now_ms);
            assert!(now_ms - mapped <= 10, "{tick}: {mapped} {now_ms}");
        }
    }

    #[test]
    fn what_is_mapped_is_never_later_than_now_nor_long_before() {
        let mut clock = SenderClock::default();
        for agent_ms in [0, u64::MAX, 1, u64::MAX / 2, 7, 0] {
            let mapped = clock.map(agent_ms, 5_000_000);
            assert!((5_000_000 - MOST_LATE_MS..=5_000_000).contains(&mapped));
        }
    }
}
