//! What a host did while its link was down is known afterwards: once, with its own time, and what nobody can know is said.

use std::ops::Range;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pilotfish_lab::clock::unix_ms;
use pilotfish_lab::{Agent, Engine, Relay, Sample, Server, Stack, pause, until};
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(60);
const OUTAGE: Duration = Duration::from_secs(40);
/// How far points of the history may be apart: one tick at rest may be missing where one pace goes over into another.
const HOLE_MS: u64 = 20_000;

struct Cut {
    engine: Engine,
    relay: Relay,
    stack: Stack,
    /// The container at work all the time.
    worker: String,
    /// Since when the history must be whole.
    since_ms: u64,
}

impl Cut {
    /// A host whose history has begun.
    fn start() -> Result<Self> {
        let engine = Engine::start()?;
        let work = "while :; do n=0; while [ $n -lt 500 ]; do n=$((n+1)); done; sleep 0.3; done";
        let worker = engine.run(&Sample::script("worker", work))?;
        let server = Server::start()?;
        let relay = Relay::start(server.address())?;
        let stack = Stack::start_relayed(server, &relay, Agent::builder().engine(&engine))?;
        stack.wait_container("worker", DEADLINE, |container| {
            container["stats"]["cpu_percent"].is_number()
        })?;
        Ok(Self {
            engine,
            relay,
            stack,
            worker: worker.short_id().to_owned(),
            since_ms: unix_ms(),
        })
    }

    /// Containers that begin and end.
    fn happen(&self, names: Range<u32>) -> Result<()> {
        for number in names {
            let name = format!("short-{number}");
            self.engine.run(&Sample::new(&name, &["true"]))?;
            until("its end", DEADLINE, || {
                let state = self.engine.state(&name)?;
                ensure!(state == "exited", "{state}");
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Checks that each of these containers was told to be created, to start and to die, once, at a time in `when`.
    fn wait_told_once(&self, names: Range<u32>, when: Range<u64>) -> Result<()> {
        let told = until("every event once", DEADLINE, || {
            let events = self.stack.api.events(500)?;
            for number in names.clone() {
                let name = format!("short-{number}");
                let of_it: Vec<&Value> = events
                    .iter()
                    .rev()
                    .filter(|event| event["container_name"] == name.as_str())
                    .collect();
                let actions: Vec<&str> = of_it
                    .iter()
                    .filter_map(|event| event["action"].as_str())
                    .collect();
                ensure!(actions == ["create", "start", "die"], "{name}: {actions:?}");
                let is_then = |event: &&Value| {
                    let at_ms = event["at_unix_ms"].as_u64();
                    at_ms.is_some_and(|at_ms| when.contains(&at_ms))
                };
                ensure!(of_it.iter().all(is_then), "not in {when:?}: {of_it:?}");
            }
            Ok(())
        });
        self.stack.explain(told)
    }

    fn history(&self, of: &str) -> Result<Value> {
        let (host, from, to) = (&self.stack.host, self.since_ms, unix_ms());
        self.stack.api.get(&format!(
            "/hosts/{host}{of}/history?from_unix_ms={from}&to_unix_ms={to}&points=2000&measures=cpu_percent"
        ))
    }

    /// Times between `since_ms` and now of which the history of host or worker knows nothing, when longer than what is no hole.
    fn holes(&self) -> Result<Vec<(u64, u64)>> {
        let mut holes = Vec::new();
        for of in [String::new(), format!("/containers/{}", self.worker)] {
            let history = self.history(&of)?;
            let now_ms = history["to_unix_ms"].as_u64().context("no end")?;
            let times = history["at_unix_ms"].as_array().context("no times")?;
            let cpu = history["series"].as_array().context("no series")?;
            let of_whole = cpu.iter().find(|series| {
                let subject = series["subject"].as_str().unwrap_or_default();
                subject == "host" || subject.starts_with("container:")
            });
            let averages = of_whole.and_then(|series| series["avg"].as_array());
            let averages = averages.with_context(|| format!("{history}"))?;
            let known = times
                .iter()
                .zip(averages)
                .filter(|(_, average)| average.is_number())
                .filter_map(|(at_ms, _)| at_ms.as_u64());
            let mut before = self.since_ms;
            for at_ms in known.chain([now_ms]) {
                if at_ms.saturating_sub(before) > HOLE_MS {
                    holes.push((before, at_ms));
                }
                before = at_ms;
            }
        }
        Ok(holes)
    }

    fn wait_no_hole(&self) -> Result<()> {
        self.stack.explain(until("a whole history", DEADLINE, || {
            let holes = self.holes()?;
            ensure!(holes.is_empty(), "{holes:?} since {}", self.since_ms);
            Ok(())
        }))
    }

    fn wait_link(&self, link: &str) -> Result<()> {
        self.stack
            .wait_host(link, DEADLINE, |host| host["link"] == link)?;
        Ok(())
    }
}

#[test]
fn an_outage_leaves_no_hole_and_its_events_are_told_once_with_their_own_time() -> Result<()> {
    let cut = Cut::start()?;
    cut.relay.refuse();
    cut.wait_link("offline")?;
    let began_ms = unix_ms();
    pause(OUTAGE / 2);
    cut.happen(0..2)?;
    let happened = began_ms..unix_ms();
    pause(OUTAGE / 2);
    cut.relay.pass();
    cut.wait_link("online")?;
    cut.wait_told_once(0..2, happened.clone())?;
    cut.wait_no_hole()?;
    // Nothing comes a second time with what follows.
    cut.relay.cut();
    pause(Duration::from_secs(5));
    cut.wait_told_once(0..2, happened)?;
    let host = cut.stack.host()?;
    assert_eq!(host["gaps"].as_array().map(Vec::len), Some(0), "{host}");
    Ok(())
}

#[test]
fn what_was_told_to_a_dead_link_is_told_again_and_counts_once() -> Result<()> {
    let cut = Cut::start()?;
    let began_ms = unix_ms();
    cut.happen(0..1)?;
    cut.relay.stall();
    // Both ends take the link for good, and all of this goes nowhere.
    cut.happen(1..3)?;
    let happened = began_ms..unix_ms();
    cut.wait_link("offline")?;
    cut.relay.cut();
    cut.relay.pass();
    cut.wait_link("online")?;
    cut.wait_told_once(0..3, happened)?;
    cut.wait_no_hole()
}

#[test]
fn a_server_that_is_killed_while_it_hears_of_an_outage_knows_each_event_once() -> Result<()> {
    let mut cut = Cut::start()?;
    cut.relay.refuse();
    cut.wait_link("offline")?;
    let began_ms = unix_ms();
    cut.happen(0..12)?;
    let happened = began_ms..unix_ms();
    cut.relay.pass();
    cut.wait_link("online")?;
    // Some batches are in, some are not: there is at least a second between two.
    until("the first of them", DEADLINE, || {
        let events = cut.stack.api.events(500)?;
        let is_first = |event: &Value| event["container_name"] == "short-0";
        ensure!(events.iter().any(is_first));
        Ok(())
    })?;
    cut.stack.server.kill()?;
    cut.stack.server.start_again()?;
    cut.stack.api = cut.stack.server.api()?;
    cut.wait_link("online")?;
    cut.wait_told_once(0..12, happened)
}

#[test]
fn what_an_agent_took_to_its_grave_is_recalled_from_the_engine_or_said_to_be_missing() -> Result<()>
{
    let mut cut = Cut::start()?;
    let began_ms = unix_ms();
    cut.happen(0..1)?;
    cut.wait_told_once(0..1, began_ms..unix_ms())?;
    // Past the server's next commit.
    pause(Duration::from_secs(5));
    cut.relay.refuse();
    cut.wait_link("offline")?;
    let down_ms = unix_ms();
    cut.happen(1..3)?;
    pause(OUTAGE);
    // Nothing of this was ten minutes old, so nothing of it is on the disk.
    cut.stack.agent.program().kill()?;
    let killed_ms = unix_ms();
    cut.happen(3..5)?;
    cut.relay.pass();
    cut.stack.agent.start_again()?;
    cut.wait_link("online")?;
    cut.wait_told_once(0..5, began_ms..unix_ms())?;
    let history = cut.history("")?;
    let gaps = history["gaps"].as_array().context("no gaps")?;
    let is_said = gaps.iter().any(|gap| {
        let (from, to) = (&gap["from_unix_ms"], &gap["to_unix_ms"]);
        from.as_u64() <= Some(down_ms + HOLE_MS) && to.as_u64() >= Some(killed_ms - HOLE_MS)
    });
    ensure!(is_said, "{down_ms} to {killed_ms} is missing: {gaps:?}");
    Ok(())
}
