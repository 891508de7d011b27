//! Addresses as operators write them, and what must not be in one.

use proptest::prelude::*;

use super::*;

#[test]
fn every_scheme_leads_to_the_agents_path() {
    check(
        "wss://dockmon.example.org",
        "wss://dockmon.example.org/api/agent/ws",
    );
    check(
        "https://dockmon.example.org",
        "wss://dockmon.example.org/api/agent/ws",
    );
    check("ws://10.0.0.1:8001", "ws://10.0.0.1:8001/api/agent/ws");
    check("http://nas", "ws://nas/api/agent/ws");
    check("HTTPS://NAS.Local", "wss://nas.local/api/agent/ws");
}

#[test]
fn slashes_prefixes_and_the_full_path_are_fine() {
    check("https://host/", "wss://host/api/agent/ws");
    check("https://host///", "wss://host/api/agent/ws");
    check("https://host/dockmon/", "wss://host/dockmon/api/agent/ws");
    check("https://host/a%20b", "wss://host/a%20b/api/agent/ws");
    check("wss://host/api/agent/ws", "wss://host/api/agent/ws");
    check("wss://host/x/api/agent/ws/", "wss://host/x/api/agent/ws");
}

#[test]
fn ports_have_their_defaults() {
    let ports = ["ws://h", "wss://h", "wss://h:", "wss://h:1", "ws://h:65535"]
        .map(|url| ServerUrl::parse(url).unwrap().port);
    assert_eq!(ports, [80, 443, 443, 1, 65535]);
    check("wss://h:443", "wss://h/api/agent/ws");
    check("ws://h:443", "ws://h:443/api/agent/ws");
}

#[test]
fn ipv6_addresses_stand_in_brackets() {
    check(
        "wss://[2001:DB8:0::1]:8443/x",
        "wss://[2001:db8::1]:8443/x/api/agent/ws",
    );
    assert_eq!(ServerUrl::parse("ws://[::1]").unwrap().host, "::1");
    check_refused("wss://2001:db8::1", "brackets");
    check_refused("wss://[2001:db8::1", "closing bracket");
    check_refused("wss://[2001:db8::1]8443", "between");
    check_refused("wss://[fe80::1%eth0]", "zone");
    check_refused("wss://[1.2.3.4]", "wrong IPv6");
}

#[test]
fn what_is_no_server_address_is_refused() {
    for (url, what) in [
        ("dockmon.example.org", "needs a scheme"),
        ("dockmon.example.org:8001", "needs a scheme"),
        ("tcp://host", "unknown scheme"),
        ("wss://", "no host"),
        ("wss:///path", "no host"),
        ("wss://:8001", "no host"),
        ("wss://a b", "neither a name"),
        ("wss://a..b", "neither a name"),
        ("wss://.", "neither a name"),
        ("wss://münchen.de", "xn--"),
        ("wss://host:0", "port"),
        ("wss://host:65536", "port"),
        ("wss://host:+1", "port"),
        ("wss://host/a b", "path"),
        ("wss://host/a\r\nX: y", "path"),
    ] {
        check_refused(url, what);
    }
    check_refused(&format!("wss://{}", "a".repeat(254)), "neither a name");
}

#[test]
fn secrets_in_the_url_are_refused_and_never_repeated() {
    for (url, what) in [
        ("wss://user:s3cret@host", "user name or password"),
        ("wss://s3cret@host/", "user name or password"),
        ("wss://host/?token=s3cret", "query or fragment"),
        ("wss://host#s3cret", "query or fragment"),
    ] {
        check_refused(url, what);
        assert!(!ServerUrl::parse(url).unwrap_err().contains("s3cret"));
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_or_read_back_the_same(text in "(wss|ws|http)://[a-z0-9.:/@?%\\[\\]-]{0,40}|\\PC{0,40}") {
        if let Ok(url) = ServerUrl::parse(&text) {
            prop_assert!(url.path.ends_with(AGENT_PATH));
            prop_assert_eq!(ServerUrl::parse(&url.to_string()), Ok(url));
        }
    }
}

#[track_caller]
fn check(text: &str, url: &str) {
    assert_eq!(
        ServerUrl::parse(text).map(|url| url.to_string()),
        Ok(url.to_owned())
    );
}

#[track_caller]
fn check_refused(text: &str, what: &str) {
    let error = ServerUrl::parse(text).unwrap_err();
    assert!(error.contains(what), "{error}");
}
