//! The agents' side of the server: who is let in, and what is said to those who are.
//!
//! An agent knocks at the [`door`], [`registration`] decides and [`enrolment`] carries it out; from then on its connection is
//! [`live`], driven by a pure [`session`], and found by the API in the [`roster`].

pub mod agreement;
pub mod calls;
pub mod door;
pub mod enrolment;
pub mod frames;
pub mod live;
pub mod meter;
pub mod refusals;
pub mod registration;
pub mod roster;
pub mod session;

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pilotfish_protocol::{HostId, Operation, OperationDone, Refusal, limits};

use crate::agents::refusals::Refusals;
use crate::agents::roster::{Order, REMOVED, Roster};
use crate::agents::session::exchange::{CallError, PACE, Pace};
use crate::agents::session::rhythm::{METERED_RHYTHM, RHYTHM, Rhythm, StatsTimes};
use crate::clock;
use crate::http::admission::{Admission, Limits};

/// Connections that have not shown who they are: in all, and from one address.
pub const WAITING: Limits = Limits {
    total: 256,
    per_address: 8,
};

/// What the agents' side shares.
#[derive(Debug)]
pub struct Agents {
    /// Who waits at the door.
    pub waiting: Admission,
    /// Who is there.
    pub roster: Roster,
    /// How long things take.
    pub times: Times,
    refusals: Mutex<Refusals>,
}

/// How long things take; tests shorten them.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// How long the first message may take.
    pub register_wait: Duration,
    /// The pace of a session.
    pub pace: Pace,
    /// The rhythm of a session that agreed to the extension.
    pub rhythm: Rhythm,
    /// The same where traffic is dear.
    pub metered_rhythm: Rhythm,
}

/// The times outside tests.
pub const TIMES: Times = Times {
    register_wait: limits::REGISTER_WAIT,
    pace: PACE,
    rhythm: RHYTHM,
    metered_rhythm: METERED_RHYTHM,
};

impl Times {
    /// With stats as often as is configured.
    #[must_use]
    pub fn with(self, stats: StatsTimes) -> Self {
        Self {
            rhythm: self.rhythm.with(stats),
            metered_rhythm: self.metered_rhythm.with(stats),
            ..self
        }
    }
}

impl Default for Times {
    fn default() -> Self {
        TIMES
    }
}

/// Why an operation was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No agent of this host is connected.
    #[error("the host is offline")]
    Offline,
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Agents {
    /// Nobody is there yet.
    pub fn new(times: Times) -> Self {
        Self {
            waiting: Admission::new(WAITING),
            roster: Roster::default(),
            times,
            refusals: Mutex::default(),
        }
    }

    /// Has an operation carried out by the agent of `host`.
    ///
    /// # Errors
    ///
    /// [`AskError`]; after [`CallError::Disconnected`] and [`CallError::Late`] nobody knows whether it was done.
    pub async fn ask(
        &self,
        host: &HostId,
        operation: Operation,
    ) -> Result<OperationDone, AskError> {
        let link = self.roster.find(host).ok_or(AskError::Offline)?;
        let (reply, answer) = async_channel::bounded(1);
        let order = Order::Call { operation, reply };
        link.orders.try_send(order).map_err(|error| {
            if error.is_full() {
                AskError::Call(CallError::Busy)
            } else {
                AskError::Offline
            }
        })?;
        let outcome = answer.recv().await.unwrap_or(Err(CallError::Disconnected));
        Ok(outcome?)
    }

    /// Has the session of a host look again whether somebody watches.
    pub fn look_again(&self, host: &HostId) {
        if let Some(link) = self.roster.find(host)
            && let Err(error) = link.orders.try_send(Order::LookAgain)
        {
            // It looks by itself when it lists next.
            log::debug!("session {}: {error}", link.session.0);
        }
    }

    /// Closes the connection of a host that is no more.
    pub fn dismiss(&self, host: &HostId) {
        if let Some(link) = self.roster.remove(host) {
            link.dismiss(REMOVED);
        }
    }

    fn is_worth_noting(&self, address: IpAddr, refusal: Refusal) -> bool {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.is_worth_noting(address, refusal, clock::now())
    }
}

impl Default for Agents {
    fn default() -> Self {
        Self::new(TIMES)
    }
}
