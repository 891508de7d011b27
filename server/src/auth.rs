//! Who is asking: passwords, sessions, CSRF, and how often one may guess.

pub mod limiter;
pub mod passwords;
pub mod secret;
pub mod sessions;
