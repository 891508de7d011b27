//! Pure: what of the history lies in memory: ticks since the last commit, those of a commit under way, what waits for a commit of its own, and where on
//! the disk each host's fresh entries are.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use pilotfish_protocol::extension::RunId;
use pilotfish_protocol::{AgentId, HostId};

use crate::store::history::Fresh;
use crate::telemetry::measure::Row;

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
    /// Up to where.
    pub seq: u64,
    /// The rows.
    pub ticks: Ticks,
}

/// What lies in memory.
#[derive(Debug, Default)]
pub struct Memory {
    open: BTreeMap<HostId, Ticks>,
    committing: Arc<BTreeMap<HostId, Ticks>>,
    held_bytes: usize,
    lost: u64,
    fresh: BTreeMap<HostId, FreshOfHost>,
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
    ) -> bool {
        if self.held_bytes >= HELD_BYTES {
            self.lost += rows.len() as u64;
            return true;
        }
        if !self.open.contains_key(host) {
            self.open.insert(host.clone(), Ticks::default());
        }
        if let Some(ticks) = self.open.get_mut(host) {
            let before = ticks.bytes().len();
            ticks.add(at_unix_ms, span_ms, rows);
            self.held_bytes += ticks.bytes().len() - before;
        }
        self.is_pressed()
    }

    /// Tells whether a commit is due before its time.
    #[must_use]
    pub fn is_pressed(&self) -> bool {
        self.held_bytes >= HURRY_BYTES
    }

    /// Gives what is to be committed now: what a failed commit left, else all ticks since the last one.
    pub fn begin(&mut self) -> Arc<BTreeMap<HostId, Ticks>> {
        if self.committing.is_empty() {
            self.committing = Arc::new(mem::take(&mut self.open));
        }
        Arc::clone(&self.committing)
    }

    /// What was begun is on the disk.
    pub fn committed(&mut self) {
        let committed = mem::take(&mut self.committing);
        self.lost += committed.values().map(Ticks::lost).sum::<u64>();
        self.held_bytes = self.open.values().map(|ticks| ticks.bytes().len()).sum();
    }

    /// Notes entries on the disk.
    pub fn add_fresh(&mut self, written: Vec<Fresh>) {
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
        self.fresh.remove(host);
    }

    /// Forgets a host.
    pub fn forget(&mut self, host: &HostId) {
        self.open.remove(host);
        self.fresh.remove(host);
        // Nobody commits meanwhile; what a failed commit left is dropped with the host.
        if let Some(committing) = Arc::get_mut(&mut self.committing) {
            committing.remove(host);
        }
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
            ticks: in_memory.map(|ticks| ticks.bytes().to_vec()).collect(),
        }
    }

    /// Takes the count of rows that were lost since the last time.
    pub fn take_lost(&mut self) -> u64 {
        mem::take(&mut self.lost)
    }
}
