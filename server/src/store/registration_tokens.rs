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

/// What a token that was accepted was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumed {
    /// The token's id.
    pub id: String,
    /// The user who made it.
    pub created_by: String,
}

/// Why a token lets nobody in.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nobody made it, or it was revoked, or it ended long ago.
    #[error("unknown registration token")]
    Unknown,
    /// It was for one agent, which came.
    #[error("registration token {id} is used up")]
    UsedUp {
        /// The token's id.
        id: String,
    },
    /// Its time is over.
    #[error("registration token {id} has expired")]
    Expired {
        /// The token's id.
        id: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TokenRecord {
    /// Tells whether it lets nobody in any more.
    fn has_ended(&self, now_unix_ms: u64) -> bool {
        self.expires_unix_ms <= now_unix_ms
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

/// Takes one use of the token as part of the registration's transaction.
///
/// Of two agents with one single-use token, the second finds it used up; when the transaction is
/// not committed the use is not taken.
///
/// # Errors
///
/// [`Refusal`] says why it lets nobody in.
pub fn consume(
    transaction: &WriteTransaction,
    hash: &SecretHash,
    now_unix_ms: u64,
) -> Result<Consumed, Refusal> {
    let mut tokens = transaction.open_table(TABLE).map_err(StoreError::from)?;
    let found: Option<TokenRecord> = {
        let record = tokens.get(hash.bytes()).map_err(StoreError::from)?;
        record
            .map(|record| decode(NAME, record.value()))
            .transpose()?
    };
    let mut token = found.ok_or(Refusal::Unknown)?;
    if token.has_ended(now_unix_ms) {
        return Err(Refusal::Expired { id: token.id });
    }
    if !token.multi_use && token.uses > 0 {
        return Err(Refusal::UsedUp { id: token.id });
    }
    token.uses = token.uses.saturating_add(1);
    let bytes = encode(NAME, &token)?;
    tokens
        .insert(hash.bytes(), bytes.as_slice())
        .map_err(StoreError::from)?;
    Ok(Consumed {
        id: token.id,
        created_by: token.created_by,
    })
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

    fn use_token(scratch: &Scratch, token: &str, now: u64) -> Result<Consumed, Refusal> {
        scratch
            .store
            .write(|transaction| consume(transaction, &hash(token), now))
    }

    fn ids(scratch: &Scratch, now: u64) -> Vec<String> {
        let tokens = list(&scratch.store, now).unwrap();
        tokens.into_iter().map(|token| token.id).collect()
    }

    #[test]
    fn a_single_use_token_lets_one_agent_in() {
        let scratch = Scratch::new();
        put_token(&scratch, "a", 0, false);
        let consumed = use_token(&scratch, "a", 99).unwrap();
        assert_eq!(
            consumed,
            Consumed {
                id: "id-a".to_owned(),
                created_by: "admin".to_owned()
            }
        );
        assert!(matches!(
            use_token(&scratch, "a", 99),
            Err(Refusal::UsedUp { .. })
        ));
        assert_eq!(list(&scratch.store, 99).unwrap()[0].uses, 1);
    }

    #[test]
    fn a_multi_use_token_counts_its_uses() {
        let scratch = Scratch::new();
        put_token(&scratch, "a", 0, true);
        for _ in 0..3 {
            use_token(&scratch, "a", 99).unwrap();
        }
        assert_eq!(list(&scratch.store, 99).unwrap()[0].uses, 3);
    }

    #[test]
    fn a_token_ends_with_its_time() {
        let scratch = Scratch::new();
        put_token(&scratch, "a", 0, false);
        assert!(matches!(
            use_token(&scratch, "a", 100),
            Err(Refusal::Expired { .. })
        ));
        assert!(ids(&scratch, 100).is_empty());
    }

    #[test]
    fn a_registration_that_fails_gives_the_use_back() {
        let scratch = Scratch::new();
        put_token(&scratch, "a", 0, false);
        let failed = scratch.store.write(|transaction| {
            consume(transaction, &hash("a"), 1)?;
            Err::<(), _>(Refusal::Store(StoreError::Newer { found: 9 }))
        });
        assert!(failed.is_err());
        use_token(&scratch, "a", 1).unwrap();
    }

    #[test]
    fn a_revoked_or_foreign_token_is_unknown() {
        let scratch = Scratch::new();
        put_token(&scratch, "a", 0, true);
        assert!(matches!(use_token(&scratch, "b", 1), Err(Refusal::Unknown)));
        assert!(revoke(&scratch.store, "id-a").unwrap());
        assert!(!revoke(&scratch.store, "id-a").unwrap());
        assert!(matches!(use_token(&scratch, "a", 1), Err(Refusal::Unknown)));
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
