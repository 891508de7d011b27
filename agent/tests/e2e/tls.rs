//! The link over TLS: the right certificate lets the agent in, every other one keeps its token at home.

use std::time::Duration;

use anyhow::{Result, ensure};
use pilotfish_lab::{Agent, Server, Stack, shared_engine};

const DEADLINE: Duration = Duration::from_secs(20);

#[test]
fn an_agent_registers_over_tls_with_the_authority_it_was_given() -> Result<()> {
    let engine = shared_engine()?;
    let server = Server::builder().tls().start()?;
    let stack = Stack::start_with(server, Agent::builder().engine(engine))?;
    ensure!(
        stack.server.url().starts_with("https://"),
        "{}",
        stack.server.url()
    );
    stack.wait_host("host stats over TLS", DEADLINE, |host| {
        host["stats"].is_object()
    })?;
    Ok(())
}

#[test]
fn a_server_that_cannot_prove_itself_never_sees_the_token() -> Result<()> {
    let engine = shared_engine()?;
    let server = Server::builder().tls().start()?;
    let stranger = Server::builder().tls().start()?;
    let token = server.api()?.registration_token(false)?;
    // The address of one, the certificate of the other; and one with the system's authorities only.
    let wrong_authority = Agent::builder().server(&stranger).url(&server.url());
    let system_authorities = Agent::builder().url(&server.url());
    for builder in [wrong_authority, system_authorities] {
        let mut agent = builder.engine(engine).token(&token).start()?;
        let line = agent.wait_log("no TLS with 127.0.0.1", DEADLINE)?;
        ensure!(line.contains("certificate"), "{line}");
        ensure!(!agent.output().contains(&token), "the token is in the log");
    }
    ensure!(server.api()?.hosts()?.is_empty(), "an agent got in");
    Ok(())
}

#[test]
fn an_agent_that_meets_plain_http_where_tls_should_be_says_so() -> Result<()> {
    let engine = shared_engine()?;
    let server = Server::start()?;
    let url = server.url().replace("http://", "https://");
    let mut agent = Agent::builder()
        .url(&url)
        .engine(engine)
        .token("token")
        .start()?;
    agent.wait_log("no TLS with 127.0.0.1", DEADLINE)?;
    Ok(())
}
