//! For tests: an agent that speaks raw JSON over a raw WebSocket, so that the wire is not tested with the types that write it.

use std::net::TcpStream;
use std::time::Duration;

use async_tungstenite::tungstenite::client::client;
use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::{Error, Message, WebSocket};
use pilotfish_protocol::HostId;
use serde_json::{Value, json};

use crate::agents::calls::uuid_v4;
use crate::auth::secret::Secret;
use crate::clock;
use crate::rig::Rig;
use crate::store::registration_tokens::{self, TokenRecord};

/// One connection to the agents' door. It answers pings while it reads.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) socket: WebSocket<TcpStream>,
}

/// An agent that was let in.
#[derive(Debug)]
pub(crate) struct Enrolled {
    pub(crate) peer: Peer,
    pub(crate) agent_id: String,
    pub(crate) host_id: String,
    pub(crate) token: String,
}

/// Makes a registration token.
pub(crate) fn registration_token(rig: &Rig, multi_use: bool) -> String {
    let secret = Secret::generate().unwrap();
    let now = clock::unix_ms();
    let record = TokenRecord {
        id: "t1".to_owned(),
        created_unix_ms: now,
        expires_unix_ms: now + 60_000,
        multi_use,
        uses: 0,
        created_by: "admin".to_owned(),
    };
    registration_tokens::put(&rig.app.store, &secret.hash(), &record).unwrap();
    secret.expose().to_owned()
}

/// The registration of an agent, as one that is ours sends it.
pub(crate) fn register(token: &str, engine: &str) -> Value {
    json!({
        "type": "register", "token": token, "engine_id": engine, "version": "0.1.0", "proto_version": "1.1",
        "capabilities": {"container_operations": true, "pilotfish_heartbeat": true},
        "hostname": engine.to_lowercase(), "hostname_source": "daemon", "force_unique_registration": false,
        "os_version": "Debian 13", "total_memory": 1000, "num_cpus": 2, "host_ips": ["192.0.2.7"],
    })
}

impl Peer {
    #[track_caller]
    pub(crate) fn knock(rig: &Rig) -> Peer {
        let url = format!("ws://{}/api/agent/ws", rig.address);
        let (socket, _) = client(url.as_str(), rig.connect()).unwrap();
        Peer { socket }
    }

    /// Registers and hears the answer.
    #[track_caller]
    pub(crate) fn registered(rig: &Rig, register: &Value) -> (Peer, Value) {
        let mut peer = Peer::knock(rig);
        peer.say(register);
        let answer = peer.hear();
        (peer, answer)
    }

    /// Enrols a new agent with a token of its own.
    #[track_caller]
    pub(crate) fn enrolled(rig: &Rig, engine: &str) -> Enrolled {
        let (peer, answer) =
            Peer::registered(rig, &register(&registration_token(rig, false), engine));
        let text = |name: &str| {
            answer[name]
                .as_str()
                .unwrap_or_else(|| panic!("{answer}"))
                .to_owned()
        };
        let enrolled = Enrolled {
            peer,
            agent_id: text("agent_id"),
            host_id: text("host_id"),
            token: text("permanent_token"),
        };
        linked(rig, &enrolled.host_id);
        enrolled
    }

    #[track_caller]
    pub(crate) fn say(&mut self, message: &Value) {
        self.socket
            .send(Message::text(message.to_string()))
            .unwrap();
    }

    /// Hears the next message.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> Value {
        let began = clock::now();
        loop {
            if let Message::Text(text) = self.socket.read().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
            // Pings come for ever.
            let is_late = clock::now() - began > crate::rig::PATIENCE;
            assert!(!is_late, "the server says nothing");
        }
    }

    /// Hears messages up to the first call of an action (`list_containers` or an operation's).
    #[track_caller]
    pub(crate) fn hear_call(&mut self, action: &str) -> Value {
        loop {
            let call = self.hear();
            if call["command"] == action || call["payload"]["action"] == action {
                assert_eq!(call["id"], call["correlation_id"], "{call}");
                return call;
            }
        }
    }

    /// Answers the next list with these containers.
    #[track_caller]
    pub(crate) fn answer_list(&mut self, containers: &Value) {
        let call = self.hear_call("list_containers");
        self.say(&json!({"type": "response", "id": call["id"], "payload": containers}));
    }

    /// Reads to the end; gives the close frame's code and reason, `None` when there was none.
    #[track_caller]
    pub(crate) fn end(&mut self) -> Option<(u16, String)> {
        let mut close = None;
        loop {
            match self.socket.read() {
                Ok(Message::Close(frame)) => {
                    close =
                        frame.map(|CloseFrame { code, reason }| (code.into(), reason.to_string()));
                }
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("the server does not end the connection")
                }
                Err(_) => return close,
            }
        }
    }
}

/// An agent of the extension that was let in.
#[derive(Debug)]
pub(crate) struct Extended {
    pub(crate) peer: Peer,
    pub(crate) agent_id: String,
    pub(crate) host_id: String,
    pub(crate) token: String,
    /// What the server agreed to.
    pub(crate) agreed: Value,
    engine: String,
}

impl Extended {
    /// Enrols a new agent with a token of its own.
    #[track_caller]
    pub(crate) fn enrolled(rig: &Rig, engine: &str) -> Extended {
        let token = registration_token(rig, false);
        Extended::registered(rig, engine, &token, |_| {})
    }

    /// Comes again with its permanent token.
    #[track_caller]
    pub(crate) fn again(self, rig: &Rig) -> Extended {
        let token = self.token.clone();
        Extended::registered(rig, &self.engine, &token, |_| {})
    }

    /// Registers with `token`, and with what `change` makes of the message.
    #[track_caller]
    pub(crate) fn registered(
        rig: &Rig,
        engine: &str,
        token: &str,
        change: impl FnOnce(&mut Value),
    ) -> Extended {
        let mut hello = register(token, engine);
        hello["capabilities"]["pilotfish_1"] = json!(true);
        change(&mut hello);
        let (peer, mut answer) = Peer::registered(rig, &hello);
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let extended = Extended {
            agent_id: text("agent_id").unwrap_or_else(|| panic!("{answer}")),
            host_id: text("host_id").unwrap(),
            token: text("permanent_token").unwrap_or_else(|| token.to_owned()),
            agreed: answer["pilotfish"].take(),
            peer,
            engine: engine.to_owned(),
        };
        linked(rig, &extended.host_id);
        extended
    }

    pub(crate) fn host(&self) -> HostId {
        HostId::new(self.host_id.as_str()).unwrap()
    }

    #[track_caller]
    pub(crate) fn say(&mut self, message: &Value) {
        self.peer.say(message);
    }

    #[track_caller]
    pub(crate) fn send(&mut self, message: Message) {
        self.peer.socket.send(message).unwrap();
    }

    #[track_caller]
    pub(crate) fn hear(&mut self) -> Value {
        self.peer.hear()
    }
}

/// Waits until the agent of a host can be asked: it hears its answer a moment before that.
#[track_caller]
pub(crate) fn linked(rig: &Rig, host: &str) {
    let host = HostId::new(host).unwrap();
    let roster = &rig.app.agents.roster;
    until("linked", || roster.find(&host).is_some());
}

/// Waits until `is_so`, asking again and again, for as long as a test is patient.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = clock::now();
    while !is_so() {
        assert!(
            clock::now() - began < crate::rig::PATIENCE,
            "{what}: not in time"
        );
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// A number as a correlation id that no server gave.
pub(crate) fn foreign_id(number: u8) -> String {
    uuid_v4([number; 16])
}
