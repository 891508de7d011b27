//! Fifty busy containers behind a link that is slow, stands still, or breaks in the middle of a frame: memory keeps its ceiling, answers go
//! before stats, and the page catches up.

use std::sync::Mutex;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pilotfish_lab::{
    Agent, Container, Engine, Relay, Sample, Server, Stack, Viewer, clock, pause, until,
};
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(60);
/// Busy containers.
const BUSY: usize = 50;
/// Bytes a second of a slow link.
const SLOW: u32 = 1000;
/// Less than fifty busy containers have to tell.
const CRAWL: u32 = 150;
/// So fast that nobody feels it; what the relay takes is limited from the start, so that its buffers are small.
const FAST: u32 = 1_000_000;
/// `anonymous_kib` of `benches/budgets.toml` is for the whole program as it ships. What the debug build holds at rest is taken off by comparing
/// with the same agent before the trouble, which so may cost as much as the whole program.
const CEILING_KIB: u64 = 1024;
/// How long after a question an answer may come over a slow link: what waits in sockets' buffers goes first.
const ANSWERED: Duration = Duration::from_secs(8);
/// How old a shown sample may be: two ticks, and what two busy cores take.
const FRESH: Duration = Duration::from_millis(3000);

/// An Engine with containers at work, for all tests of this file.
struct Crowd {
    engine: Engine,
    /// One that rests, to be asked about.
    resting: Container,
}

fn crowd() -> Result<&'static Crowd> {
    static CROWD: OnceLock<Crowd> = OnceLock::new();
    static START: Mutex<()> = Mutex::new(());
    let _guard = START.lock().ok().context("no crowd")?;
    if let Some(crowd) = CROWD.get() {
        return Ok(crowd);
    }
    let engine = Engine::start()?;
    for number in 0..BUSY {
        engine.run(&Sample::script(
            &format!("busy-{number:02}"),
            "while :; do n=0; while [ $n -lt 300 ]; do n=$((n+1)); done; sleep 0.5; done",
        ))?;
    }
    let resting = engine.run(&Sample::idle("resting"))?;
    Ok(CROWD.get_or_init(|| Crowd { engine, resting }))
}

/// An agent behind a relay, a viewer who looks at its host, and what the agent held before the trouble.
struct Watched {
    relay: Relay,
    stack: Stack,
    viewer: Viewer,
    crowd: &'static Crowd,
    pid: u32,
    before_kib: u64,
}

impl Watched {
    fn start() -> Result<Self> {
        let crowd = crowd()?;
        let server = Server::start()?;
        let relay = Relay::start(server.address())?;
        relay.throttle(Some(FAST));
        let agent = Agent::builder().engine(&crowd.engine);
        let stack = Stack::start_relayed(server, &relay, agent)?;
        let viewer = Viewer::watch(&stack)?;
        let pid = stack.agent.pid();
        let mut watched = Self {
            relay,
            before_kib: 0,
            pid,
            viewer,
            crowd,
            stack,
        };
        watched.caught_up()?;
        // A minute's worth of ticks is not needed: what grows, grows with the first of them.
        let ticks = watched.viewer.ticks();
        until("ten ticks", DEADLINE, || {
            ensure!(watched.viewer.ticks() >= ticks + 10);
            Ok(())
        })?;
        watched.before_kib = watched.anonymous_kib()?;
        Ok(watched)
    }

    fn anonymous_kib(&mut self) -> Result<u64> {
        self.stack.agent.program().memory_kib("Anonymous")
    }

    /// Waits until the page shows a fresh sample of every busy container.
    fn caught_up(&self) -> Result<()> {
        let shown = until("fresh samples of all", DEADLINE, || {
            let age = self.viewer.age(BUSY)?;
            ensure!(age <= FRESH, "{age:?}");
            Ok(())
        });
        self.stack.explain(shown)
    }

    /// Lets `duration` pass and looks at the memory meanwhile; gives the most that was held.
    fn endure(&mut self, duration: Duration) -> Result<u64> {
        let end_at = clock::now() + duration;
        let mut most_kib = 0;
        while clock::now() < end_at {
            most_kib = most_kib.max(self.anonymous_kib()?);
            pause(Duration::from_millis(500));
        }
        Ok(most_kib)
    }

    /// Cuts the link and waits for the next one.
    fn cut(&self) -> Result<()> {
        let since = self.stack.host()?["link_since_unix_ms"].take();
        self.relay.cut();
        self.wait_new_link(&since)
    }

    fn wait_new_link(&self, since: &Value) -> Result<()> {
        self.stack.wait_host("a new link", DEADLINE, |host| {
            host["link"] == "online" && host["link_since_unix_ms"] != *since
        })?;
        Ok(())
    }

    /// Asks for the last line of a log that has none; gives how long the answer took.
    fn ask(&self) -> Result<Duration> {
        let asked_at = clock::now();
        let id = self.crowd.resting.short_id();
        let logs = self.stack.api.logs(&self.stack.host, id, 1);
        self.stack.explain(logs)?;
        Ok(clock::now() - asked_at)
    }

    fn ended_well(&mut self, most_kib: u64) -> Result<()> {
        let (limit_kib, after_kib) = (self.before_kib + CEILING_KIB, self.anonymous_kib()?);
        ensure!(
            most_kib.max(after_kib) <= limit_kib,
            "{} KiB before, {most_kib} at most, {after_kib} after",
            self.before_kib
        );
        self.stack.agent.program().ensure_runs()?;
        assert_eq!(self.stack.agent.pid(), self.pid);
        let output = self.stack.agent.output();
        ensure!(!output.contains("panicked"), "{}", self.stack.agent.tail());
        Ok(())
    }
}

#[test]
fn a_link_of_a_kilobyte_a_second_answers_before_stats_and_catches_up() -> Result<()> {
    let mut watched = Watched::start()?;
    watched.relay.throttle(Some(SLOW));
    let mut most_kib = watched.endure(Duration::from_secs(5))?;
    for _ in 0..3 {
        let waited = watched.ask()?;
        ensure!(waited < ANSWERED, "answered after {waited:?}");
        most_kib = most_kib.max(watched.endure(Duration::from_secs(3))?);
    }
    // The keyframe of a new session is the most that stats ever have to say at once.
    watched.cut()?;
    let waited = watched.ask()?;
    ensure!(waited < ANSWERED, "answered after {waited:?}");
    most_kib = most_kib.max(watched.endure(Duration::from_secs(10))?);

    // Too little even for what changes: ticks make way for newer ones.
    watched.relay.throttle(Some(CRAWL));
    let ticks = watched.viewer.ticks();
    most_kib = most_kib.max(watched.endure(Duration::from_secs(15))?);
    let ticks = watched.viewer.ticks() - ticks;
    ensure!(ticks < 12, "{ticks} ticks in 15 s");

    watched.relay.throttle(Some(FAST));
    watched.caught_up()?;
    watched.ended_well(most_kib)
}

#[test]
fn a_link_that_stands_still_longer_than_the_silence_costs_no_memory() -> Result<()> {
    let mut watched = Watched::start()?;
    let since = watched.stack.host()?["link_since_unix_ms"].take();
    watched.relay.stall();
    let most_kib = watched.endure(Duration::from_secs(70))?;
    watched.relay.pass();
    watched.wait_new_link(&since)?;
    watched.caught_up()?;
    watched.ended_well(most_kib)
}

#[test]
fn a_link_that_breaks_in_the_middle_of_a_frame_leaves_nothing_half_told() -> Result<()> {
    let mut watched = Watched::start()?;
    let mut most_kib = 0;
    for round in 0..5_u64 {
        watched.relay.throttle(Some(SLOW));
        // While a frame of some 600 bytes is under way, each time at another byte.
        most_kib = most_kib.max(watched.endure(Duration::from_millis(1300 + round * 170))?);
        let since = watched.stack.host()?["link_since_unix_ms"].take();
        watched.relay.cut();
        watched.relay.throttle(Some(FAST));
        watched.wait_new_link(&since)?;
        watched.caught_up()?;
    }
    let unreadable = watched.stack.server.program()?.stderr();
    ensure!(!unreadable.contains("frame"), "{unreadable}");
    watched.ended_well(most_kib)
}
