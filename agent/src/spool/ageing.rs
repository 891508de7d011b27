//! Pure: makes the entries of a shelf coarser as they get older, and drops what is too old.

use pilotfish_protocol::spool::CONTENT_BYTES;

use super::entry::{self, Entry, Head, Kind};
use super::recorder::SEGMENT_TICKS;
use super::shelf::Shelf;
use super::thin::{Source, thin};
use super::tier::Tier;

impl Shelf {
    /// Makes coarser what is too old for its tier, and drops what is too old for any.
    pub(super) fn age(&mut self, now_ms: u64) {
        let mut at = 0;
        while let Some(entry) = self.entries.get(at) {
            let Kind::Segment(tier) = entry.head.kind else {
                at += 1;
                continue;
            };
            let age_ms = now_ms.saturating_sub(entry.head.until_ms);
            if entry.head.run == self.run && age_ms > Tier::Coarse.age_ms() {
                self.lose(at);
            } else if age_ms > tier.age_ms() && self.may_coarsen(at) {
                let before = self.entries.len();
                self.coarsen(at);
                // The same place again: it may be old enough for the tier after the next.
                at -= before.saturating_sub(self.entries.len()).min(at);
            } else {
                at += 1;
            }
        }
    }

    fn may_coarsen(&self, at: usize) -> bool {
        self.entries.get(at).is_some_and(|entry| {
            entry.head.can_get_coarser() && entry.row.is_some() && self.may_change(entry)
        })
    }

    /// Makes the oldest segment coarser that has `1 / early` of the age at which it would be anyway.
    pub(super) fn coarsen_first(&mut self, early: u64) -> bool {
        let is_old = |entry: &Entry| match entry.head.kind {
            Kind::Segment(tier) => {
                self.now_ms.saturating_sub(entry.head.until_ms) >= tier.age_ms() / early
            }
            Kind::Events | Kind::Lost => false,
        };
        let first = (0..self.entries.len())
            .find(|at| self.may_coarsen(*at) && self.entries.get(*at).is_some_and(is_old));
        first.inspect(|at| self.coarsen(*at)).is_some()
    }

    /// Puts the segment at `at` into the next tier: into that one's last segment when that is short, adjoins, and was not sent.
    fn coarsen(&mut self, at: usize) {
        let Some(entry) = self.entries.get(at) else {
            return;
        };
        let (Kind::Segment(tier), Some(row)) = (entry.head.kind, &entry.row) else {
            return;
        };
        let Some(tier) = tier.next() else { return };
        let source = |entry: &Entry, row| Source {
            frames: entry::content(row),
            clip: entry.clip,
        };
        let is_before =
            |e: &&Entry| matches!(e.head.kind, Kind::Segment(_)) && e.head.run == self.run;
        let before = self.entries.iter().take(at).rfind(is_before);
        let last_ms = before.map(|before| before.head.until_ms);
        let adjoins = |before: &&Entry| {
            before.head.kind == Kind::Segment(tier)
                && self.may_change(before)
                && before.head.is_doubtful == entry.head.is_doubtful
                && before.head.count < SEGMENT_TICKS
                && entry.head.from_ms.saturating_sub(before.head.until_ms) <= 2 * tier.step_ms()
        };
        let joined = before.filter(adjoins).and_then(|before| {
            let sources = [source(before, before.row.as_ref()?), source(entry, row)];
            let ticks = thin(&sources, tier, None);
            (ticks.frames.len() <= CONTENT_BYTES).then_some((ticks, Some(before.head.key)))
        });
        let (ticks, before_key) =
            joined.unwrap_or_else(|| (thin(&[source(entry, row)], tier, last_ms), None));
        let head = Head {
            kind: Kind::Segment(tier),
            from_ms: ticks.from_ms,
            until_ms: ticks.until_ms,
            count: ticks.count,
            ..entry.head
        };
        let is_stored = entry.is_stored;
        if ticks.count == 0 {
            self.remove(at);
        } else if let Some(place) = self.entries.get_mut(at) {
            *place = Entry {
                is_stored,
                ..Entry::new(head, &ticks.frames)
            };
        }
        if let Some(key) = before_key
            && let Ok(before) = self.entries.binary_search_by_key(&key, |e| e.head.key)
        {
            self.remove(before);
        }
    }
}
