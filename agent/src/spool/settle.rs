//! Pure: what the server has of that which was recorded in a session whose link may have been dead.

use pilotfish_protocol::extension::LastTick;

use super::entry::{Head, Kind};
use super::shelf::Shelf;

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
            let verdict = match entry.kind {
                _ if !entry.is_doubtful => Verdict::Certain,
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
            if let Some(entry) = self.entries.get_mut(at) {
                entry.head.is_doubtful = false;
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
