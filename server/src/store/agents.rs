//! The agents: by id, by the hash of their permanent token, by the Engine they serve.

use std::collections::BTreeMap;

use pilotfish_protocol::{AgentId, EngineId, HostId, extension};
use redb::{
    MultimapTableDefinition, ReadTransaction, ReadableMultimapTable as _, ReadableTable,
    TableDefinition, WriteTransaction,
};
use serde::{Deserialize, Serialize};

use crate::auth::secret::SecretHash;
use crate::store::record::{decode, encode};
use crate::store::{Store, StoreError};

const NAME: &str = "agents";

/// Agent id → [`AgentRecord`].
const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new(NAME);

/// Hash of the permanent token → agent id. The token itself is nowhere.
const TOKENS: TableDefinition<'_, &[u8; 32], &str> = TableDefinition::new("agent_tokens");

/// Engine id → ids of its agents: one, and those that were forced in beside it.
const ENGINES: MultimapTableDefinition<'_, &str, &str> =
    MultimapTableDefinition::new("agent_engines");

/// Agent id → when it was last heard, Unix ms. Apart from the record, so that it is cheap to write.
const HEARD: TableDefinition<'_, &str, u64> = TableDefinition::new("agent_heard");

/// The capability by which a pilotfish-agent announces that its heartbeats carry the Engine's state.
const HEARTBEAT: &str = "pilotfish_heartbeat";

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRecord {
    /// Its id; no secret, and no token.
    pub id: AgentId,
    /// Its host.
    pub host_id: HostId,
    /// Its Engine.
    pub engine_id: EngineId,
    /// It was forced in although the engine id was known.
    pub is_forced: bool,
    /// SHA-256 of its permanent token.
    pub token_hash: [u8; 32],
    /// SHA-256 of the registration token that enrolled it, for as long as nothing shows that the permanent one arrived.
    #[serde(default)]
    pub unanswered: Option<[u8; 32]>,
    /// Its version.
    pub version: String,
    /// The protocol's label.
    pub protocol: String,
    /// What it was built for.
    pub os: Option<String>,
    /// What it was built for.
    pub arch: Option<String>,
    /// What it can do.
    pub capabilities: BTreeMap<String, bool>,
    /// When it first registered.
    pub registered_unix_ms: u64,
}

impl AgentRecord {
    /// Tells whether it is a pilotfish-agent: one whose heartbeats carry the Engine's state.
    pub fn is_ours(&self) -> bool {
        self.has(HEARTBEAT)
    }

    /// Tells whether it can speak the extension.
    pub fn offers_extension(&self) -> bool {
        self.has(extension::CAPABILITY)
    }

    /// Tells whether it asks for as little traffic as possible.
    pub fn is_metered(&self) -> bool {
        self.has(extension::METERED_CAPABILITY)
    }

    fn has(&self, capability: &str) -> bool {
        self.capabilities.get(capability).copied().unwrap_or(false)
    }
}

pub(super) fn prepare(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(TABLE)?;
    transaction.open_table(TOKENS)?;
    transaction.open_table(HEARD)?;
    transaction.open_multimap_table(ENGINES)?;
    Ok(())
}

/// Lists all agents with when they were last heard.
///
/// # Errors
///
/// The store's.
pub fn list(store: &Store) -> Result<Vec<(AgentRecord, Option<u64>)>, StoreError> {
    store.read(|transaction| {
        let agents = transaction.open_table(TABLE)?;
        let heard = transaction.open_table(HEARD)?;
        let mut all = Vec::new();
        for entry in agents.iter()? {
            let agent: AgentRecord = decode(NAME, entry?.1.value())?;
            let heard = heard.get(agent.id.as_str())?.map(|at| at.value());
            all.push((agent, heard));
        }
        Ok(all)
    })
}

/// Finds the agent whose permanent token has this hash.
///
/// # Errors
///
/// The store's.
pub fn find_by_token(store: &Store, hash: &SecretHash) -> Result<Option<AgentRecord>, StoreError> {
    store.read(|transaction: &ReadTransaction| {
        let tokens = transaction.open_table(TOKENS)?;
        let Some(id) = tokens.get(hash.bytes())? else {
            return Ok(None);
        };
        find(&transaction.open_table(TABLE)?, id.value())
    })
}

/// As [`find_by_token`], as part of a transaction.
///
/// # Errors
///
/// The store's.
pub fn find_by_token_in(
    transaction: &WriteTransaction,
    hash: &[u8; 32],
) -> Result<Option<AgentRecord>, StoreError> {
    let tokens = transaction.open_table(TOKENS)?;
    let Some(id) = tokens.get(hash)? else {
        return Ok(None);
    };
    find(&transaction.open_table(TABLE)?, id.value())
}

/// Lists, as part of a transaction, the agents of this Engine: one, and those that were forced in beside it.
///
/// # Errors
///
/// The store's.
pub fn list_of_engine_in(
    transaction: &WriteTransaction,
    engine_id: &EngineId,
) -> Result<Vec<AgentRecord>, StoreError> {
    let agents = transaction.open_table(TABLE)?;
    let engines = transaction.open_multimap_table(ENGINES)?;
    let mut all = Vec::new();
    for id in engines.get(engine_id.as_str())? {
        all.extend(find(&agents, id?.value())?);
    }
    Ok(all)
}

fn find(
    agents: &impl ReadableTable<&'static str, &'static [u8]>,
    id: &str,
) -> Result<Option<AgentRecord>, StoreError> {
    let record = agents.get(id)?;
    record
        .map(|record| decode(NAME, record.value()))
        .transpose()
}

/// Tells, as part of a transaction, whether the agent is there.
///
/// # Errors
///
/// The store's.
pub fn exists_in(transaction: &WriteTransaction, id: &AgentId) -> Result<bool, StoreError> {
    Ok(transaction.open_table(TABLE)?.get(id.as_str())?.is_some())
}

/// Writes an agent as part of a transaction; its permanent token before, if another, lets nobody in any more, and its engine id
/// before is free again.
///
/// # Errors
///
/// The store's.
pub fn put_in(transaction: &WriteTransaction, agent: &AgentRecord) -> Result<(), StoreError> {
    let id = agent.id.as_str();
    let bytes = encode(NAME, agent)?;
    let mut agents = transaction.open_table(TABLE)?;
    let mut tokens = transaction.open_table(TOKENS)?;
    let mut engines = transaction.open_multimap_table(ENGINES)?;
    if let Some(before) = find(&agents, id)? {
        tokens.remove(&before.token_hash)?;
        engines.remove(before.engine_id.as_str(), id)?;
    }
    agents.insert(id, bytes.as_slice())?;
    tokens.insert(&agent.token_hash, id)?;
    engines.insert(agent.engine_id.as_str(), id)?;
    Ok(())
}

/// Removes an agent as part of a transaction: its token lets nobody in any more.
///
/// # Errors
///
/// The store's.
pub fn remove_in(transaction: &WriteTransaction, id: &AgentId) -> Result<(), StoreError> {
    let removed: Option<AgentRecord> = {
        let mut agents = transaction.open_table(TABLE)?;
        let record = agents.remove(id.as_str())?;
        record
            .map(|record| decode(NAME, record.value()))
            .transpose()?
    };
    if let Some(agent) = removed {
        transaction.open_table(TOKENS)?.remove(&agent.token_hash)?;
        transaction
            .open_multimap_table(ENGINES)?
            .remove(agent.engine_id.as_str(), id.as_str())?;
    }
    transaction.open_table(HEARD)?.remove(id.as_str())?;
    Ok(())
}

/// Notes as part of a transaction when an agent was last heard; nothing when it is no more.
///
/// # Errors
///
/// The store's.
pub fn put_heard_in(
    transaction: &WriteTransaction,
    id: &AgentId,
    at_unix_ms: u64,
) -> Result<(), StoreError> {
    if exists_in(transaction, id)? {
        transaction
            .open_table(HEARD)?
            .insert(id.as_str(), at_unix_ms)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::secret::Secret;
    use crate::store::hosts::{self, HostRecord, SystemRecord};
    use crate::store::tests::Scratch;

    fn hash(token: &str) -> SecretHash {
        Secret::from(token.to_owned()).hash()
    }

    fn put(scratch: &Scratch, number: u8, engine: &str, name: &str) -> HostId {
        let id = HostId::new(format!("h{number}")).unwrap();
        let agent = AgentRecord {
            id: AgentId::new(format!("a{number}")).unwrap(),
            host_id: id.clone(),
            engine_id: EngineId::new(engine).unwrap(),
            is_forced: false,
            token_hash: *hash(&format!("token {number}")).bytes(),
            unanswered: None,
            version: "1".to_owned(),
            protocol: "1.1".to_owned(),
            os: None,
            arch: None,
            capabilities: BTreeMap::new(),
            registered_unix_ms: 7,
        };
        let host = HostRecord {
            id: id.clone(),
            agent_id: agent.id.clone(),
            engine_id: agent.engine_id.clone(),
            name: name.to_owned(),
            told_name: None,
            system: SystemRecord::default(),
            engine_version: None,
            enrolled_unix_ms: 7,
        };
        let write = scratch
            .store
            .write(|transaction| -> Result<(), StoreError> {
                hosts::put_in(transaction, &host)?;
                put_in(transaction, &agent)?;
                put_heard_in(transaction, &agent.id, 9)
            });
        write.unwrap();
        id
    }

    fn is_engine_taken(scratch: &Scratch, engine: &str) -> bool {
        let engine = EngineId::new(engine).unwrap();
        let agents = scratch
            .store
            .write(|transaction| list_of_engine_in(transaction, &engine));
        !agents.unwrap().is_empty()
    }

    fn owner_of_name(scratch: &Scratch, name: &str) -> Option<String> {
        let owner = scratch
            .store
            .write(|transaction| hosts::owner_of_name_in(transaction, name));
        owner.unwrap()
    }

    #[test]
    fn an_agent_is_found_by_its_token_and_never_by_its_id() {
        let scratch = Scratch::new();
        put(&scratch, 1, "E1", "pi");
        let found = find_by_token(&scratch.store, &hash("token 1"))
            .unwrap()
            .unwrap();
        assert_eq!(found.id.as_str(), "a1");
        assert!(
            find_by_token(&scratch.store, &hash("a1"))
                .unwrap()
                .is_none()
        );
        assert_eq!(list(&scratch.store).unwrap(), [(found, Some(9))]);
    }

    #[test]
    fn a_replaced_token_finds_nobody_any_more() {
        let scratch = Scratch::new();
        put(&scratch, 1, "E1", "pi");
        let mut agent = find_by_token(&scratch.store, &hash("token 1"))
            .unwrap()
            .unwrap();
        agent.token_hash = *hash("new").bytes();
        let write = scratch
            .store
            .write(|transaction| put_in(transaction, &agent));
        write.unwrap();
        let find = |token| find_by_token(&scratch.store, &hash(token)).unwrap();
        assert_eq!(find("token 1"), None);
        assert_eq!(find("new"), Some(agent));
    }

    #[test]
    fn a_record_of_the_first_release_is_read() {
        let record = br#"{"id":"a","host_id":"h","engine_id":"E","is_forced":false,"token_hash":[
            1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"version":"1","protocol":"1.1",
            "os":null,"arch":null,"capabilities":{},"registered_unix_ms":7}"#;
        let agent: AgentRecord = decode(NAME, record).unwrap();
        assert_eq!(agent.unanswered, None);
    }

    #[test]
    fn a_removed_host_takes_its_agent_token_engine_and_name_with_it() {
        let scratch = Scratch::new();
        let id = put(&scratch, 1, "E1", "pi");
        put(&scratch, 2, "E2", "nas");
        assert!(is_engine_taken(&scratch, "E1"));
        let removed = hosts::remove(&scratch.store, &id).unwrap().unwrap();
        assert_eq!(removed.name, "pi");
        assert!(hosts::remove(&scratch.store, &id).unwrap().is_none());
        assert!(
            find_by_token(&scratch.store, &hash("token 1"))
                .unwrap()
                .is_none()
        );
        assert!(!is_engine_taken(&scratch, "E1"));
        assert_eq!(owner_of_name(&scratch, "pi"), None);
        assert_eq!(list(&scratch.store).unwrap().len(), 1);
        assert_eq!(hosts::list(&scratch.store).unwrap().len(), 1);
        assert!(is_engine_taken(&scratch, "E2"));
        let heard = scratch
            .store
            .write(|t| put_heard_in(t, &removed.agent_id, 10));
        heard.unwrap();
    }

    #[test]
    fn one_of_two_agents_of_an_engine_keeps_it_taken() {
        let scratch = Scratch::new();
        let first = put(&scratch, 1, "E", "pi");
        put(&scratch, 2, "E", "pi-2");
        hosts::remove(&scratch.store, &first).unwrap();
        assert!(is_engine_taken(&scratch, "E"));
    }

    #[test]
    fn a_renamed_host_frees_its_old_name() {
        let scratch = Scratch::new();
        let id = put(&scratch, 1, "E1", "pi");
        let mut host = hosts::find(&scratch.store, &id).unwrap().unwrap();
        host.name = "pi-4".to_owned();
        scratch
            .store
            .write(|transaction| hosts::put_in(transaction, &host))
            .unwrap();
        assert_eq!(owner_of_name(&scratch, "pi"), None);
        assert_eq!(owner_of_name(&scratch, "pi-4").as_deref(), Some("h1"));
    }
}
