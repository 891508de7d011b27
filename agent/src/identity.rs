//! Who this agent is: its own container, its host's name and its host's addresses.

pub mod addresses;
pub mod container_id;
pub mod host_name;
pub mod registration;
pub mod surroundings;
