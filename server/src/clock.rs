//! The server's one reader of the clocks. Everything else is given `now`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pilotfish_protocol::Timestamp;

/// Reads the monotonic clock.
#[expect(clippy::disallowed_methods, reason = "this is the one reader")]
pub fn now() -> Instant {
    Instant::now()
}

/// Reads the wall clock, in milliseconds since 1970-01-01 UTC; 0 when it is set before that.
#[expect(clippy::disallowed_methods, reason = "this is the one reader")]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    millis(since.unwrap_or_default())
}

/// Reads the wall clock as it is written in log lines and on the wire.
pub fn timestamp() -> Timestamp {
    Timestamp::from_unix_ms(i64::try_from(unix_ms()).unwrap_or(i64::MAX))
}

/// Gives `duration` in whole milliseconds, at most `u64::MAX`.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
