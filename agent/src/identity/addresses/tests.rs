//! A laptop, a Pi with containers, and tables that are nonsense.

use proptest::prelude::*;

use super::*;

const HEADER: &str =
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

/// Recorded on Linux 6.18.
const FIB_TRIE: &str = "Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     +-- 192.0.2.0/24 2 0 2
        +-- 192.0.2.0/30 2 0 2
           |-- 192.0.2.0
              /24 link UNICAST
           |-- 192.0.2.2
              /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.0.2.0/30 2 0 2
        |-- 192.0.2.2
           /32 host LOCAL
";

#[test]
fn recorded_tables_give_each_address_once() {
    let routes = format!(
        "{HEADER}eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\neth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    );
    assert_eq!(
        host_addresses(FIB_TRIE, &routes),
        [Ipv4Addr::new(192, 0, 2, 2)]
    );
}

#[test]
fn addresses_of_inner_interfaces_are_left_out() {
    for (interface, is_kept) in [
        ("eth0", true),
        ("wlan0", true),
        ("br0", true),
        ("wg0", true),
        ("docker0", false),
        ("docker_gwbridge", false),
        ("br-1a2b3c4d5e6f", false),
        ("cni0", false),
        ("cni-podman0", false),
        ("podman1", false),
        ("virbr0", false),
        ("flannel.1", false),
        ("vxlan.calico", false),
        ("tunl0", false),
    ] {
        let expected: &[&str] = if is_kept { &["10.1.2.3"] } else { &[] };
        check(
            &["10.1.2.3"],
            &[(interface, "10.1.2.0", "0.0.0.0", 24, 0)],
            expected,
        );
    }
}

#[test]
fn the_address_towards_the_default_gateway_comes_first() {
    check(
        &["10.9.0.5", "172.17.0.1", "192.168.1.20", "192.168.7.2"],
        &[
            ("wlan0", "0.0.0.0", "192.168.1.1", 0, 600),
            ("wwan0", "0.0.0.0", "192.168.7.1", 0, 100),
            ("docker0", "172.17.0.0", "0.0.0.0", 16, 0),
            ("wlan0", "192.168.1.0", "0.0.0.0", 24, 600),
            ("wwan0", "192.168.7.0", "0.0.0.0", 30, 100),
        ],
        &["192.168.7.2", "192.168.1.20", "10.9.0.5"],
    );
}

#[test]
fn the_narrowest_network_names_the_interface() {
    let routes = [
        ("eth0", "10.0.0.0", "0.0.0.0", 8, 0),
        ("docker0", "10.200.0.0", "0.0.0.0", 16, 0),
    ];
    check(&["10.1.1.1", "10.200.0.1"], &routes, &["10.1.1.1"]);
}

#[test]
fn loopback_and_link_local_addresses_are_left_out() {
    check(
        &["127.0.0.1", "127.0.0.53", "169.254.7.7", "10.0.0.1"],
        &[],
        &["10.0.0.1"],
    );
}

#[test]
fn a_server_gets_no_more_addresses_than_it_takes() {
    let many: Vec<String> = (1..=60).map(|n| format!("10.0.0.{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    check(&many, &[], &many[..limits::HOST_ADDRESSES]);
}

proptest! {
    #[test]
    fn any_text_never_panics(fib_trie: String, routes: String) {
        prop_assert!(host_addresses(&fib_trie, &routes).len() <= limits::HOST_ADDRESSES);
    }
}

/// Writes the kernel's tables for `local` addresses and `routes` (interface, network, gateway, prefix, metric).
#[track_caller]
fn check(local: &[&str], routes: &[(&str, &str, &str, u32, u32)], expected: &[&str]) {
    let fib_trie: String = local
        .iter()
        .map(|address| format!("     |-- {address}\n        /32 host LOCAL\n"))
        .collect();
    let hex = |address: &str| {
        let address: Ipv4Addr = address.parse().unwrap();
        format!("{:08X}", u32::from_ne_bytes(address.octets()))
    };
    let mut text = HEADER.to_owned();
    for (interface, network, gateway, prefix, metric) in routes {
        let mask = Ipv4Addr::from(u32::MAX.checked_shl(32 - prefix).unwrap_or(0)).to_string();
        let (network, gateway, mask) = (hex(network), hex(gateway), hex(&mask));
        text +=
            &format!("{interface}\t{network}\t{gateway}\t0001\t0\t0\t{metric}\t{mask}\t0\t0\t0\n");
    }
    let expected: Vec<Ipv4Addr> = expected
        .iter()
        .map(|address| address.parse().unwrap())
        .collect();
    assert_eq!(host_addresses(&fib_trie, &text), expected);
}
