//! Pure: what a session is told, what it wants done, and at which pace.

use std::time::{Duration, Instant};

use crate::agents::session::rhythm::Rhythm;
use pilotfish_protocol::extension::{Cadence, CollectorReport, Coverage, Spending};
use pilotfish_protocol::{
    AgentMessage, CallId, ContainerEvent, ContainerId, ContainerListing, ContainerStats,
    EngineState, Failure, HostStats, ListHash, Operation, OperationDone, Trouble,
};

/// Times of a session; tests shorten them.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How often a WebSocket ping is sent.
    pub ping: Duration,
    /// After how long without a byte from the agent it is gone.
    pub silence: Duration,
    /// How often containers are listed when nobody looks.
    pub list_slow: Duration,
    /// How often containers are listed when somebody looks, and the soonest after an event.
    pub list_fast: Duration,
    /// After how long without container stats a DockMon agent has lost its Engine's streams.
    pub stats_lost: Duration,
}

/// The pace outside tests.
pub const PACE: Pace = Pace {
    ping: Duration::from_secs(15),
    silence: pilotfish_protocol::limits::PEER_SILENCE,
    list_slow: Duration::from_secs(10),
    list_fast: Duration::from_secs(2),
    stats_lost: Duration::from_secs(60),
};

/// Which protocol a session speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The base dialect, as a DockMon agent speaks it.
    DockMon,
    /// The base dialect with heartbeats that tell how the Engine is.
    Heartbeats,
    /// The extension.
    Extension {
        /// How often things happen.
        rhythm: Rhythm,
        /// The containers that this server knew of the host when it agreed, when it has their hash.
        held: Option<ListHash>,
    },
}

/// What happens to a session.
#[derive(Debug)]
pub enum Input<W> {
    /// Bytes came at this time, whatever they are.
    Heard(Instant),
    /// A message came.
    Message(AgentMessage),
    /// A ping came, and was answered.
    Pinged,
    /// A stats frame came; whether it could be used.
    Frame {
        /// It could.
        is_usable: bool,
    },
    /// An operation is to be carried out for `W`.
    Call {
        /// The call's id: random.
        id: CallId,
        /// What to do.
        operation: Operation,
        /// Who waits for the answer.
        waiter: W,
    },
    /// Whether somebody looks at the host.
    Watched(bool),
    /// Time passed.
    Time,
}

/// What is to be done.
#[derive(Debug)]
pub enum Output<W> {
    /// Send this text.
    Send(String),
    /// Send a WebSocket ping.
    Ping,
    /// Tell the waiter how its call ended.
    Done(W, Result<OperationDone, CallError>),
    /// Tell what was learnt.
    Report(Report),
    /// Close the connection; the session is over.
    Close(Ending),
}

/// Something learnt.
#[derive(Debug)]
pub enum Report {
    /// How the Engine is.
    Engine(EngineState),
    /// All containers.
    List(Vec<ContainerListing>),
    /// Containers that changed.
    Change(Change),
    /// The containers that are known are those that the agent has.
    ListConfirmed,
    /// How the host is measured.
    Collector(CollectorReport),
    /// How often stats come.
    Cadence(Cadence),
    /// What was sent so far today.
    Spending(Spending),
    /// What is missing from before this session.
    Coverage(Coverage),
    /// Something happened to a container.
    Event(ContainerEvent),
    /// A sample of a container.
    ContainerStats(ContainerStats),
    /// A sample of the host.
    HostStats(HostStats),
    /// Trouble for the event log.
    Trouble(Trouble),
}

/// Containers that changed, as the agent told it.
#[derive(Debug)]
pub struct Change {
    /// `set` is every container there is.
    pub is_full: bool,
    /// New or changed ones, each with the hash of its listing as it was sent.
    pub set: Vec<(ListHash, ContainerListing)>,
    /// Those that are no more.
    pub gone: Vec<ContainerId>,
    /// The hash of what the agent has after it.
    pub hash: ListHash,
}

/// Why the session ends itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Nothing was heard for too long.
    Silent,
    /// A DockMon agent that lost its Engine's events and stats: reconnecting makes it build both anew.
    StreamsLost,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Too many calls in hand.
    #[error("too many calls in hand")]
    Busy,
    /// The agent went away.
    #[error("the agent went away")]
    Disconnected,
    /// No answer in time.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// The agent answered that it failed.
    #[error("the agent answers: {0}")]
    Failed(Failure),
}
