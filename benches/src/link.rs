//! An agent of fifty busy containers whose link is slow, breaks in the middle of frames, and stands still for minutes, while somebody watches.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lexopt::{Arg, Parser, ValueExt as _};
use pilotfish_lab::{
    Agent, Container, Engine, Relay, Sample, Server, Stack, Viewer, clock, pause, until,
};

use crate::budget::{Budget, Figure};
use crate::program;

/// Bytes a second of the slow link.
const SLOW: u32 = 1000;
/// Nobody feels this limit; with it the relay's buffers are small from the start.
const FAST: u32 = 1_000_000;
/// How long the link is slow.
const SLOW_FOR: Duration = Duration::from_secs(60);
/// How often it breaks.
const BREAKS: u64 = 10;
/// How long the agent is left alone before and after it all.
const REST: Duration = Duration::from_secs(30);
/// How long the page may take to show all containers afresh.
const DEADLINE: Duration = Duration::from_secs(120);
/// How old what is shown may be: two ticks.
const FRESH: Duration = Duration::from_secs(2);
/// How often memory is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A little of everything, three times a second.
const BUSY: &str = "while :; do n=0; while [ $n -lt 500 ]; do n=$((n+1)); done; sleep 0.3; done";

/// The stage, and the most memory seen on it.
#[derive(Debug)]
struct Scene {
    resting: Container,
    relay: Relay,
    viewer: Viewer,
    stack: Stack,
    // Last: the agent asks it to its end.
    _engine: Engine,
    containers: usize,
    most_kib: u64,
}

/// Understands `--agent PATH --server PATH --budgets PATH [--containers N] [--stall-minutes M]`.
pub(crate) fn run(mut parser: Parser) -> Result<()> {
    let mut paths: [Option<PathBuf>; 3] = [None, None, None];
    let (mut containers, mut stall_minutes) = (50, 10);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("agent") => paths[0] = Some(parser.value()?.into()),
            Arg::Long("server") => paths[1] = Some(parser.value()?.into()),
            Arg::Long("budgets") => paths[2] = Some(parser.value()?.into()),
            Arg::Long("containers") => containers = parser.value()?.parse()?,
            Arg::Long("stall-minutes") => stall_minutes = parser.value()?.parse()?,
            Arg::Long(_) | Arg::Short(_) | Arg::Value(_) => {
                return Err(argument.unexpected().into());
            }
        }
    }
    let [agent, server, budgets] = paths;
    let budget = Budget::read(&budgets.context("--budgets is missing")?, "link")?;
    let (agent, server) = (program(agent, "--agent")?, program(server, "--server")?);
    let stall = Duration::from_secs(stall_minutes * 60);

    let server = Server::builder().binary(&server).tls().start()?;
    let agent = Agent::builder().binary(&agent).env("LOG_LEVEL", "info");
    let mut scene = Scene::set(server, agent, containers)?;
    let figures = scene.play(stall)?;
    println!(
        "\nagent over TLS, {containers} busy containers, stalled for {stall_minutes} minutes\n"
    );
    ensure!(budget.print(&figures), "over budget");
    Ok(())
}

impl Scene {
    fn set(server: Server, agent: pilotfish_lab::AgentBuilder, containers: usize) -> Result<Self> {
        let engine = Engine::start()?;
        for number in 0..containers {
            engine.run(&Sample::script(&format!("busy-{number:03}"), BUSY))?;
        }
        let resting = engine.run(&Sample::idle("resting"))?;
        let relay = Relay::start(server.address())?;
        relay.throttle(Some(FAST));
        let stack = Stack::start_relayed(server, &relay, agent.engine(&engine))?;
        let viewer = Viewer::watch(&stack)?;
        Ok(Self {
            resting,
            relay,
            viewer,
            stack,
            _engine: engine,
            containers,
            most_kib: 0,
        })
    }

    fn play(&mut self, stall: Duration) -> Result<Vec<Figure>> {
        self.catch_up()?;
        let before_kib = self.endure(REST)?;

        self.relay.throttle(Some(SLOW));
        let (ticks, bytes) = (self.viewer.ticks(), self.relay.up_bytes());
        let mut answered = Duration::ZERO;
        for _ in 0..6 {
            answered = answered.max(self.ask()?);
            self.endure(SLOW_FOR / 6)?;
        }
        let slow_ticks = self.viewer.ticks() - ticks;
        let slow_bytes = self.relay.up_bytes() - bytes;
        self.relay.throttle(Some(FAST));
        let slow_caught_up = self.catch_up()?;
        let slow_kib = std::mem::take(&mut self.most_kib);

        let mut broken_caught_up = Duration::ZERO;
        for round in 0..BREAKS {
            self.relay.throttle(Some(SLOW));
            self.endure(Duration::from_millis(1000 + round * 70))?;
            let taken = self.relay.taken();
            self.relay.cut();
            self.relay.throttle(Some(FAST));
            let cut_at = clock::now();
            until("a new link", DEADLINE, || {
                ensure!(self.relay.taken() > taken);
                Ok(())
            })?;
            self.catch_up()?;
            broken_caught_up = broken_caught_up.max(clock::now() - cut_at);
        }
        let broken_kib = std::mem::take(&mut self.most_kib);

        self.relay.stall();
        let stalled_kib = self.endure(stall)?;
        let bytes = self.relay.up_bytes();
        self.relay.pass();
        let stalled_caught_up = self.catch_up()?;
        let replay_kib = self.endure(REST)?;
        let replayed_bytes = self.relay.up_bytes() - bytes;
        let after_kib = self.anonymous_kib()?;
        let output = self.stack.agent.output();
        ensure!(!output.contains("panicked"), "{output}");
        ensure!(output.matches("pilotfish-agent 0").count() == 1, "{output}");

        let most_kib = [before_kib, slow_kib, broken_kib, stalled_kib, replay_kib].into_iter();
        let figure = |name, value| Figure { name, value };
        Ok(vec![
            figure("anonymous_kib", most_kib.max().unwrap_or_default()),
            figure("before_kib", before_kib),
            figure("slow_kib", slow_kib),
            figure("broken_kib", broken_kib),
            figure("stalled_kib", stalled_kib),
            figure("replay_kib", replay_kib),
            figure("after_kib", after_kib),
            figure("slow_answered_ms", millis(answered)),
            figure("slow_ticks", u64::try_from(slow_ticks)?),
            figure("slow_bytes", slow_bytes),
            figure("slow_caught_up_ms", millis(slow_caught_up)),
            figure("broken_caught_up_ms", millis(broken_caught_up)),
            figure("stalled_caught_up_ms", millis(stalled_caught_up)),
            figure("replayed_bytes", replayed_bytes),
        ])
    }

    fn anonymous_kib(&mut self) -> Result<u64> {
        self.stack.agent.program().memory_kib("Anonymous")
    }

    /// Lets time pass; gives the most memory that was held meanwhile.
    fn endure(&mut self, duration: Duration) -> Result<u64> {
        let end_at = clock::now() + duration;
        let mut most_kib = 0;
        while clock::now() < end_at {
            most_kib = most_kib.max(self.anonymous_kib()?);
            pause(LOOK_EVERY.min(duration / 4));
        }
        self.most_kib = self.most_kib.max(most_kib);
        Ok(most_kib)
    }

    /// Waits until the page shows a fresh sample of every container; gives how long that took.
    fn catch_up(&self) -> Result<Duration> {
        let began_at = clock::now();
        self.stack.explain(until("fresh samples", DEADLINE, || {
            let age = self.viewer.age(self.containers)?;
            ensure!(age <= FRESH, "{age:?}");
            Ok(clock::now() - began_at)
        }))
    }

    /// Asks for a short answer; gives how long it took.
    fn ask(&self) -> Result<Duration> {
        let asked_at = clock::now();
        let (host, id) = (&self.stack.host, self.resting.short_id());
        let logs = self.stack.api.logs(host, id, 1);
        self.stack.explain(logs)?;
        Ok(clock::now() - asked_at)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
