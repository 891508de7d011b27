//! All that survives a restart: one redb file in the data directory, one module a subject.
//!
//! A subject's functions take `&Store` and block; a task calls them through
//! [`App::with_store`](crate::app::App::with_store). What must happen as one takes the transaction
//! instead. There is one write transaction at a time, and none is held across an `.await`.

pub mod agents;
pub mod audit;
pub mod events;
pub mod hosts;
pub mod record;
pub mod registration_tokens;
pub mod sessions;
pub mod users;

use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase as _, ReadableTable as _,
    TableDefinition, WriteTransaction,
};

/// The store's file in the data directory.
pub const FILE_NAME: &str = "server.redb";

/// Memory for redb's page cache; its default is 1 GiB.
const CACHE_BYTES: usize = 4 << 20;

/// The layout of the tables that this program reads and writes.
const SCHEMA: u32 = 1;

const META: TableDefinition<'_, &str, u32> = TableDefinition::new("meta");

/// The opened store.
pub struct Store {
    database: Database,
}

/// Why the store does not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory or the file cannot be made or opened.
    #[error("cannot make {}", path.display())]
    Create {
        /// The directory or file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is no store, or damaged.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// redb's word.
        source: Box<DatabaseError>,
    },
    /// A newer program wrote it.
    #[error("the store has schema {found}, this program knows {SCHEMA}: use the newer program")]
    Newer {
        /// The schema in the file.
        found: u32,
    },
    /// Reading or writing failed.
    #[error("cannot read or write the store")]
    Redb(#[source] Box<redb::Error>),
    /// A record is not what this program writes.
    #[error("cannot read a record of {table}")]
    Record {
        /// The table's name.
        table: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl Store {
    /// Opens the store in `directory`, making both when they are missing (modes 0700 and 0600).
    ///
    /// # Errors
    ///
    /// Every variant of [`StoreError`]; [`StoreError::InUse`] when another server runs on it.
    pub fn open(directory: &Path) -> Result<Store, StoreError> {
        let create = |path: &Path, source| StoreError::Create {
            path: path.to_owned(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|source| create(directory, source))?;
        let path = directory.join(FILE_NAME);
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .and_then(|_| fs::set_permissions(&path, Permissions::from_mode(0o600)))
            .map_err(|source| create(&path, source))?;
        let opened = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(&path);
        let database = opened.map_err(|source| {
            if matches!(source, DatabaseError::DatabaseAlreadyOpen) {
                return StoreError::InUse { path };
            }
            let source = Box::new(source);
            StoreError::Open { path, source }
        })?;
        let store = Store { database };
        store.write(prepare)?;
        Ok(store)
    }

    /// Reads one state of the store.
    ///
    /// # Errors
    ///
    /// [`StoreError`], or what `work` answers.
    pub fn read<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self.database.begin_read().map_err(StoreError::from)?;
        work(&transaction)
    }

    /// Changes the store: all of `work` is durable when this answers, or, when `work` fails, none.
    ///
    /// Waits for a write transaction of another thread; `work` must not call [`Store::write`].
    ///
    /// # Errors
    ///
    /// [`StoreError`], or what `work` answers.
    pub fn write<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self.database.begin_write().map_err(StoreError::from)?;
        // Dropping the transaction on the way out of `?` takes its changes back.
        let done = work(&transaction)?;
        transaction.commit().map_err(StoreError::from)?;
        Ok(done)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// Makes every table, so that a reader always finds them, and checks the schema.
fn prepare(transaction: &WriteTransaction) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(META)?;
    let found = meta.get("schema")?.map(|schema| schema.value());
    match found {
        Some(found) if found > SCHEMA => return Err(StoreError::Newer { found }),
        Some(_) => {}
        None => {
            meta.insert("schema", SCHEMA)?;
        }
    }
    agents::prepare(transaction)?;
    audit::prepare(transaction)?;
    events::prepare(transaction)?;
    hosts::prepare(transaction)?;
    registration_tokens::prepare(transaction)?;
    sessions::prepare(transaction)?;
    users::prepare(transaction)?;
    Ok(())
}

impl From<redb::Error> for StoreError {
    fn from(source: redb::Error) -> StoreError {
        StoreError::Redb(Box::new(source))
    }
}

impl From<redb::TransactionError> for StoreError {
    fn from(source: redb::TransactionError) -> StoreError {
        redb::Error::from(source).into()
    }
}

impl From<redb::TableError> for StoreError {
    fn from(source: redb::TableError) -> StoreError {
        redb::Error::from(source).into()
    }
}

impl From<redb::StorageError> for StoreError {
    fn from(source: redb::StorageError) -> StoreError {
        redb::Error::from(source).into()
    }
}

impl From<redb::CommitError> for StoreError {
    fn from(source: redb::CommitError) -> StoreError {
        redb::Error::from(source).into()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A store of its own for one test, gone with it.
    #[derive(Debug)]
    pub(crate) struct Scratch {
        pub(crate) store: Store,
        directory: TempDir,
    }

    impl Scratch {
        pub(crate) fn new() -> Scratch {
            let directory = TempDir::new().unwrap();
            let store = Store::open(directory.path()).unwrap();
            Scratch { store, directory }
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn only_its_owner_can_read_the_file_and_a_new_directory() {
        let parent = TempDir::new().unwrap();
        let directory = parent.path().join("a/b");
        let store = Store::open(&directory).unwrap();
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&directory.join(FILE_NAME)), 0o600);
        drop(store);
        fs::set_permissions(directory.join(FILE_NAME), Permissions::from_mode(0o644)).unwrap();
        Store::open(&directory).unwrap();
        assert_eq!(mode(&directory.join(FILE_NAME)), 0o600);
    }

    #[test]
    fn a_second_opener_is_told_that_it_is_in_use() {
        let scratch = Scratch::new();
        let second = Store::open(scratch.directory.path());
        assert!(
            matches!(second, Err(StoreError::InUse { .. })),
            "{second:?}"
        );
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let Scratch { store, directory } = Scratch::new();
        let raise = |transaction: &WriteTransaction| -> Result<(), StoreError> {
            transaction.open_table(META)?.insert("schema", SCHEMA + 1)?;
            Ok(())
        };
        store.write(raise).unwrap();
        drop(store);
        let opened = Store::open(directory.path());
        assert!(
            matches!(opened, Err(StoreError::Newer { found: 2 })),
            "{opened:?}"
        );
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let scratch = Scratch::new();
        let failed = scratch.store.write(|transaction| {
            transaction.open_table(META)?.insert("x", 1)?;
            Err::<(), _>(StoreError::Newer { found: 0 })
        });
        assert!(failed.is_err());
        let found = scratch
            .store
            .read(|transaction| -> Result<bool, StoreError> {
                let meta = transaction.open_table(META)?;
                Ok(meta.get("x")?.is_some())
            });
        assert!(!found.unwrap());
    }

    #[test]
    fn a_file_that_is_no_store_is_refused() {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join(FILE_NAME), "not a store, not at all").unwrap();
        let opened = Store::open(directory.path());
        assert!(matches!(opened, Err(StoreError::Open { .. })), "{opened:?}");
    }
}
