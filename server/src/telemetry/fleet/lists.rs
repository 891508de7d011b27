//! Pure: the container lists of the hosts: replaced as a whole, or changed, as their agents tell it.

use std::collections::BTreeMap;

use pilotfish_protocol::{ContainerId, ContainerListing, HostId, ListHash, ShortId};

use super::{CONTAINERS, Fleet, SessionId};
use crate::agents::session::exchange::Change;
use crate::telemetry::container::{Container, State};

/// A container list.
#[derive(Debug, Default)]
pub struct List {
    /// When the server received it, or heard that it is as it was.
    pub at_unix_ms: u64,
    /// By the first 12 digits of their ids.
    pub containers: BTreeMap<ShortId, Container>,
}

/// What came of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// The numbers of containers are others.
    pub are_counts_other: bool,
    /// What is held now; `None` when nothing is, or its hash is not known.
    pub held: Option<ListHash>,
}

impl List {
    /// Counts the containers that run.
    pub fn running(&self) -> usize {
        let states = self.containers.values().map(|container| container.state);
        states.filter(|state| *state == State::Running).count()
    }

    /// Gives the hash of all listings; `None` when one came without.
    pub fn hash(&self) -> Option<ListHash> {
        let mut hashes = self.containers.values().map(|container| container.hash);
        hashes.try_fold(ListHash::default(), |sum, hash| Some(sum.plus(hash?)))
    }

    fn counts(&self) -> (usize, usize) {
        (self.running(), self.containers.len())
    }
}

impl Fleet {
    /// Takes a container list. Answers whether the numbers of containers changed, `None` when it does not count.
    pub fn list(
        &mut self,
        id: &HostId,
        session: SessionId,
        listings: &[ContainerListing],
        at_unix_ms: u64,
    ) -> Option<bool> {
        let host = self.live(id, session)?;
        let before = host.list.as_ref().map(List::counts);
        let mut old = host.list.take().unwrap_or_default().containers;
        let containers = listings.iter().take(CONTAINERS).map(|listing| {
            let short = ShortId::of(&listing.id);
            (short, Container::of(listing, None, old.remove(&short)))
        });
        let list = List {
            at_unix_ms,
            containers: containers.collect(),
        };
        let after = list.counts();
        host.list = Some(list);
        Some(before != Some(after))
    }

    /// Takes what changed of a container list, `None` when it does not count. Without a list, only a full one is taken.
    pub fn change(
        &mut self,
        id: &HostId,
        session: SessionId,
        change: &Change,
        at_unix_ms: u64,
    ) -> Option<Changed> {
        let host = self.live(id, session)?;
        let before = host.list.as_ref().map(List::counts);
        let mut old = BTreeMap::new();
        if change.is_full {
            old = host.list.take().unwrap_or_default().containers;
            host.list = Some(List::default());
        }
        let Some(list) = &mut host.list else {
            return Some(Changed {
                are_counts_other: false,
                held: None,
            });
        };
        list.at_unix_ms = at_unix_ms;
        for gone in &change.gone {
            list.containers.remove(&ShortId::of(gone));
        }
        for (hash, listing) in &change.set {
            let short = ShortId::of(&listing.id);
            let before = list.containers.remove(&short);
            if list.containers.len() < CONTAINERS {
                let before = before.or_else(|| old.remove(&short));
                let container = Container::of(listing, Some(*hash), before);
                list.containers.insert(short, container);
            }
        }
        Some(Changed {
            are_counts_other: before != Some(list.counts()),
            held: list.hash(),
        })
    }

    /// The containers that are known are those that there are.
    pub fn confirm_list(&mut self, id: &HostId, session: SessionId, at_unix_ms: u64) {
        let host = self.live(id, session);
        if let Some(list) = host.and_then(|host| host.list.as_mut()) {
            list.at_unix_ms = at_unix_ms;
        }
    }

    /// Finds the container a name or short id of which is told.
    pub fn container(&self, id: &HostId, container: &ContainerId) -> Option<&Container> {
        let list = self.hosts.get(id)?.list.as_ref()?;
        list.containers.get(&ShortId::of(container))
    }
}

#[cfg(test)]
mod tests;
