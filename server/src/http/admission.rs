//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::http::network::network;

/// Connections at once, from everywhere.
pub const TOTAL: usize = 4096;

/// Connections at once from one address (one /64 in IPv6); a NAT or a proxy may hide many agents.
pub const PER_ADDRESS: usize = 512;

/// Counts the open connections; clones share one count.
#[derive(Debug, Clone)]
pub struct Admission {
    limits: Limits,
    open: Arc<Mutex<Open>>,
}

/// What is allowed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once, from everywhere.
    pub total: usize,
    /// Connections at once from one address.
    pub per_address: usize,
}

/// One counted connection, until it is dropped.
#[derive(Debug)]
pub struct Permit {
    address: IpAddr,
    open: Arc<Mutex<Open>>,
}

/// Why a connection is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Too many connections in all.
    #[error("too many connections")]
    Total,
    /// Too many from this address.
    #[error("too many connections from one address")]
    Address,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            total: TOTAL,
            per_address: PER_ADDRESS,
        }
    }
}

impl Admission {
    /// Makes a count of nothing.
    pub fn new(limits: Limits) -> Admission {
        Admission {
            limits,
            open: Arc::default(),
        }
    }

    /// Counts a connection from `address`.
    ///
    /// # Errors
    ///
    /// [`Full`] when there are too many.
    pub fn admit(&self, address: IpAddr) -> Result<Permit, Full> {
        let address = network(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.total >= self.limits.total {
            return Err(Full::Total);
        }
        let from_address = open.by_address.entry(address).or_default();
        if *from_address >= self.limits.per_address {
            return Err(Full::Address);
        }
        *from_address += 1;
        open.total += 1;
        Ok(Permit {
            address,
            open: Arc::clone(&self.open),
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        if let Some(from_address) = open.by_address.get_mut(&self.address) {
            *from_address -= 1;
            if *from_address == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn one_address_cannot_take_all_places() {
        let admission = Admission::new(Limits {
            total: 3,
            per_address: 2,
        });
        let first = admission.admit(ip(1)).unwrap();
        let _second = admission.admit(ip(1)).unwrap();
        assert_eq!(admission.admit(ip(1)).unwrap_err(), Full::Address);
        let _other = admission.admit(ip(2)).unwrap();
        assert_eq!(admission.admit(ip(3)).unwrap_err(), Full::Total);
        drop(first);
        admission.admit(ip(1)).unwrap();
    }

    #[test]
    fn an_address_without_connections_takes_no_memory() {
        let admission = Admission::new(Limits::default());
        drop(admission.admit(ip(1)).unwrap());
        let open = admission.open.lock().unwrap();
        assert_eq!((open.total, open.by_address.len()), (0, 0));
    }
}
