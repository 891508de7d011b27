//! From and to what is stored: a host's facts, and an event about it.

use pilotfish_protocol::HostId;

use crate::clock;
use crate::store::agents::AgentRecord;
use crate::store::events::{EventRecord, Subject as About};
use crate::store::hosts::HostRecord;
use crate::telemetry::fleet::{Agent, Facts, System};

/// Makes the event that something happened to a host, now.
pub(super) fn host_event(
    id: &HostId,
    name: &str,
    action: &str,
    detail: Option<String>,
) -> EventRecord {
    EventRecord {
        at_unix_ms: clock::unix_ms(),
        host_id: Some(id.clone()),
        host_name: name.to_owned(),
        subject: About::Host,
        action: action.to_owned(),
        container_id: None,
        container_name: None,
        image: None,
        detail,
        stamped_unix_ms: None,
        is_late: false,
    }
}

/// Gives what the store knows of a host.
pub(super) fn facts(host: &HostRecord, agent: &AgentRecord, heard_unix_ms: Option<u64>) -> Facts {
    Facts {
        name: host.name.clone(),
        agent: Agent {
            id: agent.id.clone(),
            version: agent.version.clone(),
            os: agent.os.clone(),
            arch: agent.arch.clone(),
            protocol: agent.protocol.clone(),
            is_ours: agent.is_ours(),
        },
        system: System {
            os: host.system.os.clone(),
            kernel: host.system.kernel.clone(),
            cpus: host.system.cpus,
            memory_bytes: host.system.memory_bytes,
            addresses: host.system.addresses.clone(),
        },
        engine_version: host.engine_version.clone(),
        enrolled_unix_ms: host.enrolled_unix_ms,
        heard_unix_ms,
    }
}
