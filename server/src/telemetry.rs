//! What is known now, and who is told of it.

pub mod board;
pub mod container;
pub mod derive;
pub mod fanout;
pub mod fleet;
pub mod history;
pub mod journal;
pub mod keeper;
pub mod measure;
pub mod measured;
pub mod notable;
pub mod rates;
pub mod sample;
pub mod sender_clock;
pub mod ticks;
pub mod view;
