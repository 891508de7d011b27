//! Reads the routing tables of the host: its own, or through `/host/proc` from inside a container.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::Ipv4Addr;
use std::path::Path;

use super::host_addresses;

/// A router with a full table has megabytes of routes; the front is enough for a host's own addresses.
const TABLE_LIMIT_BYTES: u64 = 1024 * 1024;
/// Where a container that shall tell its host's addresses has the host's `/proc` mounted.
const HOST_PROC: &str = "/host/proc/1/net";

/// Reads the host's IPv4 addresses.
///
/// In a container these are only known when the host's `/proc` is mounted at `/host/proc`; empty otherwise, as a container's own
/// addresses are nobody's way to the host. Blocks on small files of procfs.
///
/// # Errors
///
/// When the kernel's tables cannot be read although they should be there.
pub fn read_host_addresses(is_in_container: bool) -> io::Result<Vec<Ipv4Addr>> {
    let directory = Path::new(if is_in_container {
        HOST_PROC
    } else {
        "/proc/net"
    });
    if is_in_container && !directory.join("fib_trie").exists() {
        return Ok(Vec::new());
    }
    let fib_trie = read_table(&directory.join("fib_trie"))?;
    let routes = read_table(&directory.join("route"))?;
    Ok(host_addresses(&fib_trie, &routes))
}

fn read_table(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(TABLE_LIMIT_BYTES)
        .read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_has_addresses_that_are_not_loopback() {
        let addresses = read_host_addresses(false).unwrap();
        assert!(addresses.iter().all(|address| !address.is_loopback()));
    }
}
