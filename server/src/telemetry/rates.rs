//! Pure: bytes per second out of counters that only grow, until their container starts again.

use std::time::{Duration, Instant};

/// Readings closer together than this are not divided: the noise would be larger than the number.
const SHORTEST: Duration = Duration::from_millis(200);

/// Readings further apart than this do not describe the present.
const LONGEST: Duration = Duration::from_secs(120);

/// The last reading of one counter, of one connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counter {
    last: Option<Reading>,
    rate: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    value: u64,
    at: Instant,
}

impl Counter {
    /// Takes a reading and gives the rate since the one before, per second.
    ///
    /// `None` when it is not known: at the first reading, after the counter went back, after a long pause, and when the
    /// reading itself is missing.
    pub fn rate(&mut self, value: Option<u64>, now: Instant) -> Option<u64> {
        let Some(value) = value else {
            *self = Self::default();
            return None;
        };
        let reading = Reading { value, at: now };
        let last = self.last.replace(reading)?;
        let passed = now.saturating_duration_since(last.at);
        if passed < SHORTEST && value >= last.value {
            // Too soon: wait for the next one, counted from the older reading.
            self.last = Some(last);
            return self.rate;
        }
        self.rate = if passed > LONGEST {
            None
        } else {
            value.checked_sub(last.value).map(|grown| {
                let ms = u128::from(crate::clock::millis(passed)).max(1);
                u64::try_from(u128::from(grown) * 1000 / ms).unwrap_or(u64::MAX)
            })
        };
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds readings `(after ms, value)` and compares the last rate.
    #[track_caller]
    fn check(readings: &[(u64, Option<u64>)], expected: Option<u64>) {
        let start = crate::clock::now();
        let mut counter = Counter::default();
        let mut rate = None;
        for (ms, value) in readings {
            rate = counter.rate(*value, start + Duration::from_millis(*ms));
        }
        assert_eq!(rate, expected);
    }

    #[test]
    fn the_rate_is_growth_by_time() {
        check(&[(0, Some(100)), (2000, Some(1100))], Some(500));
        check(&[(0, Some(100)), (1000, Some(100))], Some(0));
        check(&[(0, Some(0)), (1000, Some(u64::MAX))], Some(u64::MAX));
    }

    #[test]
    fn a_rate_that_is_not_known_is_none_and_never_0() {
        check(&[(0, Some(100))], None);
        check(&[(0, Some(100)), (1000, None)], None);
        check(&[(0, Some(100)), (1000, None), (2000, Some(300))], None);
        check(&[(0, Some(100)), (121_000, Some(300))], None);
    }

    #[test]
    fn a_counter_that_went_back_starts_again() {
        check(&[(0, Some(1000)), (1000, Some(10))], None);
        check(
            &[(0, Some(1000)), (1000, Some(10)), (2000, Some(20))],
            Some(10),
        );
    }

    #[test]
    fn readings_that_are_too_close_keep_the_last_rate() {
        check(
            &[(0, Some(0)), (1000, Some(10)), (1001, Some(1010))],
            Some(10),
        );
        check(&[(0, Some(0)), (1, Some(10))], None);
        check(&[(0, Some(0)), (1, Some(10)), (1000, Some(20))], Some(20));
    }
}
