//! Pure: what a session that agreed to the extension asks of its agent, and how often at most.

use std::time::{Duration, Instant};

use pilotfish_protocol::{ListHash, ServerExtra};

use crate::agents::session::rhythm::Rhythm;

/// The shortest pause between two requests of one kind; each that was of no use doubles it.
const PAUSE: Duration = Duration::from_secs(5);

/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// What is peculiar to such a session.
#[derive(Debug)]
pub(super) struct Extended {
    pub(super) rhythm: Rhythm,
    /// The containers that this server holds; `None` when it holds none, or does not know their hash.
    held: Option<ListHash>,
    list: Asking,
    keyframe: Asking,
    watch: Watch,
    /// How often stats were asked for last.
    asked: Duration,
}

/// How often one thing is asked for.
#[derive(Debug, Default)]
struct Asking {
    not_before: Option<Instant>,
    pause: Duration,
}

/// Whether somebody looks at the host.
#[derive(Debug, Clone, Copy)]
enum Watch {
    Nobody,
    Somebody,
    /// The last one left; the end of the time after that.
    Left {
        until: Instant,
    },
}

impl Extended {
    pub(super) fn new(rhythm: Rhythm, held: Option<ListHash>) -> Self {
        Self {
            rhythm,
            held,
            list: Asking::default(),
            keyframe: Asking::default(),
            watch: Watch::Nobody,
            asked: rhythm.stats,
        }
    }

    /// After how long without a word from this server the agent hears a ping: well before it takes the server for gone.
    pub(super) fn ping_after(&self) -> Duration {
        self.rhythm.silence * 2 / 3
    }

    /// The server holds other containers than before.
    pub(super) fn holds(&mut self, held: Option<ListHash>) {
        self.held = held;
    }

    /// Whether the agent has the containers that this server holds.
    pub(super) fn is_same(&mut self, told: ListHash) -> bool {
        let is_same = self.held == Some(told);
        if is_same {
            self.list.was_of_use();
        }
        is_same
    }

    /// Asks for all containers, unless that was done just now.
    pub(super) fn ask_list(&mut self, now: Instant) -> Option<ServerExtra> {
        self.list.ask(now).then_some(ServerExtra::List {})
    }

    /// Takes whether a stats frame could be used; asks for a keyframe if not, unless that was done just now.
    pub(super) fn frame(&mut self, is_usable: bool, now: Instant) -> Option<ServerExtra> {
        if is_usable {
            self.keyframe.was_of_use();
            return None;
        }
        self.keyframe.ask(now).then_some(ServerExtra::Keyframe {})
    }

    /// Takes whether somebody looks at the host.
    pub(super) fn watched(&mut self, is_watched: bool, now: Instant) {
        self.watch = match (is_watched, self.watch) {
            (true, _) => Watch::Somebody,
            (false, Watch::Somebody) => Watch::Left {
                until: now + self.rhythm.linger,
            },
            (false, watch @ (Watch::Nobody | Watch::Left { .. })) => watch,
        };
    }

    /// Asks for another cadence when one is due.
    pub(super) fn cadence(&mut self, now: Instant) -> Option<ServerExtra> {
        let wanted = match self.watch {
            Watch::Somebody => self.rhythm.stats_watched,
            Watch::Left { until } if now < until => self.rhythm.stats_watched,
            Watch::Left { .. } | Watch::Nobody => {
                self.watch = Watch::Nobody;
                self.rhythm.stats
            }
        };
        let is_other = std::mem::replace(&mut self.asked, wanted) != wanted;
        is_other.then(|| ServerExtra::Cadence {
            stats_interval_ms: crate::clock::millis(wanted),
        })
    }

    /// When [`Extended::cadence`] is to be called next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.watch {
            Watch::Left { until } => Some(until),
            Watch::Nobody | Watch::Somebody => None,
        }
    }
}

impl Asking {
    /// Tells whether it may be asked for now, and counts that as done.
    fn ask(&mut self, now: Instant) -> bool {
        if self.not_before.is_some_and(|not_before| now < not_before) {
            return false;
        }
        self.pause = (self.pause * 2).clamp(PAUSE, LONGEST_PAUSE);
        self.not_before = Some(now + self.pause);
        true
    }

    /// What was asked for came: the next time is not put off for long.
    fn was_of_use(&mut self) {
        self.pause = Duration::ZERO;
    }
}
