//! What agents tell of their containers' lists.

use pilotfish_protocol::{ContainerListing, HostId, ListHash};

use crate::agents::session::exchange::Change;
use crate::clock;
use crate::telemetry::board::Board;
use crate::telemetry::fleet::SessionId;

impl Board {
    /// Takes a container list.
    pub fn list(&self, id: &HostId, session: SessionId, listings: &[ContainerListing]) {
        let now = clock::unix_ms();
        let mut state = self.lock();
        let Some(is_other) = state.fleet.list(id, session, listings, now) else {
            return;
        };
        if is_other {
            state.tell_host(id);
        }
        state.tell_containers(id);
    }

    /// Takes what changed of a container list; gives the hash of what is held now, when it is known.
    pub fn change(&self, id: &HostId, session: SessionId, change: &Change) -> Option<ListHash> {
        let now = clock::unix_ms();
        let mut state = self.lock();
        let changed = state.fleet.change(id, session, change, now)?;
        if changed.are_counts_other {
            state.tell_host(id);
        }
        state.tell_containers(id);
        changed.held
    }

    /// The container list is as it was.
    pub fn confirm_list(&self, id: &HostId, session: SessionId) {
        let now = clock::unix_ms();
        self.lock().fleet.confirm_list(id, session, now);
    }

    /// Gives the hash of the containers that are held of a host, when it is known.
    pub fn held(&self, id: &HostId) -> Option<ListHash> {
        self.look(|fleet| fleet.find(id)?.list.as_ref()?.hash())
    }
}
