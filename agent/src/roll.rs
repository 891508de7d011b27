//! The containers of this host as a server knows them: what changed of them, asked of the Engine only when something happened.
//!
//! [`run`] is told what happens on the Engine ([`Input`]), asks it for the containers that may have changed, and tells what is other than
//! before ([`Listed`]). [`Pacer`] decides when to ask about which, [`Roll`] what is new in the answer.

pub mod keeper;
pub mod pacer;
pub mod sheet;
pub mod status;

pub use keeper::{Input, Listed, run};
pub use pacer::{Pacer, Question};
pub use sheet::{Roll, RunningContainer};
