//! Pure: how many events one agent may report, so that a container in a restart loop does not push all else out of the log.

use std::time::{Duration, Instant};

/// Events that may come at once.
const BURST: u32 = 500;

/// One more may come after each of these.
const REFILL_EVERY: Duration = Duration::from_millis(50);

/// What is left of an agent's allowance.
#[derive(Debug)]
pub struct Allowance {
    left: u32,
    refilled_at: Instant,
    dropped: u64,
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Taken; this many were dropped before it.
    Taken {
        /// Dropped since the one taken last.
        dropped: u64,
    },
    /// Dropped and counted.
    Dropped,
}

impl Allowance {
    /// A full allowance.
    pub fn new(now: Instant) -> Self {
        Self {
            left: BURST,
            refilled_at: now,
            dropped: 0,
        }
    }

    /// Judges one event.
    pub fn take(&mut self, now: Instant) -> Verdict {
        let passed = now.saturating_duration_since(self.refilled_at);
        let refill = passed.as_millis() / REFILL_EVERY.as_millis();
        let refill = u32::try_from(refill).unwrap_or(u32::MAX);
        if refill >= BURST - self.left {
            self.left = BURST;
            self.refilled_at = now;
        } else {
            self.left += refill;
            self.refilled_at += REFILL_EVERY * refill;
        }
        if self.left == 0 {
            self.dropped += 1;
            return Verdict::Dropped;
        }
        self.left -= 1;
        Verdict::Taken {
            dropped: std::mem::take(&mut self.dropped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_one_at_a_time() {
        let start = crate::clock::now();
        let mut allowance = Allowance::new(start);
        for _ in 0..BURST {
            assert_eq!(allowance.take(start), Verdict::Taken { dropped: 0 });
        }
        assert_eq!(allowance.take(start), Verdict::Dropped);
        let later = start + REFILL_EVERY;
        assert_eq!(
            allowance.take(later - Duration::from_millis(1)),
            Verdict::Dropped
        );
        assert_eq!(allowance.take(later), Verdict::Taken { dropped: 2 });
        assert_eq!(allowance.take(later), Verdict::Dropped);
    }

    #[test]
    fn a_quiet_time_fills_it_and_no_more() {
        let start = crate::clock::now();
        let mut allowance = Allowance::new(start);
        for _ in 0..=BURST {
            allowance.take(start);
        }
        let later = start + Duration::from_secs(3600);
        let taken = (0..=BURST).filter(|_| allowance.take(later) != Verdict::Dropped);
        assert_eq!(u32::try_from(taken.count()), Ok(BURST));
    }
}
