//! The server, room by room: agents dial in, an operator's browser looks and steers.
//!
//! `main.rs` reads the configuration and calls [`run::run`], which wires the parts. [`http`] knows
//! nothing of what is asked; [`api`] is the table of what may be asked; [`store`] is all that
//! survives a restart.

pub mod agents;
pub mod api;
pub mod app;
pub mod args;
pub mod auth;
pub mod chain;
pub mod clock;
pub mod config;
pub mod executor;
pub mod first_start;
pub mod http;
pub mod logging;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod rig;
pub mod run;
pub mod shutdown;
pub mod store;
pub mod telemetry;
