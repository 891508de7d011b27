//! The hosts: what their registrations told, and which names are taken.

use pilotfish_protocol::{AgentId, EngineId, HostId};
use redb::{ReadableTable as _, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use crate::store::record::{decode, encode};
use crate::store::{Store, StoreError, agents, last_events, marks};

const NAME: &str = "hosts";

/// Host id → [`HostRecord`].
const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new(NAME);

/// Name → id of the host that has it.
const NAMES: TableDefinition<'_, &str, &str> = TableDefinition::new("host_names");

/// One host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRecord {
    /// Its id.
    pub id: HostId,
    /// Its agent.
    pub agent_id: AgentId,
    /// Its Engine.
    pub engine_id: EngineId,
    /// Its name on this server; no other host has it.
    pub name: String,
    /// The name its agent told last.
    pub told_name: Option<String>,
    /// The machine.
    pub system: SystemRecord,
    /// The Engine's version, as last told at a registration.
    pub engine_version: Option<String>,
    /// When it was enrolled.
    pub enrolled_unix_ms: u64,
}

/// A host's machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemRecord {
    /// The distribution.
    pub os: Option<String>,
    /// The kernel's version.
    pub kernel: Option<String>,
    /// CPUs.
    pub cpus: Option<u32>,
    /// Memory.
    pub memory_bytes: Option<u64>,
    /// Its addresses.
    pub addresses: Vec<String>,
}

pub(super) fn prepare(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(TABLE)?;
    transaction.open_table(NAMES)?;
    Ok(())
}

/// Lists all hosts, by id.
///
/// # Errors
///
/// The store's.
pub fn list(store: &Store) -> Result<Vec<HostRecord>, StoreError> {
    store.read(|transaction| {
        let hosts = transaction.open_table(TABLE)?;
        hosts
            .iter()?
            .map(|entry| decode(NAME, entry?.1.value()))
            .collect()
    })
}

/// Finds a host.
///
/// # Errors
///
/// The store's.
pub fn find(store: &Store, id: &HostId) -> Result<Option<HostRecord>, StoreError> {
    store.read(|transaction| {
        let hosts = transaction.open_table(TABLE)?;
        let record = hosts.get(id.as_str())?;
        record
            .map(|record| decode(NAME, record.value()))
            .transpose()
    })
}

/// Finds a host as part of a transaction.
///
/// # Errors
///
/// The store's.
pub fn find_in(
    transaction: &WriteTransaction,
    id: &HostId,
) -> Result<Option<HostRecord>, StoreError> {
    let hosts = transaction.open_table(TABLE)?;
    let record = hosts.get(id.as_str())?;
    record
        .map(|record| decode(NAME, record.value()))
        .transpose()
}

/// Finds the host of a name as part of a transaction.
///
/// # Errors
///
/// The store's.
pub fn owner_of_name_in(
    transaction: &WriteTransaction,
    name: &str,
) -> Result<Option<String>, StoreError> {
    let names = transaction.open_table(NAMES)?;
    Ok(names.get(name)?.map(|id| id.value().to_owned()))
}

/// Writes a host as part of a transaction, and takes its name; its name before, if another, becomes free.
///
/// # Errors
///
/// The store's.
pub fn put_in(transaction: &WriteTransaction, host: &HostRecord) -> Result<(), StoreError> {
    let before = find_in(transaction, &host.id)?;
    let mut names = transaction.open_table(NAMES)?;
    if let Some(before) = before.filter(|before| before.name != host.name) {
        names.remove(before.name.as_str())?;
    }
    names.insert(host.name.as_str(), host.id.as_str())?;
    let bytes = encode(NAME, host)?;
    let mut hosts = transaction.open_table(TABLE)?;
    hosts.insert(host.id.as_str(), bytes.as_slice())?;
    Ok(())
}

/// Removes a host, its name and its agent; gives what it was, `None` when there was none.
///
/// # Errors
///
/// The store's.
pub fn remove(store: &Store, id: &HostId) -> Result<Option<HostRecord>, StoreError> {
    store.write(|transaction| {
        let Some(host) = find_in(transaction, id)? else {
            return Ok(None);
        };
        transaction.open_table(TABLE)?.remove(id.as_str())?;
        transaction.open_table(NAMES)?.remove(host.name.as_str())?;
        agents::remove_in(transaction, &host.agent_id)?;
        marks::remove_in(transaction, &host.agent_id)?;
        last_events::remove_in(transaction, id)?;
        Ok(Some(host))
    })
}
