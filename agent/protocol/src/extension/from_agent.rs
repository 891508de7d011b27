//! Pure: what an agent says beyond the base dialect.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::RunId;
use super::list_hash::ListHash;
use crate::agent_message::to_json;
use crate::ids::ContainerId;
use crate::lenient;
use crate::limits;
use crate::text::Text;

/// A text message from an agent.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AgentExtra {
    /// Containers changed.
    Containers(ListChange),
    /// How this host is measured.
    Collector(CollectorReport),
    /// How often stats come from now on.
    Cadence(Cadence),
    /// What was sent so far today.
    Spent(Spending),
    /// Whether anything is missing from before this session.
    Coverage(Coverage),
}

/// Containers that are new or other than before, and those that are gone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListChange {
    /// `set` is every container there is.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub is_full: bool,
    /// The listings as the agent hashed them, each a [`ContainerListing`](crate::ContainerListing).
    #[serde(
        default,
        deserialize_with = "lenient::list::<_, _, { limits::CHANGED_CONTAINERS }>"
    )]
    pub set: Vec<Box<RawValue>>,
    /// Containers that are no more.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "lenient::list::<_, _, { limits::CHANGED_CONTAINERS }>"
    )]
    pub gone: Vec<ContainerId>,
    /// What both ends hold after this change.
    pub hash: ListHash,
}

/// How this host is measured, and why a value is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectorReport {
    /// Where the containers' values come from.
    pub containers: ContainerSource,
    /// Why they do not come from cgroup files.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub why: Option<Text<512>>,
    /// The Engine's cgroup driver: `systemd`, `cgroupfs`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub cgroup_driver: Option<Text<32>>,
    /// Values that cannot be known on this host.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "lenient::list::<_, _, { limits::MISSING_VALUES }>"
    )]
    pub missing: Vec<Missing>,
    /// The kernel's id of this boot.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub boot_id: Option<Text<64>>,
    /// The run that measures, whose clock the ticks have: without it the server cannot tell the next session what it has of this one.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::if_readable"
    )]
    pub run: Option<RunId>,
    /// How long the host has been up.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::count"
    )]
    pub uptime_ms: Option<u64>,
}

/// Where the containers' values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContainerSource {
    /// Files of cgroup v2.
    CgroupV2,
    /// Files of cgroup v1.
    CgroupV1,
    /// The Engine, asked once per sample.
    Engine,
    /// Nothing: there is no Engine.
    Nothing,
}

/// A value that cannot be known on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Of what: `container.memory`, `host.temperature` …
    pub value: Text<64>,
    /// Why, for a person.
    pub why: Text<512>,
    /// What to do about it: which line to change in which file.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub remedy: Option<Text<512>>,
}

/// How often stats come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cadence {
    /// The time between two ticks.
    pub stats_interval_ms: u64,
    /// What the server asked for.
    pub asked_ms: u64,
    /// Why it is not what was asked for.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::if_readable"
    )]
    pub slowed: Option<Slowed>,
}

/// Why stats come more slowly than the server asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slowed {
    /// `STATS_INTERVAL_MIN` of the host.
    Minimum,
    /// Four fifths of `BYTES_PER_DAY` are spent.
    Budget,
}

/// Bytes on the agent's socket since its day began, TLS included, TCP and IP headers not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spending {
    /// `BYTES_PER_DAY`; absent: no limit.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::count"
    )]
    pub budget_bytes: Option<u64>,
    /// How long the day has lasted.
    #[serde(deserialize_with = "lenient::count_or_zero")]
    pub since_ms: u64,
    /// Stats frames.
    #[serde(deserialize_with = "lenient::count_or_zero")]
    pub stats_bytes: u64,
    /// Events.
    #[serde(deserialize_with = "lenient::count_or_zero")]
    pub events_bytes: u64,
    /// Answers to calls.
    #[serde(deserialize_with = "lenient::count_or_zero")]
    pub answers_bytes: u64,
    /// Container lists and their changes.
    #[serde(deserialize_with = "lenient::count_or_zero")]
    pub lists_bytes: u64,
    /// What was spooled while the link was down.
    #[serde(deserialize_with = "lenient::count_or_zero")]
    pub spool_bytes: u64,
    /// Registrations, heartbeats, reports, pings, and the framing of all of it.
    #[serde(deserialize_with = "lenient::count_or_zero")]
    pub upkeep_bytes: u64,
    /// Everything received.
    #[serde(deserialize_with = "lenient::count_or_zero")]
    pub received_bytes: u64,
}

/// What is missing from before this session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Coverage {
    /// Times of which nobody knows what happened to containers, by the agent's clock; absent: events are complete.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::if_readable"
    )]
    pub events_gap: Option<Span>,
    /// Events that found no room in the spool.
    #[serde(deserialize_with = "lenient::count_or_zero")]
    pub lost_events: u64,
    /// Ticks that found no room in the spool.
    #[serde(deserialize_with = "lenient::count_or_zero")]
    pub lost_ticks: u64,
}

/// A span of time, Unix ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Its beginning.
    pub from_ms: u64,
    /// Its end.
    pub to_ms: u64,
}

impl AgentExtra {
    /// Reads the content of a message with this `type`; `None` when it is none of these.
    ///
    /// By hand, because serde cannot hand on raw JSON out of an enum that is tagged inside.
    pub(crate) fn decode(kind: &str, text: &str) -> Option<Result<Self, serde_json::Error>> {
        Some(match kind {
            "containers" => lenient::object(text).map(Self::Containers),
            "collector" => lenient::object(text).map(Self::Collector),
            "cadence" => lenient::object(text).map(Self::Cadence),
            "spent" => lenient::object(text).map(Self::Spent),
            "coverage" => lenient::object(text).map(Self::Coverage),
            _ => return None,
        })
    }

    /// Writes the message.
    #[must_use]
    pub fn encode(&self) -> String {
        to_json(self)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;
    use alloc::vec;

    use super::*;
    use crate::AgentMessage;

    #[test]
    fn listings_of_a_change_keep_the_bytes_that_were_hashed() {
        let listing = r#"{"Id":"0123456789ab", "Names":["/w\u00e9b"]}"#;
        let change = ListChange {
            is_full: true,
            set: vec![RawValue::from_string(listing.to_string()).unwrap()],
            gone: vec![ContainerId::new("aaaaaaaaaaaa").unwrap()],
            hash: ListHash::of(listing.as_bytes()),
        };
        let text = AgentExtra::Containers(change.clone()).encode();
        let AgentMessage::Extra(extra) = AgentMessage::decode(&text).unwrap() else {
            panic!("{text}")
        };
        let AgentExtra::Containers(read) = *extra else {
            panic!("{text}")
        };
        assert_eq!(read.set[0].get(), listing);
        assert_eq!((read.hash, read.is_full), (change.hash, true));
        assert_eq!(read.gone, change.gone);
    }
}
