//! The real agent against a real Engine and a real server; `cargo xtask test` builds what these start.
//!
//! Tests share one Engine unless they stop, restart or freeze it; each has its own server and its own agent.

mod appears;
mod base_dialect;
mod cadence;
mod engine_loss;
mod events;
mod identity;
mod in_container;
mod link;
mod links;
mod lists;
mod load;
mod operations;
mod outages;
mod program;
mod roll;
mod sampling;
mod tls;
