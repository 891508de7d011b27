//! The wire that a pilotfish-agent and a pilotfish-server speak: the DockMon agent protocol, every message as a type.
//!
//! Sans-I/O: bytes in, values out, and back. No sockets, clocks or files (`no_std` + `alloc`); bytes from a peer never panic.
//! [`AgentMessage`] is all that an agent may say, [`ServerMessage`] all that a server may say; [`limits`] bounds both.
//! Decoding tolerates unknown fields and absent optionals; encoding never emits what a DockMon backend refuses.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod agent_message;
pub mod answer;
pub mod auth;
mod envelope;
pub mod error;
pub mod event;
pub mod extension;
pub mod frame;
pub mod heartbeat;
pub mod ids;
mod lenient;
pub mod limits;
pub mod listing;
pub mod metric;
pub mod numbers;
pub mod reading;
pub mod register;
pub mod request;
pub mod server_message;
pub mod spool;
pub mod stats;
pub mod subject;
pub mod text;
pub mod time;
pub mod token;
mod varint;

pub use agent_message::AgentMessage;
pub use answer::{Answer, AnswerForm, Failure, FailureKind, OperationDone};
pub use auth::{AuthAnswer, AuthSuccess, Refusal};
pub use error::{DecodeError, InvalidId};
pub use event::ContainerEvent;
pub use extension::{AgentExtra, Extension, ListHash, ServerExtra};
pub use heartbeat::{EngineState, Heartbeat, Trouble};
pub use ids::{AgentId, CallId, ContainerId, EngineId, HostId};
pub use listing::ContainerListing;
pub use metric::{
    ContainerMetric, FilesystemMetric, HostMetric, InterfaceMetric, METRICS, Metric, SensorMetric,
};
pub use numbers::{CpuCount, MemoryBytes, Percent};
pub use reading::Reading;
pub use register::{Capabilities, HostnameSource, Register};
pub use request::{Command, Operation, OperationKind};
pub use server_message::ServerMessage;
pub use stats::{ContainerStats, HostStats};
pub use subject::{ShortId, Subject};
pub use text::Text;
pub use time::Timestamp;
pub use token::Token;
