//! Pure: who the server says this agent is, and how that is written down.

use pilotfish_protocol::{AgentId, EngineId, HostId, Token};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// What an agent got from a server when it enrolled, and for which Engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// The agent's id at the server.
    pub agent_id: AgentId,
    /// The host's id at the server.
    pub host_id: HostId,
    /// The Engine that was enrolled; the token is refused with any other.
    pub engine_id: EngineId,
    /// The token by which the agent is known from now on.
    pub permanent_token: Token,
}

/// The stored form, wiped when dropped: it holds the token.
pub(super) type Record = Zeroizing<Vec<u8>>;

/// The stored form's fields: a JSON object.
#[derive(Serialize, Deserialize)]
struct Fields {
    agent_id: AgentId,
    host_id: HostId,
    engine_id: EngineId,
    permanent_token: Token,
}

impl Enrolment {
    pub(super) fn encode(&self) -> Record {
        let fields = Fields {
            agent_id: self.agent_id.clone(),
            host_id: self.host_id.clone(),
            engine_id: self.engine_id.clone(),
            permanent_token: self.permanent_token.clone(),
        };
        Zeroizing::new(serde_json::to_vec(&fields).expect("four strings are always JSON"))
    }

    /// Reads the stored form; fields it does not know are passed over.
    pub(super) fn decode(record: &[u8]) -> Result<Self, serde_json::Error> {
        let fields: Fields = serde_json::from_slice(record)?;
        Ok(Self {
            agent_id: fields.agent_id,
            host_id: fields.host_id,
            engine_id: fields.engine_id,
            permanent_token: fields.permanent_token,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &str =
        r#"{"agent_id":"a-1","host_id":"h-1","engine_id":"ABCD:EFGH","permanent_token":"s3cret"}"#;

    #[test]
    fn the_stored_form_is_read_back() {
        let enrolment = Enrolment::decode(STORED.as_bytes()).unwrap();
        assert_eq!(String::from_utf8_lossy(&enrolment.encode()), STORED);
    }

    #[test]
    fn an_enrolment_never_shows_its_token() {
        let enrolment = Enrolment::decode(STORED.as_bytes()).unwrap();
        assert!(!format!("{enrolment:?}").contains("s3cret"));
    }

    #[test]
    fn a_cut_record_is_an_error_that_does_not_repeat_it() {
        for end in 0..STORED.len() {
            let error = Enrolment::decode(&STORED.as_bytes()[..end]).unwrap_err();
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }
}
