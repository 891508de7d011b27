//! `cargo xtask demo`: this very host on a page, with nothing prepared and nothing left running.

mod engine;
mod watch;

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lexopt::{Arg, Parser, ValueExt as _};
use pilotfish_lab::server::ADMIN;
use pilotfish_lab::{Agent, Api, Server, until};
use serde_json::Value;

use crate::shell::{self, cargo, target};
use engine::DemoEngine;

/// Where the demo listens when nobody else does.
const PORT: u16 = 8480;

/// From the end of the build until the host is on the page.
const READY_DEADLINE: Duration = Duration::from_secs(15);

struct Options {
    release: bool,
    /// Ends by itself, after a last look, when given.
    duration: Option<Duration>,
}

/// What runs. Fields drop in this order: nobody is left talking to somebody who is gone.
struct Demo {
    agent: Agent,
    server: Server,
    engine: DemoEngine,
    /// Held as long as the directory is in use.
    _lock: File,
}

pub(crate) fn run(mut parser: Parser) -> Result<()> {
    let mut options = Options {
        release: false,
        duration: None,
    };
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("release") => options.release = true,
            Arg::Long("for") => {
                options.duration = Some(Duration::from_secs(parser.value()?.parse()?));
            }
            Arg::Long(_) | Arg::Short(_) | Arg::Value(_) => {
                return Err(argument.unexpected().into());
            }
        }
    }
    let binaries = build(&options)?;
    let directory = target().join("demo");
    let mut demo = start(&binaries, &directory)?;
    watch::until_stopped(&mut demo, options.duration)?;
    demo.stop()
}

/// Builds both programs, unless somebody else has, and answers where they are.
fn build(options: &Options) -> Result<PathBuf> {
    if let Some(built) = std::env::var_os("PILOTFISH_BIN_DIR") {
        return Ok(built.into());
    }
    let mut command = cargo();
    command.args(["build", "-p", "pilotfish-agent", "-p", "pilotfish-server"]);
    if options.release {
        command.arg("--release");
    }
    shell::run(&mut command)?;
    Ok(target().join(if options.release { "release" } else { "debug" }))
}

fn start(binaries: &Path, directory: &Path) -> Result<Demo> {
    fs::create_dir_all(target())?;
    let lock = File::create(target().join("demo.lock"))?;
    lock.try_lock()
        .context("another demo runs in this directory")?;
    if directory.exists() {
        fs::remove_dir_all(directory)
            .with_context(|| format!("cannot empty {}", directory.display()))?;
    }
    fs::create_dir_all(directory)?;
    let engine = DemoEngine::find_or_start(&directory.join("engine"))?;
    let server = start_server(binaries, directory)?;
    let api = server.api()?;
    let mut agent = Agent::builder()
        .binary(&binaries.join("pilotfish-agent"))
        .data(&directory.join("agent"))
        .server(&server)
        .token(&api.registration_token(false)?)
        // Without an Engine there is still a host to be shown.
        .env("ENGINE_OPTIONAL", "true");
    if let Some(docker_host) = engine.docker_host() {
        agent = agent.env("DOCKER_HOST", &docker_host);
    }
    for name in ["DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"] {
        if let Ok(value) = std::env::var(name) {
            agent = agent.env(name, &value);
        }
    }
    let mut demo = Demo {
        agent: agent.start()?,
        server,
        engine,
        _lock: lock,
    };
    let host = demo.wait_host(&api)?;
    demo.show(&host);
    Ok(demo)
}

impl Demo {
    fn wait_host(&mut self, api: &Api) -> Result<Value> {
        let has_engine = self.engine.answers();
        let found = until("this host and its containers", READY_DEADLINE, || {
            self.ensure_runs()?;
            let hosts = api.hosts()?;
            let seen = format!("{hosts:?}");
            hosts
                .into_iter()
                .find(|host| {
                    host["link"] == "online" && (host["containers"].is_object() || !has_engine)
                })
                .context(seen)
        });
        found.with_context(|| format!("{}{}", self.agent.tail(), self.server.tail()))
    }

    /// Prints where to look.
    fn show(&self, host: &Value) {
        println!();
        let name = host["name"].as_str().unwrap_or("(no name)");
        let containers = &host["containers"];
        if containers.is_object() {
            let (total, running) = (&containers["total"], &containers["running"]);
            println!("  Host      {name} with {total} containers, {running} running");
        } else {
            println!("  Host      {name}; no Docker Engine answers here");
        }
        println!("  Engine    {}", self.engine);
        println!();
        println!("  Page      {}", self.server.url());
        println!("  Login     {ADMIN}");
        println!("  Password  {}", self.server.password());
        println!();
        if let Some(advice) = self.engine.advice() {
            println!("{advice}\n");
        }
        println!("  Ctrl-C stops all of it.");
    }

    /// Fails when the server or the agent has ended by itself.
    fn ensure_runs(&mut self) -> Result<()> {
        self.server.program()?.ensure_runs()?;
        self.agent.program().ensure_runs()
    }

    /// Looks once more at what the demo promises.
    fn verify(&mut self) -> Result<()> {
        let api = self.server.api()?;
        let health = api.try_call("GET", "/healthz", None)?;
        ensure!(health.status == 200, "/healthz: {health:?}");
        let page = api.try_call("GET", "/", None)?;
        ensure!(page.status == 200, "the page: {page:?}");
        self.wait_host(&api)?;
        Ok(())
    }

    /// Stops agent, server and Engine in this order.
    fn stop(mut self) -> Result<()> {
        self.agent.program().terminate(Duration::from_secs(10))?;
        self.server.stop()?;
        drop(self);
        println!("stopped; nothing is left running");
        Ok(())
    }
}

/// Starts the server on the demo's own port, or on any other when it cannot have that one. It is tried instead of asked for: a
/// port that was free a moment ago may be somebody's now.
fn start_server(binaries: &Path, directory: &Path) -> Result<Server> {
    let start = |port| {
        Server::builder()
            .binary(&binaries.join("pilotfish-server"))
            .data(&directory.join("server"))
            .listen(SocketAddr::from(([127, 0, 0, 1], port)))
            .password(&password()?)
            .start()
    };
    // What is wrong with more than the port is told by the second try.
    start(PORT).or_else(|_| start(0))
}

/// A password that nobody guesses, from the kernel's random numbers.
fn password() -> Result<String> {
    let uuid = fs::read_to_string("/proc/sys/kernel/random/uuid")
        .context("the kernel gives no random numbers")?;
    Ok(uuid.trim().chars().take(18).collect())
}
