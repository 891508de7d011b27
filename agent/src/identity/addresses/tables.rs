//! Pure: `/proc/net/fib_trie` and `/proc/net/route`, line by line. A line that is not understood is passed over.

use core::net::Ipv4Addr;

/// One row of `/proc/net/route`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route<'a> {
    pub(super) interface: &'a str,
    pub(super) network: Ipv4Addr,
    /// Unspecified when the network is directly connected.
    pub(super) gateway: Ipv4Addr,
    pub(super) mask: Ipv4Addr,
    pub(super) metric: u32,
}

impl Route<'_> {
    pub(super) fn is_default(&self) -> bool {
        self.mask.is_unspecified()
    }

    pub(super) fn covers(&self, address: Ipv4Addr) -> bool {
        address & self.mask == self.network
    }
}

/// Reads the routes; the format is that of the kernel's `fib_route_seq_show`: a header line, then
/// `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, addresses as hex of the integer in memory.
pub(super) fn routes(text: &str) -> impl Iterator<Item = Route<'_>> {
    text.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().take(8).collect();
        let [
            interface,
            network,
            gateway,
            _flags,
            _references,
            _uses,
            metric,
            mask,
        ] = fields[..]
        else {
            return None;
        };
        Some(Route {
            interface,
            network: address(network)?,
            gateway: address(gateway)?,
            mask: address(mask)?,
            metric: metric.parse().ok()?,
        })
    })
}

/// The address is printed as a native integer whose bytes in memory are in network order.
fn address(hex: &str) -> Option<Ipv4Addr> {
    let bits = u32::from_str_radix(hex, 16).ok()?;
    Some(Ipv4Addr::from(bits.to_ne_bytes()))
}

/// Reads the host's own addresses, in the file's order, possibly twice: a leaf `|-- a.b.c.d` is one when a line
/// `/32 host LOCAL` follows before the next leaf.
pub(super) fn local_addresses(fib_trie: &str) -> impl Iterator<Item = Ipv4Addr> {
    let mut leaf: Option<Ipv4Addr> = None;
    fib_trie.lines().filter_map(move |line| {
        let line = line.trim_start();
        if let Some(text) = line.strip_prefix("|-- ") {
            leaf = text.trim_end().parse().ok();
            None
        } else if line.starts_with("+-- ") {
            leaf = None;
            None
        } else if line.starts_with("/32 host LOCAL") {
            leaf
        } else {
            None
        }
    })
}
