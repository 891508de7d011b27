//! What is left of the spool when the program ends: one row per entry, and the time of the last commit.

use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition, TableError};

use super::{Store, StoreError};
use crate::spool::{Commit, Key, Row, Stored};

/// Key as (run, seq) → row, see [`crate::spool`].
const SPOOL: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("spool");
/// [`COMMITTED_KEY`] → Unix ms by the clock of the run that wrote.
const SPOOL_CLOCK: TableDefinition<'_, &str, u64> = TableDefinition::new("spool_clock");
const COMMITTED_KEY: &str = "committed_at_ms";

impl Store {
    /// Reads what earlier runs left of the spool: every row is looked at, and only its head is kept.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; a row that cannot be understood is none, it is in [`Stored::unreadable`].
    pub fn load_spool(&self) -> Result<Stored, StoreError> {
        self.stored_spool().map_err(|error| self.redb(error))
    }

    /// Reads rows of the spool, in the order of `keys`; `None` for one that is not there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unusable`] when they cannot be read.
    pub fn read_spool(&self, keys: &[Key]) -> Result<Vec<(Key, Option<Row>)>, StoreError> {
        self.spool_rows(keys).map_err(|error| self.redb(error))
    }

    /// Changes the spool. When this returns, it is on the disk.
    ///
    /// # Errors
    ///
    /// As [`Store::keep_enrolment`].
    pub fn keep_spool(&self, commit: &Commit) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut table = transaction.open_table(SPOOL)?;
            for key in &commit.deletes {
                table.remove((key.run, key.seq))?;
            }
            for (key, row) in &commit.puts {
                table.insert((key.run, key.seq), &**row)?;
            }
            let mut clock = transaction.open_table(SPOOL_CLOCK)?;
            clock.insert(COMMITTED_KEY, commit.at_ms)?;
            Ok(())
        })
    }

    fn stored_spool(&self) -> Result<Stored, redb::Error> {
        let transaction = self.database.begin_read()?;
        let mut stored = Stored::default();
        match transaction.open_table(SPOOL_CLOCK) {
            Ok(clock) => {
                let committed_at = clock.get(COMMITTED_KEY)?;
                stored.committed_at_ms = committed_at.map(|at_ms| at_ms.value());
            }
            Err(TableError::TableDoesNotExist(_)) => return Ok(stored),
            Err(error) => return Err(error.into()),
        }
        for row in transaction.open_table(SPOOL)?.iter()? {
            let (key, row) = row?;
            let (run, seq) = key.value();
            let key = Key { run, seq };
            stored.push(key, row.value());
        }
        Ok(stored)
    }

    fn spool_rows(&self, keys: &[Key]) -> Result<Vec<(Key, Option<Row>)>, redb::Error> {
        let table = match self.database.begin_read()?.open_table(SPOOL) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => {
                return Ok(keys.iter().map(|key| (*key, None)).collect());
            }
            Err(error) => return Err(error.into()),
        };
        let read = |key: &Key| {
            let row = table.get((key.run, key.seq))?;
            Ok((*key, row.map(|row| Row::from(row.value()))))
        };
        keys.iter().map(read).collect()
    }
}
