//! Pure: every host as it is known now. What a session tells counts only while the session is the host's present one, so a
//! replaced or deleted connection can change nothing.

mod engines;
mod lists;
mod measured;

use std::collections::BTreeMap;

use pilotfish_protocol::{AgentId, HostId};

use crate::telemetry::sample::HostSample;

pub use engines::{Engine, EngineChange, Health};
pub use lists::List;
pub use measured::{Counted, SAMPLE_LIFE_MS, Told};

/// Most containers kept of one host.
pub const CONTAINERS: usize = 5000;

/// The number of one authenticated connection; a later one is larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// Every host.
#[derive(Debug, Default)]
pub struct Fleet {
    hosts: BTreeMap<HostId, Host>,
}

/// What is known of a host from its registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The host's name on this server.
    pub name: String,
    /// Its agent.
    pub agent: Agent,
    /// The machine.
    pub system: System,
    /// The Engine's version, when it was told.
    pub engine_version: Option<String>,
    /// When the host was enrolled.
    pub enrolled_unix_ms: u64,
    /// When the agent was last heard, as far as is known from before the server started.
    pub heard_unix_ms: Option<u64>,
}

/// The program on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its id; no secret.
    pub id: AgentId,
    /// Its version.
    pub version: String,
    /// What it was built for.
    pub os: Option<String>,
    /// What it was built for.
    pub arch: Option<String>,
    /// The protocol's label.
    pub protocol: String,
    /// Whether it is a pilotfish-agent.
    pub is_ours: bool,
}

/// A host's machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct System {
    /// The distribution.
    pub os: Option<String>,
    /// The kernel's version.
    pub kernel: Option<String>,
    /// CPUs.
    pub cpus: Option<u32>,
    /// Memory.
    pub memory_bytes: Option<u64>,
    /// Its addresses.
    pub addresses: Vec<String>,
}

/// One host.
#[derive(Debug)]
pub struct Host {
    /// What its registration told.
    pub facts: Facts,
    /// The present session, when there is one.
    pub session: Option<SessionId>,
    /// Since when the link is as it is; `None` when it has been down since before the server started.
    pub link_since_unix_ms: Option<u64>,
    /// When the agent was last heard.
    pub heard_unix_ms: Option<u64>,
    /// Its Engine.
    pub engine: Engine,
    /// The host's own latest sample.
    pub sample: Option<Box<HostSample>>,
    /// What its agent says of how it measures.
    pub told: Told,
    /// Its containers, as last listed.
    pub list: Option<List>,
    /// A session before the present one may not come back.
    newest: Option<SessionId>,
}

impl Fleet {
    /// Adds a host, offline, or takes new facts of one that is known. Answers whether anything changed.
    pub fn learn(&mut self, id: &HostId, facts: Facts) -> bool {
        match self.hosts.get_mut(id) {
            Some(host) => {
                let is_new = host.facts != facts;
                host.facts = facts;
                is_new
            }
            None => {
                let host = Host {
                    session: None,
                    link_since_unix_ms: facts.heard_unix_ms,
                    heard_unix_ms: facts.heard_unix_ms,
                    engine: Engine {
                        version: facts.engine_version.clone(),
                        ..Engine::default()
                    },
                    sample: None,
                    told: Told::default(),
                    list: None,
                    newest: None,
                    facts,
                };
                self.hosts.insert(id.clone(), host);
                true
            }
        }
    }

    /// Forgets a host; gives what it was.
    pub fn remove(&mut self, id: &HostId) -> Option<Host> {
        self.hosts.remove(id)
    }

    /// Finds a host.
    pub fn find(&self, id: &HostId) -> Option<&Host> {
        self.hosts.get(id)
    }

    /// Gives all hosts, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&HostId, &Host)> {
        self.hosts.iter()
    }

    /// Makes `session` the host's present one.
    ///
    /// Answers whether the link was down before, `None` when the host is not known (it was deleted) or a later session came.
    pub fn attach(&mut self, id: &HostId, session: SessionId, at_unix_ms: u64) -> Option<bool> {
        let host = self.hosts.get_mut(id)?;
        if host.newest.is_some_and(|newest| newest > session) {
            return None;
        }
        let was_offline = host.session.is_none();
        host.newest = Some(session);
        host.session = Some(session);
        host.heard_unix_ms = Some(at_unix_ms);
        if was_offline {
            host.link_since_unix_ms = Some(at_unix_ms);
        }
        host.engine = Engine {
            version: host.facts.engine_version.clone(),
            ..Engine::default()
        };
        // Counters of another connection may be of other runs.
        host.sample = None;
        host.told.begin();
        for container in host
            .list
            .iter_mut()
            .flat_map(|list| list.containers.values_mut())
        {
            container.forget_counters();
        }
        Some(was_offline)
    }

    /// From here on nothing that an earlier session tells counts: `session` is told what is known.
    pub fn supersede(&mut self, id: &HostId, session: SessionId) {
        if let Some(host) = self.hosts.get_mut(id) {
            host.newest = host.newest.max(Some(session));
        }
    }

    /// Takes the link down, if `session` is the present one; answers whether it was.
    pub fn detach(&mut self, id: &HostId, session: SessionId, at_unix_ms: u64) -> bool {
        let host = self.hosts.get_mut(id);
        let Some(host) = host.filter(|host| host.session == Some(session)) else {
            return false;
        };
        host.session = None;
        host.link_since_unix_ms = Some(at_unix_ms);
        host.engine = Engine {
            version: host.engine.version.take(),
            ..Engine::default()
        };
        true
    }

    /// Notes that the agent was heard.
    pub fn heard(&mut self, id: &HostId, session: SessionId, at_unix_ms: u64) {
        if let Some(host) = self.live(id, session) {
            host.heard_unix_ms = Some(at_unix_ms);
        }
    }

    /// Drops samples that are too old at `at_unix_ms`; gives the hosts of which one was dropped.
    pub fn sweep(&mut self, at_unix_ms: u64) -> Vec<HostId> {
        // One that is ahead was taken before the clock was set back; nobody knows how old it is.
        let mut swept = Vec::new();
        for (id, host) in &mut self.hosts {
            let life_ms = host.told.sample_life_ms();
            let is_old = |sampled: u64| sampled.abs_diff(at_unix_ms) > life_ms;
            let mut is_swept = host.sample.take_if(|s| is_old(s.at_unix_ms)).is_some();
            for container in host
                .list
                .iter_mut()
                .flat_map(|list| list.containers.values_mut())
            {
                is_swept |= container.sample.take_if(|s| is_old(s.at_unix_ms)).is_some();
            }
            if is_swept {
                swept.push(id.clone());
            }
        }
        swept
    }

    /// Gives the host while what `session` tells counts: it is the present one, and no later one has shown its token.
    pub fn live(&mut self, id: &HostId, session: SessionId) -> Option<&mut Host> {
        let host = self.hosts.get_mut(id)?;
        (host.session == Some(session) && host.newest == Some(session)).then_some(host)
    }
}

#[cfg(test)]
mod tests;
