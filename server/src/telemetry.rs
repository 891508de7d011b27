//! What is known now, and who is told of it.

pub mod board;
pub mod container;
pub mod fanout;
pub mod fleet;
pub mod history;
pub mod journal;
pub mod keeper;
pub mod measure;
pub mod notable;
pub mod rates;
pub mod view;
