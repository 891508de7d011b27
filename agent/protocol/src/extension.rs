//! Pure: what two Pilotfish ends say to each other beyond the base dialect, once both have agreed to it.
//!
//! An agent offers version 1 with the capability `pilotfish_1`; a server that takes it puts `pilotfish` into its `auth_success`. Only then
//! may either end send what is in this module, or a binary message. Text messages are JSON objects with a `type`, as in the base dialect.

pub mod from_agent;
pub mod from_server;
pub mod list_hash;

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::lenient;
pub use from_agent::{
    AgentExtra, Cadence, CollectorReport, ContainerSource, Coverage, ListChange, Missing, Slowed,
    Span, Spending,
};
pub use from_server::ServerExtra;
pub use list_hash::ListHash;

/// The capability with which an agent offers this version.
pub const CAPABILITY: &str = "pilotfish_1";
/// The capability with which an agent asks for as little traffic as possible.
pub const METERED_CAPABILITY: &str = "pilotfish_metered";
/// The version that this module describes.
pub const VERSION: u32 = 1;

/// Names one run of an agent program: sequence numbers and times of two runs are not to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// What a server agrees to, in its `auth_success`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// [`VERSION`].
    pub version: u32,
    /// The server's number for this session.
    pub session: u64,
    /// The server's clock, Unix ms.
    pub server_time_ms: u64,
    /// How often the server wants stats, to begin with.
    pub stats_interval_ms: u64,
    /// How often the agent sends a heartbeat.
    pub heartbeat_ms: u64,
    /// After this long without a byte either end takes the other one for gone.
    pub silence_ms: u64,
    /// The containers that the server knows of this host; when the agent's are the same, it need not send them.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::if_readable"
    )]
    pub containers: Option<ListHash>,
    /// What of the spool is kept: per run the highest sequence number. Newest runs last, at most [`RUNS`].
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "lenient::list::<_, _, RUNS>"
    )]
    pub spooled: Vec<Spooled>,
    /// The last live tick that the server took from this agent; what was measured later is to come from the spool.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::if_readable"
    )]
    pub last_tick: Option<LastTick>,
    /// When the Engine stamped the last event that the server has of this host, Unix ns.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::if_readable"
    )]
    pub last_event_ns: Option<u64>,
}

/// Most runs of one agent that a server keeps sequence numbers of.
pub const RUNS: usize = 8;

/// What of a run's spool is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spooled {
    /// The run.
    pub run: RunId,
    /// All entries up to this number are durable with the server.
    pub seq: u64,
}

/// A tick that the server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastTick {
    /// The run that measured it.
    pub run: RunId,
    /// Its time by that run's clock, Unix ms.
    pub at_ms: u64,
}

impl Serialize for RunId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        list_hash::hex(deserializer).map(Self)
    }
}
