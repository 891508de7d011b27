//! The live links, one a host: how the API reaches a session, and how a newer session takes the place of an older one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use pilotfish_protocol::{HostId, Operation, OperationDone};

use crate::agents::session::exchange::CallError;
use crate::telemetry::fleet::SessionId;

/// Most orders that wait for one session; one more is turned away as busy.
const ORDERS: usize = 128;

/// How often one DockMon agent may be made to reconnect.
const RECONNECT_EVERY: Duration = Duration::from_secs(300);

/// How a call ended.
pub type Outcome = Result<OperationDone, CallError>;

/// What is asked of a session.
#[derive(Debug)]
pub enum Order {
    /// Carry out an operation and tell how it ended.
    Call {
        /// What to do.
        operation: Operation,
        /// Who waits.
        reply: Sender<Outcome>,
    },
    /// Look again whether somebody watches the host.
    LookAgain,
}

/// Why a session is to close: the close frame's code and reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Goodbye {
    /// RFC 6455 §7.4.
    pub code: u16,
    /// For a person.
    pub reason: &'static str,
}

/// A newer connection of the same agent is there.
pub const REPLACED: Goodbye = Goodbye {
    code: 1000,
    reason: "New connection established",
};

/// The host was deleted.
pub const REMOVED: Goodbye = Goodbye {
    code: 1008,
    reason: "Host removed",
};

/// How to reach a session.
#[derive(Debug, Clone)]
pub struct Link {
    /// Its number.
    pub session: SessionId,
    /// What is asked of it.
    pub orders: Sender<Order>,
    goodbye: Sender<Goodbye>,
}

/// The session's ends of a [`Link`].
#[derive(Debug)]
pub struct Place {
    /// Its number.
    pub session: SessionId,
    /// What is asked of it.
    pub orders: Receiver<Order>,
    /// Told once when it is to close.
    pub goodbye: Receiver<Goodbye>,
    /// Whose place it takes; to be dismissed as soon as the new session is known, not before: the host must not seem offline
    /// in between.
    pub replaced: Option<Link>,
    /// Not before this time may it be made to reconnect for its own good.
    pub reconnect_not_before: Option<Instant>,
}

/// The live links.
#[derive(Debug, Default)]
pub struct Roster {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    links: HashMap<HostId, Link>,
    reconnected: HashMap<HostId, Instant>,
}

impl Link {
    /// Tells the session to close; it does so by itself, nobody waits for it here.
    pub fn dismiss(&self, goodbye: Goodbye) {
        // A full channel holds a goodbye already; a closed one is of a session that is over.
        let told = self.goodbye.try_send(goodbye);
        if let Err(error) = told {
            log::trace!("session {}: {error}", self.session.0);
        }
    }
}

impl Roster {
    /// Gives the number of a new session, later than all before it.
    pub fn number(&self) -> SessionId {
        let mut state = self.lock();
        state.last += 1;
        SessionId(state.last)
    }

    /// Makes a place for a new session of a host; where a later one is already there, the place is dismissed at once.
    pub fn enter(&self, host: &HostId, session: SessionId) -> Place {
        let (order_sender, orders) = async_channel::bounded(ORDERS);
        let (goodbye_sender, goodbye) = async_channel::bounded(1);
        let mut state = self.lock();
        let link = Link {
            session,
            orders: order_sender,
            goodbye: goodbye_sender,
        };
        let present = state.links.get(host);
        let is_late = present.is_some_and(|present| present.session > session);
        let replaced = if is_late {
            link.dismiss(REPLACED);
            None
        } else {
            state.links.insert(host.clone(), link)
        };
        let last = state.reconnected.get(host).copied();
        Place {
            session,
            orders,
            goodbye,
            replaced,
            reconnect_not_before: last.map(|last| last + RECONNECT_EVERY),
        }
    }

    /// Gives a place back, unless a newer session has it.
    pub fn leave(&self, host: &HostId, session: SessionId) {
        let mut state = self.lock();
        if state
            .links
            .get(host)
            .is_some_and(|link| link.session == session)
        {
            state.links.remove(host);
        }
    }

    /// Finds the link of a host.
    pub fn find(&self, host: &HostId) -> Option<Link> {
        self.lock().links.get(host).cloned()
    }

    /// Takes the link of a host that is no more.
    pub fn remove(&self, host: &HostId) -> Option<Link> {
        let mut state = self.lock();
        state.reconnected.remove(host);
        state.links.remove(host)
    }

    /// Notes that an agent was made to reconnect for its own good.
    pub fn reconnected(&self, host: &HostId, now: Instant) {
        self.lock().reconnected.insert(host.clone(), now);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> HostId {
        HostId::new("h").unwrap()
    }

    /// Enters with a new number.
    fn enter(roster: &Roster) -> Place {
        roster.enter(&host(), roster.number())
    }

    #[test]
    fn a_session_that_enters_after_a_later_one_is_told_to_go() {
        let roster = Roster::default();
        let (first, second) = (roster.number(), roster.number());
        let later = roster.enter(&host(), second);
        let late = roster.enter(&host(), first);
        assert!(late.replaced.is_none());
        assert_eq!(late.goodbye.try_recv(), Ok(REPLACED));
        assert!(later.goodbye.try_recv().is_err());
        assert_eq!(roster.find(&host()).unwrap().session, second);
    }

    #[test]
    fn a_newer_session_takes_the_place_and_can_tell_the_older() {
        let roster = Roster::default();
        let first = enter(&roster);
        let second = enter(&roster);
        assert!(second.session > first.session);
        second.replaced.unwrap().dismiss(REPLACED);
        assert_eq!(first.goodbye.try_recv(), Ok(REPLACED));
        assert!(second.goodbye.try_recv().is_err());
        assert_eq!(roster.find(&host()).unwrap().session, second.session);
    }

    #[test]
    fn a_replaced_session_that_leaves_leaves_the_newer_one_there() {
        let roster = Roster::default();
        let first = enter(&roster);
        let second = enter(&roster);
        roster.leave(&host(), first.session);
        assert!(roster.find(&host()).is_some());
        roster.leave(&host(), second.session);
        assert!(roster.find(&host()).is_none());
    }

    #[test]
    fn a_reconnection_for_its_own_good_is_followed_by_five_minutes_of_peace() {
        let roster = Roster::default();
        assert_eq!(enter(&roster).reconnect_not_before, None);
        let now = crate::clock::now();
        roster.reconnected(&host(), now);
        assert_eq!(
            enter(&roster).reconnect_not_before,
            Some(now + RECONNECT_EVERY)
        );
        roster.remove(&host());
        assert_eq!(enter(&roster).reconnect_not_before, None);
    }
}
