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
