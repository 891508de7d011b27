//! The agent's one reader of the clocks. Everything else is given `now`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Reads the monotonic clock.
#[expect(clippy::disallowed_methods, reason = "this is the one reader")]
pub fn now() -> Instant {
    Instant::now()
}

/// Reads the wall clock: milliseconds since 1970, negative before. A board without a battery starts anywhere.
#[expect(clippy::disallowed_methods, reason = "this is the one reader")]
pub fn unix_ms() -> i64 {
    let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => ms(since),
        Err(before) => -ms(before.duration()),
    }
}

/// The clock of one run of the program: the wall clock at its start, and the monotonic clock from there. It never goes back, whatever
/// happens to the wall clock.
#[derive(Clone, Copy, Debug)]
pub struct RunClock {
    started_at: Instant,
    started_unix_ms: i64,
}

impl RunClock {
    /// Begins now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            started_at: now(),
            started_unix_ms: unix_ms(),
        }
    }

    /// The wall clock at the start, to the millisecond, in nanoseconds since 1970.
    #[must_use]
    pub fn started_unix_nano(&self) -> i64 {
        self.started_unix_ms.saturating_mul(1_000_000)
    }

    /// This clock at `at`, in Unix ms; a wall clock before 1970 counts as 1970.
    #[must_use]
    pub fn ms(&self, at: Instant) -> u64 {
        let passed = at.saturating_duration_since(self.started_at).as_millis();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let started = u64::try_from(self.started_unix_ms).unwrap_or_default();
        started.saturating_add(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_never_goes_back() {
        let before = now();
        assert!(now() >= before);
    }

    #[test]
    fn the_wall_clock_is_in_milliseconds() {
        // 2020 and 2200: seconds or microseconds would be far outside.
        assert!((1_577_836_800_000..7_258_118_400_000).contains(&unix_ms()));
    }
}
