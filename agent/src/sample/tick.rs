//! Pure: everything that was measured at one moment.

use std::rc::Rc;

use pilotfish_protocol::{ContainerId, Reading, Subject};

/// One tick: the host, its parts, and every container that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// When, by the run's clock: the wall clock at the program's start and the monotonic clock from there, in Unix ms. Never goes back.
    pub at_ms: u64,
    /// The host and its parts.
    pub host: Vec<(Subject, Reading)>,
    /// The containers.
    pub containers: Vec<ContainerSample>,
}

/// What was measured of one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSample {
    /// Which one.
    pub id: ContainerId,
    /// Its own name, without slash.
    pub name: Rc<str>,
    /// Its values.
    pub reading: Reading,
}
