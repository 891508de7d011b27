//! The real server with a real agent, a real Engine and a real browser; `cargo xtask test` builds what these start.

mod door;
mod history;
mod page;
