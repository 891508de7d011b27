//! Pure: whether a request comes from this server's own page.

/// Tells whether `origin` (RFC 6454: `scheme://host[:port]`) names the host of the request's `Host`.
///
/// The scheme is not compared, only what port it stands for: behind a proxy that ends TLS the
/// browser says `https` and this server sees plain HTTP.
pub fn is_same(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let default_port = match scheme {
        "http" => "80",
        "https" => "443",
        _ => return false,
    };
    let (origin_host, origin_port) = split_port(authority);
    let (host, port) = split_port(host);
    !host.is_empty()
        && origin_host.eq_ignore_ascii_case(host)
        && origin_port.unwrap_or(default_port) == port.unwrap_or(default_port)
}

/// Splits `host:port` or `[v6]:port`; the port may be missing.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            (host, Some(port))
        }
        Some(_) | None => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(origin: &str, host: &str, same: bool) {
        assert_eq!(is_same(origin, host), same, "{origin} {host}");
    }

    #[test]
    fn the_same_host_and_port_is_this_server() {
        check("http://127.0.0.1:8480", "127.0.0.1:8480", true);
        check("https://fish.example", "fish.example", true);
        check("https://fish.example", "fish.example:443", true);
        check("http://fish.example:80", "fish.example", true);
        check("https://Fish.Example", "fish.example", true);
        check("http://[::1]:8480", "[::1]:8480", true);
        check("https://[2001:db8::1]", "[2001:db8::1]", true);
    }

    #[test]
    fn another_host_port_or_scheme_is_foreign() {
        check("http://127.0.0.1:8481", "127.0.0.1:8480", false);
        check("https://evil.example", "fish.example", false);
        check("https://fish.example.evil.example", "fish.example", false);
        check("https://fish.example:8443", "fish.example", false);
        check("null", "fish.example", false);
        check("", "", false);
        check("https://", "", false);
        check("ftp://fish.example", "fish.example", false);
        check("file://fish.example", "fish.example", false);
    }

    proptest! {
        #[test]
        fn another_name_is_never_the_same(origin: String, host in "[a-z]{1,9}(:[0-9]{1,5})?") {
            let is_same = is_same(&origin, &host);
            let (name, _) = split_port(&host);
            prop_assert!(!is_same || origin.to_lowercase().contains(name));
        }
    }
}
