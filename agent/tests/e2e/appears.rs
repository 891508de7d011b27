//! A host and its containers appear on the server as they are.

use std::time::Duration;

use anyhow::{Result, ensure};
use pilotfish_lab::{Sample, Stack, shared_engine};

const DEADLINE: Duration = Duration::from_secs(15);

#[test]
fn a_host_with_its_containers_appears_on_the_server() -> Result<()> {
    let engine = shared_engine()?;
    let running = engine.run(&Sample::idle("appears").label("pilotfish.test", "yes"))?;
    engine.create(&Sample::idle("appears-created"))?;
    let stack = Stack::start(engine)?;
    let info = engine.get("/info")?;

    let host = stack.wait_host("host stats", DEADLINE, |host| host["stats"].is_object())?;
    assert_eq!(host["name"], info["Name"]);
    assert_eq!(host["engine"]["state"], "up");
    assert_eq!(host["engine"]["version"], info["ServerVersion"]);
    assert_eq!(host["agent"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(host["system"]["cpus"], info["NCPU"]);
    assert_eq!(host["system"]["memory_bytes"], info["MemTotal"]);

    let container = stack.wait_container("appears", DEADLINE, |container| {
        container["stats"].is_object()
    })?;
    assert_eq!(container["id"], running.short_id());
    assert_eq!(container["image"], pilotfish_lab::engine::IMAGE);
    assert_eq!(container["state"], "running");
    assert_eq!(container["labels"]["pilotfish.test"], "yes");
    assert_eq!(container["is_agent"], false);
    let memory_bytes = container["stats"]["memory_bytes"].as_u64();
    ensure!(memory_bytes.is_some_and(|bytes| bytes > 0), "{container}");

    let created = stack.wait_container("appears-created", DEADLINE, |_| true)?;
    assert_eq!(created["state"], "created");
    assert!(created["stats"].is_null(), "{created}");
    Ok(())
}
