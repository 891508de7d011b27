//! The board's side towards viewers: who looks, at which host, and what they are sent next.

use std::sync::Arc;

use pilotfish_protocol::HostId;

use crate::clock;
use crate::telemetry::board::Board;
use crate::telemetry::fanout::{Next, Subject, ViewerId, Wake};
use crate::telemetry::fleet::Fleet;
use crate::telemetry::view::{ContainerView, HostView, Live};

impl Board {
    /// Adds a viewer; `None` when there are too many.
    pub fn add_viewer(&self, wake: Wake) -> Option<ViewerId> {
        self.lock().fanout.add(wake)
    }

    /// Removes a viewer.
    pub fn remove_viewer(&self, viewer: ViewerId) {
        self.lock().fanout.remove(viewer);
    }

    /// Makes `host` the one the viewer watches, and tells it the containers that are known.
    pub fn watch(&self, viewer: ViewerId, host: Option<HostId>) {
        let mut state = self.lock();
        let state = &mut *state;
        state.fanout.watch(viewer, host.clone());
        if let Some(host) = host
            && let Some(message) = containers_message(&state.fleet, &host)
        {
            let subject = Subject::Containers(host);
            state.fanout.tell_one(viewer, &subject, &message);
        }
    }

    /// Tells whether somebody watches the host.
    pub fn is_watched(&self, host: &HostId) -> bool {
        self.lock().fanout.watching(host) > 0
    }

    /// Takes what the viewer is to be sent next; `None` when there is nothing.
    pub fn next(&self, viewer: ViewerId) -> Option<Arc<str>> {
        let now = clock::unix_ms();
        let mut state = self.lock();
        let state = &mut *state;
        match state.fanout.next(viewer)? {
            Next::Message(message) => Some(message),
            Next::Everything { watched } => {
                let hosts = state.fleet.iter().map(|(id, host)| HostView::of(id, host));
                let everything = Live::Hosts {
                    server_unix_ms: now,
                    hosts: hosts.collect(),
                };
                if let Some(watched) = watched
                    && let Some(message) = containers_message(&state.fleet, &watched)
                {
                    let subject = Subject::Containers(watched);
                    state.fanout.tell_one(viewer, &subject, &message);
                }
                Some(everything.encode())
            }
        }
    }
}

/// Writes the containers of a host as they are known; `None` when there is no such host.
pub(super) fn containers_message(fleet: &Fleet, id: &HostId) -> Option<Arc<str>> {
    let list = fleet.find(id)?.list.as_ref();
    let message = Live::Containers {
        host_id: id,
        at_unix_ms: list.map(|list| list.at_unix_ms),
        containers: ContainerView::all(list),
    };
    Some(message.encode())
}
