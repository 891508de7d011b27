//! Who is logged in: sessions by the hash of their secret.

use redb::{TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use crate::auth::secret::SecretHash;
use crate::store::record::{decode, encode};
use crate::store::{Store, StoreError};

const NAME: &str = "sessions";

/// Hash of the session's secret → [`SessionRecord`].
const TABLE: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new(NAME);

/// One log-in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SessionRecord {
    /// The user's name.
    pub user: String,
    /// When the user logged in.
    pub created_unix_ms: u64,
    /// When it ends by itself.
    pub expires_unix_ms: u64,
}

pub(super) fn prepare(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(TABLE)?;
    Ok(())
}

/// Finds a session that has not ended at `now_unix_ms`.
///
/// # Errors
///
/// The store's.
pub fn find(
    store: &Store,
    hash: &SecretHash,
    now_unix_ms: u64,
) -> Result<Option<SessionRecord>, StoreError> {
    let found: Option<SessionRecord> = store.read(|transaction| {
        let sessions = transaction.open_table(TABLE)?;
        let record = sessions.get(hash.bytes())?;
        record
            .map(|record| decode(NAME, record.value()))
            .transpose()
    })?;
    Ok(found.filter(|session| now_unix_ms < session.expires_unix_ms))
}

/// Writes a session, and forgets those that have ended when it was made.
///
/// # Errors
///
/// The store's.
pub fn put(store: &Store, hash: &SecretHash, session: &SessionRecord) -> Result<(), StoreError> {
    let bytes = encode(NAME, session)?;
    store.write(|transaction| {
        let mut sessions = transaction.open_table(TABLE)?;
        sessions.retain(|_, record| {
            // A record that cannot be read logs nobody in; it may go.
            decode(NAME, record)
                .is_ok_and(|old: SessionRecord| session.created_unix_ms < old.expires_unix_ms)
        })?;
        sessions.insert(hash.bytes(), bytes.as_slice())?;
        Ok(())
    })
}

/// Ends a session; one that is not there has ended already.
///
/// # Errors
///
/// The store's.
pub fn remove(store: &Store, hash: &SecretHash) -> Result<(), StoreError> {
    store.write(|transaction| {
        transaction.open_table(TABLE)?.remove(hash.bytes())?;
        Ok(())
    })
}

/// Counts the sessions that lie in the store.
///
/// # Errors
///
/// The store's.
#[cfg(test)]
pub(crate) fn count(store: &Store) -> Result<u64, StoreError> {
    use redb::ReadableTableMetadata as _;
    store.read(|transaction| Ok(transaction.open_table(TABLE)?.len()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::secret::Secret;
    use crate::store::tests::Scratch;

    fn session(created: u64, expires: u64) -> SessionRecord {
        SessionRecord {
            user: "admin".to_owned(),
            created_unix_ms: created,
            expires_unix_ms: expires,
        }
    }

    fn hash(secret: &str) -> SecretHash {
        Secret::from(secret.to_owned()).hash()
    }

    #[test]
    fn a_session_is_found_until_it_expires() {
        let scratch = Scratch::new();
        put(&scratch.store, &hash("a"), &session(10, 20)).unwrap();
        assert_eq!(
            find(&scratch.store, &hash("a"), 19).unwrap().unwrap().user,
            "admin"
        );
        assert!(find(&scratch.store, &hash("a"), 20).unwrap().is_none());
        assert!(find(&scratch.store, &hash("b"), 19).unwrap().is_none());
    }

    #[test]
    fn a_removed_session_is_not_found() {
        let scratch = Scratch::new();
        put(&scratch.store, &hash("a"), &session(10, 20)).unwrap();
        remove(&scratch.store, &hash("a")).unwrap();
        remove(&scratch.store, &hash("a")).unwrap();
        assert!(find(&scratch.store, &hash("a"), 11).unwrap().is_none());
    }

    #[test]
    fn ended_sessions_go_when_one_is_made() {
        let scratch = Scratch::new();
        put(&scratch.store, &hash("a"), &session(10, 20)).unwrap();
        put(&scratch.store, &hash("b"), &session(11, 30)).unwrap();
        put(&scratch.store, &hash("c"), &session(20, 40)).unwrap();
        assert_eq!(count(&scratch.store).unwrap(), 2);
        assert!(find(&scratch.store, &hash("b"), 20).unwrap().is_some());
    }
}
