//! The lab's one reader of the clock.

use std::time::{Instant, SystemTime};

/// Reads the monotonic clock.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the reader the lab's other files call"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// Reads the wall clock, in Unix ms.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the reader the lab's other files call"
)]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
