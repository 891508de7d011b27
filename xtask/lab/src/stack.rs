//! Server, agent and Engine together: a host that is on the server with its containers.

use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use serde_json::Value;

use crate::{Agent, AgentBuilder, Api, Engine, Relay, Server, until};

/// From the agent's start until its host is online with a container list.
const ONLINE_DEADLINE: Duration = Duration::from_secs(20);

/// The Engine that all tests of this process may use who neither stop, nor restart, nor freeze it.
///
/// It ends with the process. Containers are told apart by name: each test makes its own.
///
/// # Errors
///
/// It could not be started, in this or an earlier call.
pub fn shared_engine() -> Result<&'static Engine> {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    static START: Mutex<Option<String>> = Mutex::new(None);
    let mut failed = START.lock().map_err(|_| anyhow!("no shared Engine"))?;
    if let Some(engine) = ENGINE.get() {
        return Ok(engine);
    }
    if let Some(why) = failed.as_ref() {
        return Err(anyhow!("{why}"));
    }
    match Engine::start() {
        Ok(engine) => Ok(ENGINE.get_or_init(|| engine)),
        Err(error) => {
            *failed = Some(format!("{error:#}"));
            Err(error)
        }
    }
}

/// A server with one enrolled, online agent.
#[derive(Debug)]
pub struct Stack {
    /// The agent.
    pub agent: Agent,
    /// The server.
    pub server: Server,
    /// A session of the admin.
    pub api: Api,
    /// The id of the agent's host on the server.
    pub host: String,
}

impl Stack {
    /// Starts a server without TLS and an agent for `engine`, and waits until the host is online.
    ///
    /// # Errors
    ///
    /// It does not appear; what both programs said is in the message.
    pub fn start(engine: &Engine) -> Result<Self> {
        Self::start_with(Server::start()?, Agent::builder().engine(engine))
    }

    /// Enrols `agent` on `server` and waits until its host is online with a container list.
    ///
    /// # Errors
    ///
    /// It does not appear; what both programs said is in the message.
    pub fn start_with(server: Server, agent: AgentBuilder) -> Result<Self> {
        let agent = agent.server(&server);
        Self::enrol(server, agent)
    }

    /// Enrols `agent` on `server` through `relay`, which leads to it, and waits as [`Stack::start_with`].
    ///
    /// # Errors
    ///
    /// It does not appear; what both programs said is in the message.
    pub fn start_relayed(server: Server, relay: &Relay, agent: AgentBuilder) -> Result<Self> {
        let scheme = server.url().split("://").next().map(str::to_owned);
        let url = format!("{}://{}", scheme.unwrap_or_default(), relay.address());
        let agent = agent.server(&server).url(&url);
        Self::enrol(server, agent)
    }

    fn enrol(mut server: Server, agent: AgentBuilder) -> Result<Self> {
        let api = server.api()?;
        let token = api.registration_token(false)?;
        let mut agent = agent.token(&token).start()?;
        let host = until("an enrolled host", ONLINE_DEADLINE, || {
            server.program()?.ensure_runs()?;
            agent.program().ensure_runs()?;
            let hosts = api.hosts()?;
            let online = hosts
                .iter()
                .find(|host| host["link"] == "online" && host["containers"].is_object());
            let id = online.and_then(|host| host["id"].as_str());
            id.map(str::to_owned)
                .with_context(|| format!("hosts {hosts:?}"))
        })
        .with_context(|| format!("{}{}", agent.tail(), server.tail()))?;
        Ok(Self {
            agent,
            server,
            api,
            host,
        })
    }

    /// The host as the server knows it now.
    ///
    /// # Errors
    ///
    /// The server forgot it.
    pub fn host(&self) -> Result<Value> {
        self.api.host(&self.host)
    }

    /// Waits until `accept` is true for the host, and answers it.
    ///
    /// # Errors
    ///
    /// It is not within `deadline`; the host last seen and both logs are in the message.
    pub fn wait_host(
        &self,
        what: &str,
        deadline: Duration,
        accept: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        self.explain(until(what, deadline, || {
            let host = self.host()?;
            let seen = format!("{host}");
            Some(host).filter(&accept).context(seen)
        }))
    }

    /// Waits until `accept` is true for the container `name`, and answers it.
    ///
    /// # Errors
    ///
    /// It is not within `deadline`; the containers last seen and both logs are in the message.
    pub fn wait_container(
        &self,
        name: &str,
        deadline: Duration,
        accept: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        self.explain(self.api.wait_container(&self.host, name, deadline, accept))
    }

    /// Adds what both programs said last to an error.
    ///
    /// # Errors
    ///
    /// The one given.
    pub fn explain<T>(&self, result: Result<T>) -> Result<T> {
        result.with_context(|| format!("{}{}", self.agent.tail(), self.server.tail()))
    }
}
