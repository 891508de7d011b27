//! Pure: how much a shelf may hold, and who loses when that is too little: the oldest.

use super::entry::{Entry, Head, Kind};
use super::shelf::Shelf;
use super::tier::Tier;

/// Most memory of the whole spool, what is being written included. While a segment is made coarser, a decoder and an encoder of its
/// subjects come on top for a moment, 1.7 KB each.
pub const RAM_BYTES: usize = 256 * 1024;
/// Most of it that events take.
pub const EVENTS_RAM_BYTES: usize = 64 * 1024;
/// Most bytes of rows on the disk.
pub const DISK_BYTES: usize = 4 * 1024 * 1024;
/// Most of them that events take.
pub const EVENTS_DISK_BYTES: usize = 1024 * 1024;
/// Most entries, wherever they are.
pub const ENTRIES: usize = 512;

impl Shelf {
    /// Makes everything fit its limits; `other_bytes` is what the spool holds besides the shelf.
    pub(super) fn fit(&mut self, other_bytes: usize) {
        let is_events = |head: &Head| head.kind == Kind::Events;
        let is_other = |head: &Head| head.kind != Kind::Events;
        while self
            .entries
            .iter()
            .filter(|e| is_events(&e.head))
            .map(Entry::held_bytes)
            .sum::<usize>()
            > EVENTS_RAM_BYTES
        {
            if !self.evict(is_events) && !self.lose_first(is_events) {
                break;
            }
        }
        while self.held_bytes() + other_bytes > RAM_BYTES {
            // What can get coarser yet is better made so a little early than left to the disk as it is.
            // The newest of the coarsest tier is the one that others are joined to.
            let is_coarsest = |e: &&Entry| e.head.kind == Kind::Segment(Tier::Coarse);
            let newest = self.entries.iter().rfind(is_coarsest).map(|e| e.head.key);
            let has_room = self.evict(|head| !head.can_get_coarser() && Some(head.key) != newest)
                || self.coarsen_first(2)
                || self.evict(|_| true)
                || self.coarsen_first(u64::MAX)
                || self.lose_first(is_other)
                || self.lose_first(is_events);
            if !has_room {
                break;
            }
        }
        while self.row_bytes(is_events) > EVENTS_DISK_BYTES && self.lose_first(is_events) {}
        while self.row_bytes(is_other) > DISK_BYTES - EVENTS_DISK_BYTES && self.lose_first(is_other)
        {
        }
        while self.entries.len() > ENTRIES && self.lose_first(|_| true) {}
        if self.entries.capacity() > 2 * self.entries.len() + 16 {
            self.entries.shrink_to_fit();
        }
    }

    fn row_bytes(&self, of: impl Fn(&Head) -> bool) -> usize {
        let heads = self.entries.iter().map(|entry| &entry.head);
        heads.filter(|head| of(head)).map(Head::row_len).sum()
    }

    /// Leaves the oldest row of some kind to the disk alone.
    fn evict(&mut self, of: impl Fn(&Head) -> bool) -> bool {
        let writing = self.writing.as_ref();
        let pinned = self.pinned;
        let oldest = self.entries.iter_mut().find(|entry| {
            let key = entry.head.key;
            of(&entry.head)
                && entry.row.is_some()
                && entry.is_stored
                && !entry.is_dirty
                && pinned.is_none_or(|pinned| key > pinned)
                && writing.is_none_or(|writing| !writing.has(key))
        });
        oldest.map(|entry| entry.row = None).is_some()
    }

    fn lose_first(&mut self, of: impl Fn(&Head) -> bool) -> bool {
        let first = self.entries.iter().position(|entry| of(&entry.head));
        first.map(|at| self.lose(at)).is_some()
    }
}
