//! Pure: how often a line may be written that a container or the server can cause.

use std::time::{Duration, Instant};

/// Lets a number of lines through per period and counts the rest. One gate per place that logs.
#[derive(Debug)]
pub struct RateGate {
    limit: u32,
    period: Duration,
    began_at: Option<Instant>,
    passed: u32,
    suppressed: u64,
}

/// A line may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Lines held back since the last one that was let through.
    pub suppressed: u64,
}

impl RateGate {
    /// Lets `limit` lines through per `period`, which begins with the first of them.
    pub const fn new(limit: u32, period: Duration) -> Self {
        Self {
            limit,
            period,
            began_at: None,
            passed: 0,
            suppressed: 0,
        }
    }

    /// Asks for one line at `now`; `None` counts it as held back.
    pub fn allow(&mut self, now: Instant) -> Option<Allowed> {
        let is_over = self
            .began_at
            .is_none_or(|began_at| now.saturating_duration_since(began_at) >= self.period);
        if is_over {
            self.began_at = Some(now);
            self.passed = 0;
        }
        if self.passed == self.limit {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        self.passed += 1;
        Some(Allowed {
            suppressed: std::mem::take(&mut self.suppressed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const PERIOD: Duration = Duration::from_secs(60);

    #[test]
    fn lines_over_the_limit_are_counted_and_told_with_the_next_one() {
        let now = clock::now();
        let mut gate = RateGate::new(2, PERIOD);
        check(&mut gate, now, Some(0));
        check(&mut gate, now, Some(0));
        check(&mut gate, now, None);
        check(&mut gate, now + PERIOD - Duration::from_nanos(1), None);
        check(&mut gate, now + PERIOD, Some(2));
        check(&mut gate, now + PERIOD, Some(0));
        check(&mut gate, now + PERIOD, None);
    }

    #[test]
    fn a_quiet_period_saves_nothing_up() {
        let now = clock::now();
        let mut gate = RateGate::new(1, PERIOD);
        check(&mut gate, now + 9 * PERIOD, Some(0));
        check(&mut gate, now + 9 * PERIOD, None);
        check(&mut gate, now, None);
    }

    #[track_caller]
    fn check(gate: &mut RateGate, now: Instant, suppressed: Option<u64>) {
        assert_eq!(
            gate.allow(now).map(|allowed| allowed.suppressed),
            suppressed
        );
    }
}
