//! Pure: when to ask the Engine about which containers.
//!
//! A change is asked about a moment after it was told, so that a start with its create and its network is one question; questions are at
//! least [`PAUSE`] apart, however much happens. All containers are listed when the Engine comes up, after a gap of its events, when too
//! many changed to name them, when the server wants them all, and every [`RECONCILE_EVERY`].

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use pilotfish_protocol::ContainerId;

/// How long changes are gathered.
pub const GATHER: Duration = Duration::from_millis(250);
/// The shortest time between the end of one question and the next one.
pub const PAUSE: Duration = Duration::from_secs(1);
/// How long to wait after a question that was not answered.
pub const RETRY_AFTER: Duration = Duration::from_secs(5);
/// How often all containers are listed although nothing says so.
pub const RECONCILE_EVERY: Duration = Duration::from_secs(300);
/// The shortest time between two answers to a server that wants all containers; four times what listing them takes, when that is longer.
pub const RESTATE_EVERY: Duration = Duration::from_secs(5);
/// Most containers that one question names; when more changed, all are listed.
pub const NAMED: usize = 64;

/// What to ask the Engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// All containers.
    All {
        /// All of them are to be sent, not only what changed.
        is_to_restate: bool,
    },
    /// These containers.
    Only(Vec<ContainerId>),
}

/// Gathers what may have changed and paces the questions about it.
#[derive(Debug)]
pub struct Pacer {
    changed: BTreeSet<ContainerId>,
    /// All containers are to be listed.
    is_all: bool,
    /// The server wants all containers and was not told them yet: from when on they may be asked for.
    restate_at: Option<Instant>,
    /// The same of the question under way.
    restating_at: Option<Instant>,
    /// Not before this the server is told all containers again.
    restate_from: Option<Instant>,
    /// When to ask about what is gathered.
    due_at: Option<Instant>,
    engine: Engine,
}

#[derive(Clone, Copy, Debug)]
enum Engine {
    Down,
    Up {
        asking_since: Option<Instant>,
        /// No question before this.
        free_at: Instant,
        reconcile_at: Instant,
    },
}

impl Default for Pacer {
    fn default() -> Self {
        Self::new()
    }
}

impl Pacer {
    /// A pacer whose Engine is not up yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            changed: BTreeSet::new(),
            is_all: false,
            restate_at: None,
            restating_at: None,
            restate_from: None,
            due_at: None,
            engine: Engine::Down,
        }
    }

    /// The Engine came up, or another one took its place: all its containers are asked for at once.
    pub fn engine_up(&mut self, now: Instant) {
        self.engine = Engine::Up {
            asking_since: None,
            free_at: now,
            reconcile_at: now + RECONCILE_EVERY,
        };
        self.is_all = true;
        self.due_at = Some(now);
        self.want_void_again();
    }

    /// The Engine is down: nothing is asked before it is up, and a question under way is void.
    pub fn engine_down(&mut self) {
        self.engine = Engine::Down;
        self.changed.clear();
        self.want_void_again();
    }

    /// A container may have changed.
    pub fn changed(&mut self, id: &ContainerId, now: Instant) {
        if !self.is_all {
            self.changed.insert(id.clone());
            if self.changed.len() > NAMED {
                self.is_all = true;
            }
        }
        if self.is_all {
            self.changed.clear();
        }
        self.due_by(now + GATHER);
    }

    /// Any container may have changed: events were lost.
    pub fn all_changed(&mut self, now: Instant) {
        self.is_all = true;
        self.changed.clear();
        self.due_by(now + GATHER);
    }

    /// The server wants all containers.
    pub fn restate(&mut self, now: Instant) {
        let from = self.restate_from.map_or(now, |from| from.max(now));
        self.restate_at.get_or_insert(from);
    }

    /// Takes the question that is to be put now, if any; [`Pacer::done`] tells its end. There is one at a time.
    pub fn take(&mut self, now: Instant) -> Option<Question> {
        if self.deadline()? > now {
            return None;
        }
        let Engine::Up {
            asking_since,
            reconcile_at,
            ..
        } = &mut self.engine
        else {
            return None;
        };
        *asking_since = Some(now);
        let is_to_restate = self.restate_at.is_some_and(|at| at <= now);
        if is_to_restate {
            self.restating_at = self.restate_at.take();
        }
        let is_all = std::mem::take(&mut self.is_all) || *reconcile_at <= now || is_to_restate;
        self.due_at = None;
        let changed = std::mem::take(&mut self.changed);
        Some(if is_all {
            Question::All { is_to_restate }
        } else {
            Question::Only(changed.into_iter().collect())
        })
    }

    /// A question came to its end. One that was not answered is put again later, together with what changed meanwhile.
    pub fn done(&mut self, question: Question, is_answered: bool, now: Instant) {
        let Engine::Up {
            asking_since,
            free_at,
            reconcile_at,
        } = &mut self.engine
        else {
            return;
        };
        // An Engine that takes its time is left as much of it.
        let took = asking_since
            .take()
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        *free_at = now + PAUSE.max(took);
        let restating_at = self.restating_at.take();
        if is_answered {
            if let Question::All { .. } = question {
                *reconcile_at = now + RECONCILE_EVERY;
            }
            if restating_at.is_some() {
                self.restate_from = Some(now + RESTATE_EVERY.max(took * 4));
                // Who asked meanwhile asks again when this is not what he wanted.
                self.restate_at = None;
            }
            return;
        }
        self.restate_at = self.restate_at.or(restating_at);
        *free_at = now + RETRY_AFTER.max(took);
        match question {
            Question::All { .. } => self.all_changed(now),
            Question::Only(ids) => ids.iter().for_each(|id| self.changed(id, now)),
        }
    }

    /// When the next question is due; `None` while there is none, while one is under way, and while the Engine is down.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.engine {
            Engine::Down
            | Engine::Up {
                asking_since: Some(_),
                ..
            } => None,
            Engine::Up {
                asking_since: None,
                free_at,
                reconcile_at,
            } => {
                let due_at = [self.due_at, self.restate_at, Some(reconcile_at)];
                Some(due_at.into_iter().flatten().min()?.max(free_at))
            }
        }
    }

    /// Tells whether the last answer told all there was to tell.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.due_at.is_none()
    }

    /// A question under way is void: what the server wanted by it is still wanted.
    fn want_void_again(&mut self) {
        if let Some(at) = self.restating_at.take() {
            self.restate_at.get_or_insert(at);
        }
    }

    fn due_by(&mut self, at: Instant) {
        self.due_at = Some(self.due_at.map_or(at, |due_at| due_at.min(at)));
    }
}

#[cfg(test)]
mod tests;
