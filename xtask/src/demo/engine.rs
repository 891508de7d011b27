//! Which Engine the demo shows: the one that is there, or a private one with three containers.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use pilotfish_lab::engine::{self, Engine, Sample};

use crate::shell;

/// Where an agent looks without `DOCKER_HOST`.
const SOCKETS: &[&str] = &[
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/podman/podman.sock",
];

/// The Engine of the demo.
#[derive(Debug)]
pub(super) enum DemoEngine {
    /// `DOCKER_HOST` as it is; whether it answers is the agent's to find out when it is no Unix socket.
    Named(String),
    /// The first live socket.
    Found(PathBuf),
    /// Our own.
    Private(Engine),
    /// None, and we may not start one.
    Missing,
}

impl DemoEngine {
    /// Finds an Engine, or starts one with its data in `directory` when we are root.
    pub(super) fn find_or_start(directory: &Path) -> Result<Self> {
        if let Ok(named) = std::env::var("DOCKER_HOST")
            && !named.is_empty()
        {
            return Ok(Self::Named(named));
        }
        if let Some(socket) = SOCKETS
            .iter()
            .map(Path::new)
            .find(|socket| engine::answers_at(socket))
        {
            return Ok(Self::Found(socket.to_owned()));
        }
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Missing);
        }
        println!("no Docker Engine answers here: starting a private one with three containers");
        install_if_missing()?;
        let engine = Engine::start_at(directory)?;
        for sample in samples() {
            engine.run(&sample)?;
        }
        Ok(Self::Private(engine))
    }

    /// What the agent is told.
    pub(super) fn docker_host(&self) -> Option<String> {
        match self {
            Self::Named(named) => Some(named.clone()),
            Self::Found(socket) => Some(format!("unix://{}", socket.display())),
            Self::Private(engine) => Some(engine.docker_host()),
            Self::Missing => None,
        }
    }

    /// Tells whether containers can be expected on the page.
    pub(super) fn answers(&self) -> bool {
        match self {
            Self::Named(named) => named
                .strip_prefix("unix://")
                .is_none_or(|socket| engine::answers_at(Path::new(socket))),
            Self::Found(_) | Self::Private(_) => true,
            Self::Missing => false,
        }
    }

    /// What to do so that containers appear.
    pub(super) fn advice(&self) -> Option<String> {
        if self.answers() {
            return None;
        }
        let advice = match self {
            Self::Named(named) => format!("  Nothing answers at DOCKER_HOST={named}."),
            Self::Found(_) | Self::Private(_) | Self::Missing => format!(
                "  Install and start an Engine, and its containers appear by themselves:\n    sudo {}\n    \
                 sudo usermod --append --groups docker \"$USER\"   # then log in again\n  \
                 or let the demo do it all: sudo env \"PATH=$PATH\" cargo xtask demo",
                engine::INSTALL
            ),
        };
        Some(advice)
    }
}

impl fmt::Display for DemoEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(named) => write!(f, "{named} (DOCKER_HOST)"),
            Self::Found(socket) => write!(f, "{}", socket.display()),
            Self::Private(engine) => write!(f, "{} (private)", engine.docker_host()),
            Self::Missing => f.write_str("none"),
        }
    }
}

fn install_if_missing() -> Result<()> {
    let is_there = Path::new("/usr/sbin/dockerd").exists() || shell::exists("dockerd");
    if (is_there && shell::exists("busybox")) || !shell::exists("apt-get") {
        return Ok(());
    }
    shell::run(Command::new("apt-get").args(["update", "-q"]))?;
    let mut words = engine::INSTALL.split(' ');
    let program = words.next().unwrap_or_default();
    shell::run(
        Command::new(program)
            .args(words)
            .arg("--no-install-recommends")
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

/// One that serves, one that works, one that talks.
fn samples() -> [Sample; 3] {
    [
        Sample::script(
            "web",
            "mkdir -p /www; echo hello >/www/index.html; httpd -f -v -p 8080 -h /www & \
             while :; do wget -q -O /dev/null http://127.0.0.1:8080/; sleep 5; done",
        )
        .label("org.opencontainers.image.title", "a small web server"),
        Sample::script(
            "busy",
            "while :; do n=0; while [ $n -lt 50000 ]; do n=$((n + 1)); done; sleep 0.5; done",
        ),
        Sample::script(
            "talker",
            "n=0; while :; do n=$((n + 1)); echo \"line $n\"; [ $((n % 5)) = 0 ] && echo \"warning $n\" >&2; sleep 2; done",
        ),
    ]
}
