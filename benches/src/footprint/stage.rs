//! What an agent is measured on: a private Engine with containers, some of them at work, and a server over TLS behind a counting relay.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use pilotfish_lab::{Engine, Relay, Sample, Server};

/// One container in this many is at work.
pub(super) const BUSY_SHARE: usize = 4;

/// Does a little of everything twice a second, for well below one percent of a core: computes, touches memory, writes a file.
const LIVELY: &str = "while :; do n=0; while [ $n -lt 2000 ]; do n=$((n+1)); done; \
    dd if=/dev/zero of=/tmp/file bs=4096 count=32 2>/dev/null; sleep 0.5; done";

/// Engine, server and relay, ready for an agent.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) engine: Engine,
    pub(super) server: Server,
    /// Counts what goes over the line, all of TLS and WebSocket included.
    pub(super) relay: Relay,
    pub(super) containers: usize,
}

impl Stage {
    /// Sets the stage with `containers` containers.
    pub(super) fn set(server: &Path, containers: usize) -> Result<Self> {
        let engine = Engine::start()?;
        let busy = containers / BUSY_SHARE;
        for number in 0..containers {
            let sample = if number < busy {
                Sample::script(&format!("busy-{number:03}"), LIVELY)
            } else {
                Sample::idle(&format!("idle-{number:03}"))
            };
            engine.run(&sample)?;
        }
        let server = Server::builder().binary(server).tls().start()?;
        let relay = Relay::start(server.address())?;
        Ok(Self {
            engine,
            server,
            relay,
            containers,
        })
    }

    /// The Engine's own processes: dockerd, and containerd which it starts.
    pub(super) fn engine_pids(&self) -> Result<Vec<u32>> {
        let dockerd = self.engine.pid()?;
        let mut pids = vec![dockerd];
        let children = format!("/proc/{dockerd}/task/{dockerd}/children");
        let children = fs::read_to_string(&children).unwrap_or_default();
        for child in children.split_whitespace() {
            pids.push(child.parse().context("a child's id is no number")?);
        }
        Ok(pids)
    }
}
