//! Pure: where the server is, from `DOCKMON_URL` (RFC 3986, as far as a server's address needs it).

use core::net::Ipv6Addr;
use std::fmt;

/// Where every server takes agents.
const AGENT_PATH: &str = "/api/agent/ws";
/// Longest host name (RFC 1035).
const HOST_LIMIT_BYTES: usize = 253;
/// Longest prefix; a proxy refuses far shorter ones.
const PREFIX_LIMIT_BYTES: usize = 1024;

/// The WebSocket a server has for agents. `Display` writes it as a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// Whether to speak TLS (`wss`).
    pub secure: bool,
    /// Name or address to look up and to check the certificate for; an IPv6 address without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Path of the request; ends in `/api/agent/ws`.
    pub path: String,
}

impl ServerUrl {
    /// Reads `text`: a ws, wss, http or https URL, with or without a path prefix and trailing slashes.
    ///
    /// # Errors
    ///
    /// Says what is wrong and what would be right, without repeating any part of `text`: it may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let example = "e.g. \"wss://dockmon.example.org\"";
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(format!("needs a scheme: ws, wss, http or https, {example}"));
        };
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "wss" | "https" => true,
            "ws" | "http" => false,
            _ => {
                return Err(format!(
                    "has an unknown scheme; use ws, wss, http or https, {example}"
                ));
            }
        };
        if rest.contains(['?', '#']) {
            return Err("has a query or fragment; end it behind the path".to_owned());
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(
                "has a user name or password; tokens go into REGISTRATION_TOKEN or PERMANENT_TOKEN"
                    .to_owned(),
            );
        }
        let (host, port) = split_port(authority)?;
        Ok(Self {
            secure,
            host: read_host(host)?,
            port: read_port(port, secure)?,
            path: read_path(path)?,
        })
    }

    /// Host and port as the `Host` header has them: IPv6 in brackets, a default port left out.
    pub fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        match self.port == default_port(self.secure) {
            true => host,
            false => format!("{host}:{}", self.port),
        }
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// Splits `host[:port]`; the brackets of an IPv6 address stay with the host.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), String> {
    if authority.starts_with('[') {
        let Some(end) = authority.find(']') else {
            return Err("has an IPv6 address without its closing bracket, e.g. \"wss://[2001:db8::1]:8443\"".to_owned());
        };
        let (host, rest) = authority.split_at(end + 1);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err("has something between the IPv6 address and the port".to_owned()),
        };
    }
    match authority.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(
            "has an IPv6 address without brackets, write e.g. \"wss://[2001:db8::1]:8443\""
                .to_owned(),
        ),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

fn read_host(host: &str) -> Result<String, String> {
    if let Some(inner) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        if inner.contains('%') {
            return Err("has an IPv6 zone; use an address that is not link-local".to_owned());
        }
        let address: Ipv6Addr = inner
            .parse()
            .map_err(|_| "has a wrong IPv6 address between the brackets".to_owned())?;
        return Ok(address.to_string());
    }
    if host.is_empty() {
        return Err("has no host, write e.g. \"wss://dockmon.example.org\"".to_owned());
    }
    if !host.is_ascii() {
        return Err("has a host that is not ASCII; write it in its xn-- form".to_owned());
    }
    let is_name = host
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    let has_empty_label = host.trim_end_matches('.').split('.').any(str::is_empty);
    if !is_name || has_empty_label || host.len() > HOST_LIMIT_BYTES {
        return Err("has a host that is neither a name nor an address".to_owned());
    }
    Ok(host.to_ascii_lowercase())
}

fn read_port(port: Option<&str>, secure: bool) -> Result<u16, String> {
    let Some(port) = port.filter(|port| !port.is_empty()) else {
        return Ok(default_port(secure));
    };
    let is_number = port.bytes().all(|b| b.is_ascii_digit());
    port.parse()
        .ok()
        .filter(|number| is_number && *number != 0)
        .ok_or_else(|| "has a wrong port; it is a number from 1 to 65535".to_owned())
}

/// Puts the agents' path behind the prefix, unless it is there already.
fn read_path(path: &str) -> Result<String, String> {
    let is_clean = path.bytes().all(|b| {
        b.is_ascii_graphic()
            && !matches!(
                b,
                b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
            )
    });
    if !is_clean || path.len() > PREFIX_LIMIT_BYTES {
        return Err(
            "has a path with characters that must be percent-encoded, or that is too long"
                .to_owned(),
        );
    }
    let prefix = path.trim_end_matches('/');
    let prefix = prefix
        .strip_suffix(AGENT_PATH)
        .unwrap_or(prefix)
        .trim_end_matches('/');
    Ok(format!("{prefix}{AGENT_PATH}"))
}

#[cfg(test)]
mod tests;
