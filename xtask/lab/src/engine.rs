//! A private Docker Engine: own socket, data, containerd and pid file, nothing shared with the machine's own.

mod http;
mod image;
mod sample;

pub use sample::{Container, Sample};

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::program::Program;
use crate::{Scratch, until};

/// What the Engine and the sample containers need on Debian.
pub const INSTALL: &str = "apt-get install -y docker.io busybox-static";

/// The tag of the one image in a private Engine: a static busybox.
pub const IMAGE: &str = "pilotfish-lab:1";

const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(60);

/// A running (or stopped, or frozen) dockerd of our own.
#[derive(Debug)]
pub struct Engine {
    // Fields drop in this order: dockerd is killed first, then the keeper ends what it left.
    dockerd: Option<Program>,
    data: PathBuf,
    scratch: Scratch,
}

impl Engine {
    /// Starts an Engine with the image [`IMAGE`] and no containers.
    ///
    /// # Errors
    ///
    /// dockerd or busybox is missing (the message tells what to install), or dockerd does not come up; the end of its
    /// log is in the message.
    pub fn start() -> Result<Self> {
        let scratch = Scratch::new()?;
        let data = scratch.path().join("data");
        Self::start_with(scratch, data)
    }

    /// Starts an Engine whose data is in `data`, which is kept at the end.
    ///
    /// # Errors
    ///
    /// As [`Engine::start`].
    pub fn start_at(data: &Path) -> Result<Self> {
        let mut scratch = Scratch::new()?;
        fs::create_dir_all(data)?;
        let data = data.canonicalize()?;
        scratch.keep_data_at(&data)?;
        Self::start_with(scratch, data)
    }

    fn start_with(scratch: Scratch, data: PathBuf) -> Result<Self> {
        let mut engine = Self {
            dockerd: None,
            data,
            scratch,
        };
        engine.start_again()?;
        image::import(&engine)?;
        Ok(engine)
    }

    /// The path of its socket.
    pub fn socket(&self) -> PathBuf {
        self.scratch.path().join("docker.sock")
    }

    /// Its address as `DOCKER_HOST` takes it.
    pub fn docker_host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The id of the dockerd process.
    ///
    /// # Errors
    ///
    /// It is stopped.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.dockerd()?.pid())
    }

    /// Stops dockerd in order, which stops the containers, and starts it on the same data.
    ///
    /// # Errors
    ///
    /// It does not end or does not come up again.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.start_again()
    }

    /// Stops dockerd in order; its socket goes away and its containers stop.
    ///
    /// # Errors
    ///
    /// It does not end.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(mut dockerd) = self.dockerd.take() {
            dockerd.signal(Signal::TERM)?;
            dockerd.wait_exit(STOP_DEADLINE)?;
        }
        Ok(())
    }

    /// Kills dockerd as a crash would; its containers stay until it is started again.
    ///
    /// # Errors
    ///
    /// It does not end.
    pub fn crash(&mut self) -> Result<()> {
        if let Some(mut dockerd) = self.dockerd.take() {
            dockerd.kill()?;
        }
        // containerd dies with its parent, but a dockerd that finds its pid while it dies waits for it in vain.
        let pid_file = self.scratch.path().join("x/containerd/containerd.pid");
        let Ok(pid) = fs::read_to_string(&pid_file) else {
            return Ok(());
        };
        until("the end of containerd", STOP_DEADLINE, || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            ensure!(stat.is_empty() || stat.contains(") Z "), "{stat}");
            Ok(())
        })?;
        fs::remove_file(&pid_file).context("cannot remove containerd's pid file")
    }

    /// Starts dockerd, when stopped, on the same data and the same socket.
    ///
    /// # Errors
    ///
    /// As [`Engine::start`].
    pub fn start_again(&mut self) -> Result<()> {
        if self.dockerd.is_some() {
            return Ok(());
        }
        let dockerd = find_program("dockerd")?;
        let root = self.scratch.path();
        // The machine's own configuration must not leak in.
        let config = root.join("daemon.json");
        fs::write(&config, self.configuration(&dockerd)?)?;
        let mut command = Command::new(dockerd);
        command
            .arg("--config-file")
            .arg(&config)
            .arg("--host")
            .arg(self.docker_host())
            .arg("--data-root")
            .arg(&self.data)
            .arg("--exec-root")
            .arg(root.join("x"))
            .arg("--pidfile")
            .arg(root.join("dockerd.pid"))
            .args(["--bridge=none", "--iptables=false", "--ip-forward=false"])
            .current_dir(root);
        let mut dockerd = Program::start("dockerd", &self.scratch, &mut command)?;
        until("the Engine's answer", START_DEADLINE, || {
            dockerd.ensure_runs()?;
            http::call(&self.socket(), "GET", "/_ping", None)
                .and_then(http::Answer::ok)
                .with_context(|| dockerd.tail())
        })
        .context("no private Docker Engine (it needs root)")?;
        self.dockerd = Some(dockerd);
        Ok(())
    }

    /// Stops dockerd's process (SIGSTOP): the socket still takes connections, nothing answers.
    ///
    /// # Errors
    ///
    /// dockerd is not running.
    pub fn freeze(&self) -> Result<()> {
        self.dockerd()?.signal(Signal::STOP)
    }

    /// Lets a frozen dockerd go on.
    ///
    /// # Errors
    ///
    /// dockerd is not running.
    pub fn thaw(&self) -> Result<()> {
        self.dockerd()?.signal(Signal::CONT)
    }

    /// Creates and starts a container.
    ///
    /// # Errors
    ///
    /// The Engine refused.
    pub fn run(&self, sample: &Sample) -> Result<Container> {
        let container = self.create(sample)?;
        self.post(&format!("/containers/{}/start", container.id), None)?;
        Ok(container)
    }

    /// Creates a container and leaves it in state "created".
    ///
    /// # Errors
    ///
    /// The Engine refused.
    pub fn create(&self, sample: &Sample) -> Result<Container> {
        let path = format!("/containers/create?name={}", sample.name());
        let made = self.post(&path, Some(&sample.body()))?;
        let id = made["Id"].as_str().context("the Engine gave no id")?;
        Ok(Container {
            id: id.to_owned(),
            name: sample.name().to_owned(),
        })
    }

    /// The Engine's inspect object of a container, by id or name.
    ///
    /// # Errors
    ///
    /// The Engine does not know it.
    pub fn inspect(&self, container: &str) -> Result<Value> {
        self.get(&format!("/containers/{container}/json"))
    }

    /// The state of a container in the Engine's word, such as "running".
    ///
    /// # Errors
    ///
    /// The Engine does not know it.
    pub fn state(&self, container: &str) -> Result<String> {
        let inspected = self.inspect(container)?;
        let state = inspected["State"]["Status"].as_str();
        Ok(state.context("no state")?.to_owned())
    }

    /// Removes a container, running or not.
    ///
    /// # Errors
    ///
    /// The Engine refused.
    pub fn remove(&self, container: &str) -> Result<()> {
        self.delete(&format!("/containers/{container}?force=true"))
    }

    /// `DELETE path`.
    ///
    /// # Errors
    ///
    /// The Engine refused.
    pub fn delete(&self, path: &str) -> Result<()> {
        http::call(&self.socket(), "DELETE", path, None)?.ok()
    }

    /// `GET path` as JSON.
    ///
    /// # Errors
    ///
    /// The Engine refused; its message is in the error.
    pub fn get(&self, path: &str) -> Result<Value> {
        http::call(&self.socket(), "GET", path, None)?.json()
    }

    /// `POST path` with a JSON body; an empty answer is `null`.
    ///
    /// # Errors
    ///
    /// The Engine refused; its message is in the error.
    pub fn post(&self, path: &str, body: Option<&Value>) -> Result<Value> {
        let text = body.map(Value::to_string);
        let body = text.as_deref().map(|text| http::Body {
            content_type: "application/json",
            bytes: text.as_bytes(),
        });
        http::call(&self.socket(), "POST", path, body)?.json()
    }

    /// The configuration file of dockerd.
    fn configuration(&self, dockerd: &Path) -> Result<String> {
        let version = Command::new(dockerd).arg("--version").output()?.stdout;
        let version = String::from_utf8_lossy(&version).into_owned();
        let major: Option<u32> = version
            .split_once("version ")
            .and_then(|(_, number)| number.split('.').next()?.parse().ok());
        // Before version 23 the Engine's id came from a key that all Engines of a machine share, unless told otherwise.
        Ok(match major {
            Some(..23) => json!({ "deprecated-key-path": self.data.join("key.json") }).to_string(),
            _ => "{}".to_owned(),
        })
    }

    fn dockerd(&self) -> Result<&Program> {
        self.dockerd.as_ref().context("dockerd is stopped")
    }
}

/// Tells whether an Engine answers at a Unix socket.
pub fn answers_at(socket: &Path) -> bool {
    http::call(socket, "GET", "/_ping", None)
        .and_then(http::Answer::ok)
        .is_ok()
}

/// Finds a program in `PATH` or the directories of root's.
fn find_program(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from));
    let Some(found) = places
        .map(|place| place.join(name))
        .find(|path| path.is_file())
    else {
        bail!("{name} is not installed; as root on Debian: {INSTALL}");
    };
    Ok(found)
}

/// Finds the static busybox for the sample containers.
fn find_busybox() -> Result<PathBuf> {
    let found = find_program("busybox")?;
    let linked = Command::new("ldd").arg(&found).output();
    let is_dynamic = linked.is_ok_and(|output| {
        output.status.success() && contains(&output.stdout, OsStr::new("libc"))
    });
    ensure!(
        !is_dynamic,
        "{} is not static; as root on Debian: {INSTALL}",
        found.display()
    );
    Ok(found)
}

fn contains(bytes: &[u8], word: &OsStr) -> bool {
    let word = word.as_encoded_bytes();
    bytes.windows(word.len()).any(|window| window == word)
}
