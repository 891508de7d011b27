//! What a sample container is made of, and the samples that several tests use.

use serde_json::{Map, Value, json};

/// A container that the lab made.
#[derive(Debug, Clone)]
pub struct Container {
    /// The full id, 64 hex digits.
    pub id: String,
    /// Its name without a slash.
    pub name: String,
}

impl Container {
    /// The 12 digits by which the server knows it.
    pub fn short_id(&self) -> &str {
        &self.id[..12]
    }
}

/// A container to be made from the lab's image.
#[derive(Debug, Clone)]
pub struct Sample {
    name: String,
    command: Vec<String>,
    env: Vec<String>,
    labels: Map<String, Value>,
    network: String,
    restart: String,
    tty: bool,
    binds: Vec<String>,
    millicores: u32,
    memory_bytes: u64,
}

impl Sample {
    /// A container that runs `command` without a network.
    pub fn new(name: &str, command: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            command: command.iter().map(|&word| word.to_owned()).collect(),
            env: Vec::new(),
            labels: Map::new(),
            network: "none".to_owned(),
            restart: "no".to_owned(),
            tty: false,
            binds: Vec::new(),
            millicores: 0,
            memory_bytes: 0,
        }
    }

    /// A container that runs `script` in the shell; it ends at once on SIGTERM.
    pub fn script(name: &str, script: &str) -> Self {
        let script = format!("trap 'exit 0' TERM; {script}");
        Self::new(name, &["sh", "-c", &script])
    }

    /// Does nothing until it is stopped.
    pub fn idle(name: &str) -> Self {
        Self::script(name, "while :; do sleep 3600 & wait $!; done")
    }

    /// Uses as much of one core as it gets.
    pub fn busy(name: &str) -> Self {
        Self::script(name, "while :; do :; done")
    }

    /// Writes `lines` lines, odd ones to stdout and even ones to stderr, then idles.
    pub fn talking(name: &str, lines: u32) -> Self {
        let script = format!(
            "for n in $(seq {lines}); do if [ $((n % 2)) = 1 ]; then echo \"out $n\"; else echo \"err $n\" >&2; fi; sleep 0.05; done; \
             while :; do sleep 3600 & wait $!; done"
        );
        Self::script(name, &script)
    }

    /// Does not end on SIGTERM.
    pub fn stubborn(name: &str) -> Self {
        Self::new(
            name,
            &["sh", "-c", "trap '' TERM; while :; do sleep 1; done"],
        )
    }

    /// Ends with status 3 at once, and is started again by the Engine, again and again.
    pub fn crashing(name: &str) -> Self {
        Self::new(name, &["sh", "-c", "echo crash; exit 3"]).restart("always")
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push(format!("{name}={value}"));
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), value.into());
        self
    }

    /// Limits it to thousandths of a core.
    #[must_use]
    pub fn millicores(mut self, millicores: u32) -> Self {
        self.millicores = millicores;
        self
    }

    /// Limits its memory.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// Uses another network mode than "none": "host", or a network that was made in the private Engine.
    #[must_use]
    pub fn network(mut self, mode: &str) -> Self {
        mode.clone_into(&mut self.network);
        self
    }

    /// Sets the restart policy: "no", "always", "unless-stopped", "on-failure".
    #[must_use]
    pub fn restart(mut self, policy: &str) -> Self {
        policy.clone_into(&mut self.restart);
        self
    }

    /// Gives it a terminal, so that its log is one raw stream.
    #[must_use]
    pub fn tty(mut self) -> Self {
        self.tty = true;
        self
    }

    /// Mounts `path` of the host at the same place, read-only.
    #[must_use]
    pub fn bind(mut self, path: &std::path::Path) -> Self {
        let path = path.display();
        self.binds.push(format!("{path}:{path}:ro"));
        self
    }

    /// The body of `POST /containers/create`.
    pub(super) fn body(&self) -> Value {
        json!({
            "Image": super::IMAGE,
            "Cmd": self.command,
            "Env": self.env,
            "Labels": self.labels,
            "Tty": self.tty,
            "HostConfig": {
                "NetworkMode": self.network,
                "RestartPolicy": { "Name": self.restart },
                "Binds": self.binds,
                "NanoCpus": u64::from(self.millicores) * 1_000_000,
                "Memory": self.memory_bytes,
            },
        })
    }
}
