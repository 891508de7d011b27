//! The history's one writer: it commits, seals, and keeps within the disk cap.

use std::sync::Arc;
use std::time::Duration;

use async_io::Timer;
use futures_lite::FutureExt as _;

use crate::app::App;
use crate::chain::chain;
use crate::clock;
use crate::store::StoreError;
use crate::store::history::rolling::{self, Due};
use crate::store::history::{self as stored, Mark, Part, room};

use super::History;

/// How often all that came is committed; a crash loses at most what came since.
const COMMIT_EVERY: Duration = Duration::from_secs(60);

/// How many hosts are sealed in one transaction.
const SEALED_AT_ONCE: usize = 64;

/// Most spooled parts that are committed as one.
const LATE_AT_ONCE: usize = 256;

/// How often what is beyond its life is looked for.
const TRIM_EVERY_MS: u64 = 3_600_000;

/// How often the pages in use are counted, which reads the whole file, once it is near its cap.
const COUNT_EVERY_MS: u64 = 6 * 3_600_000;

/// Bytes on the disk for each 1000 of keys and values, until they were counted: pages are never quite full.
const USED_PER_1000: u64 = 1500;

/// What the writer keeps between two commits.
#[derive(Debug, Default)]
pub(super) struct Writing {
    trimmed_unix_ms: u64,
    counted_unix_ms: u64,
    used_per_1000: Option<u64>,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// What an agent had spooled; the rest only when memory is short.
    Late,
    /// All, and what is due is sealed.
    Minute,
    /// All: the server stops.
    End,
}

/// Starts the writer.
pub fn start(app: &App) {
    let (history, shutdown) = (Arc::clone(&app.history), app.shutdown.clone());
    app.executor.spawn(async move {
        let mut due_at = clock::now() + COMMIT_EVERY;
        while !shutdown.is_fired() {
            let minute = async {
                Timer::at(due_at).await;
                Scope::Minute
            };
            let hurried = async {
                history.hurried().await;
                Scope::Late
            };
            let end = async {
                shutdown.wait().await;
                Scope::End
            };
            // The minute first: who hurries all the time must not hold it up.
            let scope = minute.or(hurried).or(end).await;
            if scope == Scope::Minute {
                due_at = clock::now() + COMMIT_EVERY;
            }
            history.write(scope).await;
        }
    });
}

/// Commits all that is in memory: the server stops.
pub async fn finish(app: &App) {
    app.history.write(Scope::End).await;
}

impl History {
    /// Waits until something is to be committed before its time.
    async fn hurried(&self) {
        // The sender is as old as the history itself.
        self.hurry.1.recv().await.ok();
    }

    /// Commits, seals what is due and makes room, as of a time. Blocks; the server's own writer does it once a minute.
    ///
    /// # Errors
    ///
    /// The store's; what failed is tried again the next time.
    pub fn write_as_of(&self, now_unix_ms: u64) -> Result<(), StoreError> {
        self.write_now(Scope::Minute, now_unix_ms)
    }

    /// The bytes of all pages in use on the disk, every tier counted. Reads the whole file.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn used_bytes(&self) -> Result<u64, StoreError> {
        room::used_bytes(&self.store)
    }

    /// The bytes of all keys and values.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn stored_bytes(&self) -> Result<u64, StoreError> {
        room::stored_bytes(&self.store)
    }

    /// Writes on a thread for blocking work. What fails is tried again the next time.
    async fn write(self: &Arc<Self>, scope: Scope) {
        let history = Arc::clone(self);
        let written = blocking::unblock(move || history.write_now(scope, clock::unix_ms())).await;
        if let Err(error) = written {
            log::error!("history: {}", chain(&error));
        }
    }

    pub(super) fn write_now(&self, scope: Scope, now_unix_ms: u64) -> Result<(), StoreError> {
        let mut writing = self.writing();
        self.commit_late(now_unix_ms)?;
        match scope {
            Scope::Late if !self.memory().is_pressed() => return Ok(()),
            Scope::Late | Scope::Minute => {
                self.commit(now_unix_ms)?;
            }
            Scope::End => return self.commit(now_unix_ms),
        }
        self.seal(now_unix_ms)?;
        self.make_room(&mut writing, now_unix_ms)
    }

    fn commit_late(&self, now_unix_ms: u64) -> Result<(), StoreError> {
        loop {
            let mut late = Vec::new();
            while late.len() < LATE_AT_ONCE
                && let Ok(waiting) = self.late.1.try_recv()
            {
                // Who waits for a host that was removed meanwhile is refused.
                if !self.memory().is_forgotten(&waiting.0.host) {
                    late.push(waiting);
                }
            }
            if late.is_empty() {
                return Ok(());
            }
            let parts: Vec<Part<'_>> = late
                .iter()
                .map(|(late, _)| Part {
                    host: &late.host,
                    ticks: late.ticks.bytes(),
                    mark: Some(Mark {
                        agent: &late.agent,
                        run: late.run,
                        before: late.before,
                        seq: late.seq,
                    }),
                    last_tick: None,
                })
                .collect();
            let committed = stored::commit(&self.store, now_unix_ms, &parts)?;
            self.memory().add_fresh(committed.fresh);
            for (place, (_, done)) in late.into_iter().enumerate() {
                // Whoever waited may have gone.
                done.try_send(!committed.outdated.contains(&place)).ok();
            }
        }
    }

    pub(super) fn commit(&self, now_unix_ms: u64) -> Result<(), StoreError> {
        let begun = self.memory().begin();
        if begun.is_empty() {
            return Ok(());
        }
        let parts: Vec<Part<'_>> = begun
            .iter()
            .map(|(host, held)| Part {
                host,
                ticks: held.ticks.bytes(),
                mark: None,
                last_tick: held.last_tick,
            })
            .collect();
        let committed = stored::commit(&self.store, now_unix_ms, &parts)?;
        drop(begun);
        let mut memory = self.memory();
        memory.add_fresh(committed.fresh);
        memory.committed();
        let lost = memory.take_lost();
        drop(memory);
        if lost > 0 {
            log::warn!("history: {lost} rows are lost: too many at once, or the disk takes none");
        }
        Ok(())
    }

    pub(super) fn seal(&self, now_unix_ms: u64) -> Result<(), StoreError> {
        let is_due = |number, oldest_unix_ms| rolling::is_due(number, oldest_unix_ms, now_unix_ms);
        let due = self.memory().due(is_due);
        for hosts in due.chunks(SEALED_AT_ONCE) {
            let entries: Vec<Due> = hosts
                .iter()
                .map(|(_, fresh)| Due {
                    number: fresh.number,
                    entries: fresh.entries.clone(),
                })
                .collect();
            rolling::seal(&self.store, &entries, &self.retention, now_unix_ms)?;
            let mut memory = self.memory();
            for (host, _) in hosts {
                memory.sealed(host);
            }
        }
        Ok(())
    }

    /// Takes out what is beyond its life or the disk cap.
    fn make_room(&self, writing: &mut Writing, now_unix_ms: u64) -> Result<(), StoreError> {
        let cap = self.retention.disk_bytes;
        let is_since = |then: u64, every: u64| now_unix_ms.abs_diff(then) >= every;
        if self.store.disk_bytes()? > cap / 5 * 4
            && is_since(writing.counted_unix_ms, COUNT_EVERY_MS)
        {
            writing.counted_unix_ms = now_unix_ms;
            let stored = room::stored_bytes(&self.store)?.max(1);
            writing.used_per_1000 =
                Some(room::used_bytes(&self.store)?.saturating_mul(1000) / stored);
        }
        let used_per_1000 = writing.used_per_1000.unwrap_or(USED_PER_1000).max(1000);
        let most_bytes = cap / used_per_1000 * 1000;
        let is_full = room::stored_bytes(&self.store)? > most_bytes;
        if is_full || is_since(writing.trimmed_unix_ms, TRIM_EVERY_MS) {
            writing.trimmed_unix_ms = now_unix_ms;
            let blocks = room::trim(&self.store, &self.retention, most_bytes, now_unix_ms)?;
            if is_full && blocks > 0 {
                log::warn!(
                    "history: {blocks} of the oldest blocks went, because it may take {cap} bytes of the disk"
                );
            }
        }
        Ok(())
    }

    /// Makes room as the configuration has it now, and gives the system back what a file needs no more whose cap was lowered.
    pub(super) fn make_room_at_start(&self, now_unix_ms: u64) -> Result<(), StoreError> {
        self.make_room(&mut self.writing(), now_unix_ms)?;
        let cap = self.retention.disk_bytes;
        if self.store.disk_bytes()? > cap.saturating_add(cap / 4) {
            log::info!("history: making its file smaller");
            self.store.compact()?;
        }
        Ok(())
    }
}
