//! Pure: which addresses count as one, where something is limited for each address.

use std::net::{IpAddr, Ipv6Addr};

/// Gives what is counted for an address: itself, or its /64 in IPv6, which one customer owns.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, counted: &str) {
        assert_eq!(
            network(address.parse().unwrap()),
            counted.parse::<IpAddr>().unwrap()
        );
    }

    #[test]
    fn an_ipv4_address_stands_for_itself_however_it_is_written() {
        check("192.0.2.1", "192.0.2.1");
        check("::ffff:192.0.2.1", "192.0.2.1");
    }

    #[test]
    fn an_ipv6_address_stands_for_its_64() {
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::");
    }
}
