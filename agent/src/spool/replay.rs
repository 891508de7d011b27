//! Pure: what is sent of the spool, one batch at a time, and how fast.

use pilotfish_protocol::extension::RunId;
use pilotfish_protocol::spool::{BATCH_BYTES, BatchEncoder, Entry as Told, Segment};

use super::entry::{self, Entry, Key, Kind};
use super::shelf::Shelf;

/// Largest batch, unless one entry alone is larger.
const MOST_BYTES: usize = 16 * 1024;
/// What the first batch of a session may have, and one after a slow one.
const LEAST_BYTES: usize = 2 * 1024;
/// The least time between two batches.
const EVERY_MS: u64 = 1000;

/// What is to be done for the spool's next batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is not its time, or there is nothing to send.
    Nothing,
    /// These rows are to be read from the disk and given to [`Spool::restore`](super::Spool::restore).
    Read(Vec<Key>),
    /// This message is to be sent.
    Send(Vec<u8>),
}

/// How fast batches go: each waits for the ack of the one before, and then as long again as that took, so that the link is at least
/// half the time free for what is new. Their size follows the link, so that none holds it for much longer than a second.
#[derive(Debug)]
pub(super) struct Replay {
    in_flight: Option<InFlight>,
    is_reading: bool,
    next_at_ms: u64,
    max_bytes: usize,
}

#[derive(Debug)]
struct InFlight {
    run: RunId,
    seq: u64,
    sent_at_ms: u64,
}

impl Replay {
    /// For a new session.
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            in_flight: None,
            is_reading: false,
            next_at_ms: now_ms,
            max_bytes: LEAST_BYTES,
        }
    }

    /// When the next batch may go; `None` while something is under way.
    pub(super) fn next_at_ms(&self) -> Option<u64> {
        (self.in_flight.is_none() && !self.is_reading).then_some(self.next_at_ms)
    }

    pub(super) fn next(&mut self, shelf: &mut Shelf, now_ms: u64) -> Next {
        if self.next_at_ms().is_none_or(|at_ms| at_ms > now_ms) {
            return Next::Nothing;
        }
        loop {
            let first = shelf.entries.iter().position(Entry::is_certain);
            let Some((at, first)) = first.and_then(|at| Some((at, shelf.entries.get(at)?))) else {
                return Next::Nothing;
            };
            if first.row.is_none() {
                self.is_reading = true;
                let keys = shelf.keys_to_read(at, self.max_bytes);
                shelf.pinned = keys.last().copied();
                return Next::Read(keys);
            }
            let run = first.head.run;
            // What is too large for a batch of that size goes alone.
            for (max_bytes, entries) in [(self.max_bytes, usize::MAX), (BATCH_BYTES, 1)] {
                let mut batch = BatchEncoder::new(run, now_ms, max_bytes);
                let Some(sent) = shelf.fill(at, entries, &mut batch) else {
                    continue;
                };
                let seq = batch.last_seq();
                let Some(message) = batch.finish() else {
                    continue;
                };
                shelf.sent = Some(sent);
                shelf.pinned = None;
                self.in_flight = Some(InFlight {
                    run,
                    seq,
                    sent_at_ms: now_ms,
                });
                return Next::Send(message);
            }
            // Nothing in it can be sent: every event is known, or it is not what it should be.
            shelf.pass_over(at);
        }
    }

    /// The rows that were asked for have come.
    pub(super) fn restored(&mut self) {
        self.is_reading = false;
    }

    /// The server has all entries of `run` up to `seq`.
    pub(super) fn acknowledged(&mut self, run: RunId, seq: u64, now_ms: u64) {
        let is_it = |sent: &&InFlight| sent.run == run && sent.seq <= seq;
        let Some(sent) = self.in_flight.as_ref().filter(is_it) else {
            return;
        };
        let took_ms = now_ms.saturating_sub(sent.sent_at_ms);
        self.next_at_ms = now_ms + took_ms.max(EVERY_MS.saturating_sub(took_ms));
        self.max_bytes = if took_ms <= EVERY_MS / 2 {
            (self.max_bytes * 2).min(MOST_BYTES)
        } else if took_ms > 2 * EVERY_MS {
            (self.max_bytes / 2).max(LEAST_BYTES)
        } else {
            self.max_bytes
        };
        self.in_flight = None;
    }
}

impl Shelf {
    /// The first entries from `at` on that only the disk has: those of one batch.
    fn keys_to_read(&self, at: usize, max_bytes: usize) -> Vec<Key> {
        let mut bytes = 0;
        let on_disk = self.entries.iter().skip(at);
        let on_disk = on_disk.take_while(|entry| entry.row.is_none() && entry.is_certain());
        let fitting = on_disk.take_while(|entry| {
            let is_first = bytes == 0;
            bytes += entry.head.row_len();
            is_first || bytes <= max_bytes
        });
        fitting.map(|entry| entry.head.key).collect()
    }

    /// Puts the entries from `at` on into `batch`, at most so many, as far as they are at hand and of one run; gives the last one touched.
    fn fill(&self, at: usize, entries: usize, batch: &mut BatchEncoder) -> Option<Key> {
        let mut last = None;
        let run = self.entries.get(at)?.head.run;
        let certain = self
            .entries
            .iter()
            .skip(at)
            .filter(|entry| entry.is_certain());
        let its = certain.take_while(|entry| entry.head.run == run);
        for entry in its.take(entries) {
            let Some(row) = &entry.row else { break };
            let before = batch.last_seq();
            let is_whole = entry.put(entry::content(row), batch);
            if batch.last_seq() > before {
                last = Some(entry.head.key);
            }
            if !is_whole {
                break;
            }
        }
        last
    }

    /// Drops an entry of which nothing can be sent.
    fn pass_over(&mut self, at: usize) {
        let is_known = self
            .entries
            .get(at)
            .is_some_and(|entry| entry.head.kind == Kind::Events);
        if is_known {
            self.remove(at);
        } else {
            self.lose(at);
        }
    }
}

impl Entry {
    /// Tells whether it may be sent: what was recorded in this session may not.
    pub(super) fn is_certain(&self) -> bool {
        !self.head.is_doubtful
    }

    /// Puts what the server has not into `batch`; answers whether all of it found room.
    fn put(&self, content: &[u8], batch: &mut BatchEncoder) -> bool {
        let seq = self.head.key.seq;
        match self.head.kind {
            Kind::Segment(_) => {
                let after_clip = self.clip.map_or(0, |clip_ms| clip_ms.saturating_add(1));
                let segment = Segment {
                    from_ms: self.head.from_ms.max(after_clip),
                    until_ms: self.head.until_ms.saturating_add(1),
                    frames: content,
                };
                batch.push(seq, &Told::Segment(segment))
            }
            Kind::Events => {
                let mut unknown = self.unknown_events(content);
                unknown.all(|(seq, _, text)| batch.push(seq, &Told::Event(text)))
            }
            Kind::Lost => {
                let lost = entry::lost(content).unwrap_or_default();
                batch.push(seq, &Told::Lost(lost))
            }
        }
    }
}
