//! Pure: `/proc/PID/net/dev`, the traffic of a process's network namespace.
//!
//! Source: proc_pid_net(5): two lines of headings, then `NAME: ` and sixteen counters a line, the first eight received, the others sent.

use super::text::{digits, lines, words};

/// Bytes over a container's networks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Received.
    pub received_bytes: u64,
    /// Sent.
    pub sent_bytes: u64,
}

/// The sum over the interfaces that Engines give to containers, `eth0` and its like; where there is none, over all but `lo`.
///
/// Others beside them are tunnels and bridges made inside the container, whose traffic passes through an `eth` as well; the Engine does not
/// count them either. `None` when the table's end is missing.
#[must_use]
pub fn traffic(net_dev: &[u8]) -> Option<Traffic> {
    if net_dev.last() != Some(&b'\n') {
        return None;
    }
    let (mut given, mut others) = (None, Traffic::default());
    for line in lines(net_dev).skip(2) {
        let (name, counters) = line.split_at(line.iter().position(|&byte| byte == b':')?);
        let name = name.trim_ascii();
        let mut counters = words(&counters[1..]);
        let (Some(received_bytes), Some(sent_bytes)) = (
            counters.next().and_then(digits),
            counters.nth(7).and_then(digits),
        ) else {
            continue;
        };
        let add = |sum: Traffic| Traffic {
            received_bytes: sum.received_bytes.saturating_add(received_bytes),
            sent_bytes: sum.sent_bytes.saturating_add(sent_bytes),
        };
        if name.starts_with(b"eth") {
            given = Some(add(given.unwrap_or_default()));
        } else if name != b"lo" {
            others = add(others);
        }
    }
    Some(given.unwrap_or(others))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n";

    #[track_caller]
    fn check(table: &str, expected: Option<(u64, u64)>) {
        let text = format!("{HEAD}{table}");
        let expected = expected.map(|(received_bytes, sent_bytes)| Traffic {
            received_bytes,
            sent_bytes,
        });
        assert_eq!(traffic(text.as_bytes()), expected);
    }

    #[test]
    fn the_interfaces_of_the_engine_count() {
        let lo = "    lo:    7000      80    0    0    0     0          0         0    7000      80    0    0    0     0       0          0\n";
        let eth0 = "  eth0: 931165803   32990    0    0    0     0          0         0  2156589   24704    0    0    0     0       0          0\n";
        let eth1 = "  eth1:5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0\n";
        let tun0 = "  tun0:    900 1 0 0 0 0 0 0    1000 1 0 0 0 0 0 0\n";
        check(lo, Some((0, 0)));
        check(&[lo, eth0].concat(), Some((931_165_803, 2_156_589)));
        check(
            &[lo, eth0, eth1, tun0].concat(),
            Some((931_165_808, 2_156_595)),
        );
        check(&[lo, tun0].concat(), Some((900, 1000)));
    }

    #[test]
    fn a_table_that_is_cut_or_odd_counts_nothing() {
        check("", Some((0, 0)));
        check("  eth0: 5 1 0 0 0 0 0 0 6", None);
        check("  eth0 5 1\n", None);
        check("  eth0: x\n", Some((0, 0)));
        assert_eq!(traffic(b""), None);
    }
}
