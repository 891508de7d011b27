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
use crate::store::registration_tokens::{self, Consumed};
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
    /// The registration token that let it in.
    pub by: Consumed,
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
        Some(agent) => reconnect(store, register, agent),
        None => enrol(store, register, &hash, now_unix_ms),
    }
}

fn reconnect(
    store: &Store,
    register: &Register,
    agent: AgentRecord,
) -> Result<Admitted, EnrolmentError> {
    let gone = || EnrolmentError::Refused(Refusal::TokenUnknown);
    let host = hosts::find(store, &agent.host_id)?.ok_or_else(gone)?;
    let is_as_it_was = register.engine_id == agent.engine_id
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
        // The host may have been deleted or renamed since it was read.
        let host = hosts::find_in(transaction, &agent.host_id)?.ok_or_else(gone)?;
        let facts = Facts::Permanent(Owner {
            agent_id: agent.id.clone(),
            host_id: host.id.clone(),
            engine_id: agent.engine_id.clone(),
            name: host.name.clone(),
            told_name: host.told_name.clone(),
        });
        let new_name = match decide(transaction, register, &facts)? {
            Decision::Reconnect { new_name } => new_name,
            Decision::Refuse(refusal) => return Err(EnrolmentError::Refused(refusal)),
            Decision::Enrol { .. } => return Err(gone()),
        };
        let agent = updated_agent(&agent, register);
        let mut host = updated_host(&host, register);
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
        // Whatever fails below takes this use of the token back with the transaction.
        let consumed = registration_tokens::consume(transaction, hash, now_unix_ms);
        let (registration, by) = match consumed {
            Ok(by) => (Registration::Usable, Some(by)),
            Err(registration_tokens::Refusal::Unknown) => (Registration::Unknown, None),
            Err(registration_tokens::Refusal::UsedUp { .. }) => (Registration::UsedUp, None),
            Err(registration_tokens::Refusal::Expired { .. }) => (Registration::Expired, None),
            Err(registration_tokens::Refusal::Store(error)) => return Err(error.into()),
        };
        let is_engine_taken = agents::is_engine_taken_in(transaction, &register.engine_id)?;
        let facts = Facts::Other {
            registration,
            is_engine_taken,
        };
        let (name, is_forced, by) = match (decide(transaction, register, &facts)?, by) {
            (Decision::Enrol { name, is_forced }, Some(by)) => (name, is_forced, by),
            (Decision::Refuse(refusal), _) => return Err(EnrolmentError::Refused(refusal)),
            (Decision::Enrol { .. } | Decision::Reconnect { .. }, _) => {
                return Err(EnrolmentError::Refused(Refusal::Other));
            }
        };
        let agent = AgentRecord {
            id: agent_id,
            host_id: host_id.clone(),
            engine_id: register.engine_id.clone(),
            is_forced,
            token_hash: *permanent_token.hash().bytes(),
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
        let agent = updated_agent(&agent, register);
        let host = updated_host(&host, register);
        agents::put_in(transaction, &agent)?;
        hosts::put_in(transaction, &host)?;
        let enrolled = Some(Enrolled {
            permanent_token,
            by,
        });
        Ok(Admitted {
            agent,
            host,
            enrolled,
        })
    })
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
