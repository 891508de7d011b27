//! Pure: which refusals go into the audit. One who knocks again and again must not push everything else out of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use pilotfish_protocol::Refusal;

/// How often the same refusal of the same address is written down.
pub const EVERY: Duration = Duration::from_secs(300);

/// How many different refusals are written down in that time, from all addresses.
pub const DIFFERENT: usize = 64;

/// What was written down lately.
#[derive(Debug, Default)]
pub struct Refusals {
    noted: HashMap<(IpAddr, Refusal), Instant>,
}

impl Refusals {
    /// Tells whether this refusal is to be written down.
    pub fn is_worth_noting(&mut self, address: IpAddr, refusal: Refusal, now: Instant) -> bool {
        self.noted
            .retain(|_, at| now.saturating_duration_since(*at) < EVERY);
        if self.noted.len() >= DIFFERENT || self.noted.contains_key(&(address, refusal)) {
            return false;
        }
        self.noted.insert((address, refusal), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_refusal_is_noted_once_in_five_minutes() {
        let (now, address) = (crate::clock::now(), IpAddr::from([192, 0, 2, 1]));
        let mut refusals = Refusals::default();
        assert!(refusals.is_worth_noting(address, Refusal::TokenUnknown, now));
        assert!(!refusals.is_worth_noting(address, Refusal::TokenUnknown, now));
        assert!(refusals.is_worth_noting(address, Refusal::TokenExpired, now));
        assert!(refusals.is_worth_noting(address, Refusal::TokenUnknown, now + EVERY));
    }

    #[test]
    fn many_addresses_cannot_fill_the_audit() {
        let now = crate::clock::now();
        let mut refusals = Refusals::default();
        let noted = (0..=255_u8).filter(|last| {
            let address = IpAddr::from([192, 0, 2, *last]);
            refusals.is_worth_noting(address, Refusal::TokenUnknown, now)
        });
        assert_eq!(noted.count(), DIFFERENT);
    }
}
