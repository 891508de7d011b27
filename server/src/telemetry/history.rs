//! The history: what was measured of every host and container, kept in tiers that get coarser with age.
//!
//! What comes lies in memory ([`memory`]) as compact ticks until the next commit, once a minute for all hosts, on a thread for blocking work; a crash loses at most
//! that minute, an orderly stop nothing. What an agent had spooled is committed at once, with the mark that makes it exactly-once. A query adds up what
//! is in the tiers, what is fresh on the disk, and what is in memory ([`crate::store::history`]).

pub mod answer;
pub mod cell;
mod column;
pub mod gathering;
pub mod keeping;
pub mod memory;
mod seen;
pub mod segment;
pub mod subject;
pub mod ticks;
pub mod tier;
pub mod varint;

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use pilotfish_protocol::extension::{LastTick, RunId, Spooled};
use pilotfish_protocol::{AgentId, HostId, ShortId};
use redb::{DatabaseError, StorageError};

use crate::clock;
use crate::store::history as stored;
use crate::store::history::reading::{self, Bounds, ReadError, Wanted};
use crate::store::{Store, StoreError, marks};
use crate::telemetry::measure::{Measure, Row};

use answer::{Answer, Answering};
use keeping::Writing;
pub use memory::Late;
use memory::{LATE, Memory};
use tier::Retention;

/// Most queries that are answered at a time; one more is refused.
const QUERIES: usize = 8;

/// Most bytes that one query reads.
const QUERY_BYTES: usize = 32 << 20;

/// How long one query may take.
const QUERY_DEADLINE: Duration = Duration::from_secs(5);

/// The history of all hosts.
pub struct History {
    store: Store,
    retention: Retention,
    memory: Mutex<Memory>,
    /// One writes at a time: commits, sealing and forgetting follow each other.
    writing: Mutex<Writing>,
    late: (Sender<Waiting>, Receiver<Waiting>),
    hurry: (Sender<()>, Receiver<()>),
    queries: AtomicUsize,
}

/// What an agent had spooled, and who waits for its commit.
type Waiting = (Late, Sender<bool>);

/// Why late rows were not recorded: nothing of them was, and they may be sent again.
#[derive(Debug, thiserror::Error)]
#[error("the history takes nothing now")]
pub struct Refused;

/// What is asked of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Of which host.
    pub host: HostId,
    /// Of one of its containers; without one, of the host and its parts.
    pub container: Option<ShortId>,
    /// The beginning of the range.
    pub from_unix_ms: u64,
    /// Its end, after the beginning.
    pub to_unix_ms: u64,
    /// Most points; at least 1.
    pub points: u64,
    /// Which measures; none: every one.
    pub measures: Vec<Measure>,
}

/// Why a query was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// Too many others are being answered.
    #[error("too many queries at once")]
    Busy,
    /// The history cannot be read, or it is too much, or took too long.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl History {
    /// Opens the history in `directory`, making it when it is missing. A damaged one is put aside, so that the server runs without it; one that
    /// only cannot be opened now, as on a full disk, stays where it is.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn open(directory: &Path, retention: Retention) -> Result<History, StoreError> {
        let store = match Store::open_as(directory, &stored::LAYOUT) {
            Err(StoreError::Open { path, source }) if is_damage(&source) => {
                let aside = path.with_extension("redb.damaged");
                log::error!(
                    "the history is damaged and put aside as {}: {source}",
                    aside.display()
                );
                std::fs::rename(&path, aside)
                    .map_err(|source| StoreError::Create { path, source })?;
                Store::open_as(directory, &stored::LAYOUT)?
            }
            opened => opened?,
        };
        let history = History::on(store, retention)?;
        history.make_room_at_start(clock::unix_ms())?;
        Ok(history)
    }

    /// The history in an opened store.
    fn on(store: Store, retention: Retention) -> Result<History, StoreError> {
        let mut memory = Memory::default();
        memory.add_fresh(stored::list_fresh(&store)?);
        memory.add_last_ticks(stored::list_last_ticks(&store)?);
        Ok(History {
            store,
            retention,
            memory: Mutex::new(memory),
            writing: Mutex::default(),
            late: async_channel::bounded(LATE),
            hurry: async_channel::bounded(1),
            queries: AtomicUsize::new(0),
        })
    }

    /// Records a tick: `rows` were measured at `at_unix_ms` and stand for the `span_ms` before it. Quick; never waits for the disk.
    pub fn record(&self, host: &HostId, at_unix_ms: u64, span_ms: u64, rows: &[Row<'_>]) {
        self.take(host, at_unix_ms, span_ms, rows, None);
    }

    /// As [`History::record`], for a tick of an agent that spools: that it was taken is committed as one with the rows.
    pub fn record_live(
        &self,
        host: &HostId,
        tick: LastTick,
        at_unix_ms: u64,
        span_ms: u64,
        rows: &[Row<'_>],
    ) {
        self.take(host, at_unix_ms, span_ms, rows, Some(tick));
    }

    fn take(
        &self,
        host: &HostId,
        at_unix_ms: u64,
        span_ms: u64,
        rows: &[Row<'_>],
        last_tick: Option<LastTick>,
    ) {
        let now_unix_ms = clock::unix_ms();
        let mut memory = self.memory();
        let rows = memory.admit(host, rows, now_unix_ms);
        let is_pressed = memory.record(host, at_unix_ms, span_ms, &rows, last_tick);
        drop(memory);
        if is_pressed {
            // Full means that the writer is told already.
            self.hurry.0.try_send(()).ok();
        }
    }

    /// Gives the last live tick of a host that was taken, or before this server started was committed.
    pub fn last_tick(&self, host: &HostId) -> Option<LastTick> {
        self.memory().last_tick(host)
    }

    /// Leaves of rows that an agent had spooled only those for which its host has room today.
    pub fn admit<'a>(&self, host: &HostId, rows: &[Row<'a>]) -> Vec<Row<'a>> {
        self.memory().admit(host, rows, clock::unix_ms())
    }

    /// Records what an agent had spooled, exactly once: answers when it is on the disk, together with the mark; `false` when the mark is no longer that
    /// after which the rows come, and nothing was recorded.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub async fn record_late(&self, late: Late) -> Result<bool, Refused> {
        let (done, is_done) = async_channel::bounded(1);
        self.late.0.try_send((late, done)).map_err(|_| Refused)?;
        self.hurry.0.try_send(()).ok();
        is_done.recv().await.map_err(|_| Refused)
    }

    /// Gives the last sequence number of an agent's run whose rows are on the disk.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub async fn recorded(
        self: &Arc<Self>,
        agent: &AgentId,
        run: RunId,
    ) -> Result<Option<u64>, Refused> {
        let (history, agent) = (Arc::clone(self), agent.clone());
        let found = blocking::unblock(move || marks::find(&history.store, &agent, run)).await;
        found.map_err(|error| {
            log::error!("history: {}", crate::chain::chain(&error));
            Refused
        })
    }

    /// Gives the marks of all runs of an agent, of the newest last.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub async fn spooled(self: &Arc<Self>, agent: &AgentId) -> Result<Vec<Spooled>, Refused> {
        let (history, agent) = (Arc::clone(self), agent.clone());
        let found = blocking::unblock(move || marks::list(&history.store, &agent)).await;
        found.map_err(|error| {
            log::error!("history: {}", crate::chain::chain(&error));
            Refused
        })
    }

    /// Answers a query, on a thread for blocking work.
    ///
    /// # Errors
    ///
    /// [`QueryError`].
    pub async fn query(self: &Arc<Self>, query: Query) -> Result<Answer, QueryError> {
        let history = Arc::clone(self);
        blocking::unblock(move || {
            let before = history.queries.fetch_add(1, Ordering::Relaxed);
            let answered = if before < QUERIES {
                history.answer(&query, clock::unix_ms())
            } else {
                Err(QueryError::Busy)
            };
            history.queries.fetch_sub(1, Ordering::Relaxed);
            answered
        })
        .await
    }

    /// Forgets a host and its agent's marks.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn forget(
        self: &Arc<Self>,
        host: &HostId,
        agent: &AgentId,
    ) -> Result<(), StoreError> {
        let (history, host, agent) = (Arc::clone(self), host.clone(), agent.clone());
        blocking::unblock(move || {
            let _writing = history.writing();
            history.memory().forget(&host);
            stored::forget(&history.store, &host, &agent)
        })
        .await
    }

    /// Answers a query as of a time. Blocks; a task uses [`History::query`].
    ///
    /// # Errors
    ///
    /// [`QueryError::Read`].
    pub fn answer(&self, query: &Query, now_unix_ms: u64) -> Result<Answer, QueryError> {
        let Query {
            from_unix_ms,
            to_unix_ms,
            points,
            ..
        } = *query;
        let tier = self
            .retention
            .pick(from_unix_ms, to_unix_ms, points, now_unix_ms);
        let mut answering = Answering::new(
            tier,
            from_unix_ms,
            to_unix_ms,
            points,
            query.measures.clone(),
        );
        let (first, last) = answering.buckets();
        let wanted = Wanted {
            host: query.host.clone(),
            container: query.container,
            tier,
            first,
            last,
        };
        let bounds = Bounds {
            give_up_at: clock::now() + QUERY_DEADLINE,
            bytes: QUERY_BYTES,
            now: clock::now,
        };
        self.read(&wanted, bounds, &mut answering)?;
        if answering.is_cut() {
            return Err(ReadError::TooMuch.into());
        }
        Ok(answering.finish())
    }

    /// Reads one state of the store and the memory that belongs to it, so that a batch is in one of them, never in both or neither.
    ///
    /// The store's state is fixed first, and again when the memory has changed meanwhile: opening a store that has failed takes long, and who
    /// records must not wait for that.
    fn read(
        &self,
        wanted: &Wanted,
        bounds: Bounds,
        answering: &mut Answering,
    ) -> Result<(), ReadError> {
        loop {
            let before = self.memory().written();
            let is_read = self.store.read(|transaction| -> Result<bool, ReadError> {
                let memory = self.memory();
                if memory.written() != before {
                    return Ok(false);
                }
                let found = memory.find(&wanted.host);
                drop(memory);
                reading::read(transaction, wanted, &found.entries, bounds, answering)?;
                for ticks in &found.ticks {
                    reading::add_ticks(ticks, wanted, bounds, answering)?;
                }
                Ok(true)
            })?;
            if is_read {
                return Ok(());
            }
            if (bounds.now)() >= bounds.give_up_at {
                return Err(ReadError::TooSlow);
            }
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells whether a file is not what it should be, and not only out of reach.
fn is_damage(error: &DatabaseError) -> bool {
    let DatabaseError::Storage(StorageError::Io(error)) = error else {
        return true;
    };
    !matches!(
        error.kind(),
        ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::PermissionDenied
            | ErrorKind::OutOfMemory
    )
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
