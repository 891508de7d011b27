//! The program itself: its end, its arguments, its complaints.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use pilotfish_lab::wire::{End, FakeBackend};
use pilotfish_lab::{Agent, program, shared_engine};
use rustix::process::Signal;

const DEADLINE: Duration = Duration::from_secs(20);

/// Wrong configuration (sysexits.h, EX_CONFIG).
const CONFIG: i32 = 78;

#[test]
fn sigterm_closes_the_socket_in_order_and_ends_within_two_seconds() -> Result<()> {
    let engine = shared_engine()?;
    let backend = FakeBackend::start()?;
    let mut agent = Agent::builder()
        .engine(engine)
        .url(&backend.url())
        .token("once")
        .start()?;
    let (mut peer, _) = backend.register("for-ever", DEADLINE)?;
    agent.signal(Signal::TERM)?;
    let end = peer.end(Duration::from_secs(2))?;
    ensure!(matches!(end, End::Closed(1000 | 1001, _)), "{end:?}");
    let status = agent.wait_exit(Duration::from_secs(2))?;
    ensure!(status.success(), "{status}\n{}", agent.tail());
    Ok(())
}

#[test]
fn sigterm_ends_an_agent_that_never_connected() -> Result<()> {
    let mut agent = Agent::builder()
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .url("ws://127.0.0.1:9")
        .token("once")
        .start()?;
    agent.wait_log("Engine", DEADLINE)?;
    agent.signal(Signal::TERM)?;
    let status = agent.wait_exit(Duration::from_secs(2))?;
    ensure!(status.success(), "{status}\n{}", agent.tail());
    Ok(())
}

#[test]
fn every_fault_of_the_environment_is_told_at_once() -> Result<()> {
    let mut agent = Agent::builder()
        .env("RECONNECT_MAX", "soon")
        .env("LOG_LEVEL", "loud")
        .start()?;
    let status = agent.wait_exit(DEADLINE)?;
    assert_eq!(status.code(), Some(CONFIG), "{}", agent.tail());
    let said = agent.output();
    for name in ["DOCKMON_URL", "RECONNECT_MAX", "LOG_LEVEL"] {
        ensure!(said.contains(name), "no {name} in:\n{said}");
    }
    Ok(())
}

#[test]
fn version_and_help_need_no_environment() -> Result<()> {
    let binary = program::find("pilotfish-agent")?;
    let version = Command::new(&binary)
        .arg("--version")
        .env_clear()
        .output()?;
    ensure!(version.status.success(), "{version:?}");
    let text = String::from_utf8_lossy(&version.stdout).into_owned();
    ensure!(text.contains(env!("CARGO_PKG_VERSION")), "{text}");
    let help = Command::new(&binary).arg("--help").env_clear().output()?;
    ensure!(help.status.success(), "{help:?}");
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    ensure!(text.contains("DOCKMON_URL"), "{text}");
    Ok(())
}
