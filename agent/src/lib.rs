//! The agent, room by room.

pub mod args;
pub mod chain;
pub mod clock;
pub mod command;
pub mod config;
pub mod identity;
pub mod logging;
pub mod store;
pub mod uplink;
