//! Starts an agent on a stage, watches it for a while, and says what it cost.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use pilotfish_lab::{Agent, Api, clock, pause};

use super::process::{Counts, Meter};
use super::stage::Stage;
use crate::budget::Figure;

/// How long the host may take to be online with its whole container list.
const ONLINE_DEADLINE: Duration = Duration::from_secs(120);
/// How long at most the Engine is watched without an agent, for what it costs by itself.
const ALONE_MOST: Duration = Duration::from_secs(60);
/// How long an agent may settle before it is measured: nobody looks any more, and the first samples are out.
const SETTLE: Duration = Duration::from_secs(45);
/// How much longer for each container, since an agent finds only some in each pass.
const SETTLE_PER_CONTAINER: Duration = Duration::from_millis(350);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Headers of a TCP segment over IPv4, with the time stamp option that Linux sends.
const SEGMENT_BYTES: u64 = 52;
/// Seconds of a month of 365 ¼ ⁄ 12 days.
const MONTH_SECS: u64 = 2_629_800;

/// Who is measured.
#[derive(Debug)]
pub(super) enum Subject<'a> {
    /// A pilotfish-agent, by its path.
    Ours(&'a Path),
    /// The same where traffic is dear.
    Metered(&'a Path),
    /// Another agent's command and arguments; it finds its way by the same environment variables.
    Other(&'a OsStr, &'a [OsString]),
}

impl Subject<'_> {
    /// How often it samples at rest.
    fn tick(&self) -> Duration {
        Duration::from_secs(match self {
            Self::Ours(_) | Self::Other(..) => 10,
            Self::Metered(_) => 300,
        })
    }
}

/// Measures for `duration`; the highest values of what goes up and down.
pub(super) fn measure(
    stage: &Stage,
    subject: &Subject<'_>,
    duration: Duration,
) -> Result<Vec<Figure>> {
    let engine_pids = stage.engine_pids()?;
    let mut engine_alone = Meter::start(&engine_pids)?;
    let alone_for = duration.min(ALONE_MOST);
    pause(alone_for);
    let alone = engine_alone.counts()?;

    let (mut agent, registered) = bring_online(stage, subject)?;
    pause(SETTLE + SETTLE_PER_CONTAINER * u32::try_from(stage.containers)?);

    let before = Line::read(stage);
    let mut engine = Meter::start(&engine_pids)?;
    let watched = watch(&mut agent, duration, &mut engine)?;
    let line = Line::read(stage).since(&before);
    let engine = engine.counts()?;

    let seconds = duration.as_secs().max(1);
    let ticks = (seconds / subject.tick().as_secs()).max(1);
    let samples = ticks * u64::try_from(stage.containers)?.max(1);
    // What the Engine spends by itself in that time is not the agent's doing.
    let engine_extra = engine
        .cpu_ns
        .saturating_sub(alone.cpu_ns * seconds / alone_for.as_secs().max(1));
    let figure = |name, value| Figure { name, value };
    let binary = match subject {
        Subject::Ours(path) | Subject::Metered(path) => size(path)?,
        Subject::Other(program, _) => size(Path::new(program)).unwrap_or_default(),
    };
    Ok(vec![
        figure("resident_kib", watched.resident_kib),
        figure("anonymous_kib", watched.anonymous_kib),
        figure("threads", watched.threads),
        figure("binary_bytes", binary),
        figure("registered_ms", millis(registered)),
        figure("agent_cpu_ns_per_sample", watched.counts.cpu_ns / samples),
        figure("engine_cpu_ns_per_sample", engine_extra / samples),
        figure(
            "cpu_ns_per_sample",
            (watched.counts.cpu_ns + engine_extra) / samples,
        ),
        figure("wakeups_per_minute", watched.counts.wakeups * 60 / seconds),
        figure("written_bytes", watched.counts.written_bytes),
        figure("sent_bytes_per_tick", line.up_bytes / ticks),
        figure("sent_bytes_per_sample", line.up_bytes / samples),
        figure("received_bytes_per_minute", line.down_bytes * 60 / seconds),
        figure(
            "traffic_kb_per_month",
            line.with_headers() * MONTH_SECS / seconds / 1000,
        ),
    ])
}

/// Starts the agent and waits until the server shows all containers; answers how long it took from its start to being online.
pub(super) fn bring_online(stage: &Stage, subject: &Subject<'_>) -> Result<(Agent, Duration)> {
    let api = stage.server.api()?;
    let mut live = api.live()?;
    let started_at = clock::now();
    let agent = start(stage, subject, &api)?;
    live.find("online host", ONLINE_DEADLINE, |message| {
        message["kind"] == "host" && message["host"]["link"] == "online"
    })
    .with_context(|| format!("{}{}", agent.tail(), stage.server.tail()))?;
    let registered = clock::now() - started_at;
    // Nobody looks from here on.
    drop(live);
    api.wait_host("all containers", ONLINE_DEADLINE, |host| {
        host["containers"]["total"] == stage.containers
    })?;
    Ok((agent, registered))
}

fn start(stage: &Stage, subject: &Subject<'_>, api: &Api) -> Result<Agent> {
    let certificate = stage.server.certificate().context("a server without TLS")?;
    let builder = Agent::builder()
        .engine(&stage.engine)
        .server(&stage.server)
        .url(&format!("https://{}", stage.relay.address()))
        .token(&api.registration_token(false)?)
        // Where Go's TLS looks.
        .env(
            "SSL_CERT_FILE",
            &certificate.certificate.display().to_string(),
        )
        .env("LOG_LEVEL", "info");
    match subject {
        Subject::Ours(path) => builder.binary(path),
        Subject::Metered(path) => builder.binary(path).env("METERED", "true"),
        Subject::Other(program, arguments) => builder
            .binary(Path::new(program))
            .arguments(arguments.iter().cloned()),
    }
    .start()
}

/// The highest values that were seen.
#[derive(Debug, Default)]
struct Watched {
    resident_kib: u64,
    anonymous_kib: u64,
    threads: u64,
    counts: Counts,
}

fn watch(agent: &mut Agent, duration: Duration, engine: &mut Meter) -> Result<Watched> {
    let end_at = clock::now() + duration;
    let mut meter = Meter::start(&[agent.pid()])?;
    let mut watched = Watched::default();
    while clock::now() < end_at {
        agent.program().ensure_runs()?;
        watched.resident_kib = watched.resident_kib.max(agent.resident_kib()?);
        watched.threads = watched.threads.max(agent.threads()?);
        let anonymous_kib = agent.program().memory_kib("Anonymous")?;
        watched.anonymous_kib = watched.anonymous_kib.max(anonymous_kib);
        meter.look()?;
        engine.look()?;
        pause(LOOK_EVERY);
    }
    watched.counts = meter.counts()?;
    Ok(watched)
}

/// What went over the line.
#[derive(Debug, Clone, Copy)]
struct Line {
    up_bytes: u64,
    down_bytes: u64,
    /// Pieces in which it came, both ways.
    pieces: u64,
}

impl Line {
    fn read(stage: &Stage) -> Self {
        Self {
            up_bytes: stage.relay.up_bytes(),
            down_bytes: stage.relay.down_bytes(),
            pieces: stage.relay.pieces(),
        }
    }

    fn since(self, before: &Self) -> Self {
        Self {
            up_bytes: self.up_bytes - before.up_bytes,
            down_bytes: self.down_bytes - before.down_bytes,
            pieces: self.pieces - before.pieces,
        }
    }

    /// With the headers of a segment for each piece, and of one that acknowledges it: an upper bound.
    fn with_headers(self) -> u64 {
        self.up_bytes + self.down_bytes + self.pieces * 2 * SEGMENT_BYTES
    }
}

fn size(path: &Path) -> Result<u64> {
    let file = fs::metadata(path).with_context(|| format!("no {}", path.display()))?;
    Ok(file.len())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
