//! Pure: the first message of every connection, `register`.
//!
//! A DockMon backend forbids unknown keys here, zero counts, more than 50 addresses and over-long texts; the types of the
//! fields make each of these impossible to send.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use serde::de::{self, IntoDeserializer as _, value::StrDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::EngineId;
use crate::lenient::{self, Scalar};
use crate::limits;
use crate::numbers::{CpuCount, MemoryBytes};
use crate::text::Text;
use crate::token::Token;

/// What an agent says of itself to be let in: for first contact and for every reconnection alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// The permanent token, or a registration token on first contact.
    pub token: Token,
    /// The Engine on the agent's host.
    pub engine_id: EngineId,
    /// The agent's version.
    pub version: Text<50>,
    /// The protocol's version, a label that decides nothing.
    pub proto_version: Text<20>,
    /// What the agent can do.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub capabilities: Capabilities,
    /// The host's name.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub hostname: Option<Text<255>>,
    /// Where the name comes from.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient_source"
    )]
    pub hostname_source: Option<HostnameSource>,
    /// Asks to be registered although the engine id is known already (cloned machines); needs a name given by the operator.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub force_unique_registration: bool,
    /// `linux`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub os_type: Option<Text<50>>,
    /// The distribution, e.g. `Debian GNU/Linux 12 (bookworm)`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub os_version: Option<Text<500>>,
    /// The kernel's version.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub kernel_version: Option<Text<255>>,
    /// The Engine's version.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub docker_version: Option<Text<50>>,
    /// When the Engine's `bridge` network was made: as near as the Engine tells to when it started. RFC 3339.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub daemon_started_at: Option<Text<100>>,
    /// Memory of the host.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::memory"
    )]
    pub total_memory: Option<MemoryBytes>,
    /// CPUs of the host.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::cpus"
    )]
    pub num_cpus: Option<CpuCount>,
    /// Operating system the agent was built for, Go's name (`linux`).
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub agent_os: Option<Text<20>>,
    /// Architecture the agent was built for, Go's name (`amd64`, `arm64`, `arm`).
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub agent_arch: Option<Text<20>>,
    /// First of `host_ips`, for backends that know no list.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::address"
    )]
    pub host_ip: Option<IpAddr>,
    /// Addresses of the host; see [`Register::with_addresses`].
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "lenient::addresses"
    )]
    host_ips: Vec<IpAddr>,
}

impl Register {
    /// The least that registers: everything optional is absent.
    #[must_use]
    pub fn new(token: Token, engine_id: EngineId, version: &str, proto_version: &str) -> Self {
        Self {
            token,
            engine_id,
            version: Text::cut(version),
            proto_version: Text::cut(proto_version),
            capabilities: Capabilities::default(),
            hostname: None,
            hostname_source: None,
            force_unique_registration: false,
            os_type: None,
            os_version: None,
            kernel_version: None,
            docker_version: None,
            daemon_started_at: None,
            total_memory: None,
            num_cpus: None,
            agent_os: None,
            agent_arch: None,
            host_ip: None,
            host_ips: Vec::new(),
        }
    }

    /// Sets the addresses of the host: at most 50 are kept, the first one also as `host_ip`.
    #[must_use]
    pub fn with_addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.host_ips = addresses.into_iter().take(limits::HOST_ADDRESSES).collect();
        self.host_ip = self.host_ips.first().copied();
        self
    }

    /// Addresses of the host, in the sender's order; the single one of an old agent when it sent no list.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let single = if self.host_ips.is_empty() {
            self.host_ip
        } else {
            None
        };
        self.host_ips.iter().copied().chain(single)
    }
}

/// Where an agent's host name comes from, in order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostnameSource {
    /// The operator's `AGENT_NAME`.
    AgentName,
    /// The Engine's name for its machine.
    Daemon,
    /// The operating system's host name.
    Os,
    /// The first characters of the engine id.
    EngineId,
}

fn lenient_source<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<HostnameSource>, D::Error> {
    let name = lenient::name(deserializer)?;
    Ok(name.and_then(|name| {
        let name: StrDeserializer<'_, de::value::Error> = name.as_ref().into_deserializer();
        HostnameSource::deserialize(name).ok()
    }))
}

/// What an agent can do, by name. Keys are free: this is where an extension announces itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Capabilities(BTreeMap<String, bool>);

impl Capabilities {
    /// The capabilities named in `pairs`: without keys longer than [`limits::CAPABILITY_LEN`], and no more than
    /// [`limits::CAPABILITIES`].
    pub fn new<K: Into<String>>(pairs: impl IntoIterator<Item = (K, bool)>) -> Self {
        let named = pairs.into_iter().map(|(key, has)| (key.into(), has));
        let short = named.filter(|(key, _)| key.len() <= limits::CAPABILITY_LEN);
        Self(short.take(limits::CAPABILITIES).collect())
    }

    /// Tells whether the capability is announced as present.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.0.get(key).copied().unwrap_or(false)
    }

    /// All of them by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, bool)> {
        self.0.iter().map(|(key, has)| (key.as_str(), *has))
    }
}

impl<'de> Deserialize<'de> for Capabilities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = BTreeMap::<String, Scalar<'de>>::deserialize(deserializer)?;
        let known = all
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.switch()?)));
        Ok(Self::new(known))
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn capabilities_that_are_too_long_or_too_many_are_left_out() {
        let long = "x".repeat(limits::CAPABILITY_LEN + 1);
        assert_eq!(Capabilities::new([(long, true)]), Capabilities::default());
        let fits = "x".repeat(limits::CAPABILITY_LEN);
        assert!(Capabilities::new([(fits.clone(), true)]).has(&fits));
        let many = (0..=limits::CAPABILITIES).map(|n| (format!("c{n:03}"), true));
        assert_eq!(Capabilities::new(many).iter().count(), limits::CAPABILITIES);
    }

    #[test]
    fn addresses_beyond_the_limit_are_left_out_and_the_first_is_the_single_one() {
        let token = Token::new("t").unwrap();
        let register = Register::new(token, EngineId::new("e").unwrap(), "1", "1.1");
        let many = (0..=255).map(|n| IpAddr::from([10, 0, 0, n]));
        let register = register.with_addresses(many);
        assert_eq!(register.addresses().count(), limits::HOST_ADDRESSES);
        assert_eq!(register.host_ip, register.addresses().next());
    }

    #[test]
    fn an_old_agent_has_a_single_address() {
        let text =
            r#"{"token":"t","engine_id":"e","version":"1","proto_version":"1","host_ip":"::1"}"#;
        let register: Register = serde_json::from_str(text).unwrap();
        assert_eq!(
            register.addresses().collect::<Vec<_>>(),
            [IpAddr::from([0_u16, 0, 0, 0, 0, 0, 0, 1])]
        );
    }
}
