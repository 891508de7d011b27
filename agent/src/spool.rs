//! Pure: what the agent keeps for the server while there is no link.
//!
//! Ticks are kept in segments that stand for themselves: a keyframe and the changes after it, as a session would send them, by an encoder
//! of the spool's own. With age a segment is decoded and written again with fewer ticks ([`tier`]), and put together with the one before. Events
//! are kept in blocks. Memory and disk have limits (`limits`); what finds no room, the oldest first, is counted, and the count is an entry too.
//!
//! An entry has a number that rises within its run, in the order of time. What takes the place of older entries has the number of the
//! last of them, and what was sent is not changed until a session has told whether it arrived: so the server needs one number per run to take
//! every entry once.
//!
//! What is recorded during a session is kept for as long as it may take to notice that the link is dead. The next session says what
//! arrived of it.
//!
//! Times are by the run's clock, Unix ms: the wall clock at the program's start and the monotonic clock from there.

mod ageing;
mod commit;
mod entry;
mod limits;
mod recorder;
mod replay;
mod settle;
mod shelf;
mod thin;
pub mod tier;

use pilotfish_protocol::Extension;
use pilotfish_protocol::extension::RunId;
use pilotfish_protocol::spool::Lost;

use crate::sample::tick::Tick;

pub use commit::{COMMIT_EVERY_MS, Commit, Stored};
pub use entry::{Head, Key, Kind, Row};
pub use limits::{DISK_BYTES, ENTRIES, EVENTS_DISK_BYTES, EVENTS_RAM_BYTES, RAM_BYTES};
pub use recorder::{EVENT_BYTES, SUBJECTS};
pub use replay::Next;

use recorder::{Block, Recorded, Recorder};
use replay::Replay;
use shelf::Shelf;

/// What is kept of a session at least: two minutes.
const SESSION_KEPT_MS: u64 = 120_000;
/// What is kept of a session at most: longer than any silence that an agent waits out.
const SESSION_KEPT_MOST_MS: u64 = 3_600_000;
/// What is kept of a session beyond its silence.
const SESSION_MARGIN_MS: u64 = 60_000;

/// What waits for a link.
#[derive(Debug)]
pub struct Spool {
    recorder: Recorder,
    block: Block,
    shelf: Shelf,
    state: State,
    /// The last commit, of this run or the one before; the start when there was none.
    committed_at_ms: Option<u64>,
    /// Since when there may be something that only memory has.
    unwritten_since_ms: Option<u64>,
    /// The newest stamp of an event that an earlier run kept.
    earlier_event_ns: Option<u64>,
}

#[derive(Debug)]
enum State {
    /// There is no session.
    Offline,
    /// The last server took no spool: nothing is kept until one does.
    Unwanted,
    /// There is one.
    Open { kept_ms: u64, replay: Replay },
}

impl Spool {
    /// A spool of a program that starts at `now_ms`, with what earlier ones left on the disk.
    pub fn new(run: RunId, stored: Stored, now_ms: u64) -> Self {
        let mut shelf = Shelf::new(run);
        shelf.load(stored.heads, stored.unreadable);
        let mut spool = Self {
            recorder: Recorder::new(),
            block: Block::default(),
            shelf,
            state: State::Offline,
            unwritten_since_ms: Some(now_ms),
            earlier_event_ns: stored.last_event_ns,
            // A clock that went back is no reason to write sooner.
            committed_at_ms: stored.committed_at_ms.map(|at_ms| at_ms.min(now_ms)),
        };
        spool.fit();
        spool
    }

    /// Keeps a tick, unless it came too soon after the last one.
    pub fn record(&mut self, tick: &Tick) {
        if matches!(self.state, State::Unwanted) {
            return;
        }
        let is_open = self.is_open();
        match self.recorder.record(tick) {
            Recorded::Passed => return,
            Recorded::Kept => {}
            Recorded::KeptAfter(full) => self.shelf.push_ticks(full, is_open),
            Recorded::TooLarge(before) => {
                self.shelf.push_ticks(before, is_open);
                self.shelf.count_lost(Lost {
                    ticks: 1,
                    events: 0,
                });
            }
        }
        self.turn(tick.at_ms);
    }

    /// Keeps an event: the JSON text of a [`ContainerEvent`](pilotfish_protocol::ContainerEvent), and when the Engine stamped it.
    pub fn event(&mut self, stamp_ns: u64, text: &str, now_ms: u64) {
        if matches!(self.state, State::Unwanted) {
            return;
        }
        if text.len() > EVENT_BYTES {
            self.shelf.count_lost(Lost {
                ticks: 0,
                events: 1,
            });
            return;
        }
        if self.block.is_full(now_ms) {
            self.seal_block();
        }
        self.block.push(stamp_ns, text, now_ms);
        self.turn(now_ms);
    }

    /// A session began: `extension` says what the server has. What was recorded until now is sent, what is recorded from now on is kept for
    /// the case that the link is dead.
    pub fn opened(&mut self, extension: &Extension, now_ms: u64) {
        self.seal();
        for spooled in &extension.spooled {
            self.shelf.acknowledge(spooled.run, spooled.seq);
        }
        self.shelf.sent = None;
        self.shelf.pinned = None;
        self.shelf
            .settle(extension.last_tick, extension.last_event_ns);
        self.shelf.tell_lost(now_ms);
        let kept_ms = extension
            .silence_ms
            .saturating_add(SESSION_MARGIN_MS)
            .clamp(SESSION_KEPT_MS, SESSION_KEPT_MOST_MS);
        let replay = Replay::new(now_ms);
        self.state = State::Open { kept_ms, replay };
        self.fit();
    }

    /// A session began with a server that takes no spool: what there is is forgotten, also on the disk, and nothing is kept until a session
    /// with another one.
    pub fn unwanted(&mut self) {
        self.recorder = Recorder::new();
        self.block = Block::default();
        self.shelf.forget_all();
        self.state = State::Unwanted;
    }

    /// The session ended.
    pub fn closed(&mut self, now_ms: u64) {
        if let State::Open { kept_ms, .. } = self.state {
            self.seal();
            self.shelf.trim(now_ms.saturating_sub(kept_ms));
            self.shelf.pinned = None;
            self.state = State::Offline;
            if !self.shelf.is_unwritten() {
                self.unwritten_since_ms = None;
            }
            self.unwritten_since_ms.get_or_insert(now_ms);
            self.fit();
        }
    }

    /// The server has all entries of `run` up to `seq`.
    pub fn acknowledged(&mut self, run: RunId, seq: u64, now_ms: u64) {
        self.shelf.acknowledge(run, seq);
        if let State::Open { replay, .. } = &mut self.state {
            replay.acknowledged(run, seq, now_ms);
        }
    }

    /// What is to be done for the next batch; asked when nothing else waits to be sent. A message it gives is taken to be sent.
    pub fn next(&mut self, now_ms: u64) -> Next {
        match &mut self.state {
            State::Offline | State::Unwanted => Next::Nothing,
            State::Open { replay, .. } => {
                if replay.next_at_ms().is_some_and(|at_ms| at_ms <= now_ms) {
                    self.shelf.tell_lost(now_ms);
                }
                replay.next(&mut self.shelf, now_ms)
            }
        }
    }

    /// Takes the rows that [`Next::Read`] asked for; `None` for one that is not there.
    pub fn restore(&mut self, rows: Vec<(Key, Option<Row>)>) {
        if let State::Open { replay, .. } = &mut self.state {
            replay.restored();
            self.shelf.restore(rows);
            self.fit();
        }
    }

    /// Gives what is to be written to the disk, when it is time; [`Spool::committed`] must follow.
    pub fn commit(&mut self, now_ms: u64) -> Option<Commit> {
        if self.commit_at_ms().is_none_or(|at_ms| at_ms > now_ms) {
            return None;
        }
        let is_offline = matches!(self.state, State::Offline);
        if is_offline {
            self.seal();
            self.shelf.tell_lost(now_ms);
            self.fit();
        }
        let commit = self.shelf.commit(now_ms, !is_offline)?;
        self.committed_at_ms = Some(now_ms);
        self.unwritten_since_ms = is_offline.then_some(now_ms);
        Some(commit)
    }

    /// The commit has ended; what was not done is tried again with the next one.
    pub fn committed(&mut self, is_done: bool) {
        self.shelf.committed(is_done);
        self.fit();
    }

    /// When there is something to do next: [`Spool::commit`] or [`Spool::next`]; `None` while only others can cause anything.
    pub fn deadline_ms(&self) -> Option<u64> {
        let next = match &self.state {
            State::Open { replay, .. } if self.shelf.has_something_to_send() => replay.next_at_ms(),
            State::Open { .. } | State::Offline | State::Unwanted => None,
        };
        next.into_iter().chain(self.commit_at_ms()).min()
    }

    /// The newest stamp of an event that an earlier run kept: the Engine need not be asked again for what was before. What this run kept
    /// says nothing of the time before it began.
    pub fn earlier_event_ns(&self) -> Option<u64> {
        self.earlier_event_ns
    }

    /// What was lost and the server was not told yet.
    pub fn lost(&self) -> Lost {
        self.shelf.lost()
    }

    /// Bytes of memory that the spool holds.
    pub fn held_bytes(&self) -> usize {
        self.shelf.held_bytes() + self.other_bytes()
    }

    fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// When the next commit may be; `None` when there is nothing to write.
    fn commit_at_ms(&self) -> Option<u64> {
        if self.shelf.writing.is_some() {
            return None;
        }
        let is_unwritten = match self.state {
            State::Offline => {
                self.recorder.has_ticks() || self.block.count > 0 || self.shelf.is_dirty()
            }
            State::Open { .. } => self.shelf.is_unwritten(),
            State::Unwanted => false,
        };
        let since_ms = if !self.shelf.gone.is_empty() {
            0
        } else if is_unwritten {
            self.unwritten_since_ms.unwrap_or(0)
        } else {
            return None;
        };
        let from_ms = since_ms.max(self.committed_at_ms.unwrap_or(0));
        Some(from_ms.saturating_add(COMMIT_EVERY_MS))
    }

    /// What every tick and event brings with it.
    fn turn(&mut self, now_ms: u64) {
        self.shelf.now_ms = now_ms;
        match self.state {
            State::Open { kept_ms, .. } => self.shelf.trim(now_ms.saturating_sub(kept_ms)),
            State::Offline => self.shelf.age(now_ms),
            State::Unwanted => {}
        }
        self.fit();
    }

    fn seal(&mut self) {
        let is_open = self.is_open();
        if let Some(ticks) = self.recorder.seal() {
            self.shelf.push_ticks(ticks, is_open);
        }
        self.seal_block();
    }

    fn seal_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        self.shelf.push_block(&block, self.is_open());
    }

    fn fit(&mut self) {
        self.shelf.fit(self.other_bytes());
    }

    fn other_bytes(&self) -> usize {
        self.recorder.held_bytes() + self.block.bytes.capacity()
    }
}

#[cfg(test)]
mod tests;
