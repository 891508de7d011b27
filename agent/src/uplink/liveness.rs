//! Pure: whether the peer is still there, judged by when it was last heard, and how often a session gives a sign of life itself.

use std::time::{Duration, Instant};

use pilotfish_protocol::{Extension, limits};

/// The longest time between two heartbeats that a server may agree to.
const HEARTBEAT_MOST: Duration = Duration::from_secs(15 * 60);
/// The shortest, so that no server makes an agent talk without pause.
const HEARTBEAT_LEAST: Duration = Duration::from_secs(5);

/// How often a session gives a sign of life, and how long it waits for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// A heartbeat message is sent this often.
    pub(super) heartbeat: Duration,
    /// How long nothing may be heard before a ping asks for a sign of life.
    ping_after: Duration,
    /// How long nothing may be heard before the peer is given up.
    pub(super) give_up_after: Duration,
}

impl Pace {
    /// The base dialect's: leaves room to notice a dead link within [`limits::PEER_SILENCE`].
    pub(super) const BASE: Self = Self {
        heartbeat: limits::HEARTBEAT_EVERY,
        ping_after: Duration::from_secs(15),
        give_up_after: Duration::from_secs(40),
    };

    /// What the server agreed to, within reason. The server pings in time by itself, so the agent asks only when that failed.
    pub(super) fn agreed(extension: &Extension) -> Self {
        let heartbeat = Duration::from_millis(extension.heartbeat_ms);
        let heartbeat = heartbeat.clamp(HEARTBEAT_LEAST, HEARTBEAT_MOST);
        let silence = Duration::from_millis(extension.silence_ms);
        let silence = silence.clamp(heartbeat * 3 / 2, HEARTBEAT_MOST * 3);
        Self {
            heartbeat,
            ping_after: silence * 5 / 6,
            give_up_after: silence,
        }
    }
}

/// When the peer was last heard, and when it was last asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Liveness {
    pub(super) pace: Pace,
    heard_at: Instant,
    /// When the next ping is due.
    pub(super) ping_at: Instant,
}

impl Liveness {
    /// The peer was heard at `now`.
    pub(super) fn heard(pace: Pace, now: Instant) -> Self {
        Self {
            pace,
            heard_at: now,
            ping_at: now + pace.ping_after,
        }
    }

    /// When the peer is given up.
    pub(super) fn give_up_at(self) -> Instant {
        self.heard_at + self.pace.give_up_after
    }

    /// Tells whether the peer is to be asked for a sign of life now, and takes note that it is.
    pub(super) fn is_ping_due(&mut self, now: Instant) -> bool {
        let is_due = now >= self.ping_at;
        if is_due {
            // Asked again while it stays silent: one ping may be lost with a link that changes.
            self.ping_at = now + self.pace.ping_after.min(Pace::BASE.ping_after);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(heartbeat_ms: u64, silence_ms: u64, expected: (u64, u64)) {
        let json = format!(
            r#"{{"version":1,"session":1,"server_time_ms":0,"stats_interval_ms":10000,"heartbeat_ms":{heartbeat_ms},"silence_ms":{silence_ms}}}"#
        );
        let pace = Pace::agreed(&serde_json::from_str(&json).unwrap());
        let secs = (pace.heartbeat.as_secs(), pace.give_up_after.as_secs());
        assert_eq!(secs, expected);
        assert!(pace.ping_after < pace.give_up_after);
    }

    #[test]
    fn a_server_sets_the_pace_within_reason() {
        check(30_000, 45_000, (30, 45));
        check(240_000, 600_000, (240, 600));
        check(0, 0, (5, 7));
        check(30_000, 1, (30, 45));
        check(u64::MAX, u64::MAX, (900, 2700));
    }
}
