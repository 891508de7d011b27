//! Pure: which network interfaces are the host's own, and what they carried.
//!
//! Sources: proc_pid_net(5), the kernel's `Documentation/ABI/testing/sysfs-class-net`.

use crate::sample::cgroup::text::{digits, words};

/// Beginnings of the names of interfaces that are not the host's own: they repeat traffic that a real one carries, or never leave the host.
const NOT_OWN: [&[u8]; 16] = [
    b"veth", b"br-", b"docker", b"virbr", b"vnet", b"tun", b"tap", b"dummy", b"gre", b"sit",
    b"ip6tnl", b"vxlan", b"flannel", b"cni", b"cali", b"weave",
];

/// One line of `/proc/net/dev`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceLine<'a> {
    /// The interface's name.
    pub name: &'a [u8],
    /// Bytes received.
    pub received_bytes: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Received packets that were faulty or dropped.
    pub receive_faults: u64,
    /// Sent packets that were faulty or dropped.
    pub send_faults: u64,
}

impl<'a> InterfaceLine<'a> {
    /// Reads a line; `None` for a heading and for an odd line.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = line.get(..colon)?.trim_ascii();
        // Received: bytes, packets, errs, drop, fifo, frame, compressed, multicast; sent: bytes, packets, errs, drop, …
        let mut numbers = words(line.get(colon + 1..)?).map(digits);
        let received_bytes = numbers.next()??;
        let (faulty, dropped) = (numbers.nth(1)??, numbers.next()??);
        let sent_bytes = numbers.nth(4)??;
        let (not_sent, not_taken) = (numbers.nth(1)??, numbers.next()??);
        Some(Self {
            name,
            received_bytes,
            sent_bytes,
            receive_faults: faulty.checked_add(dropped)?,
            send_faults: not_sent.checked_add(not_taken)?,
        })
    }
}

/// Tells by its name whether an interface is one of the host's own.
#[must_use]
pub fn is_own(name: &[u8]) -> bool {
    name != b"lo" && !NOT_OWN.iter().any(|prefix| name.starts_with(prefix))
}

/// Tells whether an interface is in use by the text of its `operstate`, `None` when that cannot be read.
#[must_use]
pub fn is_in_use(operstate: Option<&[u8]>) -> bool {
    operstate.is_none_or(|state| matches!(state.trim_ascii(), b"up" | b"unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETH0: &str = "  eth0: 931165803   32990    1    2    0     0          0         0  2156589   24704    3    4    0     0       0          0";

    #[test]
    fn a_line_is_read_with_and_without_a_blank() {
        let expected = InterfaceLine {
            name: b"eth0",
            received_bytes: 931_165_803,
            sent_bytes: 2_156_589,
            receive_faults: 3,
            send_faults: 7,
        };
        assert_eq!(InterfaceLine::parse(ETH0.as_bytes()), Some(expected));
        let joined = ETH0.replace(": ", ":");
        assert_eq!(InterfaceLine::parse(joined.as_bytes()), Some(expected));
    }

    #[test]
    fn headings_and_odd_lines_are_passed_over() {
        for odd in [
            "Inter-|   Receive                                                |  Transmit",
            " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed",
            "eth0:",
            "eth0: 1 2 3 4 5 6 7 8 9 10 11",
            "eth0: 1 2 3 4 5 6 7 8 9 10 x 12",
            "",
        ] {
            assert_eq!(InterfaceLine::parse(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn what_repeats_the_traffic_of_another_or_never_leaves_the_host_is_not_own() {
        for name in [
            "eth0", "wlan0", "usb0", "wwan0", "enp3s0", "bond0", "eth0.7", "wg0", "lo1",
        ] {
            assert!(is_own(name.as_bytes()), "{name}");
        }
        for name in [
            "lo",
            "veth12ab",
            "br-0123",
            "docker0",
            "docker_gwbridge",
            "tun0",
            "cni0",
        ] {
            assert!(!is_own(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn an_interface_that_is_down_is_not_in_use() {
        for (state, expected) in [
            (Some("up\n"), true),
            (Some("unknown\n"), true),
            (None, true),
            (Some("down\n"), false),
            (Some("dormant\n"), false),
            (Some(""), false),
        ] {
            assert_eq!(is_in_use(state.map(str::as_bytes)), expected, "{state:?}");
        }
    }
}
