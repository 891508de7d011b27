//! All that survives a restart: one redb file in the data directory, one module a subject; and a second file for the [`history`].
//!
//! A subject's functions take `&Store` and block; a task calls them through
//! [`App::with_store`](crate::app::App::with_store). What must happen as one takes the transaction
//! instead. There is one write transaction at a time, and none is held across an `.await`.
//!
//! After a failed write (a full disk) redb refuses everything until its file is opened again; the next call does that, so the
//! server goes on by itself when there is room.

pub mod agents;
pub mod audit;
pub mod events;
mod file;
pub mod history;
pub mod hosts;
pub mod last_events;
pub mod marks;
pub mod record;
pub mod registration_tokens;
pub mod sessions;
pub mod users;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use redb::backends::FileBackend;
use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase as _, ReadableTable as _,
    StorageError, TableDefinition, TransactionError, WriteTransaction,
};

use crate::store::file::StoreFile;
use crate::telemetry::history::varint::Malformed;

/// The store's file in the data directory.
pub const FILE_NAME: &str = "server.redb";

/// What a store's file is.
pub(crate) struct Layout {
    /// Its name in the data directory.
    pub(crate) file_name: &'static str,
    /// Memory for redb's page cache; its default is 1 GiB.
    pub(crate) cache_bytes: usize,
    /// Every page has its place on the disk from the start, so that a full disk fails no small write.
    pub(crate) is_reserved: bool,
    /// Makes every table, so that a reader always finds them.
    pub(crate) prepare: fn(&WriteTransaction) -> Result<(), StoreError>,
}

const LAYOUT: Layout = Layout {
    file_name: FILE_NAME,
    cache_bytes: 4 << 20,
    is_reserved: true,
    prepare,
};

/// The layout of the tables that this program reads and writes.
const SCHEMA: u32 = 1;

const META: TableDefinition<'_, &str, u32> = TableDefinition::new("meta");

/// The opened store.
pub struct Store {
    path: PathBuf,
    layout: &'static Layout,
    /// `None` between a failure and the next call that can open it.
    database: RwLock<Option<Database>>,
    /// The database refuses everything until it is opened again.
    is_failed: AtomicBool,
    on_file: OnFile,
}

/// Makes a database of its file; tests let the disk fail.
pub(crate) type OnFile = Box<dyn Fn(File) -> Result<Database, DatabaseError> + Send + Sync>;

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
    /// It failed before, and cannot be opened again yet.
    #[error("the store is closed after it had failed")]
    Closed,
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
    /// A part of the history is not what this program writes.
    #[error("cannot read the history")]
    History(#[from] Malformed),
}

impl Store {
    /// Opens the store in `directory`, making both when they are missing (modes 0700 and 0600).
    ///
    /// # Errors
    ///
    /// Every variant of [`StoreError`]; [`StoreError::InUse`] when another server runs on it.
    pub fn open(directory: &Path) -> Result<Store, StoreError> {
        Store::open_as(directory, &LAYOUT)
    }

    /// Opens the store of this layout in `directory`, as [`Store::open`].
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub(crate) fn open_as(directory: &Path, layout: &'static Layout) -> Result<Store, StoreError> {
        let on_file = |file| on_backend(FileBackend::new(file)?, layout.cache_bytes);
        Store::open_on(directory, layout, Box::new(on_file))
    }

    pub(crate) fn open_on(
        directory: &Path,
        layout: &'static Layout,
        on_file: OnFile,
    ) -> Result<Store, StoreError> {
        let path = directory.join(layout.file_name);
        let database = open_file(&path, layout, &on_file)?;
        Ok(Store {
            path,
            layout,
            database: RwLock::new(Some(database)),
            is_failed: AtomicBool::new(false),
            on_file,
        })
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
        self.use_database(|database| {
            let transaction = database.begin_read().map_err(StoreError::from)?;
            work(&transaction)
        })
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
        self.use_database(|database| {
            let transaction = database.begin_write().map_err(StoreError::from)?;
            // Dropping the transaction on the way out of `?` takes its changes back.
            let done = work(&transaction)?;
            transaction.commit().map_err(StoreError::from)?;
            Ok(done)
        })
    }

    /// Gives back to the system what the file no longer needs; nobody can read or write meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn compact(&self) -> Result<(), StoreError> {
        let mut database = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let database = database.as_mut().ok_or(StoreError::Closed)?;
        database.compact()?;
        Ok(())
    }

    /// The bytes that its file takes on the disk.
    ///
    /// # Errors
    ///
    /// [`StoreError::Create`].
    pub fn disk_bytes(&self) -> Result<u64, StoreError> {
        file::disk_bytes(&self.path).map_err(|source| StoreError::Create {
            path: self.path.clone(),
            source,
        })
    }

    fn use_database<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, E>,
    ) -> Result<T, E> {
        if self.is_failed.load(Ordering::Acquire) {
            self.open_again()?;
        }
        let database = self.lock();
        let database = database.as_ref().ok_or(StoreError::Closed)?;
        let done = work(database);
        if done.is_err() && has_failed(database) {
            self.is_failed.store(true, Ordering::Release);
        }
        done
    }

    /// Waits until nobody uses the database, and opens it again.
    fn open_again(&self) -> Result<(), StoreError> {
        let mut database = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // Who waited here as well may have done it already.
        if self.is_failed.load(Ordering::Acquire) {
            // Closed first: its file is locked.
            *database = None;
            *database = Some(open_file(&self.path, self.layout, &self.on_file)?);
            self.is_failed.store(false, Ordering::Release);
            log::warn!("the store was opened again after it had failed");
        }
        Ok(())
    }

    fn lock(&self) -> RwLockReadGuard<'_, Option<Database>> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells whether redb refuses everything from now on.
fn has_failed(database: &Database) -> bool {
    let begun = database.try_begin_write();
    matches!(
        begun,
        Err(TransactionError::Storage(StorageError::PreviousIo))
    )
}

pub(crate) fn on_backend(
    backend: impl redb::StorageBackend,
    cache_bytes: usize,
) -> Result<Database, DatabaseError> {
    Database::builder()
        .set_cache_size(cache_bytes)
        // Without it a file whose bytes have rotted may panic later instead of being refused now.
        .set_check_integrity_on_open(true)
        .create_with_backend(backend)
}

fn open_file(path: &Path, layout: &Layout, on_file: &OnFile) -> Result<Database, StoreError> {
    let (file, is_new) = match file::open(path)? {
        StoreFile::Found(file) => (file, false),
        StoreFile::New(file) => (file, true),
    };
    let room = file.try_clone();
    let database = on_file(file).map_err(|source| {
        let path = path.to_owned();
        if matches!(source, DatabaseError::DatabaseAlreadyOpen) {
            return StoreError::InUse { path };
        }
        let source = Box::new(source);
        StoreError::Open { path, source }
    })?;
    let transaction = database.begin_write()?;
    (layout.prepare)(&transaction)?;
    transaction.commit()?;
    if layout.is_reserved
        && let Err(error) = room.and_then(|room| file::reserve(&room))
    {
        log::warn!("no room for the whole store: {error}");
    }
    if is_new {
        file::publish(path)?;
    }
    Ok(database)
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// Makes every table, and checks the schema.
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
    last_events::prepare(transaction)?;
    marks::prepare(transaction)?;
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

impl From<redb::CompactionError> for StoreError {
    fn from(source: redb::CompactionError) -> StoreError {
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
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;

    use redb::StorageBackend;
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

    /// A disk that has no room while it is told so.
    #[derive(Debug)]
    struct Disk {
        file: FileBackend,
        is_full: Arc<AtomicBool>,
    }

    impl StorageBackend for Disk {
        fn len(&self) -> io::Result<u64> {
            self.file.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.file.read(offset, out)
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.file.set_len(len)
        }

        fn sync_data(&self) -> io::Result<()> {
            self.file.sync_data()
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            if self.is_full.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.file.write(offset, data)
        }
    }

    fn set(store: &Store, name: &str) -> Result<(), StoreError> {
        store.write(|transaction| {
            transaction.open_table(META)?.insert(name, 1)?;
            Ok(())
        })
    }

    fn has(store: &Store, name: &str) -> Result<bool, StoreError> {
        store.read(|transaction| Ok(transaction.open_table(META)?.get(name)?.is_some()))
    }

    #[test]
    fn a_store_goes_on_when_a_full_disk_has_room_again_and_keeps_what_it_said_it_has() {
        let directory = TempDir::new().unwrap();
        let is_full = Arc::new(AtomicBool::new(false));
        let disk = Arc::clone(&is_full);
        let on_file = move |file| {
            let is_full = Arc::clone(&disk);
            let file = FileBackend::new(file)?;
            on_backend(Disk { file, is_full }, LAYOUT.cache_bytes)
        };
        let store = Store::open_on(directory.path(), &LAYOUT, Box::new(on_file)).unwrap();
        set(&store, "before").unwrap();
        for round in ["one", "two"] {
            is_full.store(true, Ordering::Relaxed);
            assert!(set(&store, round).is_err());
            assert!(set(&store, round).is_err());
            assert!(has(&store, "before").is_err());
            is_full.store(false, Ordering::Relaxed);
            assert!(has(&store, "before").unwrap());
            assert!(!has(&store, round).unwrap());
            set(&store, round).unwrap();
        }
        drop(store);
        let store = Store::open(directory.path()).unwrap();
        for name in ["before", "one", "two"] {
            assert!(has(&store, name).unwrap(), "{name}");
        }
    }

    #[test]
    fn a_first_start_that_was_cut_short_is_begun_anew() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join(FILE_NAME);
        let whole = TempDir::new().unwrap();
        drop(Store::open(whole.path()).unwrap());
        let whole = fs::read(whole.path().join(FILE_NAME)).unwrap();
        for len in [0, 1, 4096, whole.len() / 2] {
            fs::write(file::new_path(&path), &whole[..len]).unwrap();
            drop(Store::open(directory.path()).unwrap());
            assert!(!file::new_path(&path).exists());
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn rotten_bytes_are_refused_or_read_and_never_panic() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join(FILE_NAME);
        drop(Store::open(directory.path()).unwrap());
        let whole = fs::read(&path).unwrap();
        let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
        let step = (used / 200).max(1);
        for at in (0..used).step_by(step) {
            let mut rotten = whole.clone();
            rotten[at] ^= 0x55;
            fs::write(&path, &rotten).unwrap();
            if let Ok(store) = Store::open(directory.path()) {
                has(&store, "schema").ok();
                hosts::list(&store).ok();
            }
        }
    }

    #[test]
    fn a_file_that_is_no_store_is_refused() {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join(FILE_NAME), "not a store, not at all").unwrap();
        let opened = Store::open(directory.path());
        assert!(matches!(opened, Err(StoreError::Open { .. })), "{opened:?}");
    }
}
