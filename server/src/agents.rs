//! The agents' side of the server: who is let in, and what is said to those who are.

pub mod calls;
pub mod registration;
pub mod session;
