//! Pure: all entries of the spool in the order of sending, and what is done when they are too many or too old.

use std::collections::VecDeque;

use pilotfish_protocol::extension::RunId;
use pilotfish_protocol::spool::Lost;

use super::commit::Writing;
use super::entry::{self, Entry, HEAD_BYTES, Head, Key, Kind, Row};
use super::recorder::{BLOCK_BYTES, Block, Ticks};
use super::tier::Tier;

/// The entries, oldest run first, then by number.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) entries: VecDeque<Entry>,
    /// This run, and its place among those that have entries.
    pub(super) run: RunId,
    run_place: u32,
    last_seq: u64,
    /// Up to here the server may have what was sent: that is not to be changed before it says so.
    pub(super) sent: Option<Key>,
    /// Up to here rows were read from the disk to be sent.
    pub(super) pinned: Option<Key>,
    /// Rows that the disk may have and shall not.
    pub(super) gone: Vec<Key>,
    /// What is being written to the disk.
    pub(super) writing: Option<Writing>,
    /// The time of the last tick or event.
    pub(super) now_ms: u64,
    /// What was lost and is not told in an entry.
    lost: Lost,
}

impl Shelf {
    pub(super) fn new(run: RunId) -> Self {
        Self {
            entries: VecDeque::new(),
            run,
            run_place: 1,
            last_seq: 0,
            sent: None,
            pinned: None,
            gone: Vec::new(),
            writing: None,
            now_ms: 0,
            lost: Lost::default(),
        }
    }

    /// Takes what earlier runs left on the disk, before this run has an entry.
    pub(super) fn load(&mut self, mut heads: Vec<Head>, unreadable: Vec<Key>) {
        heads.sort_unstable_by_key(|head| head.key);
        let newest = heads.last().map_or(0, |head| head.key.run);
        self.run_place = newest.saturating_add(1);
        self.entries = heads
            .into_iter()
            .map(|head| Entry {
                head,
                row: None,
                is_stored: true,
                is_dirty: false,
                clip: None,
                known_seq: 0,
            })
            .collect();
        for key in unreadable {
            self.lost.ticks = self.lost.ticks.saturating_add(1);
            self.gone.push(key);
        }
    }

    /// Adds a segment.
    pub(super) fn push_ticks(&mut self, ticks: Ticks, is_doubtful: bool) {
        if ticks.count == 0 {
            return;
        }
        let first_seq = self.last_seq + 1;
        let head = self.head(first_seq, 1, Kind::Segment(Tier::Fine));
        let head = Head {
            from_ms: ticks.from_ms,
            until_ms: ticks.until_ms,
            count: ticks.count,
            is_doubtful,
            ..head
        };
        self.entries.push_back(Entry::new(head, &ticks.frames));
    }

    /// Adds a block of events, to the last one when that is short and was not sent.
    pub(super) fn push_block(&mut self, block: &Block, is_doubtful: bool) {
        if block.count == 0 {
            return;
        }
        let last = self
            .entries
            .iter()
            .rposition(|e| e.head.kind == Kind::Events);
        let joined = last.and_then(|at| {
            let entry = self.entries.get(at).filter(|e| self.may_change(e))?;
            let row = entry.row.as_ref()?;
            let is_short = row.len() + block.bytes.len() <= BLOCK_BYTES + HEAD_BYTES;
            let is_alike = entry.head.is_doubtful == is_doubtful && entry.is_whole();
            (is_short && is_alike)
                .then(|| (at, entry.head, [entry::content(row), &block.bytes].concat()))
        });
        let (before, content) = match joined {
            Some((at, before, content)) => {
                self.remove(at);
                (Some(before), content)
            }
            None => (None, block.bytes.clone()),
        };
        let count = block.count + before.map_or(0, |before| before.count);
        let head = Head {
            from_ms: before.map_or(block.from_ms, |before| before.from_ms),
            until_ms: block.until_ms,
            count,
            is_doubtful,
            ..self.head(self.last_seq + 1, u64::from(count), Kind::Events)
        };
        self.entries.push_back(Entry::new(head, &content));
    }

    /// Counts what found no room.
    pub(super) fn count_lost(&mut self, lost: Lost) {
        self.lost = sum(self.lost, lost);
    }

    /// What was lost and not told yet.
    pub(super) fn lost(&self) -> Lost {
        let told = self.entries.iter().filter(|e| e.head.kind == Kind::Lost);
        let told = told.filter_map(|e| entry::lost(entry::content(e.row.as_ref()?)));
        told.fold(self.lost, sum)
    }

    /// Tells whether there is anything that a session is to bring.
    pub(super) fn has_something_to_send(&self) -> bool {
        self.lost != Lost::default() || self.entries.iter().any(Entry::is_certain)
    }

    /// Puts what was lost into an entry: that of this run which was not sent yet, or a new one.
    pub(super) fn tell_lost(&mut self, now_ms: u64) {
        if self.lost == Lost::default() {
            return;
        }
        let mut lost = std::mem::take(&mut self.lost);
        let told = self.entries.iter().rposition(|e| e.head.kind == Kind::Lost);
        let told = told.filter(|at| self.entries.get(*at).is_some_and(|e| self.may_change(e)));
        if let Some(at) = told
            && let Some(entry) = self.remove(at)
            && let Some(before) = entry.row.and_then(|row| entry::lost(entry::content(&row)))
        {
            lost = sum(lost, before);
        }
        let head = Head {
            from_ms: now_ms,
            until_ms: now_ms,
            ..self.head(self.last_seq + 1, 1, Kind::Lost)
        };
        self.entries
            .push_back(Entry::new(head, &entry::put_lost(lost)));
    }

    /// Drops what was recorded in this session up to `before_ms`: the server has it.
    pub(super) fn trim(&mut self, before_ms: u64) {
        let mut at = 0;
        while let Some(entry) = self.entries.get(at) {
            if entry.head.is_doubtful && entry.head.until_ms < before_ms {
                self.remove(at);
            } else {
                at += 1;
            }
        }
    }

    /// Bytes of memory that the shelf holds.
    pub(super) fn held_bytes(&self) -> usize {
        let rows = self.entries.iter().map(Entry::held_bytes).sum::<usize>();
        rows + self.entries.capacity() * size_of::<Entry>()
            + self.gone.capacity() * size_of::<Key>()
            + self.writing.as_ref().map_or(0, Writing::held_bytes)
    }

    /// Forgets all entries of `run` up to `seq`: the server has them.
    pub(super) fn acknowledge(&mut self, run: RunId, seq: u64) {
        let mut at = 0;
        while let Some(entry) = self.entries.get_mut(at) {
            let is_its = entry.head.run == run;
            if is_its && entry.head.key.seq <= seq {
                self.remove(at);
                continue;
            }
            if is_its && entry.head.first_seq <= seq {
                entry.known_seq = entry.known_seq.max(seq);
            }
            at += 1;
        }
    }

    /// Removes everything, and counts nothing of it.
    pub(super) fn forget_all(&mut self) {
        while !self.entries.is_empty() {
            self.remove(0);
        }
        self.lost = Lost::default();
        self.sent = None;
        self.pinned = None;
    }

    /// Removes an entry; its row on the disk goes with the next commit.
    pub(super) fn remove(&mut self, at: usize) -> Option<Entry> {
        let entry = self.entries.remove(at)?;
        if entry.is_stored {
            self.gone.push(entry.head.key);
        }
        Some(entry)
    }

    /// Removes an entry that nobody got.
    pub(super) fn lose(&mut self, at: usize) {
        let Some(entry) = self.remove(at) else { return };
        let told = entry.row.as_ref().and_then(|row| match entry.head.kind {
            Kind::Lost => entry::lost(entry::content(row)),
            Kind::Segment(_) | Kind::Events => None,
        });
        self.count_lost(told.unwrap_or_else(|| entry.head.loss()));
    }

    /// Takes rows that were read from the disk; `None` for one that is not there.
    pub(super) fn restore(&mut self, rows: Vec<(Key, Option<Row>)>) {
        for (key, row) in rows {
            let Ok(at) = self.entries.binary_search_by_key(&key, |e| e.head.key) else {
                continue;
            };
            let Some(entry) = self.entries.get_mut(at).filter(|e| e.row.is_none()) else {
                continue;
            };
            let is_same = |row: &Row| {
                let expected = entry.head;
                let found = entry::read(key, row);
                found.is_some_and(|head| {
                    let is_doubtful = expected.is_doubtful;
                    Head {
                        is_doubtful,
                        ..head
                    } == expected
                })
            };
            match row.filter(is_same) {
                Some(row) => entry.row = Some(row),
                None => self.lose(at),
            }
        }
    }

    fn head(&mut self, first_seq: u64, count: u64, kind: Kind) -> Head {
        self.last_seq += count;
        Head {
            key: Key {
                run: self.run_place,
                seq: self.last_seq,
            },
            run: self.run,
            first_seq,
            kind,
            from_ms: 0,
            until_ms: 0,
            count: 0,
            is_doubtful: false,
            row_bytes: 0,
        }
    }

    /// Tells whether the server cannot have anything of this entry of this run.
    pub(super) fn may_change(&self, entry: &Entry) -> bool {
        entry.head.run == self.run && self.sent.is_none_or(|sent| entry.head.key > sent)
    }
}

fn sum(one: Lost, other: Lost) -> Lost {
    Lost {
        ticks: one.ticks.saturating_add(other.ticks),
        events: one.events.saturating_add(other.events),
    }
}
