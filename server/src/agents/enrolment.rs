//! Carries out what [`crate::agents::registration`] decides: all of it in one transaction, so that a token is used
//! exactly when its agent exists.

use std::cell::RefCell;

use pilotfish_protocol::{AgentId, HostId, Refusal, Register};
use redb::WriteTransaction;

use crate::agents::calls::uuid_v4;
use crate::agents::registration::{self, Decision, Facts, Owner, Registration};
use crate::auth::secret::{NoRandomness, Secret, SecretHash};
use crate::store::agents::AgentRecord;
use crate::store::hosts::{HostRecord, SystemRecord};
use crate::store::registration_tokens;
use crate::store::{Store, StoreError, agents, hosts};

/// One who is let in.
#[derive(Debug)]
pub struct Admitted {
    /// The agent as it is stored now.
    pub agent: AgentRecord,
    /// Its host as it is stored now.
    pub host: HostRecord,
    /// What a new agent was given.
    pub enrolled: Option<Enrolled>,
}

/// What a new agent was given.
#[derive(Debug)]
pub struct Enrolled {
    /// Its permanent token; it is told once and stored nowhere.
    pub permanent_token: Secret,
    /// The id of the registration token that let it in.
    pub token_id: String,
    /// The user who made that.
    pub token_by: String,
    /// It was enrolled before, and the answer did not arrive.
    pub is_again: bool,
}

/// Why one is not let in.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// The rules say so.
    #[error("refused: {}", .0.text())]
    Refused(Refusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gives no random numbers.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Lets an agent in, or refuses it. Blocks.
///
/// A known agent whose facts are as they were causes no write, so that a fleet may return at once.
///
/// # Errors
///
/// [`EnrolmentError`]; then nothing was changed, and no token used.
pub fn admit(
    store: &Store,
    register: &Register,
    now_unix_ms: u64,
) -> Result<Admitted, EnrolmentError> {
    let hash = Secret::from(register.token.expose().to_owned()).hash();
    match agents::find_by_token(store, &hash)? {
        Some(agent) => reconnect(store, register, &hash, agent),
        None => enrol(store, register, &hash, now_unix_ms),
    }
}

/// Notes that an agent has its permanent token: it said something after it was enrolled. Blocks.
///
/// From then on the registration token that enrolled it is nothing to it any more.
///
/// # Errors
///
/// The store's.
pub fn answered(store: &Store, token_hash: &[u8; 32]) -> Result<(), StoreError> {
    store.write(|transaction| {
        match agents::find_by_token_in(transaction, token_hash)? {
            Some(agent) if agent.unanswered.is_some() => {
                let unanswered = None;
                agents::put_in(
                    transaction,
                    &AgentRecord {
                        unanswered,
                        ..agent
                    },
                )
            }
            // Removed, or another answer is on its way.
            Some(_) | None => Ok(()),
        }
    })
}

fn reconnect(
    store: &Store,
    register: &Register,
    hash: &SecretHash,
    agent: AgentRecord,
) -> Result<Admitted, EnrolmentError> {
    let gone = || EnrolmentError::Refused(Refusal::TokenUnknown);
    let host = hosts::find(store, &agent.host_id)?.ok_or_else(gone)?;
    let is_as_it_was = register.engine_id == agent.engine_id
        && agent.unanswered.is_none()
        && host.told_name.as_deref() == told_name(register).or(host.told_name.as_deref())
        && updated_agent(&agent, register) == agent
        && updated_host(&host, register) == host;
    if is_as_it_was {
        return Ok(Admitted {
            agent,
            host,
            enrolled: None,
        });
    }
    store.write(|transaction| {
        // The host may have been deleted or renamed, or its token replaced, since they were read.
        let agent = agents::find_by_token_in(transaction, hash.bytes())?.ok_or_else(gone)?;
        let host = hosts::find_in(transaction, &agent.host_id)?.ok_or_else(gone)?;
        let neighbours = agents::list_of_engine_in(transaction, &register.engine_id)?;
        let facts = Facts::Permanent {
            owner: owner(&agent, &host),
            is_engine_taken: neighbours.iter().any(|other| other.id != agent.id),
        };
        let new_name = match decide(transaction, register, &facts)? {
            Decision::Reconnect { new_name } => new_name,
            Decision::Refuse(refusal) => return Err(EnrolmentError::Refused(refusal)),
            Decision::Enrol { .. } | Decision::EnrolAgain { .. } => return Err(gone()),
        };
        let mut agent = updated_agent(&agent, register);
        agent.unanswered = None;
        agent.engine_id = register.engine_id.clone();
        let mut host = updated_host(&host, register);
        host.engine_id = register.engine_id.clone();
        host.told_name = told_name(register).map(str::to_owned).or(host.told_name);
        host.name = new_name.unwrap_or(host.name);
        agents::put_in(transaction, &agent)?;
        hosts::put_in(transaction, &host)?;
        Ok(Admitted {
            agent,
            host,
            enrolled: None,
        })
    })
}

fn enrol(
    store: &Store,
    register: &Register,
    hash: &SecretHash,
    now_unix_ms: u64,
) -> Result<Admitted, EnrolmentError> {
    // Made before the transaction, which others wait for.
    let permanent_token = Secret::generate()?;
    let (agent_id, host_id) = (agent_id(random()?), host_id(random()?));
    store.write(|transaction| {
        let token = registration_tokens::find_in(transaction, hash)?;
        let registration = match &token {
            None => Registration::Unknown,
            Some(token) if token.has_ended(now_unix_ms) => Registration::Expired,
            Some(token) if token.is_used_up() => Registration::UsedUp,
            Some(_) => Registration::Usable,
        };
        let neighbours = agents::list_of_engine_in(transaction, &register.engine_id)?;
        let facts = Facts::Other {
            registration,
            is_engine_taken: !neighbours.is_empty(),
            unanswered: unanswered(transaction, &neighbours, hash)?,
        };
        let decision = decide(transaction, register, &facts)?;
        let other = || EnrolmentError::Refused(Refusal::Other);
        let (agent, host, is_again) = match decision {
            Decision::Refuse(refusal) => return Err(EnrolmentError::Refused(refusal)),
            Decision::Reconnect { .. } => return Err(other()),
            Decision::EnrolAgain { agent_id } => {
                let mut known = neighbours.into_iter();
                let agent = known.find(|agent| agent.id == agent_id).ok_or_else(other)?;
                let host = hosts::find_in(transaction, &agent.host_id)?.ok_or_else(other)?;
                (agent, host, true)
            }
            Decision::Enrol { name, is_forced } => {
                let (agent, host) =
                    newcomer(agent_id, host_id, register, name, is_forced, now_unix_ms);
                (agent, host, false)
            }
        };
        let token = token.ok_or_else(other)?;
        let (token_id, token_by) = (token.id.clone(), token.created_by.clone());
        if !is_again {
            // Whatever fails below takes this use of the token back with the transaction.
            registration_tokens::count_use_in(transaction, hash, token)?;
        }
        let agent = AgentRecord {
            token_hash: *permanent_token.hash().bytes(),
            unanswered: Some(*hash.bytes()),
            ..updated_agent(&agent, register)
        };
        let host = updated_host(&host, register);
        agents::put_in(transaction, &agent)?;
        hosts::put_in(transaction, &host)?;
        let enrolled = Some(Enrolled {
            permanent_token,
            token_id,
            token_by,
            is_again,
        });
        Ok(Admitted {
            agent,
            host,
            enrolled,
        })
    })
}

/// Makes the records of a new agent and its host; the token is not in yet.
fn newcomer(
    agent_id: AgentId,
    host_id: HostId,
    register: &Register,
    name: String,
    is_forced: bool,
    now_unix_ms: u64,
) -> (AgentRecord, HostRecord) {
    let agent = AgentRecord {
        id: agent_id,
        host_id: host_id.clone(),
        engine_id: register.engine_id.clone(),
        is_forced,
        token_hash: [0; 32],
        unanswered: None,
        version: String::new(),
        protocol: String::new(),
        os: None,
        arch: None,
        capabilities: std::collections::BTreeMap::new(),
        registered_unix_ms: now_unix_ms,
    };
    let host = HostRecord {
        id: host_id,
        agent_id: agent.id.clone(),
        engine_id: register.engine_id.clone(),
        name,
        told_name: told_name(register).map(str::to_owned),
        system: SystemRecord::default(),
        engine_version: None,
        enrolled_unix_ms: now_unix_ms,
    };
    (agent, host)
}

/// Finds, among the agents of an Engine, those that this registration token enrolled and that never got their answer.
fn unanswered(
    transaction: &WriteTransaction,
    agents: &[AgentRecord],
    hash: &SecretHash,
) -> Result<Vec<Owner>, StoreError> {
    let mut found = Vec::new();
    for agent in agents {
        if agent.unanswered.as_ref() == Some(hash.bytes()) {
            let host = hosts::find_in(transaction, &agent.host_id)?;
            found.extend(host.map(|host| owner(agent, &host)));
        }
    }
    Ok(found)
}

fn owner(agent: &AgentRecord, host: &HostRecord) -> Owner {
    Owner {
        agent_id: agent.id.clone(),
        host_id: host.id.clone(),
        engine_id: agent.engine_id.clone(),
        name: host.name.clone(),
        told_name: host.told_name.clone(),
    }
}

/// Decides with the names of the transaction.
fn decide(
    transaction: &WriteTransaction,
    register: &Register,
    facts: &Facts,
) -> Result<Decision, StoreError> {
    let failed = RefCell::new(None);
    let decision = registration::decide(register, facts, |name| {
        match hosts::owner_of_name_in(transaction, name) {
            Ok(owner) => owner.is_some(),
            Err(error) => {
                *failed.borrow_mut() = Some(error);
                false
            }
        }
    });
    match failed.into_inner() {
        Some(error) => Err(error),
        None => Ok(decision),
    }
}

fn random() -> Result<[u8; 16], NoRandomness> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    Ok(random)
}

fn agent_id(random: [u8; 16]) -> AgentId {
    AgentId::new(uuid_v4(random)).expect("a UUID is 36 characters that an id may have")
}

fn host_id(random: [u8; 16]) -> HostId {
    HostId::new(uuid_v4(random)).expect("a UUID is 36 characters that an id may have")
}

fn told_name(register: &Register) -> Option<&str> {
    register.hostname.as_ref().map(|name| name.as_str())
}

/// What the agent says of itself; what it leaves out stays as it was.
fn updated_agent(agent: &AgentRecord, register: &Register) -> AgentRecord {
    let owned = |text: &pilotfish_protocol::Text<20>| text.to_string();
    AgentRecord {
        version: register.version.to_string(),
        protocol: register.proto_version.to_string(),
        os: register
            .agent_os
            .as_ref()
            .map(owned)
            .or_else(|| agent.os.clone()),
        arch: register
            .agent_arch
            .as_ref()
            .map(owned)
            .or_else(|| agent.arch.clone()),
        capabilities: register
            .capabilities
            .iter()
            .map(|(key, has)| (crate::telemetry::container::cut(key, 64), has))
            .collect(),
        ..agent.clone()
    }
}

/// What the agent says of its host; what it leaves out stays as it was.
fn updated_host(host: &HostRecord, register: &Register) -> HostRecord {
    let before = host.system.clone();
    let addresses: Vec<String> = register
        .addresses()
        .map(|address| address.to_string())
        .collect();
    let system = SystemRecord {
        os: register
            .os_version
            .as_ref()
            .map(ToString::to_string)
            .or(before.os),
        kernel: register
            .kernel_version
            .as_ref()
            .map(ToString::to_string)
            .or(before.kernel),
        cpus: register.num_cpus.map(|cpus| cpus.count()).or(before.cpus),
        memory_bytes: register
            .total_memory
            .map(|memory| memory.bytes())
            .or(before.memory_bytes),
        addresses: if addresses.is_empty() {
            before.addresses
        } else {
            addresses
        },
    };
    let version = register.docker_version.as_ref().map(ToString::to_string);
    HostRecord {
        system,
        engine_version: version.or_else(|| host.engine_version.clone()),
        ..host.clone()
    }
}

#[cfg(test)]
mod tests;
