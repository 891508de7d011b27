//! Pure: when a host's containers are listed. Never two lists are on their way.

use std::time::Instant;

use pilotfish_protocol::extension::ListChange;
use pilotfish_protocol::{CallId, ContainerListing, ListHash};
use serde_json::value::RawValue;

use crate::agents::calls;
use crate::agents::session::exchange::{Change, Pace};
use crate::telemetry::fleet::CONTAINERS;

/// The rhythm of one session's lists.
#[derive(Debug)]
pub(super) struct Lists {
    pace: Pace,
    /// They are listed regularly; where the agent tells changes by itself, never.
    is_regular: bool,
    /// Makes the ids of the calls, after a random beginning.
    random: [u8; 16],
    pub(super) count: u32,
    is_watched: bool,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// The next one is asked for at this time; the last one was at `asked_at`.
    Due {
        at: Instant,
        asked_at: Option<Instant>,
    },
    /// Asked for, not answered.
    InFlight {
        asked_at: Instant,
        /// Ask again at this time, sooner than the pace would.
        again_at: Option<Instant>,
    },
}

impl Lists {
    /// The first list is due at once.
    pub(super) fn new(pace: Pace, is_regular: bool, random: [u8; 16], now: Instant) -> Self {
        Self {
            pace,
            is_regular,
            random,
            count: 0,
            is_watched: false,
            state: State::Due {
                at: now,
                asked_at: None,
            },
        }
    }

    /// When to ask next; `None` while one is on its way, and where that is not needed.
    pub(super) fn due_at(&self) -> Option<Instant> {
        match self.state {
            State::Due { at, .. } => Some(at).filter(|_| self.is_regular),
            State::InFlight { .. } => None,
        }
    }

    /// Gives the id for the next list.
    pub(super) fn next_id(&mut self) -> CallId {
        let mut random = self.random;
        for (byte, count) in random.iter_mut().zip(self.count.to_be_bytes()) {
            *byte ^= count;
        }
        self.count = self.count.wrapping_add(1);
        calls::call_id(random)
    }

    /// One was asked for.
    pub(super) fn asked(&mut self, now: Instant) {
        self.state = State::InFlight {
            asked_at: now,
            again_at: None,
        };
    }

    /// One could not be asked for: a little later.
    pub(super) fn put_off(&mut self, now: Instant) {
        self.state = State::Due {
            at: now + self.pace.list_fast,
            asked_at: None,
        };
    }

    /// The one on its way is answered, or never will be.
    pub(super) fn ended(&mut self, now: Instant) {
        if let State::InFlight { asked_at, again_at } = self.state {
            let every = if self.is_watched {
                self.pace.list_fast
            } else {
                self.pace.list_slow
            };
            let by_pace = asked_at + every;
            let at = again_at.map_or(by_pace, |again_at| again_at.min(by_pace));
            self.state = State::Due {
                at: at.max(now),
                asked_at: Some(asked_at),
            };
        }
    }

    /// One is wanted at this time at the latest.
    pub(super) fn soon(&mut self, wanted_at: Instant) {
        match &mut self.state {
            State::Due { at, .. } => *at = (*at).min(wanted_at),
            // What is on its way may be from before.
            State::InFlight { again_at, .. } => {
                *again_at = Some(again_at.map_or(wanted_at, |at| at.min(wanted_at)));
            }
        }
    }

    /// What is listed is old: one is wanted soon, but a restart loop must not make the agent list without pause.
    pub(super) fn is_old(&mut self, now: Instant) {
        let asked_at = match self.state {
            State::Due { asked_at, .. } => asked_at,
            State::InFlight { asked_at, .. } => Some(asked_at),
        };
        let soonest = asked_at.map_or(now, |asked_at| asked_at + self.pace.list_fast);
        self.soon(soonest.max(now));
    }

    /// Whether somebody looks; who begins to look wants one at once.
    pub(super) fn watched(&mut self, is_watched: bool, now: Instant) {
        let was_watched = std::mem::replace(&mut self.is_watched, is_watched);
        if is_watched && !was_watched {
            self.soon(now);
        }
    }
}

/// Reads a container list; an element that cannot be read is left out, as is what is beyond [`CONTAINERS`]: a message has room
/// for many more, and each takes much more memory than bytes on the wire. `None` when it is no array.
pub(super) fn read(payload: &RawValue) -> Option<Vec<ContainerListing>> {
    let elements: Vec<&RawValue> = serde_json::from_str(payload.get()).ok()?;
    let listings = elements
        .into_iter()
        .filter_map(|element| serde_json::from_str(element.get()).ok());
    Some(listings.take(CONTAINERS).collect())
}

/// Reads what changed; bounded as [`read`].
pub(super) fn read_change(change: &ListChange) -> Change {
    let read = |listing: &RawValue| {
        let hash = ListHash::of(listing.get().as_bytes());
        Some((hash, serde_json::from_str(listing.get()).ok()?))
    };
    let set = change.set.iter().filter_map(|listing| read(listing));
    Change {
        is_full: change.is_full,
        set: set.take(CONTAINERS).collect(),
        gone: change.gone.iter().take(CONTAINERS).cloned().collect(),
        hash: change.hash,
    }
}
