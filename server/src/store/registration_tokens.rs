//! What lets a new agent in: short-lived tokens, of which only the hash is stored.

use redb::{ReadableTable as _, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use crate::auth::secret::SecretHash;
use crate::store::record::{decode, encode};
use crate::store::{Store, StoreError};

const NAME: &str = "registration_tokens";

/// Hash of the token → [`TokenRecord`].
const TABLE: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new(NAME);

/// One registration token, without the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// What it is called on the page; says nothing of the token.
    pub id: String,
    /// When it was made.
    pub created_unix_ms: u64,
    /// When it ends by itself.
    pub expires_unix_ms: u64,
    /// Whether more than one agent may register with it.
    pub multi_use: bool,
    /// How many agents registered with it.
    pub uses: u32,
    /// The user who made it.
    pub created_by: String,
}

impl TokenRecord {
    /// Tells whether its time is over.
    pub fn has_ended(&self, now_unix_ms: u64) -> bool {
        self.expires_unix_ms <= now_unix_ms
    }

    /// Tells whether it was for one agent, which came.
    pub fn is_used_up(&self) -> bool {
        !self.multi_use && self.uses > 0
    }
}

pub(super) fn prepare(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(TABLE)?;
    Ok(())
}

/// Writes a new token, and forgets those that have ended when it was made.
///
/// # Errors
///
/// The store's.
pub fn put(store: &Store, hash: &SecretHash, token: &TokenRecord) -> Result<(), StoreError> {
    let bytes = encode(NAME, token)?;
    store.write(|transaction| {
        let mut tokens = transaction.open_table(TABLE)?;
        tokens.retain(|_, record| {
            decode(NAME, record).is_ok_and(|old: TokenRecord| !old.has_ended(token.created_unix_ms))
        })?;
        tokens.insert(hash.bytes(), bytes.as_slice())?;
        Ok(())
    })
}

/// Lists the tokens that have not ended, newest first.
///
/// # Errors
///
/// The store's.
pub fn list(store: &Store, now_unix_ms: u64) -> Result<Vec<TokenRecord>, StoreError> {
    let mut tokens: Vec<TokenRecord> = store.read(|transaction| {
        let mut tokens = Vec::new();
        for entry in transaction.open_table(TABLE)?.iter()? {
            tokens.push(decode(NAME, entry?.1.value())?);
        }
        Ok::<_, StoreError>(tokens)
    })?;
    tokens.retain(|token| !token.has_ended(now_unix_ms));
    tokens.sort_by(|a, b| (b.created_unix_ms, &b.id).cmp(&(a.created_unix_ms, &a.id)));
    Ok(tokens)
}

/// Revokes the token of this id; answers whether there was one.
///
/// # Errors
///
/// The store's.
pub fn revoke(store: &Store, id: &str) -> Result<bool, StoreError> {
    store.write(|transaction| {
        let mut tokens = transaction.open_table(TABLE)?;
        let mut found = false;
        tokens.retain(|_, record| {
            let is_it = decode(NAME, record).is_ok_and(|token: TokenRecord| token.id == id);
            found |= is_it;
            !is_it
        })?;
        Ok(found)
    })
}

/// Finds a token as part of a transaction; `None` when nobody made it, it was revoked, or it ended long ago.
///
/// # Errors
///
/// The store's.
pub fn find_in(
    transaction: &WriteTransaction,
    hash: &SecretHash,
) -> Result<Option<TokenRecord>, StoreError> {
    let tokens = transaction.open_table(TABLE)?;
    let record = tokens.get(hash.bytes())?;
    record
        .map(|record| decode(NAME, record.value()))
        .transpose()
}

/// Takes one use of a token as part of the transaction that found it; not taken when that is not committed.
///
/// # Errors
///
/// The store's.
pub fn count_use_in(
    transaction: &WriteTransaction,
    hash: &SecretHash,
    mut token: TokenRecord,
) -> Result<(), StoreError> {
    token.uses = token.uses.saturating_add(1);
    let bytes = encode(NAME, &token)?;
    let mut tokens = transaction.open_table(TABLE)?;
    tokens.insert(hash.bytes(), bytes.as_slice())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::secret::Secret;
    use crate::store::tests::Scratch;

    fn hash(token: &str) -> SecretHash {
        Secret::from(token.to_owned()).hash()
    }

    fn put_token(scratch: &Scratch, token: &str, created: u64, multi_use: bool) {
        let record = TokenRecord {
            id: format!("id-{token}"),
            created_unix_ms: created,
            expires_unix_ms: created + 100,
            multi_use,
            uses: 0,
            created_by: "admin".to_owned(),
        };
        put(&scratch.store, &hash(token), &record).unwrap();
    }

    fn find(scratch: &Scratch, token: &str) -> Option<TokenRecord> {
        let found = scratch
            .store
            .write(|transaction| find_in(transaction, &hash(token)));
        found.unwrap()
    }

    fn count_use(scratch: &Scratch, token: &str) {
        let count = scratch.store.write(|transaction| {
            let found = find_in(transaction, &hash(token))?.unwrap();
            count_use_in(transaction, &hash(token), found)
        });
        count.unwrap();
    }

    fn ids(scratch: &Scratch, now: u64) -> Vec<String> {
        let tokens = list(&scratch.store, now).unwrap();
        tokens.into_iter().map(|token| token.id).collect()
    }

    #[test]
    fn a_single_use_token_is_used_up_by_one_and_a_multi_use_token_by_none() {
        let scratch = Scratch::new();
        put_token(&scratch, "a", 0, false);
        put_token(&scratch, "b", 0, true);
        assert!(!find(&scratch, "a").unwrap().is_used_up());
        count_use(&scratch, "a");
        count_use(&scratch, "b");
        count_use(&scratch, "b");
        let [a, b] = ["a", "b"].map(|token| find(&scratch, token).unwrap());
        assert_eq!((a.is_used_up(), a.uses), (true, 1));
        assert_eq!((b.is_used_up(), b.uses), (false, 2));
    }

    #[test]
    fn a_token_ends_with_its_time() {
        let scratch = Scratch::new();
        put_token(&scratch, "a", 0, false);
        let token = find(&scratch, "a").unwrap();
        assert!(!token.has_ended(99) && token.has_ended(100));
        assert!(ids(&scratch, 100).is_empty());
    }

    #[test]
    fn a_use_that_is_not_committed_is_not_taken() {
        let scratch = Scratch::new();
        put_token(&scratch, "a", 0, false);
        let failed = scratch.store.write(|transaction| {
            let found = find_in(transaction, &hash("a"))?.unwrap();
            count_use_in(transaction, &hash("a"), found)?;
            Err::<(), _>(StoreError::Newer { found: 9 })
        });
        assert!(failed.is_err());
        assert_eq!(find(&scratch, "a").unwrap().uses, 0);
    }

    #[test]
    fn a_revoked_or_foreign_token_is_not_found() {
        let scratch = Scratch::new();
        put_token(&scratch, "a", 0, true);
        assert!(find(&scratch, "b").is_none());
        assert!(revoke(&scratch.store, "id-a").unwrap());
        assert!(!revoke(&scratch.store, "id-a").unwrap());
        assert!(find(&scratch, "a").is_none());
    }

    #[test]
    fn lists_newest_first_and_forgets_the_ended_when_one_is_made() {
        let scratch = Scratch::new();
        put_token(&scratch, "a", 0, true);
        put_token(&scratch, "b", 50, true);
        assert_eq!(ids(&scratch, 60), ["id-b", "id-a"]);
        put_token(&scratch, "c", 100, true);
        assert_eq!(ids(&scratch, 0), ["id-c", "id-b"]);
    }
}
