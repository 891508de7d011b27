//! The agent inside a container of the Engine it watches.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pilotfish_lab::{Sample, Server, program, shared_engine};

const DEADLINE: Duration = Duration::from_secs(30);

#[test]
fn an_agent_in_a_container_knows_its_own_and_refuses_to_end_it() -> Result<()> {
    let engine = shared_engine()?;
    let server = Server::start()?;
    let api = server.api()?;
    let binary = program::find("pilotfish-agent")?;
    let command = binary.to_str().context("a path that is no text")?;
    // The test's own build is linked with the host's C library, so it sees that too.
    let mut sample = Sample::new("agent-inside", &[command])
        .network("host")
        .env("DOCKMON_URL", &server.url())
        .env("REGISTRATION_TOKEN", &api.registration_token(false)?)
        .env("DOCKER_HOST", &engine.docker_host())
        .bind(&engine.socket())
        .bind(&binary);
    for library in ["/lib", "/lib64", "/usr/lib"].map(Path::new) {
        if library.exists() {
            sample = sample.bind(library);
        }
    }
    let container = engine.run(&sample)?;
    let host = api.wait_host("the agent inside", DEADLINE, |host| {
        host["link"] == "online" && host["containers"].is_object()
    })?;
    let host = host["id"].as_str().context("no id")?;

    for action in ["stop", "kill", "restart", "pause"] {
        let reply = api.operate(host, container.short_id(), action, None)?;
        assert_eq!(
            (reply.status, reply.kind()),
            (403, "denied-by-host"),
            "{action}: {reply:?}"
        );
    }
    let reply = api.remove_container(host, container.short_id(), true)?;
    assert_eq!(
        (reply.status, reply.kind()),
        (403, "denied-by-host"),
        "{reply:?}"
    );
    assert_eq!(engine.state(&container.id)?, "running");

    let log = api.logs(host, container.short_id(), 50)?;
    ensure!(log.to_string().contains("registered as agent"), "{log}");
    engine.remove(&container.id)
}
