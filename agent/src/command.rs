//! What the server may ask: taken in at the desk, carried out by one file per subject.

pub mod desk;
