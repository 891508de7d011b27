//! The lab: real programs, started and stopped by whoever needs them.
//!
//! A private Docker Engine, the real server, the real agent, a relay between them, a browser, and raw peers that speak
//! the wire without our types. Everything lives in a [`Scratch`] and is gone when the lab's handle is dropped, when a
//! test panics, and when the process that holds it is killed.

pub mod agent;
pub mod api;
pub mod browser;
pub mod clock;
pub mod engine;
pub mod keeper;
pub mod program;
pub mod relay;
pub mod server;
pub mod stack;
pub mod tls;
pub mod viewer;
pub mod wait;
pub mod wire;

pub use agent::{Agent, AgentBuilder};
pub use api::Api;
pub use browser::Browser;
pub use engine::{Container, Engine, Sample};
pub use keeper::Scratch;
pub use relay::Relay;
pub use server::{Server, ServerBuilder};
pub use stack::{Stack, shared_engine};
pub use viewer::Viewer;
pub use wait::{pause, until};
