//! The Debian machine: its Engine answers on this host, and its root's shell is reached through a container of it.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pilotfish_lab::wait::Hopeless;
use pilotfish_lab::{Scratch, until};
use serde_json::Value;

use super::machine::{Boot, Disk, Machine};
use super::root::Root;
use crate::shell::read;

/// The image of every container in the machine: a static busybox.
pub(super) const IMAGE: &str = "box";

/// The container through which the guest's own shell is reached.
const DOOR: &str = "door";

const ENGINE_DEADLINE: Duration = Duration::from_secs(600);
const CALL_DEADLINE: Duration = Duration::from_secs(120);

/// A Debian that is on, with an Engine that has an [`IMAGE`].
#[derive(Debug)]
pub(super) struct Guest {
    machine: Machine,
    /// A port of this host's loopback, which leads to the Engine.
    port: u16,
    scratch: Scratch,
}

impl Guest {
    /// Boots it, with more words for the kernel.
    pub(super) fn start(root: &Root, command_line: &str) -> Result<Self> {
        let scratch = Scratch::new()?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let machine = Machine::start(&Boot {
            kernel: root.kernel.clone(),
            initrd: root.initrd.clone(),
            // Debian's minimal root has no tools for either of the two.
            command_line: format!("root=/dev/vda rw apparmor=0 selinux=0 psi=1 {command_line}"),
            memory_mib: 2048,
            disks: vec![Disk::Kept(root.disk.clone())],
            engine_port: Some(port),
        })?;
        let mut guest = Self {
            machine,
            port,
            scratch,
        };
        guest.wait_engine()?;
        guest.import(&root.tree.join("usr/bin/busybox"))?;
        guest.docker(&[
            "run",
            "-d",
            "--name",
            DOOR,
            "--privileged",
            "--pid=host",
            "--cgroupns=host",
            "--network=none",
            IMAGE,
            "sleep",
            "100000",
        ])?;
        let version = guest.get("/version")?;
        println!(
            "a Debian with Engine {} on Linux {} is up after {:.0} s",
            version["Version"].as_str().unwrap_or("?"),
            version["KernelVersion"].as_str().unwrap_or("?"),
            guest.machine.age().as_secs_f64()
        );
        Ok(guest)
    }

    /// Runs the Docker CLI of this host on the guest's Engine, and answers what it prints.
    pub(super) fn docker(&self, arguments: &[&str]) -> Result<String> {
        let output = read(&mut self.cli(arguments)).with_context(|| self.machine.console_tail())?;
        Ok(String::from_utf8_lossy(&output).trim_end().to_owned())
    }

    /// Starts a container that runs `script`, with more options for `docker run`.
    pub(super) fn run(&self, name: &str, options: &[&str], script: &str) -> Result<()> {
        let mut arguments = vec!["run", "-d", "--name", name];
        arguments.extend(options);
        arguments.extend([IMAGE, "sh", "-c", script]);
        self.docker(&arguments).map(drop)
    }

    /// `GET path` of the guest's Engine.
    pub(super) fn get(&self, path: &str) -> Result<Value> {
        let body = exchange(self.port, path).with_context(|| format!("the Engine's GET {path}"))?;
        serde_json::from_slice(&body).with_context(|| format!("the Engine's GET {path}"))
    }

    /// The Engine's own numbers of a container.
    pub(super) fn stats(&self, container: &str) -> Result<Value> {
        self.get(&format!(
            "/containers/{container}/stats?stream=false&one-shot=true"
        ))
    }

    /// Runs a script as root in the guest, outside of any container's name spaces, and answers what it prints.
    pub(super) fn shell(&self, script: &str) -> Result<Vec<u8>> {
        read(&mut self.cli(&self.door(script)))
    }

    /// Copies a file of this host into the guest, executable.
    pub(super) fn put(&self, file: &Path, to: &str) -> Result<()> {
        let script = format!("cat >{to} && chmod 755 {to}");
        let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut command = self.cli(&self.door(&script));
        read(command.stdin(opened)).map(drop)
    }

    /// The end of the guest's console, for a message about a failure.
    pub(super) fn tail(&self) -> String {
        self.machine.console_tail()
    }

    /// The arguments that run a script in the name spaces of the guest's first process.
    fn door<'a>(&self, script: &'a str) -> [&'a str; 14] {
        [
            "exec", "-i", DOOR, "nsenter", "-t", "1", "-m", "-u", "-i", "-n", "--", "sh", "-c",
            script,
        ]
    }

    fn cli(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command
            .env("DOCKER_HOST", format!("tcp://127.0.0.1:{}", self.port))
            .env_remove("DOCKER_TLS_VERIFY")
            .env_remove("DOCKER_CONTEXT")
            .stdin(Stdio::null())
            .args(arguments);
        command
    }

    fn wait_engine(&mut self) -> Result<()> {
        until("the guest's Engine answers", ENGINE_DEADLINE, || {
            if let Err(error) = self.machine.ensure_runs() {
                return Err(Hopeless(format!("{error:#}")).into());
            }
            exchange(self.port, "/_ping").map(drop)
        })
        .with_context(|| self.machine.console_tail())
    }

    /// Packs busybox with a link for each of its commands and imports it as [`IMAGE`].
    fn import(&self, busybox: &Path) -> Result<()> {
        let tree = self.scratch.path().join("box");
        let bin = tree.join("bin");
        fs::create_dir_all(&bin)?;
        fs::create_dir_all(tree.join("tmp"))?;
        fs::copy(busybox, bin.join("busybox"))?;
        let commands = read(Command::new(busybox).arg("--list"))?;
        for name in String::from_utf8_lossy(&commands)
            .lines()
            .filter(|name| *name != "busybox")
        {
            symlink("busybox", bin.join(name))?;
        }
        let packed = self.scratch.path().join("box.tar");
        read(
            Command::new("tar")
                .arg("-cf")
                .arg(&packed)
                .arg("-C")
                .arg(&tree)
                .arg("."),
        )?;
        self.docker(&["import", &packed.to_string_lossy(), IMAGE])
            .map(drop)
    }
}

/// One HTTP/1.0 request: the Engine then sends no chunks and closes behind its answer.
fn exchange(port: u16, path: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(CALL_DEADLINE))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let head = b"\r\n\r\n";
    let end = answer
        .windows(head.len())
        .position(|bytes| bytes == head)
        .context("no whole answer")?;
    let status = answer
        .split(|&byte| byte == b' ')
        .nth(1)
        .context("no status")?;
    ensure!(
        status == b"200",
        "status {}",
        String::from_utf8_lossy(status)
    );
    Ok(answer[end + head.len()..].to_vec())
}
