//! Pure: what each live viewer still has to be told. A viewer that cannot keep up loses stats first, the latest winning; one
//! that is far behind is told everything anew. No viewer grows the server's memory.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use pilotfish_protocol::{HostId, ShortId};

/// Most live viewers at once.
pub const VIEWERS: usize = 256;

/// Most messages that wait in order for one viewer; one more, and it is told everything anew.
pub const QUEUED: usize = 256;

/// Most latest values that wait for one viewer; one more, and it is told everything anew.
pub const LATEST: usize = 8192;

/// Names one viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewerId(u64);

/// What a message is the latest word on: a later one replaces it while it waits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A host's state.
    Host(HostId),
    /// A host's stats, and its containers'.
    Stats(HostId),
    /// A host's container list.
    Containers(HostId),
    /// The stats of one container, in the base dialect.
    ContainerStats(HostId, ShortId),
    /// The server's time.
    Time,
}

/// What a viewer is to be sent next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// This message.
    Message(Arc<str>),
    /// All hosts, and the containers of the watched one.
    Everything {
        /// The watched host.
        watched: Option<HostId>,
    },
}

/// Called when there is something for a viewer again.
pub type Wake = Box<dyn Fn() + Send>;

/// Every live viewer.
#[derive(Debug, Default)]
pub struct Fanout {
    viewers: BTreeMap<ViewerId, Viewer>,
    last_id: u64,
}

struct Viewer {
    watched: Option<HostId>,
    /// Everything has to be told, and nothing else waits.
    is_behind: bool,
    queue: VecDeque<Arc<str>>,
    latest: HashMap<Subject, Arc<str>>,
    /// Subjects in the order in which they first waited; one that is not in `latest` any more is passed over.
    order: VecDeque<Subject>,
    wake: Wake,
}

impl Fanout {
    /// Adds a viewer, who is told everything first; `None` when there are too many.
    pub fn add(&mut self, wake: Wake) -> Option<ViewerId> {
        if self.viewers.len() >= VIEWERS {
            return None;
        }
        self.last_id += 1;
        let id = ViewerId(self.last_id);
        let viewer = Viewer {
            watched: None,
            is_behind: true,
            queue: VecDeque::new(),
            latest: HashMap::new(),
            order: VecDeque::new(),
            wake,
        };
        (viewer.wake)();
        self.viewers.insert(id, viewer);
        Some(id)
    }

    /// Removes a viewer; gives the host it watched.
    pub fn remove(&mut self, id: ViewerId) -> Option<HostId> {
        self.viewers.remove(&id)?.watched
    }

    /// Makes `host` the one that the viewer watches; gives the one it watched before.
    pub fn watch(&mut self, id: ViewerId, host: Option<HostId>) -> Option<HostId> {
        let viewer = self.viewers.get_mut(&id)?;
        let before = std::mem::replace(&mut viewer.watched, host);
        if let Some(before) = &before
            && viewer.watched.as_ref() != Some(before)
        {
            viewer.drop_details_of(before);
        }
        before
    }

    /// Counts the viewers that watch `host`.
    pub fn watching(&self, host: &HostId) -> usize {
        let watched = self.viewers.values().filter_map(|v| v.watched.as_ref());
        watched.filter(|watched| *watched == host).count()
    }

    /// Counts the viewers that do not watch `host`.
    pub fn others(&self, host: &HostId) -> usize {
        self.viewers.len() - self.watching(host)
    }

    /// Tells whether there is no viewer, so that nothing needs to be encoded.
    pub fn is_empty(&self) -> bool {
        self.viewers.is_empty()
    }

    /// Sends a message to all, after what already waits in order.
    pub fn queue(&mut self, message: &Arc<str>) {
        for viewer in self.viewers.values_mut() {
            viewer.push(message);
        }
    }

    /// Sends the latest word on `subject` to all.
    pub fn tell(&mut self, subject: &Subject, message: &Arc<str>) {
        for viewer in self.viewers.values_mut() {
            viewer.put(subject, message);
        }
    }

    /// Sends the latest word on `subject` to those who watch `host`.
    pub fn tell_watchers(&mut self, host: &HostId, subject: &Subject, message: &Arc<str>) {
        for viewer in self.viewers.values_mut() {
            if viewer.watched.as_ref() == Some(host) {
                viewer.put(subject, message);
            }
        }
    }

    /// Sends the latest word on `subject` to those who do not watch `host`.
    pub fn tell_others(&mut self, host: &HostId, subject: &Subject, message: &Arc<str>) {
        for viewer in self.viewers.values_mut() {
            if viewer.watched.as_ref() != Some(host) {
                viewer.put(subject, message);
            }
        }
    }

    /// Sends the latest word on `subject` to one viewer.
    pub fn tell_one(&mut self, id: ViewerId, subject: &Subject, message: &Arc<str>) {
        if let Some(viewer) = self.viewers.get_mut(&id) {
            viewer.put(subject, message);
        }
    }

    /// Drops what waits about a host that is no more.
    pub fn forget(&mut self, host: &HostId) {
        for viewer in self.viewers.values_mut() {
            viewer.latest.remove(&Subject::Host(host.clone()));
            viewer.latest.remove(&Subject::Stats(host.clone()));
            viewer.drop_details_of(host);
        }
    }

    /// Takes what the viewer is to be sent next; `None` when there is nothing.
    pub fn next(&mut self, id: ViewerId) -> Option<Next> {
        let viewer = self.viewers.get_mut(&id)?;
        if std::mem::take(&mut viewer.is_behind) {
            let watched = viewer.watched.clone();
            return Some(Next::Everything { watched });
        }
        if let Some(message) = viewer.queue.pop_front() {
            return Some(Next::Message(message));
        }
        while let Some(subject) = viewer.order.pop_front() {
            if let Some(message) = viewer.latest.remove(&subject) {
                return Some(Next::Message(message));
            }
        }
        None
    }
}

impl Viewer {
    fn push(&mut self, message: &Arc<str>) {
        if self.is_behind {
            return;
        }
        if self.queue.len() >= QUEUED {
            self.fall_behind();
            return;
        }
        self.queue.push_back(Arc::clone(message));
        (self.wake)();
    }

    fn put(&mut self, subject: &Subject, message: &Arc<str>) {
        if self.is_behind {
            return;
        }
        if let Some(waiting) = self.latest.get_mut(subject) {
            *waiting = Arc::clone(message);
            return;
        }
        if self.order.len() >= LATEST {
            self.fall_behind();
            return;
        }
        self.latest.insert(subject.clone(), Arc::clone(message));
        self.order.push_back(subject.clone());
        (self.wake)();
    }

    fn fall_behind(&mut self) {
        self.queue = VecDeque::new();
        self.latest = HashMap::new();
        self.order = VecDeque::new();
        self.is_behind = true;
        (self.wake)();
    }

    fn drop_details_of(&mut self, host: &HostId) {
        self.latest.retain(|subject, _| match subject {
            Subject::Containers(of) | Subject::ContainerStats(of, _) => of != host,
            Subject::Host(_) | Subject::Stats(_) | Subject::Time => true,
        });
    }
}

impl fmt::Debug for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Viewer")
            .field("watched", &self.watched)
            .field("is_behind", &self.is_behind)
            .field("queue", &self.queue.len())
            .field("latest", &self.latest.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
