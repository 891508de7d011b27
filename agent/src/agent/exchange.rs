//! Pure: what the loop tells the agent, and what the agent has it do.

use std::time::{Duration, Instant};

use pilotfish_protocol::extension::from_agent::Span;
use pilotfish_protocol::extension::{CollectorReport, ListChange, ListHash};
use pilotfish_protocol::{Answer, ContainerEvent, ContainerId, EngineId, Timestamp, Token};

use crate::command::Call;
use crate::sample::tick::Tick;
use crate::spool::{Commit, Key, Row, Spool};
use crate::store::Enrolment;
use crate::uplink::budget::{Budget, Traffic};
use crate::uplink::signals::Input;

/// Both clocks, read at the same time.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The monotonic clock: what deadlines are made of.
    pub at: Instant,
    /// The wall clock: what messages carry.
    pub wall: Timestamp,
    /// The run's clock: the wall clock at the program's start and the monotonic clock from there, in Unix ms.
    pub run_ms: u64,
}

/// Counts the connections to the server, so that what is left of an old one is recognised.
pub type ConnectionNumber = u64;

/// A cause of work.
#[derive(Debug)]
pub enum Event {
    /// Something happened to connection `number` to the server.
    Uplink {
        /// Which connection.
        number: ConnectionNumber,
        /// What happened.
        input: Input,
    },
    /// The network has taken the message handed to connection `number`.
    Sent {
        /// Which connection.
        number: ConnectionNumber,
        /// What went over all connections so far.
        traffic: Traffic,
    },
    /// The enrolment that connection `number` brought is durable, or could not be made so and why.
    Kept {
        /// Which connection.
        number: ConnectionNumber,
        /// Why it is not durable.
        outcome: Result<(), String>,
    },
    /// The Engine is up, and said what it is.
    EngineUp {
        /// Its id.
        id: EngineId,
        /// Its version.
        version: String,
    },
    /// The Engine told which containers may be the agent's own, where what the agent sees by itself may point at another one.
    OwnContainers(Vec<ContainerId>),
    /// The Engine is down.
    EngineDown {
        /// Why, for a person.
        why: String,
    },
    /// Something happened to a container.
    Container(ContainerEvent),
    /// Events of this time may be missing.
    EventsMissing(Span),
    /// What the Engine remembers from before this program started.
    Recalled {
        /// The events, oldest first.
        events: Vec<ContainerEvent>,
        /// Of this time there may be more.
        gap: Option<Span>,
    },
    /// Host and containers were measured.
    Tick(Tick),
    /// The host is measured in another way than before, or is for the first time.
    Collector(CollectorReport),
    /// The containers were listed, or some of them.
    Listed {
        /// What is known of all containers now.
        hash: ListHash,
        /// What is other than before.
        change: Option<ListChange>,
    },
    /// Rows of the spool were read, as [`Action::ReadSpool`] asked; `None` for one that could not be.
    SpoolRead(Vec<(Key, Option<Row>)>),
    /// The spool was written to the disk, or could not be.
    SpoolKept {
        /// Whether it is durable.
        is_done: bool,
    },
    /// A call is done.
    CallDone {
        /// The connection that asked.
        number: ConnectionNumber,
        /// What to answer.
        answer: Answer,
    },
    /// The program is told to end.
    Stop,
    /// The deadline passed.
    Timeout,
}

/// Something for the shell to do.
#[derive(Debug)]
pub enum Action {
    /// Dial the server; what happens is told under `number`.
    Dial {
        /// Which connection it will be.
        number: ConnectionNumber,
    },
    /// Send the `register` message with this token, for this Engine.
    Register {
        /// The token to present.
        token: Token,
        /// The Engine to register for.
        engine_id: EngineId,
    },
    /// Hand a message to the network; [`Event::Sent`] follows.
    Send(Message),
    /// Send a WebSocket ping.
    Ping,
    /// Close the connection with this code, and forget it.
    Hangup(u16),
    /// Forget the connection, whatever it is doing.
    Drop,
    /// Make the enrolment durable; [`Event::Kept`] follows.
    Keep {
        /// The connection that brought it.
        number: ConnectionNumber,
        /// What to keep.
        enrolment: Enrolment,
    },
    /// Carry a call out; [`Event::CallDone`] follows.
    Run(Call),
    /// Read rows of the spool from the disk; [`Event::SpoolRead`] follows.
    ReadSpool(Vec<Key>),
    /// Write to the disk what is to be kept of the spool; [`Event::SpoolKept`] follows.
    KeepSpool(Commit),
    /// From now on measure host and containers this often.
    Measure(Duration),
    /// Ask the Engine what happened from this time (Unix ns) until this program started; [`Event::Recalled`] follows.
    Recall {
        /// When the last event happened that the server knows.
        since_ns: u64,
        /// Until then an agent listened, and told what happened.
        heard_ns: u64,
    },
    /// List all containers anew and tell of them with [`Event::Listed`].
    ListAll,
    /// End the program.
    Exit,
}

/// A message for the network.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    /// JSON.
    Text(String),
    /// A frame, or what was spooled.
    Binary(Vec<u8>),
}

impl Message {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

/// What an agent keeps and what it may spend.
#[derive(Debug)]
pub struct Keeping {
    /// What waits for a link.
    pub spool: Spool,
    /// What the line may cost.
    pub budget: Budget,
}
