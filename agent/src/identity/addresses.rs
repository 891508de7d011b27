//! Pure: the host's IPv4 addresses, from its kernel's routing tables; `interfaces` reads them.
//!
//! `/proc/net/fib_trie` lists every local address of an interface that is up, `/proc/net/route` says which interface a network
//! is on. Both are plain text, need no socket and no privilege, and are the host's own when read through `/host/proc/1/net`
//! from inside a container.

mod tables;

use core::net::Ipv4Addr;

pub mod interfaces;

use pilotfish_protocol::limits;
use tables::Route;

/// Interfaces of containers and of overlay networks, whose addresses nobody outside can reach.
const INNER_NAMES: [&str; 3] = ["docker0", "docker_gwbridge", "cni0"];
/// Beginnings of the names of such interfaces.
const INNER_PREFIXES: [&str; 10] = [
    "veth", "br-", "virbr", "flannel", "cali", "cni-", "weave", "podman", "vxlan", "tunl",
];

/// Chooses the addresses by which the host can be reached.
///
/// `fib_trie` and `routes` are the contents of the files of these names. The addresses on the way to the default gateway come
/// first (the way with the lowest metric foremost), the rest in numeric order; none twice, at most
/// [`limits::HOST_ADDRESSES`].
pub fn host_addresses(fib_trie: &str, routes: &str) -> Vec<Ipv4Addr> {
    let routes: Vec<Route<'_>> = tables::routes(routes).collect();
    let mut addresses: Vec<(u32, Ipv4Addr)> = tables::local_addresses(fib_trie)
        .filter(|address| {
            !address.is_loopback() && !address.is_link_local() && !address.is_unspecified()
        })
        .filter_map(|address| {
            let interface = interface_of(address, &routes);
            if interface.is_some_and(is_inner) {
                return None;
            }
            Some((rank(interface, &routes), address))
        })
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(limits::HOST_ADDRESSES);
    addresses.into_iter().map(|(_, address)| address).collect()
}

/// The interface with the narrowest directly connected network around `address`. `None` when no network is, as for a /32 on a
/// point-to-point link.
fn interface_of<'a>(address: Ipv4Addr, routes: &[Route<'a>]) -> Option<&'a str> {
    routes
        .iter()
        .filter(|route| {
            !route.is_default() && route.gateway.is_unspecified() && route.covers(address)
        })
        .max_by_key(|route| route.mask)
        .map(|route| route.interface)
}

/// The metric of the default route through `interface`; without one, behind all that have one.
fn rank(interface: Option<&str>, routes: &[Route<'_>]) -> u32 {
    routes
        .iter()
        .filter(|route| route.is_default() && Some(route.interface) == interface)
        .map(|route| route.metric)
        .min()
        .unwrap_or(u32::MAX)
}

fn is_inner(interface: &str) -> bool {
    INNER_NAMES.contains(&interface)
        || INNER_PREFIXES
            .iter()
            .any(|prefix| interface.starts_with(prefix))
}

#[cfg(test)]
mod tests;
