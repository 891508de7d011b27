//! Pure: how often one may guess a password, by address and by name.
//!
//! An attempt counts as failed from its start, so that many at once gain nothing; success takes
//! the count back. After the free attempts each failure locks for twice as long as the last.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::http::network::network;

/// Failures from one address before it is locked.
pub const FREE_PER_ADDRESS: u32 = 5;

/// Failures on one name before it is locked: more than for an address, so that one guesser locks
/// itself out before it locks the user out.
pub const FREE_PER_NAME: u32 = 20;

/// The first lock; each further failure doubles it.
pub const FIRST_LOCK: Duration = Duration::from_secs(1);

/// The longest lock.
pub const LONGEST_LOCK: Duration = Duration::from_secs(300);

/// How many addresses and how many names are remembered each; the one quiet for longest goes.
pub const REMEMBERED: usize = 4096;

/// Without an attempt for this long, failures are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(900);

/// Counts attempts to log in.
#[derive(Debug)]
pub struct Limiter {
    addresses: Counts<IpAddr>,
    names: Counts<String>,
}

/// Too many failures; the next attempt may come after `retry_after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locked {
    /// How long the lock still holds.
    pub retry_after: Duration,
}

#[derive(Debug)]
struct Counts<K> {
    free: u32,
    failures: HashMap<K, Failures>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last_at: Instant,
}

impl Default for Limiter {
    fn default() -> Limiter {
        Limiter {
            addresses: Counts {
                free: FREE_PER_ADDRESS,
                failures: HashMap::new(),
            },
            names: Counts {
                free: FREE_PER_NAME,
                failures: HashMap::new(),
            },
        }
    }
}

impl Limiter {
    /// Starts an attempt, which counts as failed until [`Limiter::succeed`].
    ///
    /// # Errors
    ///
    /// [`Locked`] when it may not be tried now; then nothing is counted.
    pub fn attempt(&mut self, address: IpAddr, name: &str, now: Instant) -> Result<(), Locked> {
        let (address, name) = (network(address), name.to_lowercase());
        let until = self
            .addresses
            .locked_until(&address)
            .max(self.names.locked_until(&name));
        if let Some(until) = until.filter(|until| now < *until) {
            return Err(Locked {
                retry_after: until - now,
            });
        }
        self.addresses.fail(address, now);
        self.names.fail(name, now);
        Ok(())
    }

    /// Takes back what was counted against an address and a name that have just logged in.
    pub fn succeed(&mut self, address: IpAddr, name: &str) {
        self.addresses.failures.remove(&network(address));
        self.names.failures.remove(&name.to_lowercase());
    }
}

impl<K: Hash + Eq + Clone> Counts<K> {
    fn locked_until(&self, key: &K) -> Option<Instant> {
        let failures = self.failures.get(key)?;
        let over = failures.count.checked_sub(self.free)?;
        let lock = FIRST_LOCK
            .saturating_mul(2_u32.saturating_pow(over))
            .min(LONGEST_LOCK);
        Some(failures.last_at + lock)
    }

    fn fail(&mut self, key: K, now: Instant) {
        if self.failures.len() >= REMEMBERED && !self.failures.contains_key(&key) {
            self.make_room(now);
        }
        let failures = self.failures.entry(key).or_insert(Failures {
            count: 0,
            last_at: now,
        });
        if now.saturating_duration_since(failures.last_at) >= FORGET_AFTER {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last_at = now;
    }

    fn make_room(&mut self, now: Instant) {
        self.failures
            .retain(|_, failures| now.saturating_duration_since(failures.last_at) < FORGET_AFTER);
        if self.failures.len() >= REMEMBERED {
            let quietest = self
                .failures
                .iter()
                .min_by_key(|(_, failures)| failures.last_at);
            if let Some(key) = quietest.map(|(key, _)| key.clone()) {
                self.failures.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "192.0.2.1";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do as the start of a script"
    )]
    fn start() -> Instant {
        Instant::now()
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[track_caller]
    fn fail_times(limiter: &mut Limiter, times: u32, address: &str, name: &str, now: Instant) {
        for _ in 0..times {
            assert_eq!(limiter.attempt(ip(address), name, now), Ok(()));
        }
    }

    #[track_caller]
    fn check_locked(
        limiter: &mut Limiter,
        address: &str,
        name: &str,
        now: Instant,
        lock: Duration,
    ) {
        let locked = limiter.attempt(ip(address), name, now);
        assert_eq!(locked, Err(Locked { retry_after: lock }));
    }

    #[test]
    fn an_address_is_locked_after_its_free_failures() {
        let (mut limiter, now) = (Limiter::default(), start());
        fail_times(&mut limiter, FREE_PER_ADDRESS, HERE, "a", now);
        check_locked(&mut limiter, HERE, "other", now, FIRST_LOCK);
        fail_times(&mut limiter, 1, "192.0.2.2", "a", now);
    }

    #[test]
    fn each_further_failure_doubles_the_lock_up_to_the_longest() {
        let (mut limiter, mut now) = (Limiter::default(), start());
        fail_times(&mut limiter, FREE_PER_ADDRESS, HERE, "a", now);
        for lock in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            check_locked(&mut limiter, HERE, "a", now, seconds(lock));
            now += seconds(lock);
            fail_times(&mut limiter, 1, HERE, "a", now);
        }
    }

    #[test]
    fn a_refused_attempt_does_not_prolong_the_lock() {
        let (mut limiter, now) = (Limiter::default(), start());
        fail_times(&mut limiter, FREE_PER_ADDRESS, HERE, "a", now);
        for _ in 0..100 {
            check_locked(&mut limiter, HERE, "a", now, FIRST_LOCK);
        }
        fail_times(&mut limiter, 1, HERE, "a", now + FIRST_LOCK);
    }

    #[test]
    fn a_name_is_locked_from_everywhere_whatever_its_case() {
        let (mut limiter, now) = (Limiter::default(), start());
        for n in 0..FREE_PER_NAME {
            fail_times(&mut limiter, 1, &format!("192.0.2.{n}"), "Admin", now);
        }
        check_locked(&mut limiter, "198.51.100.1", "aDMIN", now, FIRST_LOCK);
        fail_times(&mut limiter, 1, "198.51.100.1", "root", now);
    }

    #[test]
    fn success_takes_the_count_back() {
        let (mut limiter, now) = (Limiter::default(), start());
        fail_times(&mut limiter, FREE_PER_ADDRESS, HERE, "a", now);
        limiter.succeed(ip(HERE), "A");
        fail_times(&mut limiter, FREE_PER_ADDRESS, HERE, "a", now);
        check_locked(&mut limiter, HERE, "a", now, FIRST_LOCK);
    }

    #[test]
    fn failures_are_forgotten_after_a_quiet_time() {
        let (mut limiter, now) = (Limiter::default(), start());
        fail_times(&mut limiter, FREE_PER_ADDRESS, HERE, "a", now);
        fail_times(
            &mut limiter,
            FREE_PER_ADDRESS,
            HERE,
            "a",
            now + FORGET_AFTER,
        );
    }

    #[test]
    fn one_ipv6_network_is_one_address() {
        let (mut limiter, now) = (Limiter::default(), start());
        for n in 0..FREE_PER_ADDRESS {
            fail_times(&mut limiter, 1, &format!("2001:db8::{n}"), "a", now);
        }
        check_locked(&mut limiter, "2001:db8::ffff", "b", now, FIRST_LOCK);
        fail_times(&mut limiter, 1, "2001:db8:0:1::1", "b", now);
    }

    #[test]
    fn the_quietest_is_forgotten_when_the_table_is_full() {
        let (mut limiter, now) = (Limiter::default(), start());
        fail_times(&mut limiter, FREE_PER_ADDRESS, HERE, "a", now);
        let later = now + Duration::from_millis(1);
        for n in 0..REMEMBERED {
            let address = format!("10.0.{}.{}", n / 256, n % 256);
            fail_times(&mut limiter, 1, &address, &n.to_string(), later);
        }
        assert_eq!(limiter.addresses.failures.len(), REMEMBERED);
        assert_eq!(limiter.names.failures.len(), REMEMBERED);
        fail_times(&mut limiter, 1, HERE, "a", later);
    }
}
