//! Pure: what the server has of that which was recorded in a session whose link may have been dead.

use pilotfish_protocol::extension::LastTick;

use super::entry::{self, Entry, Head, Kind};
use super::shelf::Shelf;
use super::thin::{Source, thin};

/// What the server has of an entry.
enum Verdict {
    /// Nothing.
    Certain,
    /// All of it.
    Known,
    /// What is not after this.
    After(u64),
    /// Nobody knows: sending it might tell a time twice.
    Unclear,
}

impl Shelf {
    /// Settles what the server has of that which was recorded in sessions.
    pub(super) fn settle(&mut self, last_tick: Option<LastTick>, last_event_ns: Option<u64>) {
        let mut at = 0;
        while let Some(entry) = self.entries.get(at).map(|entry| entry.head) {
            if !entry.is_doubtful {
                at += 1;
                continue;
            }
            let verdict = match entry.kind {
                Kind::Segment(_) => self.verdict(&entry, last_tick),
                Kind::Events => last_event_ns.map_or(Verdict::Certain, Verdict::After),
                Kind::Lost => Verdict::Certain,
            };
            match verdict {
                Verdict::Known => {
                    self.remove(at);
                    continue;
                }
                Verdict::Unclear => {
                    self.lose(at);
                    continue;
                }
                Verdict::Certain => {}
                Verdict::After(clip) => {
                    if let Some(entry) = self.entries.get_mut(at) {
                        entry.clip = Some(clip);
                    }
                }
            }
            let is_left = self.entries.get_mut(at).is_some_and(Entry::settle);
            if !is_left {
                self.remove(at);
                continue;
            }
            at += 1;
        }
    }

    /// What the server has of a segment that was recorded in a session.
    fn verdict(&self, head: &Head, last_tick: Option<LastTick>) -> Verdict {
        let Some(last_tick) = last_tick else {
            return Verdict::Certain;
        };
        if last_tick.run != head.run {
            // A run after that one was heard already, and nobody knows any more what of this was sent.
            return if head.run == self.run {
                Verdict::Certain
            } else {
                Verdict::Unclear
            };
        }
        // A tick that came after an outage of that run says nothing of what was before it.
        let is_of_later_session = self.entries.iter().any(|entry| {
            let other = &entry.head;
            other.run == head.run
                && other.key.seq > head.key.seq
                && matches!(other.kind, Kind::Segment(_))
                && !other.is_doubtful
                && other.from_ms <= last_tick.at_ms
        });
        if head.run != self.run && is_of_later_session {
            Verdict::Unclear
        } else if head.until_ms <= last_tick.at_ms {
            Verdict::Known
        } else {
            Verdict::After(last_tick.at_ms)
        }
    }
}

impl Entry {
    /// Makes it one of which the server has nothing; answers whether anything is left. What only the disk has stays as it is there, and is
    /// clipped when it is sent.
    fn settle(&mut self) -> bool {
        self.head.is_doubtful = false;
        let Some(row) = &self.row else { return true };
        let content = entry::content(row);
        let mut head = self.head;
        let settled = match head.kind {
            Kind::Segment(tier) if self.clip.is_some() => {
                let source = Source {
                    frames: content,
                    clip: self.clip,
                };
                let ticks = thin(&[source], tier, None);
                head.from_ms = ticks.from_ms;
                head.until_ms = ticks.until_ms;
                head.count = ticks.count;
                ticks.frames
            }
            Kind::Events => {
                let mut block = Vec::new();
                head.count = 0;
                for (_, stamp_ns, text) in self.unknown_events(content) {
                    entry::put_event(&mut block, stamp_ns, text);
                    head.count += 1;
                }
                head.first_seq = head.key.seq.saturating_sub(head.count.into()) + 1;
                block
            }
            Kind::Segment(_) | Kind::Lost => content.to_vec(),
        };
        *self = Self {
            is_stored: self.is_stored,
            ..Self::new(head, &settled)
        };
        head.count > 0
    }
}
