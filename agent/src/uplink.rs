//! The link to the server: a pure machine, back-off, credentials and outbox; beside them the shell that dials and holds the socket.

pub mod backoff;
pub mod credentials;
pub mod machine;
pub mod outbox;
