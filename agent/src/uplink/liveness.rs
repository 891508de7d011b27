//! Pure: whether the peer is still there, judged by when it was last heard.

use std::time::{Duration, Instant};

/// How long nothing may be heard before a ping asks for a sign of life.
const PING_AFTER: Duration = Duration::from_secs(15);
/// How long nothing may be heard before the peer is given up; leaves room to notice it within [`PEER_SILENCE`](pilotfish_protocol::limits::PEER_SILENCE).
pub(super) const GIVE_UP_AFTER: Duration = Duration::from_secs(40);

/// When the peer was last heard, and when it was last asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Liveness {
    heard_at: Instant,
    /// When the next ping is due.
    pub(super) ping_at: Instant,
}

impl Liveness {
    /// The peer was heard at `now`.
    pub(super) fn heard(now: Instant) -> Self {
        Self {
            heard_at: now,
            ping_at: now + PING_AFTER,
        }
    }

    /// When the peer is given up.
    pub(super) fn give_up_at(self) -> Instant {
        self.heard_at + GIVE_UP_AFTER
    }

    /// Tells whether the peer is to be asked for a sign of life now, and takes note that it is.
    pub(super) fn is_ping_due(&mut self, now: Instant) -> bool {
        let is_due = now >= self.ping_at;
        if is_due {
            self.ping_at = now + PING_AFTER;
        }
        is_due
    }
}
