//! Pure: how long to wait before the next dial.

use std::time::Duration;

/// The shortest wait that `initial` and `max` can ask for: below it a server that refuses at once would be dialed thousands of times a
/// second, with a log line each.
const SHORTEST: Duration = Duration::from_millis(100);

/// Exponential back-off with full jitter: a delay drawn evenly from 0 to `initial` · 2ⁿ, held to `max`.
///
/// Full jitter spreads a fleet whose server restarted over the whole window (AWS Architecture Blog, "Exponential Backoff And Jitter").
#[derive(Debug)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
    /// Dials that failed, or sessions that ended young, one after the other.
    failures: u32,
    random: fastrand::Rng,
}

impl Backoff {
    /// Starts without failures; no limit is below `SHORTEST`; `seed` makes the delays repeatable.
    #[must_use]
    pub fn new(initial: Duration, max: Duration, seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self {
            initial: initial.max(SHORTEST),
            max: max.max(SHORTEST),
            failures: 0,
            random,
        }
    }

    /// Draws the delay after one more failure.
    pub fn after_failure(&mut self) -> Duration {
        let ceiling = self.ceiling();
        self.failures = self.failures.saturating_add(1);
        self.draw(Duration::ZERO, ceiling)
    }

    /// Draws the delay after another process took this agent's place: from half of `max` to `max`, so that two
    /// processes with one identity do not throw each other out in a loop.
    pub fn after_replacement(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.draw(self.max / 2, self.max)
    }

    /// Forgets the failures: the link has proved itself.
    pub fn forget_failures(&mut self) {
        self.failures = 0;
    }

    /// The longest delay the next failure can draw.
    fn ceiling(&self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.initial.saturating_mul(factor).min(self.max)
    }

    fn draw(&mut self, from: Duration, to: Duration) -> Duration {
        from + (to.saturating_sub(from)).mul_f64(self.random.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INITIAL: Duration = Duration::from_secs(1);
    const MAX: Duration = Duration::from_secs(60);

    #[test]
    fn the_ceiling_doubles_up_to_the_limit() {
        let mut backoff = Backoff::new(INITIAL, MAX, 7);
        let ceilings: Vec<u64> = (0..40)
            .map(|_| {
                let ceiling = backoff.ceiling();
                backoff.after_failure();
                ceiling.as_secs()
            })
            .collect();
        assert_eq!(ceilings[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(ceilings[39], 60);
    }

    #[test]
    fn delays_fill_the_whole_window_evenly() {
        let mut sum = Duration::ZERO;
        let (mut low, mut high) = (0, 0);
        for seed in 0..1000 {
            let mut backoff = Backoff::new(INITIAL, MAX, seed);
            let delay = backoff.after_failure();
            assert!(delay <= INITIAL);
            sum += delay;
            low += u32::from(delay < INITIAL / 4);
            high += u32::from(delay > INITIAL * 3 / 4);
        }
        assert!(
            (450..550).contains(&(sum.as_millis() / 1000)),
            "mean {sum:?}"
        );
        assert!(low > 200 && high > 200, "{low} low, {high} high of 1000");
    }

    #[test]
    fn after_a_replacement_at_least_half_of_the_limit_is_waited() {
        for seed in 0..100 {
            let delay = Backoff::new(INITIAL, MAX, seed).after_replacement();
            assert!((MAX / 2..=MAX).contains(&delay), "{delay:?}");
        }
    }

    #[test]
    fn limits_that_ask_for_a_tight_loop_or_for_centuries_are_borne() {
        let nano = Duration::from_nanos(1);
        let mut backoff = Backoff::new(nano, nano, 7);
        let sum: Duration = (0..100).map(|_| backoff.after_failure()).sum();
        assert!(sum > SHORTEST * 40, "{sum:?}");
        let longest = Duration::from_nanos(i64::MAX.unsigned_abs());
        let mut backoff = Backoff::new(longest, longest, 7);
        for _ in 0..40 {
            assert!(backoff.after_failure() <= longest);
            assert!(backoff.after_replacement() <= longest);
        }
    }

    #[test]
    fn forgetting_failures_starts_again_at_the_beginning() {
        let mut backoff = Backoff::new(INITIAL, MAX, 7);
        for _ in 0..10 {
            backoff.after_failure();
        }
        backoff.forget_failures();
        assert!(backoff.after_failure() <= INITIAL);
    }
}
