//! Pure: what of the history lies in memory: ticks since the last commit, those of a commit under way, what waits for a commit of its own, and where on
//! the disk each host's fresh entries are.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;

use pilotfish_protocol::extension::{LastTick, RunId};
use pilotfish_protocol::{AgentId, HostId};

use crate::store::history::Fresh;
use crate::telemetry::measure::Row;

use super::seen::Seen;
use super::ticks::Ticks;

/// Most bytes of ticks that lie in memory, of all hosts; what comes when they are full, because the disk does not take them, is lost and counted.
const HELD_BYTES: usize = 64 << 20;

/// From here on a commit is due before its time.
const HURRY_BYTES: usize = 16 << 20;

/// Most spooled parts that wait; one more is refused, and its agent sends it again.
pub const LATE: usize = 1024;

/// A host's fresh entries of more bytes than this are sealed before their time.
const FRESH_BYTES: usize = 1 << 20;

/// What an agent had spooled.
#[derive(Debug)]
pub struct Late {
    /// Of which host.
    pub host: HostId,
    /// Of which agent.
    pub agent: AgentId,
    /// Of which run.
    pub run: RunId,
    /// From where: the mark that the rows come after.
    pub before: Option<u64>,
    /// Up to where.
    pub seq: u64,
    /// The rows.
    pub ticks: Ticks,
}

/// What lies in memory of one host until the next commit.
#[derive(Debug, Default)]
pub struct Held {
    /// Its ticks.
    pub ticks: Ticks,
    /// The last of them that an agent which spools told live.
    pub last_tick: Option<LastTick>,
}

/// What lies in memory.
#[derive(Debug, Default)]
pub struct Memory {
    open: BTreeMap<HostId, Held>,
    committing: Arc<BTreeMap<HostId, Held>>,
    /// The last live tick that was taken of each host, also before this server started.
    last_ticks: BTreeMap<HostId, LastTick>,
    /// The subjects of each host that came today.
    seen: BTreeMap<HostId, Seen>,
    held_bytes: usize,
    lost: u64,
    fresh: BTreeMap<HostId, FreshOfHost>,
    /// Counts what became of ticks on the disk: committed, sealed, forgotten.
    written: u64,
    /// The hosts that were forgotten since this server started; an id is never given again.
    forgotten: BTreeSet<HostId>,
}

/// The fresh entries of one host on the disk.
#[derive(Debug, Clone, Default)]
pub struct FreshOfHost {
    /// Its number.
    pub number: u32,
    /// Batches and parts, ascending.
    pub entries: Vec<(u64, u32)>,
    bytes: usize,
}

/// What a query finds in memory of one host.
#[derive(Debug, Default)]
pub struct Found {
    /// The entries to read from the disk.
    pub entries: Vec<(u64, u32)>,
    /// Ticks that are not there yet.
    pub ticks: Vec<Vec<u8>>,
}

impl Memory {
    /// Adds a tick; tells whether a commit is due before its time.
    pub fn record(
        &mut self,
        host: &HostId,
        at_unix_ms: u64,
        span_ms: u64,
        rows: &[Row<'_>],
        last_tick: Option<LastTick>,
    ) -> bool {
        if self.forgotten.contains(host) {
            return false;
        }
        if self.held_bytes >= HELD_BYTES {
            self.lost += rows.len() as u64;
            return true;
        }
        if !self.open.contains_key(host) {
            self.open.insert(host.clone(), Held::default());
        }
        if let Some(held) = self.open.get_mut(host) {
            let before = held.ticks.bytes().len();
            held.ticks.add(at_unix_ms, span_ms, rows);
            self.held_bytes += held.ticks.bytes().len() - before;
            if let Some(last_tick) = last_tick {
                held.last_tick = Some(last_tick);
                self.last_ticks.insert(host.clone(), last_tick);
            }
        }
        self.is_pressed()
    }

    /// Tells whether a commit is due before its time.
    #[must_use]
    pub fn is_pressed(&self) -> bool {
        self.held_bytes >= HURRY_BYTES
    }

    /// Gives what is to be committed now: what a failed commit left, else all ticks since the last one.
    pub fn begin(&mut self) -> Arc<BTreeMap<HostId, Held>> {
        if self.committing.is_empty() {
            self.committing = Arc::new(mem::take(&mut self.open));
        }
        Arc::clone(&self.committing)
    }

    /// What was begun is on the disk.
    pub fn committed(&mut self) {
        self.written += 1;
        let committed = mem::take(&mut self.committing);
        let lost = committed.values().map(|held| held.ticks.lost());
        self.lost += lost.sum::<u64>();
        let held = self.open.values().map(|held| held.ticks.bytes().len());
        self.held_bytes = held.sum();
    }

    /// Notes entries on the disk.
    pub fn add_fresh(&mut self, written: Vec<Fresh>) {
        self.written += 1;
        for fresh in written {
            let of_host = self.fresh.entry(fresh.host).or_default();
            of_host.number = fresh.number;
            of_host.entries.push(fresh.entry);
            of_host.bytes += fresh.bytes;
        }
    }

    /// Gives the hosts that are to be sealed, with their entries: those for which `is_due` says so of their number and the time of their oldest
    /// entry, and those with many bytes.
    pub fn due(&self, is_due: impl Fn(u32, u64) -> bool) -> Vec<(HostId, FreshOfHost)> {
        let due = self.fresh.iter().filter(|(_, of_host)| {
            let oldest = of_host.entries.first().map(|(batch, _)| *batch);
            of_host.bytes >= FRESH_BYTES
                || oldest.is_some_and(|oldest| is_due(of_host.number, oldest))
        });
        due.map(|(host, of_host)| (host.clone(), of_host.clone()))
            .collect()
    }

    /// A host's entries are sealed, as they were told by [`Memory::due`].
    pub fn sealed(&mut self, host: &HostId) {
        self.written += 1;
        self.fresh.remove(host);
    }

    /// Forgets a host.
    pub fn forget(&mut self, host: &HostId) {
        self.written += 1;
        self.forgotten.insert(host.clone());
        self.open.remove(host);
        self.fresh.remove(host);
        self.last_ticks.remove(host);
        self.seen.remove(host);
        // Nobody commits meanwhile; what a failed commit left is dropped with the host.
        if let Some(committing) = Arc::get_mut(&mut self.committing) {
            committing.remove(host);
        }
    }

    /// Tells whether a host was forgotten: what is still on its way is dropped.
    #[must_use]
    pub fn is_forgotten(&self, host: &HostId) -> bool {
        self.forgotten.contains(host)
    }

    /// Gives a number that is another one after each change of what is on the disk.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// What there is of a host.
    #[must_use]
    pub fn find(&self, host: &HostId) -> Found {
        let in_memory = self
            .committing
            .get(host)
            .into_iter()
            .chain(self.open.get(host));
        Found {
            entries: self
                .fresh
                .get(host)
                .map_or_else(Vec::new, |fresh| fresh.entries.clone()),
            ticks: in_memory.map(|held| held.ticks.bytes().to_vec()).collect(),
        }
    }

    /// Notes the last live ticks that are on the disk: after a start.
    pub fn add_last_ticks(&mut self, last_ticks: Vec<(HostId, LastTick)>) {
        self.last_ticks.extend(last_ticks);
    }

    /// Gives the last live tick that was taken of a host.
    #[must_use]
    pub fn last_tick(&self, host: &HostId) -> Option<LastTick> {
        self.last_ticks.get(host).copied()
    }

    /// Leaves only rows of subjects for which the host has room today; counts the others as lost.
    pub fn admit<'a>(&mut self, host: &HostId, rows: &[Row<'a>], now_unix_ms: u64) -> Vec<Row<'a>> {
        if self.forgotten.contains(host) {
            return Vec::new();
        }
        if !self.seen.contains_key(host) {
            self.seen.insert(host.clone(), Seen::default());
        }
        let Some(seen) = self.seen.get_mut(host) else {
            return Vec::new();
        };
        let is_admitted = |row: &&Row<'_>| seen.admits(row.subject, now_unix_ms);
        let admitted: Vec<Row<'a>> = rows.iter().filter(is_admitted).copied().collect();
        self.lost += (rows.len() - admitted.len()) as u64;
        admitted
    }

    /// Takes the count of rows that were lost since the last time.
    pub fn take_lost(&mut self) -> u64 {
        mem::take(&mut self.lost)
    }
}
