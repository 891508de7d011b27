//! What the agent must not forget, in one redb file: `DATA_PATH/agent.redb`, mode 0600.
//!
//! Every call blocks on the disk; the shell makes them through `blocking::unblock`. What a call has written when it returns
//! survives a power cut. One write transaction at a time: each method opens and ends its own.

mod enrolment;
mod error;
mod file;
mod spool;

use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{
    Builder, Database, ReadableDatabase as _, StorageBackend, TableDefinition, TableHandle as _,
};

pub use enrolment::Enrolment;
pub use error::{Obstacle, StoreError};

use file::StoreFile;

/// The file's name in the data directory.
pub const FILE_NAME: &str = "agent.redb";

/// redb's default is 1 GiB.
const CACHE_BYTES: usize = 64 * 1024;

/// The tables and what is in them; a change of either needs a new version and a migration. A table that an older program may pass over
/// needs neither.
const SCHEMA_VERSION: u32 = 1;
const SCHEMA: TableDefinition<'_, &str, u32> = TableDefinition::new("schema");
const SCHEMA_KEY: &str = "version";
/// Key → JSON, see [`enrolment`].
const IDENTITY: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("identity");
const ENROLMENT_KEY: &str = "enrolment";

/// The agent's open store. While it is open no other process can open it.
#[derive(Debug)]
pub struct Store {
    database: Database,
    path: PathBuf,
}

impl Store {
    /// Opens the store in `directory`, or makes both, proves by a durable write that it can keep something, and reserves the room
    /// for an enrolment.
    ///
    /// A directory that is made gets mode 0700; the file gets mode 0600 even if it had another. A file that is not ours, damaged
    /// or newer is left as it is.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]; none is mended by trying again at once.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(FILE_NAME);
        let (file, is_new) = match file::open(&path)? {
            StoreFile::Found(file) => (file, false),
            StoreFile::New(file) => (file, true),
        };
        let room = file
            .try_clone()
            .map_err(|source| StoreError::unusable(&path, source))?;
        let backend =
            FileBackend::new(file).map_err(|error| StoreError::from_redb(&path, error.into()))?;
        let store = Self::on_backend(backend, path)?;
        file::reserve(&room).map_err(|source| StoreError::unusable(&store.path, source))?;
        if is_new {
            file::publish(&store.path)?;
        }
        Ok(store)
    }

    /// Opens the store on any storage; `path` is what errors call it.
    fn on_backend(backend: impl StorageBackend, path: PathBuf) -> Result<Self, StoreError> {
        let database = Builder::new()
            .set_cache_size(CACHE_BYTES)
            // A few pages to read; without it a file whose bytes have rotted may panic instead of being refused.
            .set_check_integrity_on_open(true)
            .create_with_backend(backend)
            .map_err(|error| StoreError::from_redb(&path, error.into()))?;
        let store = Self { database, path };
        store.check_schema()?;
        store.prove_writable()?;
        Ok(store)
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the enrolment; `None` when the agent has not enrolled.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] when what is stored cannot be understood, [`StoreError::Unusable`] when it cannot be read.
    pub fn enrolment(&self) -> Result<Option<Enrolment>, StoreError> {
        let stored = self.read_enrolment().map_err(|error| self.redb(error))?;
        stored
            .map(|bytes| {
                Enrolment::decode(&bytes).map_err(|error| StoreError::damaged(&self.path, &error))
            })
            .transpose()
    }

    /// Keeps `enrolment` in place of any earlier one. When this returns, it is on the disk.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unusable`] when it could not be written; what was stored before is then still there. The store must be
    /// opened anew before the next write.
    pub fn keep_enrolment(&self, enrolment: &Enrolment) -> Result<(), StoreError> {
        let record = enrolment.encode();
        self.write(|transaction| {
            let mut identity = transaction.open_table(IDENTITY)?;
            identity.insert(ENROLMENT_KEY, record.as_slice())?;
            Ok(())
        })
    }

    /// Forgets the enrolment, if there is one. When this returns, that is on the disk.
    ///
    /// # Errors
    ///
    /// As [`Store::keep_enrolment`].
    pub fn forget_enrolment(&self) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut identity = transaction.open_table(IDENTITY)?;
            identity.remove(ENROLMENT_KEY)?;
            Ok(())
        })
    }

    fn read_enrolment(&self) -> Result<Option<enrolment::Record>, redb::Error> {
        let identity = match self.database.begin_read()?.open_table(IDENTITY) {
            Ok(identity) => identity,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let stored = identity.get(ENROLMENT_KEY)?;
        Ok(stored.map(|bytes| enrolment::Record::new(bytes.value().to_vec())))
    }

    /// Refuses a newer schema and a redb file that somebody else made. An empty file has neither.
    fn check_schema(&self) -> Result<(), StoreError> {
        let found = self.schema_version().map_err(|error| self.redb(error))?;
        match found {
            Found::Nothing | Found::Version(SCHEMA_VERSION) => Ok(()),
            Found::Version(found) if found > SCHEMA_VERSION => Err(StoreError::Newer {
                path: self.path.clone(),
                found,
                known: SCHEMA_VERSION,
            }),
            Found::Version(_) | Found::Foreign => Err(StoreError::damaged(
                &self.path,
                &"it is a database, but not a pilotfish-agent's",
            )),
        }
    }

    fn schema_version(&self) -> Result<Found, redb::Error> {
        let transaction = self.database.begin_read()?;
        let mut tables = transaction.list_tables()?.peekable();
        if tables.peek().is_none() {
            return Ok(Found::Nothing);
        }
        if !tables.any(|table| table.name() == SCHEMA.name()) {
            return Ok(Found::Foreign);
        }
        let version = transaction
            .open_table(SCHEMA)?
            .get(SCHEMA_KEY)?
            .map(|version| version.value());
        Ok(version.map_or(Found::Foreign, Found::Version))
    }

    /// Writes the schema's version, whether it is there or not: the write is what matters.
    fn prove_writable(&self) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction
                .open_table(SCHEMA)?
                .insert(SCHEMA_KEY, SCHEMA_VERSION)?;
            Ok(())
        })
    }

    /// Makes `change` and waits until it is on the disk (redb's `Durability::Immediate`, its default).
    fn write(
        &self,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), StoreError> {
        let commit = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            change(&transaction)?;
            Ok(transaction.commit()?)
        };
        commit().map_err(|error| self.redb(error))
    }

    fn redb(&self, error: redb::Error) -> StoreError {
        StoreError::from_redb(&self.path, error)
    }
}

/// What the schema table of an opened file says.
enum Found {
    Nothing,
    Version(u32),
    Foreign,
}

#[cfg(test)]
mod tests;
