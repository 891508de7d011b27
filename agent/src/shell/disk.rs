//! The store, one piece of work at a time on a thread that may wait for a slow card.

use std::path::PathBuf;
use std::rc::Rc;

use smol::lock::Mutex;

use super::Shell;
use super::observe::tell;
use crate::agent::{ConnectionNumber, Event};
use crate::chain::Chain;
use crate::spool::{Commit, Key};
use crate::store::{Enrolment, Store, StoreError};

/// The store, opened anew after it failed: redb refuses everything from then on.
#[derive(Debug)]
pub(super) struct Disk {
    directory: PathBuf,
    /// Locked while it is at work, so that a second piece of work waits for the first.
    open: Mutex<Option<Store>>,
}

impl Disk {
    /// The open store of `directory`.
    pub(super) fn new(directory: PathBuf, store: Store) -> Self {
        Self {
            directory,
            open: Mutex::new(Some(store)),
        }
    }

    /// Does `work` with the store.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut place = self.open.lock().await;
        let open = place.take();
        let directory = self.directory.clone();
        let done = blocking::unblock(move || {
            let store = open.map_or_else(|| Store::open(&directory), Ok)?;
            let value = work(&store)?;
            Ok((store, value))
        });
        let (store, value) = done.await?;
        *place = Some(store);
        Ok(value)
    }
}

impl Shell<'_> {
    pub(super) fn keep(&self, number: ConnectionNumber, enrolment: Enrolment) {
        let (store, events) = (Rc::clone(&self.store), self.events.clone());
        let work = async move {
            let kept = store.with(move |store| store.keep_enrolment(&enrolment));
            let outcome = kept.await.map_err(|error| Chain(&error).to_string());
            tell(&events, Event::Kept { number, outcome }).await;
        };
        self.executor.spawn(work).detach();
    }

    pub(super) fn read_spool(&self, keys: Vec<Key>) {
        let (store, events) = (Rc::clone(&self.store), self.events.clone());
        let work = async move {
            let asked = keys.clone();
            let rows = match store.with(move |store| store.read_spool(&asked)).await {
                Ok(rows) => rows,
                Err(error) => {
                    log::error!("cannot read what was spooled: {}", Chain(&error));
                    keys.into_iter().map(|key| (key, None)).collect()
                }
            };
            tell(&events, Event::SpoolRead(rows)).await;
        };
        self.executor.spawn(work).detach();
    }

    pub(super) fn keep_spool(&self, commit: Commit) {
        let (store, events) = (Rc::clone(&self.store), self.events.clone());
        let work = async move {
            let kept = store.with(move |store| store.keep_spool(&commit)).await;
            if let Err(error) = &kept {
                log::error!("cannot write what is spooled: {}", Chain(error));
            }
            let is_done = kept.is_ok();
            tell(&events, Event::SpoolKept { is_done }).await;
        };
        self.executor.spawn(work).detach();
    }
}
