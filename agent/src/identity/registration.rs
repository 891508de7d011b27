//! Pure: the `register` message, put together from what is known of agent, host and Engine.

use std::net::{IpAddr, Ipv4Addr};

use pilotfish_protocol::extension::{CAPABILITY, METERED_CAPABILITY};
use pilotfish_protocol::{
    Capabilities, CpuCount, EngineId, MemoryBytes, Register, Text, Timestamp, Token,
};

use super::host_name::{HostName, KnownNames};
use crate::engine::facts::EngineFacts;

/// Everything a registration tells besides token and Engine id.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// `AGENT_NAME`.
    pub agent_name: Option<String>,
    /// `FORCE_UNIQUE_REGISTRATION`.
    pub is_forced: bool,
    /// `METERED`.
    pub is_metered: bool,
    /// `PROTO_VERSION`.
    pub proto_version: String,
    /// The system's host name.
    pub os_name: Option<String>,
    /// Addresses of the host.
    pub addresses: Vec<Ipv4Addr>,
    /// What the Engine says of itself and its host; `None` while it is down.
    pub engine: Option<EngineFacts>,
    /// When the Engine's `bridge` network was made.
    pub bridge_created_at: Option<Timestamp>,
}

/// Puts the message together. What is not known is left out.
#[must_use]
pub fn register(token: Token, engine_id: EngineId, known: &Known) -> Register {
    let engine = known.engine.as_ref();
    let name = HostName::choose(&KnownNames {
        agent_name: known.agent_name.as_deref(),
        engine_name: engine.map(|facts| facts.name.as_str()),
        os_name: known.os_name.as_deref(),
        engine_id: Some(engine_id.as_str()),
    });
    let mut register = Register::new(
        token,
        engine_id,
        env!("CARGO_PKG_VERSION"),
        &known.proto_version,
    );
    register.capabilities = capabilities(known.is_metered);
    register.hostname = Some(name.name);
    register.hostname_source = Some(name.source);
    register.force_unique_registration = known.is_forced;
    register.agent_os = Some(Text::cut(std::env::consts::OS));
    register.agent_arch = Some(Text::cut(go_arch(std::env::consts::ARCH)));
    if let Some(facts) = engine {
        register.os_type = Text::cut_if_any(&facts.os_type);
        register.os_version = Text::cut_if_any(&facts.operating_system);
        register.kernel_version = Text::cut_if_any(&facts.kernel_version);
        register.docker_version = Text::cut_if_any(&facts.server_version);
        register.total_memory = u64::try_from(facts.memory_bytes)
            .ok()
            .and_then(MemoryBytes::new);
        register.num_cpus = u32::try_from(facts.cpus).ok().and_then(CpuCount::new);
    }
    register.daemon_started_at = known.bridge_created_at.map(|at| Text::cut(&at.to_string()));
    register.with_addresses(known.addresses.iter().copied().map(IpAddr::V4))
}

/// What this release can do, under the base dialect's names, and our own: heartbeats that tell how the Engine is, the extension, and that
/// the line is dear.
fn capabilities(is_metered: bool) -> Capabilities {
    let metered = (METERED_CAPABILITY, true);
    let always = [
        ("container_operations", true),
        ("event_streaming", true),
        ("stats_collection", true),
        ("container_updates", false),
        ("shell_access", false),
        ("self_update", false),
        ("compose_deployments", false),
        ("multi_env_files", false),
        ("pilotfish_heartbeat", true),
        (CAPABILITY, true),
    ];
    Capabilities::new(always.into_iter().chain(is_metered.then_some(metered)))
}

/// Go's name of an architecture, which is what a DockMon backend knows.
fn go_arch(rust_arch: &str) -> &str {
    match rust_arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use pilotfish_protocol::HostnameSource;

    use super::*;

    fn message(known: &Known) -> Register {
        register(
            Token::new("t").unwrap(),
            EngineId::new("ABCD:EFGH").unwrap(),
            known,
        )
    }

    fn facts(json: &str) -> Option<EngineFacts> {
        Some(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn without_an_engine_only_the_system_and_the_operator_are_told() {
        let register = message(&Known {
            os_name: Some("pi".into()),
            ..Known::default()
        });
        assert_eq!(register.hostname_source, Some(HostnameSource::Os));
        assert_eq!(
            (
                register.os_version,
                register.total_memory,
                register.num_cpus
            ),
            (None, None, None)
        );
    }

    #[test]
    fn counts_that_an_engine_does_not_know_are_left_out() {
        let engine = facts(r#"{"Name":"pi","MemTotal":0,"NCPU":0}"#);
        let register = message(&Known {
            engine,
            ..Known::default()
        });
        assert_eq!((register.total_memory, register.num_cpus), (None, None));
        assert_eq!(register.hostname_source, Some(HostnameSource::Daemon));
    }

    #[test]
    fn what_the_engine_tells_is_passed_on() {
        let engine = facts(
            r#"{"Name":"pi","OSType":"linux","OperatingSystem":"Debian","KernelVersion":"6.1","ServerVersion":"29.0","MemTotal":1024,"NCPU":4}"#,
        );
        let register = message(&Known {
            engine,
            addresses: vec![Ipv4Addr::new(10, 0, 0, 7)],
            ..Known::default()
        });
        assert_eq!(register.docker_version.unwrap().as_str(), "29.0");
        assert_eq!(register.total_memory.unwrap().bytes(), 1024);
        assert_eq!(
            register.host_ip,
            Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7)))
        );
    }

    #[test]
    fn architectures_have_the_names_a_dockmon_backend_knows() {
        assert_eq!(
            ["x86_64", "aarch64", "arm", "riscv64"].map(go_arch),
            ["amd64", "arm64", "arm", "riscv64"]
        );
    }
}
