//! Pure: what a server was told of each container, as one number per container, and what is new in a list of the Engine.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::rc::Rc;

use pilotfish_protocol::extension::{ListChange, ListHash};
use pilotfish_protocol::subject::NAME_LEN;
use pilotfish_protocol::{ContainerId, ContainerListing};
use serde_json::value::{RawValue, to_raw_value};

use super::status::without_time;

/// A container that runs, paused ones among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningContainer {
    /// Its full id.
    pub id: ContainerId,
    /// Its name without slash.
    pub name: Rc<str>,
}

/// The containers of the Engine as they were listed last: a few bytes for each, not the listings.
#[derive(Debug, Default)]
pub struct Roll {
    lines: BTreeMap<ContainerId, Line>,
    /// The sum over all lines.
    hash: ListHash,
}

#[derive(Debug)]
struct Line {
    hash: ListHash,
    /// The name of a container that runs.
    running: Option<Rc<str>>,
}

impl Roll {
    /// What both ends hold when the server took every change.
    #[must_use]
    pub fn hash(&self) -> ListHash {
        self.hash
    }

    /// The containers that run, in the order of their ids.
    #[must_use]
    pub fn running(&self) -> Vec<RunningContainer> {
        let running = self.lines.iter().filter_map(|(id, line)| {
            let name = Rc::clone(line.running.as_ref()?);
            Some(RunningContainer {
                id: id.clone(),
                name,
            })
        });
        running.collect()
    }

    /// Takes every container there is; `None` when nothing changed.
    pub fn replace(&mut self, listings: Vec<ContainerListing>) -> Option<ListChange> {
        let mut before = std::mem::take(&mut self.lines);
        let mut set = Vec::new();
        for listing in listings {
            let id = listing.id.clone();
            let line = before.remove(&id);
            set.extend(self.take(line, listing));
        }
        let gone: Vec<_> = before
            .into_iter()
            .map(|(id, line)| {
                self.hash = self.hash.minus(line.hash);
                id
            })
            .collect();
        self.change(set, gone)
    }

    /// Takes what was `found` when the Engine was asked about these containers: those asked and not found are gone. `None` when nothing
    /// changed.
    pub fn update(
        &mut self,
        asked: &[ContainerId],
        found: Vec<ContainerListing>,
    ) -> Option<ListChange> {
        let mut missing: BTreeMap<&ContainerId, Line> = BTreeMap::new();
        for id in asked {
            if let Some(line) = self.lines.remove(id) {
                missing.insert(id, line);
            }
        }
        let mut set = Vec::new();
        for listing in found {
            let line = missing.remove(&listing.id);
            set.extend(self.take(line, listing));
        }
        let mut gone = Vec::new();
        for (id, line) in missing {
            self.hash = self.hash.minus(line.hash);
            gone.push(id.clone());
        }
        self.change(set, gone)
    }

    /// Takes every container there is, and says all of it again: for a server that holds another list.
    #[must_use]
    pub fn restate(&mut self, listings: Vec<ContainerListing>) -> ListChange {
        *self = Self::default();
        let set = listings
            .into_iter()
            .filter_map(|listing| self.take(None, listing))
            .collect();
        ListChange {
            is_full: true,
            set,
            gone: Vec::new(),
            hash: self.hash,
        }
    }

    /// Puts a container in the place of `line`, which was taken out of the lines; gives its listing when it is new or other than before.
    fn take(&mut self, line: Option<Line>, mut listing: ContainerListing) -> Option<Box<RawValue>> {
        if let Some(line) = line {
            self.lines.insert(listing.id.clone(), line);
        }
        settle(&mut listing);
        let text =
            to_raw_value(&listing).expect("a listing has texts for keys and no failing type");
        let hash = ListHash::of(text.get().as_bytes());
        let is_running = matches!(listing.state.as_str(), "running" | "paused");
        // The Engine sets no limit to names; no more than this of one is ever told.
        let name = listing.name();
        let name = is_running.then(|| cut(name));
        match self.lines.entry(listing.id.clone()) {
            Entry::Occupied(mut line) => {
                let line = line.get_mut();
                if line.running.as_deref() != name {
                    line.running = name.map(Rc::from);
                }
                if line.hash == hash {
                    return None;
                }
                self.hash = self.hash.minus(line.hash).plus(hash);
                line.hash = hash;
            }
            Entry::Vacant(place) => {
                let running = name.map(Rc::from);
                place.insert(Line { hash, running });
                self.hash = self.hash.plus(hash);
            }
        }
        Some(text)
    }

    fn change(&self, set: Vec<Box<RawValue>>, gone: Vec<ContainerId>) -> Option<ListChange> {
        let is_change = !set.is_empty() || !gone.is_empty();
        is_change.then_some(ListChange {
            is_full: false,
            set,
            gone,
            hash: self.hash,
        })
    }
}

/// Takes out of a listing what differs from one question to the next although nothing happened: how long it has been so, and the order
/// of what the Engine keeps in hash maps.
fn settle(listing: &mut ContainerListing) {
    listing.status = without_time(&listing.status);
    listing.names.sort_unstable();
    listing.repo_digests.sort_unstable();
    listing
        .ports
        .sort_by(|a, b| port_order(a).cmp(&port_order(b)));
    listing
        .mounts
        .sort_by(|a, b| a.destination.cmp(&b.destination));
}

fn cut(name: &str) -> &str {
    let mut end = name.len().min(NAME_LEN);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

fn port_order(port: &pilotfish_protocol::listing::Port) -> (u16, &str, &str, Option<u16>) {
    (port.private_port, &port.r#type, &port.ip, port.public_port)
}

#[cfg(test)]
mod tests;
