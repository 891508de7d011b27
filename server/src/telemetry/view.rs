//! Pure: what is known, as the API writes it (docs/api.md). Nothing here is read back.

mod stats;

use std::collections::BTreeMap;
use std::sync::Arc;

use pilotfish_protocol::{HostId, ShortId};
use serde::{Serialize, Serializer};

use crate::store::events::{EventRecord, Subject};
use crate::telemetry::container::Container;
use crate::telemetry::fleet::{Health, Host, List};

pub use stats::{
    CadenceView, CollectorView, ContainerStatsView, ContainersStats, HostStatsView, SpendingView,
};

/// A host.
#[derive(Debug, Serialize)]
pub struct HostView<'a> {
    id: &'a HostId,
    name: &'a str,
    link: &'static str,
    link_since_unix_ms: Option<u64>,
    heard_unix_ms: Option<u64>,
    engine: EngineView<'a>,
    agent: AgentView<'a>,
    system: SystemView<'a>,
    stats: Option<HostStatsView<'a>>,
    containers: Option<CountsView>,
    collector: Option<CollectorView<'a>>,
    cadence: Option<CadenceView>,
    spending: Option<SpendingView>,
    gaps: Vec<GapView>,
    lost: LostView,
    enrolled_unix_ms: u64,
}

#[derive(Debug, Serialize)]
struct EngineView<'a> {
    state: &'static str,
    why: Option<&'a str>,
    version: Option<&'a str>,
    since_unix_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
struct AgentView<'a> {
    id: &'a str,
    version: &'a str,
    os: Option<&'a str>,
    arch: Option<&'a str>,
    protocol: &'a str,
}

#[derive(Debug, Serialize)]
struct SystemView<'a> {
    os: Option<&'a str>,
    kernel: Option<&'a str>,
    cpus: Option<u32>,
    memory_bytes: Option<u64>,
    addresses: &'a [String],
}

#[derive(Debug, Serialize)]
struct GapView {
    from_unix_ms: u64,
    to_unix_ms: u64,
}

#[derive(Debug, Serialize)]
struct LostView {
    ticks: u64,
    events: u64,
}

#[derive(Debug, Serialize)]
struct CountsView {
    running: usize,
    total: usize,
    at_unix_ms: u64,
}

/// A container.
#[derive(Debug, Serialize)]
pub struct ContainerView<'a> {
    #[serde(serialize_with = "short_id")]
    id: ShortId,
    name: &'a str,
    image: &'a str,
    state: &'static str,
    status: &'a str,
    created_unix_ms: Option<u64>,
    started_unix_ms: Option<u64>,
    ports: &'a [String],
    labels: &'a BTreeMap<String, String>,
    is_agent: bool,
    stats: Option<ContainerStatsView>,
}

/// An event.
#[derive(Debug, Serialize)]
pub struct EventView<'a> {
    id: u64,
    at_unix_ms: u64,
    host_id: Option<&'a HostId>,
    host_name: &'a str,
    subject: &'static str,
    action: &'a str,
    container_id: Option<&'a str>,
    container_name: Option<&'a str>,
    image: Option<&'a str>,
    detail: Option<&'a str>,
    is_late: bool,
}

/// A message to a live viewer.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Live<'a> {
    /// All hosts.
    Hosts {
        /// The server's time.
        server_unix_ms: u64,
        /// The hosts.
        hosts: Vec<HostView<'a>>,
    },
    /// A host that changed.
    Host {
        /// The host.
        host: Box<HostView<'a>>,
    },
    /// A host that is no more.
    HostRemoved {
        /// Its id.
        id: &'a HostId,
    },
    /// New stats of a host, and of the containers of the watched one.
    Stats {
        /// The host.
        host_id: &'a HostId,
        /// When the server received them.
        at_unix_ms: u64,
        /// The time since the stats before, when it is known.
        interval_ms: Option<u64>,
        /// The host's own, when there are any.
        #[serde(skip_serializing_if = "Option::is_none")]
        host: Option<Box<HostStatsView<'a>>>,
        /// Its containers', for those who watch it.
        #[serde(skip_serializing_if = "Option::is_none")]
        containers: Option<ContainersStats<'a>>,
    },
    /// The watched host's containers.
    Containers {
        /// The host.
        host_id: &'a HostId,
        /// When they were listed.
        at_unix_ms: Option<u64>,
        /// The containers.
        containers: Vec<ContainerView<'a>>,
    },
    /// Something happened.
    Event {
        /// What.
        event: EventView<'a>,
    },
    /// The server's time.
    Time {
        /// Now.
        server_unix_ms: u64,
        /// When the agents of the online hosts were last heard.
        heard: BTreeMap<&'a str, u64>,
    },
}

impl Live<'_> {
    /// Writes the message once for all who get it.
    pub fn encode(&self) -> Arc<str> {
        // Keys are strings and numbers are finite, which is all that this can fail on.
        let text = serde_json::to_string(self).unwrap_or_default();
        Arc::from(text)
    }
}

impl<'a> HostView<'a> {
    /// Shows a host.
    pub fn of(id: &'a HostId, host: &'a Host) -> Self {
        let facts = &host.facts;
        let (state, why) = match &host.engine.health {
            Health::Up => ("up", None),
            Health::Down(why) => ("down", Some(why.as_str())),
            Health::Unknown => ("unknown", None),
        };
        Self {
            id,
            name: &facts.name,
            link: if host.session.is_some() {
                "online"
            } else {
                "offline"
            },
            link_since_unix_ms: host.link_since_unix_ms,
            heard_unix_ms: host.heard_unix_ms,
            engine: EngineView {
                state,
                why,
                version: host.engine.version.as_deref(),
                since_unix_ms: host.engine.since_unix_ms,
            },
            agent: AgentView {
                id: facts.agent.id.as_str(),
                version: &facts.agent.version,
                os: facts.agent.os.as_deref(),
                arch: facts.agent.arch.as_deref(),
                protocol: &facts.agent.protocol,
            },
            system: SystemView {
                os: facts.system.os.as_deref(),
                kernel: facts.system.kernel.as_deref(),
                cpus: facts.system.cpus,
                memory_bytes: facts.system.memory_bytes,
                addresses: &facts.system.addresses,
            },
            stats: host.sample.as_deref().map(HostStatsView::of),
            containers: host.list.as_ref().map(|list| CountsView {
                running: list.running(),
                total: list.containers.len(),
                at_unix_ms: list.at_unix_ms,
            }),
            collector: host.told.collector.as_deref().map(CollectorView::of),
            cadence: host.told.cadence.as_ref().map(CadenceView::of),
            spending: host.told.spending.as_deref().map(SpendingView::of),
            gaps: host
                .told
                .gaps
                .iter()
                .map(|gap| GapView {
                    from_unix_ms: gap.from_ms,
                    to_unix_ms: gap.to_ms,
                })
                .collect(),
            lost: LostView {
                ticks: host.told.lost.ticks,
                events: host.told.lost.events,
            },
            enrolled_unix_ms: facts.enrolled_unix_ms,
        }
    }
}

impl<'a> ContainerView<'a> {
    /// Shows all containers of a list, by name.
    pub fn all(list: Option<&'a List>) -> Vec<Self> {
        let containers = list.into_iter().flat_map(|list| &list.containers);
        let mut views: Vec<Self> = containers
            .map(|(id, container)| Self::of(*id, container))
            .collect();
        views.sort_unstable_by_key(|view| (view.name, view.id));
        views
    }

    fn of(id: ShortId, container: &'a Container) -> Self {
        Self {
            id,
            name: &container.name,
            image: &container.image,
            state: container.state.as_word(),
            status: &container.status,
            created_unix_ms: container.created_unix_ms,
            started_unix_ms: container.started_unix_ms,
            ports: &container.ports,
            labels: &container.labels,
            is_agent: container.is_agent,
            stats: container.sample.as_deref().map(ContainerStatsView::of),
        }
    }
}

fn short_id<S: Serializer>(id: &ShortId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

impl<'a> EventView<'a> {
    /// Shows an event.
    pub fn of(id: u64, event: &'a EventRecord) -> Self {
        Self {
            id,
            at_unix_ms: event.at_unix_ms,
            host_id: event.host_id.as_ref(),
            host_name: &event.host_name,
            subject: match event.subject {
                Subject::Container => "container",
                Subject::Host => "host",
                Subject::Engine => "engine",
            },
            action: &event.action,
            container_id: event.container_id.as_deref(),
            container_name: event.container_name.as_deref(),
            image: event.image.as_deref(),
            detail: event.detail.as_deref(),
            is_late: event.is_late,
        }
    }
}
