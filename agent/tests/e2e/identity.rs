//! Tokens and identities: what is spent, what lasts, and two that claim to be one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use anyhow::{Result, ensure};
use pilotfish_lab::wire::FakeBackend;
use pilotfish_lab::{Agent, Engine, Relay, Server, Stack, shared_engine};

const DEADLINE: Duration = Duration::from_secs(20);

#[test]
fn a_spent_token_does_not_enrol_a_second_host() -> Result<()> {
    let engine = shared_engine()?;
    let other_engine = Engine::start()?;
    let server = Server::start()?;
    let api = server.api()?;
    let token = api.registration_token(false)?;
    let _first = Agent::builder()
        .engine(engine)
        .server(&server)
        .token(&token)
        .start()?;
    api.wait_host("the first host", DEADLINE, |host| host["link"] == "online")?;
    let mut second = Agent::builder()
        .engine(&other_engine)
        .server(&server)
        .token(&token)
        .start()?;
    second.wait_log("token", DEADLINE)?;
    let refusals = |action: &str| -> Result<bool> {
        let entries = api.audit(50)?;
        Ok(entries
            .iter()
            .any(|entry| entry["outcome"] != "ok" && entry.to_string().contains(action)))
    };
    pilotfish_lab::until("a refusal in the audit", DEADLINE, || {
        ensure!(refusals("agent")?, "{:?}", api.audit(50)?);
        Ok(())
    })?;
    assert_eq!(api.hosts()?.len(), 1);
    Ok(())
}

#[test]
fn a_multi_use_token_enrols_several_hosts() -> Result<()> {
    let engines = [Engine::start()?, Engine::start()?];
    let server = Server::start()?;
    let api = server.api()?;
    let token = api.registration_token(true)?;
    let mut agents = Vec::new();
    for engine in &engines {
        let agent = Agent::builder()
            .engine(engine)
            .server(&server)
            .token(&token)
            .env("AGENT_NAME", &format!("host-{}", agents.len()))
            .start()?;
        agents.push(agent);
    }
    for name in ["host-0", "host-1"] {
        api.wait_host(name, DEADLINE, |host| {
            host["name"] == name && host["link"] == "online"
        })?;
    }
    Ok(())
}

#[test]
fn the_stored_token_outlives_the_process_and_is_private() -> Result<()> {
    let engine = shared_engine()?;
    let mut stack = Stack::start(engine)?;
    let stored = stack.agent.data().join("agent.redb");
    let mode = fs::metadata(&stored)?.permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    stack.agent.program().kill()?;
    stack.wait_host("an offline host", DEADLINE, |host| {
        host["link"] == "offline"
    })?;
    // Its registration token is spent, and may be gone altogether.
    stack.agent.set_env("REGISTRATION_TOKEN", None);
    stack.agent.start_again()?;
    stack.wait_host("the same host", DEADLINE, |host| host["link"] == "online")?;
    assert_eq!(stack.api.hosts()?.len(), 1);
    Ok(())
}

#[test]
fn a_host_that_was_removed_comes_back_with_a_fresh_token() -> Result<()> {
    let engine = shared_engine()?;
    let mut stack = Stack::start(engine)?;
    stack.api.remove_host(&stack.host)?;
    stack.agent.start_again()?;
    stack.agent.wait_log("token", DEADLINE)?;
    assert_eq!(stack.api.hosts()?.len(), 0);
    let token = stack.api.registration_token(false)?;
    stack.agent.set_env("REGISTRATION_TOKEN", Some(&token));
    stack.agent.start_again()?;
    stack
        .api
        .wait_host("a new host", DEADLINE, |host| host["link"] == "online")?;
    Ok(())
}

#[test]
fn no_token_is_spent_when_the_data_path_cannot_be_written() -> Result<()> {
    let engine = shared_engine()?;
    let backend = FakeBackend::start()?;
    let directory = pilotfish_lab::Scratch::new()?;
    let file = directory.path().join("not-a-directory");
    fs::write(&file, "")?;
    let mut agent = Agent::builder()
        .engine(engine)
        .url(&backend.url())
        .token("one-use")
        .env("DATA_PATH", &file.join("data").display().to_string())
        .start()?;
    let status = agent.wait_exit(DEADLINE)?;
    ensure!(!status.success(), "{status}\n{}", agent.tail());
    ensure!(
        backend.accept_tcp(Duration::ZERO).is_err(),
        "it dialled before it knew that it can keep the token"
    );
    ensure!(!agent.output().contains("one-use"), "{}", agent.tail());
    Ok(())
}

#[test]
fn two_processes_with_one_identity_do_not_flap() -> Result<()> {
    let engine = shared_engine()?;
    let server = Server::start()?;
    let relay = Relay::start(server.address())?;
    let builder = Agent::builder().engine(engine);
    let mut stack = Stack::start_relayed(server, &relay, builder)?;
    stack.agent.program().terminate(Duration::from_secs(2))?;
    // A cloned card: the same stored identity twice, with the back-off that agents have by default.
    let clone_data = pilotfish_lab::Scratch::new()?;
    let clone_store = clone_data.path().join("agent.redb");
    fs::copy(stack.agent.data().join("agent.redb"), &clone_store)?;
    let start = |data: &std::path::Path| {
        Agent::builder()
            .engine(engine)
            .url(&format!("ws://{}", relay.address()))
            .env("RECONNECT_INITIAL", "1s")
            .env("RECONNECT_MAX", "60s")
            .data(data)
            .start()
    };
    let taken = relay.taken();
    let _one = start(stack.agent.data())?;
    let _two = start(clone_data.path())?;
    stack.wait_host("the host", DEADLINE, |host| host["link"] == "online")?;
    let watch_until = clock_in(Duration::from_secs(15));
    pilotfish_lab::until("15 s of watching", DEADLINE, || {
        ensure!(pilotfish_lab::clock::now() >= watch_until, "watching");
        Ok(())
    })?;
    let dials = relay.taken() - taken;
    // Back-off doubles with every displacement: some ten dials at the most, against some twenty a second without.
    ensure!((2..=16).contains(&dials), "{dials} dials in 15 s");
    Ok(())
}

fn clock_in(duration: Duration) -> std::time::Instant {
    pilotfish_lab::clock::now() + duration
}
