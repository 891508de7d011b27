//! The Docker Engine's API over its Unix socket: as much of it as the agent uses.
//!
//! [`Engine`] is a handle that is cheap to clone. Each call opens its own connection, has a deadline and a cap ([`Op`]), and speaks the
//! API version negotiated with the Engine that is there now. [`follow::follow`] tells when the Engine goes, comes back and what happens on it.

pub mod connection;
pub mod containers;
pub mod endpoint;
pub mod error;
pub mod event_stream;
pub mod events;
pub mod facts;
pub mod follow;
pub mod inspect;
pub mod listing;
pub mod logs;
pub mod op;
pub mod operations;
pub mod path;
pub mod process;
pub mod version;
pub mod watch;

pub use connection::Engine;
pub use endpoint::Endpoint;
pub use error::EngineError;
pub use op::Op;
