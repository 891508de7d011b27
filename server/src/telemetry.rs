//! What is known now, and who is told of it.

pub mod container;
pub mod fanout;
pub mod fleet;
pub mod rates;
