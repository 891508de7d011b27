//! Pure: when the spool is written to the disk, and what.

use super::entry::{self, Entry, Head, Key, Kind, Row};
use super::shelf::Shelf;

/// The least time between two commits, also over restarts.
pub const COMMIT_EVERY_MS: u64 = 600_000;

/// What one commit changes, all of it or nothing.
#[derive(Debug)]
pub struct Commit {
    /// Rows to be stored, in the place of those with the same key.
    pub puts: Vec<(Key, Row)>,
    /// Rows to be deleted, if they are there.
    pub deletes: Vec<Key>,
    /// When, by the run's clock in Unix ms: kept with it, for the next run.
    pub at_ms: u64,
}

/// What the spool found on the disk.
#[derive(Debug, Default)]
pub struct Stored {
    /// Every row that can be read.
    pub heads: Vec<Head>,
    /// Rows that cannot.
    pub unreadable: Vec<Key>,
    /// When the last commit was, by the clock of the run that made it, Unix ms.
    pub committed_at_ms: Option<u64>,
    /// The newest stamp of an event, by the Engine's clock.
    pub last_event_ns: Option<u64>,
}

impl Stored {
    /// Takes the head of a row, or that it cannot be read.
    pub fn push(&mut self, key: Key, row: &[u8]) {
        let Some(head) = entry::read(key, row) else {
            self.unreadable.push(key);
            return;
        };
        if head.kind == Kind::Events {
            let stamps = entry::events(entry::content(row)).map(|(stamp_ns, _)| stamp_ns);
            self.last_event_ns = self.last_event_ns.max(stamps.max());
        }
        self.heads.push(head);
    }
}

/// A commit under way.
#[derive(Debug)]
pub(super) struct Writing {
    /// Sorted.
    puts: Vec<Key>,
    deletes: Vec<Key>,
}

impl Writing {
    pub(super) fn has(&self, key: Key) -> bool {
        self.puts.binary_search(&key).is_ok()
    }

    pub(super) fn held_bytes(&self) -> usize {
        (self.puts.capacity() + self.deletes.capacity()) * size_of::<Key>()
    }
}

impl Shelf {
    /// Everything that the disk has not, and all that it shall not have.
    ///
    /// Of a session that lasts nothing is written: the server has it, as far as anybody knows.
    pub(super) fn commit(&mut self, at_ms: u64, is_open: bool) -> Option<Commit> {
        let mut puts = Vec::new();
        let is_due = |entry: &&mut Entry| entry.is_dirty && !(is_open && entry.head.is_doubtful);
        let dirty = self.entries.iter_mut().filter(is_due);
        for entry in dirty {
            if let Some(row) = &entry.row {
                puts.push((entry.head.key, row.clone()));
                entry.is_dirty = false;
                entry.is_stored = true;
            }
        }
        let deletes = std::mem::take(&mut self.gone);
        if puts.is_empty() && deletes.is_empty() {
            return None;
        }
        self.writing = Some(Writing {
            puts: puts.iter().map(|(key, _)| *key).collect(),
            deletes: deletes.clone(),
        });
        Some(Commit {
            puts,
            deletes,
            at_ms,
        })
    }

    /// The commit under way has ended.
    pub(super) fn committed(&mut self, is_done: bool) {
        let Some(writing) = self.writing.take() else {
            return;
        };
        if is_done {
            return;
        }
        self.gone.extend(&writing.deletes);
        for entry in &mut self.entries {
            entry.is_dirty |= writing.has(entry.head.key);
        }
    }

    /// Tells whether something from before this session is not on the disk.
    pub(super) fn is_unwritten(&self) -> bool {
        let mut dirty = self.entries.iter().filter(|entry| entry.is_dirty);
        dirty.any(|entry| !entry.head.is_doubtful)
    }

    /// Tells whether the disk has not everything.
    pub(super) fn is_dirty(&self) -> bool {
        self.entries.iter().any(|entry| entry.is_dirty)
    }
}
