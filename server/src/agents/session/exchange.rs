//! Pure: what a session is told, what it wants done, and at which pace.

use std::time::{Duration, Instant};

use pilotfish_protocol::{
    AgentMessage, CallId, ContainerEvent, ContainerListing, ContainerStats, EngineState, Failure,
    HostStats, Operation, OperationDone, Trouble,
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

/// What happens to a session.
#[derive(Debug)]
pub enum Input<W> {
    /// Bytes came at this time, whatever they are.
    Heard(Instant),
    /// A message came.
    Message(AgentMessage),
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
    /// Something happened to a container.
    Event(ContainerEvent),
    /// A sample of a container.
    ContainerStats(ContainerStats),
    /// A sample of the host.
    HostStats(HostStats),
    /// Trouble for the event log.
    Trouble(Trouble),
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
