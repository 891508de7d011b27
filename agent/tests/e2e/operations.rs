//! Every operation from the API to the Engine and back, judged by the Engine's own word.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pilotfish_lab::api::Reply;
use pilotfish_lab::{Container, Engine, Sample, Stack, shared_engine, until};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(15);

struct Bench {
    engine: &'static Engine,
    stack: Stack,
}

impl Bench {
    fn start() -> Result<Self> {
        let engine = shared_engine()?;
        let stack = Stack::start(engine)?;
        Ok(Self { engine, stack })
    }

    fn operate(&self, container: &Container, operation: &str) -> Result<Reply> {
        self.operate_with(container.short_id(), operation, None)
    }

    fn operate_with(&self, id: &str, operation: &str, body: Option<&Value>) -> Result<Reply> {
        self.stack
            .api
            .operate(&self.stack.host, id, operation, body)
    }

    /// The operation succeeds with this word, and the Engine says the container is in this state.
    #[track_caller]
    fn check(&self, container: &Container, operation: &str, word: &str, state: &str) {
        let reply = self
            .operate(container, operation)
            .expect("the server answers");
        assert_eq!(reply.status, 200, "{operation}: {reply:?}");
        assert_eq!(reply.body["status"], word);
        let now = self.engine.state(&container.id).expect("the Engine knows");
        assert_eq!(now, state, "after {operation}");
    }
}

#[test]
fn a_container_is_steered_through_every_state() -> Result<()> {
    let bench = Bench::start()?;
    let container = bench.engine.run(&Sample::idle("steered"))?;
    bench.check(&container, "pause", "paused", "paused");
    bench.check(&container, "unpause", "unpaused", "running");
    bench.check(&container, "stop", "stopped", "exited");
    bench.check(&container, "start", "started", "running");
    let before = bench.engine.inspect(&container.id)?["State"]["Pid"].take();
    bench.check(&container, "restart", "restarted", "running");
    assert_ne!(bench.engine.inspect(&container.id)?["State"]["Pid"], before);
    bench.check(&container, "kill", "killed", "exited");
    let killed = bench.engine.inspect(&container.id)?;
    assert_eq!(killed["State"]["ExitCode"], 137);
    Ok(())
}

#[test]
fn a_stop_gives_a_stubborn_container_the_time_that_was_asked_for() -> Result<()> {
    let bench = Bench::start()?;
    let container = bench.engine.run(&Sample::stubborn("stubborn"))?;
    let body = json!({ "timeout_seconds": 1 });
    let reply = bench.operate_with(container.short_id(), "stop", Some(&body))?;
    assert_eq!(reply.status, 200, "{reply:?}");
    let inspected = bench.engine.inspect(&container.id)?;
    assert_eq!(inspected["State"]["ExitCode"], 137);
    Ok(())
}

#[test]
fn a_container_is_renamed_and_removed() -> Result<()> {
    let bench = Bench::start()?;
    let container = bench.engine.run(&Sample::idle("old-name"))?;
    let body = json!({ "name": "new-name" });
    let reply = bench.operate_with(container.short_id(), "rename", Some(&body))?;
    assert_eq!(
        (reply.status, &reply.body["status"]),
        (200, &"renamed".into())
    );
    assert_eq!(bench.engine.inspect(&container.id)?["Name"], "/new-name");
    bench.stack.wait_container("new-name", DEADLINE, |_| true)?;

    let refused =
        bench
            .stack
            .api
            .remove_container(&bench.stack.host, container.short_id(), false)?;
    ensure!(
        refused.status == 409 || refused.status == 502,
        "{refused:?}"
    );
    let removed =
        bench
            .stack
            .api
            .remove_container(&bench.stack.host, container.short_id(), true)?;
    assert_eq!(
        (removed.status, &removed.body["status"]),
        (200, &"removed".into())
    );
    assert!(bench.engine.inspect(&container.id).is_err());
    until("the list without it", DEADLINE, || {
        let containers = bench.stack.api.containers(&bench.stack.host)?;
        let is_listed = containers.iter().any(|listed| listed["name"] == "new-name");
        ensure!(!is_listed, "{containers:?}");
        Ok(())
    })
}

#[test]
fn what_the_engine_refuses_comes_back_in_its_own_words() -> Result<()> {
    let bench = Bench::start()?;
    let container = bench.engine.run(&Sample::idle("refused"))?;
    bench.engine.create(&Sample::idle("taken"))?;

    let missing = bench.operate_with("0123456789ab", "start", None)?;
    assert_eq!(
        (missing.status, missing.kind()),
        (404, "not-found"),
        "{missing:?}"
    );

    let body = json!({ "name": "taken" });
    let taken = bench.operate_with(container.short_id(), "rename", Some(&body))?;
    assert_eq!((taken.status, taken.kind()), (409, "conflict"), "{taken:?}");
    let detail = taken.body["detail"].as_str().context("no detail")?;
    ensure!(detail.contains("already in use"), "{detail}");

    let twice = bench.operate(&container, "unpause")?;
    ensure!(twice.status == 409 || twice.status == 502, "{twice:?}");
    let detail = twice.body["detail"].as_str().context("no detail")?;
    ensure!(detail.contains("not paused"), "{detail}");
    Ok(())
}

#[test]
fn a_log_comes_back_in_the_order_it_was_written() -> Result<()> {
    let bench = Bench::start()?;
    let container = bench.engine.run(&Sample::talking("talking", 20))?;
    let lines = until("all 20 lines", DEADLINE, || {
        let log = bench
            .stack
            .api
            .logs(&bench.stack.host, container.short_id(), 100)?;
        let lines = log["lines"].as_array().context("no lines")?.clone();
        ensure!(lines.len() == 20, "{log}");
        assert_eq!(log["is_cut"], false);
        Ok(lines)
    })?;
    for (index, line) in lines.iter().enumerate() {
        let number = index + 1;
        let stream = if number % 2 == 1 { "out" } else { "err" };
        assert_eq!(line["text"], format!("{stream} {number}"));
        assert!(line["at"].is_string(), "{line}");
    }
    let last = bench
        .stack
        .api
        .logs(&bench.stack.host, container.short_id(), 3)?;
    let texts: Vec<&Value> = last["lines"]
        .as_array()
        .context("no lines")?
        .iter()
        .map(|line| &line["text"])
        .collect();
    assert_eq!(texts, ["err 18", "out 19", "err 20"]);
    Ok(())
}

#[test]
fn inspecting_shows_the_engines_object_with_its_secrets_masked() -> Result<()> {
    let bench = Bench::start()?;
    let sample = Sample::idle("inspected").env("DATABASE_PASSWORD", "hunter2-in-the-clear");
    let container = bench.engine.run(&sample)?;
    let path = format!(
        "/hosts/{}/containers/{}",
        bench.stack.host,
        container.short_id()
    );
    let inspected = bench.stack.api.get(&path)?;
    assert_eq!(inspected["container"]["Id"], container.id);
    assert_eq!(inspected["container"]["State"]["Status"], "running");
    let text = inspected.to_string();
    ensure!(text.contains("DATABASE_PASSWORD"), "{text}");
    ensure!(!text.contains("hunter2-in-the-clear"), "{text}");
    Ok(())
}
