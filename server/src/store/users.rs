//! Who may log in: names and password hashes.

use redb::{ReadableTableMetadata as _, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use crate::store::record::{decode, encode};
use crate::store::{Store, StoreError};

const NAME: &str = "users";

/// User name → [`UserRecord`].
const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new(NAME);

/// One user.
#[derive(Clone, Serialize, Deserialize)]
pub struct UserRecord {
    /// The password's hash, a PHC string.
    pub password_phc: String,
    /// When the user was made.
    pub created_unix_ms: u64,
}

impl std::fmt::Debug for UserRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let UserRecord {
            password_phc: _,
            created_unix_ms,
        } = self;
        f.debug_struct("UserRecord")
            .field("created_unix_ms", created_unix_ms)
            .finish_non_exhaustive()
    }
}

pub(super) fn prepare(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(TABLE)?;
    Ok(())
}

/// Finds a user.
///
/// # Errors
///
/// The store's.
pub fn find(store: &Store, name: &str) -> Result<Option<UserRecord>, StoreError> {
    store.read(|transaction| {
        let users = transaction.open_table(TABLE)?;
        users
            .get(name)?
            .map(|record| decode(NAME, record.value()))
            .transpose()
    })
}

/// Tells whether there is no user at all.
///
/// # Errors
///
/// The store's.
pub fn is_empty(store: &Store) -> Result<bool, StoreError> {
    store.read(|transaction| Ok(transaction.open_table(TABLE)?.is_empty()?))
}

/// Writes a user, over one of the same name.
///
/// # Errors
///
/// The store's.
pub fn put(store: &Store, name: &str, user: &UserRecord) -> Result<(), StoreError> {
    let bytes = encode(NAME, user)?;
    store.write(|transaction| {
        transaction
            .open_table(TABLE)?
            .insert(name, bytes.as_slice())?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scratch;

    #[test]
    fn finds_the_user_that_was_put() {
        let scratch = Scratch::new();
        assert!(is_empty(&scratch.store).unwrap());
        let user = UserRecord {
            password_phc: "$x".to_owned(),
            created_unix_ms: 7,
        };
        put(&scratch.store, "admin", &user).unwrap();
        assert!(!is_empty(&scratch.store).unwrap());
        let found = find(&scratch.store, "admin").unwrap().unwrap();
        assert_eq!(
            (found.password_phc.as_str(), found.created_unix_ms),
            ("$x", 7)
        );
        assert!(find(&scratch.store, "Admin").unwrap().is_none());
    }

    #[test]
    fn debug_keeps_the_hash_to_itself() {
        let user = UserRecord {
            password_phc: "$secret".to_owned(),
            created_unix_ms: 7,
        };
        assert!(!format!("{user:?}").contains("secret"));
    }
}
