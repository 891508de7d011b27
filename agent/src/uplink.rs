//! The link to the server: a pure machine with back-off, credentials and outbox; beside them the shell that dials and holds the socket.

pub mod backoff;
pub mod budget;
pub mod credentials;
pub mod dial;
mod liveness;
pub mod machine;
pub mod meter;
pub mod outbox;
pub mod signals;
pub mod socket;
pub mod telemetry;
pub mod tls;
