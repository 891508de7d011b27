//! The real pilotfish-agent, with an environment that a test writes word by word.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::Signal;
use serde_json::Value;

use crate::program::{self, Program};
use crate::{Engine, Scratch, Server, until};

/// What an agent is started with.
#[derive(Debug, Default)]
pub struct AgentBuilder {
    env: BTreeMap<String, String>,
    binary: Option<PathBuf>,
    arguments: Vec<OsString>,
    data: Option<PathBuf>,
}

/// A running (or ended) agent.
#[derive(Debug)]
pub struct Agent {
    // Dropped first, so that the agent ends before its files go.
    program: Program,
    env: BTreeMap<String, String>,
    binary: PathBuf,
    arguments: Vec<OsString>,
    data: PathBuf,
    scratch: Scratch,
}

impl AgentBuilder {
    /// Sets one variable; the agent sees only these, `PATH` and `DATA_PATH`.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Dials this address (`DOCKMON_URL`).
    #[must_use]
    pub fn url(self, url: &str) -> Self {
        self.env("DOCKMON_URL", url)
    }

    /// Dials this server, trusting its certificate when it has one.
    #[must_use]
    pub fn server(self, server: &Server) -> Self {
        let builder = self.url(&server.url());
        match server.certificate() {
            Some(certificate) => {
                builder.env("CA_FILE", &certificate.certificate.display().to_string())
            }
            None => builder,
        }
    }

    /// Registers with this token (`REGISTRATION_TOKEN`).
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.env("REGISTRATION_TOKEN", token)
    }

    /// Watches this Engine (`DOCKER_HOST`).
    #[must_use]
    pub fn engine(self, engine: &Engine) -> Self {
        self.env("DOCKER_HOST", &engine.docker_host())
    }

    /// Keeps the agent's state here instead of in a scratch directory.
    #[must_use]
    pub fn data(mut self, data: &Path) -> Self {
        self.data = Some(data.to_owned());
        self
    }

    /// Starts this binary instead of the one beside the running test.
    #[must_use]
    pub fn binary(mut self, binary: &Path) -> Self {
        self.binary = Some(binary.to_owned());
        self
    }

    /// Starts it with these arguments.
    #[must_use]
    pub fn arguments(mut self, arguments: impl IntoIterator<Item = OsString>) -> Self {
        self.arguments = arguments.into_iter().collect();
        self
    }

    /// Starts the agent; what becomes of it is for the test to see.
    ///
    /// # Errors
    ///
    /// It is not built.
    pub fn start(self) -> Result<Agent> {
        let scratch = Scratch::new()?;
        let binary = self
            .binary
            .map_or_else(|| program::find("pilotfish-agent"), Ok)?;
        let data = self.data.unwrap_or_else(|| scratch.path().join("data"));
        std::fs::create_dir_all(&data)?;
        let program = start(&binary, &self.arguments, &self.env, &data, &scratch)?;
        Ok(Agent {
            program,
            env: self.env,
            binary,
            arguments: self.arguments,
            data,
            scratch,
        })
    }
}

impl Agent {
    /// What an agent is started with: short reconnects and a talkative log, all else the agent's own defaults.
    pub fn builder() -> AgentBuilder {
        AgentBuilder::default()
            .env("LOG_LEVEL", "debug")
            .env("RECONNECT_INITIAL", "100ms")
            .env("RECONNECT_MAX", "1s")
    }

    /// Starts it again with the same environment and the same state, killing it first when it still runs.
    ///
    /// # Errors
    ///
    /// It could not be ended or started.
    pub fn start_again(&mut self) -> Result<()> {
        self.program.kill()?;
        self.program = start(
            &self.binary,
            &self.arguments,
            &self.env,
            &self.data,
            &self.scratch,
        )?;
        Ok(())
    }

    /// Changes a variable for the next [`Agent::start_again`]; `None` removes it.
    pub fn set_env(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.env.insert(name.to_owned(), value.to_owned()),
            None => self.env.remove(name),
        };
    }

    /// The directory of its state.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The process.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// Sends a signal.
    ///
    /// # Errors
    ///
    /// The kernel refused.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.program.signal(signal)
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    ///
    /// It still runs at the deadline.
    pub fn wait_exit(&mut self, deadline: Duration) -> Result<ExitStatus> {
        self.program.wait_exit(deadline)
    }

    /// All it wrote so far, both outputs.
    pub fn output(&self) -> String {
        self.program.stdout() + &self.program.stderr()
    }

    /// The lines of its log that are JSON objects, oldest first.
    pub fn log(&self) -> Vec<Value> {
        self.output()
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Waits until a line of the log contains `text`, and answers the whole line.
    ///
    /// # Errors
    ///
    /// None does within `deadline`, or the agent has ended; the end of its log is in the message.
    pub fn wait_log(&mut self, text: &str, deadline: Duration) -> Result<String> {
        until(&format!("the agent's log says {text:?}"), deadline, || {
            let output = self.output();
            if let Some(line) = output.lines().find(|line| line.contains(text)) {
                return Ok(line.to_owned());
            }
            self.program.ensure_runs()?;
            None.with_context(|| self.tail())
        })
    }

    /// The end of its output.
    pub fn tail(&self) -> String {
        self.program.tail()
    }

    /// Resident memory in KiB.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn resident_kib(&self) -> Result<u64> {
        self.program.status_number("VmRSS")
    }

    /// Number of threads.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn threads(&self) -> Result<u64> {
        self.program.status_number("Threads")
    }
}

fn start(
    binary: &Path,
    arguments: &[OsString],
    env: &BTreeMap<String, String>,
    data: &Path,
    scratch: &Scratch,
) -> Result<Program> {
    let mut command = Command::new(binary);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("DATA_PATH", data)
        .envs(env)
        .current_dir(scratch.path());
    Program::start("pilotfish-agent", scratch, &mut command)
}
