//! Records as they lie in the store: JSON, so that a newer program can add fields.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::StoreError;

/// Writes a record of `table`.
///
/// # Errors
///
/// [`StoreError::Record`] when the type cannot be written as JSON.
pub fn encode(table: &'static str, record: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(record).map_err(|source| StoreError::Record { table, source })
}

/// Reads a record of `table`.
///
/// # Errors
///
/// [`StoreError::Record`] when the bytes are not such a record.
pub fn decode<T: DeserializeOwned>(table: &'static str, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|source| StoreError::Record { table, source })
}
