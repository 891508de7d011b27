//! How often stats come: as often as somebody looks, within what the host allows.

use std::time::Duration;

use anyhow::{Result, ensure};
use pilotfish_lab::{Agent, Server, Stack, Viewer, clock, shared_engine, until};

const DEADLINE: Duration = Duration::from_secs(20);
/// For how long a host is measured often after the last viewer left.
const LINGER: Duration = Duration::from_secs(30);

fn start(limits: &[(&str, &str)]) -> Result<Stack> {
    let agent = Agent::builder().engine(shared_engine()?);
    let agent = limits
        .iter()
        .fold(agent, |agent, (name, value)| agent.env(name, value));
    Stack::start_with(Server::start()?, agent)
}

/// Waits until so many ticks were seen; gives how long that took.
fn wait_ticks(stack: &Stack, viewer: &Viewer, count: usize) -> Result<Duration> {
    let (before, began_at) = (viewer.ticks(), clock::now());
    let came = until(&format!("{count} ticks"), DEADLINE, || {
        let seen = viewer.ticks() - before;
        ensure!(seen >= count, "{seen}");
        Ok(clock::now() - began_at)
    });
    stack.explain(came)
}

/// Waits until two ticks are as far apart as `pace`, give or take a tenth.
fn wait_pace(stack: &Stack, viewer: &Viewer, pace: Duration, deadline: Duration) -> Result<()> {
    stack.explain(until("the pace", deadline, || {
        let tick = viewer.newest();
        let interval = tick["interval_ms"].as_u64().map(Duration::from_millis);
        ensure!(
            interval.is_some_and(|interval| interval.abs_diff(pace) <= pace / 10),
            "{interval:?}"
        );
        Ok(())
    }))
}

#[test]
fn stats_come_each_second_while_somebody_looks_and_for_a_while_after() -> Result<()> {
    let stack = start(&[])?;
    let passer_by = Viewer::glance(&stack)?;
    wait_pace(&stack, &passer_by, Duration::from_secs(10), DEADLINE * 2)?;

    let viewer = Viewer::watch(&stack)?;
    let first = wait_ticks(&stack, &viewer, 1)?;
    ensure!(first < Duration::from_secs(3), "first tick after {first:?}");
    let five = wait_ticks(&stack, &viewer, 5)?;
    let expected = Duration::from_millis(3500)..Duration::from_millis(7500);
    ensure!(expected.contains(&five), "five ticks in {five:?}");

    drop(viewer);
    let left_at = clock::now();
    wait_pace(
        &stack,
        &passer_by,
        Duration::from_secs(10),
        LINGER + DEADLINE,
    )?;
    let lingered = clock::now() - left_at;
    ensure!(lingered >= LINGER - Duration::from_secs(2), "{lingered:?}");
    Ok(())
}

#[test]
fn a_host_that_wants_no_more_than_a_tick_in_five_seconds_says_so() -> Result<()> {
    let stack = start(&[("STATS_INTERVAL_MIN", "5s")])?;
    let viewer = Viewer::watch(&stack)?;
    let host = stack.wait_host("a cadence that was clamped", DEADLINE, |host| {
        host["cadence"]["slowed"] == "minimum"
    })?;
    assert_eq!(host["cadence"]["interval_ms"], 5000, "{host}");
    assert_eq!(host["cadence"]["asked_ms"], 1000, "{host}");
    let three = wait_ticks(&stack, &viewer, 3)?;
    ensure!(three > Duration::from_secs(9), "three ticks in {three:?}");
    Ok(())
}

#[test]
fn a_day_that_is_spent_makes_stats_rare_and_the_page_says_on_what() -> Result<()> {
    let stack = start(&[("BYTES_PER_DAY", "3k")])?;
    let viewer = Viewer::watch(&stack)?;
    let host = stack.wait_host("a cadence that spares", DEADLINE * 3, |host| {
        host["cadence"]["slowed"] == "budget"
    })?;
    ensure!(
        host["cadence"]["interval_ms"].as_u64() > Some(10_000),
        "{host}"
    );
    assert_eq!(host["cadence"]["asked_ms"], 1000, "{host}");
    let host = stack.wait_host("what was spent", DEADLINE * 2, |host| {
        host["spending"].is_object()
    })?;
    let spending = &host["spending"];
    assert_eq!(spending["budget_bytes"], 3000, "{spending}");
    let lanes = [
        "stats", "events", "answers", "lists", "spool", "upkeep", "received",
    ];
    let spent = lanes.map(|lane| {
        spending[format!("{lane}_bytes")]
            .as_u64()
            .unwrap_or_default()
    });
    // Four fifths of the day's bytes are gone before anything gives way.
    ensure!(spent.iter().sum::<u64>() >= 2400, "{spending}");
    drop(viewer);
    Ok(())
}
