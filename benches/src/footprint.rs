//! The agent at rest: a real server over TLS, a private Engine, N containers that idle.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lexopt::{Arg, Parser, ValueExt as _};
use pilotfish_lab::{Agent, Api, Engine, Relay, Sample, Server, clock, until};
use serde_json::Value;

use crate::budget::{Budget, Figure};
use crate::program;

/// How long the host may take to be online with its whole container list.
const ONLINE_DEADLINE: Duration = Duration::from_secs(30);

/// What is measured.
#[derive(Debug)]
struct Setup {
    /// The agent's program.
    agent: PathBuf,
    /// The server's program.
    server: PathBuf,
    /// How many containers idle.
    containers: usize,
    /// How long it is watched.
    duration: Duration,
}

/// Understands `--agent PATH --server PATH --budgets PATH [--containers N] [--seconds S]`.
pub(crate) fn run(mut parser: Parser) -> Result<()> {
    let mut paths: [Option<PathBuf>; 3] = [None, None, None];
    let mut containers = 20;
    let mut seconds = 30;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("agent") => paths[0] = Some(parser.value()?.into()),
            Arg::Long("server") => paths[1] = Some(parser.value()?.into()),
            Arg::Long("budgets") => paths[2] = Some(parser.value()?.into()),
            Arg::Long("containers") => containers = parser.value()?.parse()?,
            Arg::Long("seconds") => seconds = parser.value()?.parse()?,
            Arg::Value(_) | Arg::Long(_) | Arg::Short(_) => {
                return Err(argument.unexpected().into());
            }
        }
    }
    let [agent, server, budgets] = paths;
    let budget = Budget::read(&budgets.context("--budgets is missing")?, "footprint")?;
    let setup = Setup {
        agent: program(agent, "--agent")?,
        server: program(server, "--server")?,
        containers,
        duration: Duration::from_secs(seconds),
    };
    let figures = measure(&setup)?;
    println!("\nagent over TLS, {containers} containers, {seconds} s at rest\n");
    ensure!(budget.print(&figures), "over budget");
    Ok(())
}

/// Starts everything, watches the agent, and answers what it cost.
fn measure(setup: &Setup) -> Result<Vec<Figure>> {
    let engine = Engine::start()?;
    for number in 0..setup.containers {
        engine.run(&Sample::idle(&format!("idle-{number:03}")))?;
    }
    let server = Server::builder().binary(&setup.server).tls().start()?;
    // The relay counts what goes over the line, all of TLS and WebSocket counted.
    let relay = Relay::start(server.address())?;
    let api = server.api()?;
    let mut live = api.live()?;
    let started_at = clock::now();
    let mut agent = Agent::builder()
        .binary(&setup.agent)
        .engine(&engine)
        .server(&server)
        .url(&format!("https://{}", relay.address()))
        .token(&api.registration_token(false)?)
        .env("LOG_LEVEL", "info")
        .start()?;
    live.find("online host", ONLINE_DEADLINE, |message| {
        message["kind"] == "host" && message["host"]["link"] == "online"
    })
    .with_context(|| format!("{}{}", agent.tail(), server.tail()))?;
    let registered = clock::now() - started_at;
    drop(live);
    wait_for_all(&api, setup.containers)?;

    let (up_before, down_before) = (relay.up_bytes(), relay.down_bytes());
    let cpu_before = cpu_time(agent.pid())?;
    let watched = watch(&mut agent, setup.duration)?;
    let cpu = cpu_time(agent.pid())?.saturating_sub(cpu_before);
    let per_minute = |amount: u64| amount * 60 / setup.duration.as_secs().max(1);
    let figure = |name, value| Figure { name, value };
    Ok(vec![
        figure("resident_kib", watched.resident_kib),
        figure("anonymous_kib", watched.anonymous_kib),
        figure("threads", watched.threads),
        figure("binary_bytes", size(&setup.agent)?),
        figure("registered_ms", millis(registered)),
        figure("cpu_ms_per_minute", per_minute(millis(cpu))),
        figure(
            "sent_bytes_per_minute",
            per_minute(relay.up_bytes() - up_before),
        ),
        figure(
            "received_bytes_per_minute",
            per_minute(relay.down_bytes() - down_before),
        ),
    ])
}

fn wait_for_all(api: &Api, containers: usize) -> Result<Value> {
    api.wait_host("all containers", ONLINE_DEADLINE, |host| {
        host["containers"]["total"] == containers
    })
}

/// The highest values that were seen.
#[derive(Debug, Default)]
struct Watched {
    resident_kib: u64,
    anonymous_kib: u64,
    threads: u64,
}

fn watch(agent: &mut Agent, duration: Duration) -> Result<Watched> {
    let end_at = clock::now() + duration;
    let mut watched = Watched::default();
    until("the end of the watch", duration * 2, || {
        agent.program().ensure_runs()?;
        watched.resident_kib = watched.resident_kib.max(agent.resident_kib()?);
        watched.threads = watched.threads.max(agent.threads()?);
        let anonymous_kib = agent.program().memory_kib("Anonymous")?;
        watched.anonymous_kib = watched.anonymous_kib.max(anonymous_kib);
        ensure!(clock::now() >= end_at, "still watching");
        Ok(())
    })?;
    Ok(watched)
}

/// User and system time of a process (proc(5), fields 14 and 15 of stat, in ticks of 10 ms).
fn cpu_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, rest) = stat.rsplit_once(") ").context("no name in stat")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let ticks: u64 = fields.get(11).context("no utime")?.parse::<u64>()?
        + fields.get(12).context("no stime")?.parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}

fn size(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path)
        .with_context(|| format!("no {}", path.display()))?
        .len())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
