//! The agent, room by room.

pub mod agent;
pub mod args;
pub mod chain;
pub mod clock;
pub mod command;
pub mod config;
pub mod engine;
pub mod identity;
pub mod logging;
pub mod roll;
pub mod sample;
pub mod shell;
pub mod spool;
pub mod store;
pub mod uplink;
