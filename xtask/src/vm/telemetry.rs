//! `cargo xtask vm telemetry`: the real agent beside `docker stats` on a host with control groups of version 2 and the driver systemd,
//! then on one without a memory controller.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use pilotfish_lab::{Api, Server, clock, until};
use serde_json::Value;

use super::guest::Guest;
use super::numbers::{self, Row};
use super::root::Root;
use crate::shell::{self, cargo, target};

/// How long CPU percentages are averaged, at least; with at least [`TICKS`] of the agent.
const COMPARED: Duration = Duration::from_secs(30);
const TICKS: usize = 4;

const ONLINE_DEADLINE: Duration = Duration::from_secs(300);
const CPU_DEADLINE: Duration = Duration::from_secs(240);
const TOTALS_DEADLINE: Duration = Duration::from_secs(240);

/// Containers under load; what writes, sends or receives stops when it finds `/stop`, and all of them are compared.
const COMPARED_NAMES: &[&str] = &[
    "fifth", "half", "memory", "disk", "network", "client", "idle",
];

const AGENT: &str = "/usr/local/bin/pilotfish-agent";
const UNIT: &str = "pilotfish-agent";

/// Compares, with this agent instead of the workspace's own when given.
pub(super) fn run(agent: Option<PathBuf>) -> Result<()> {
    for program in ["pilotfish-agent", "pilotfish-server"] {
        shell::run(cargo().args(["build", "-p", program]))?;
    }
    let built = target().join("debug");
    let agent = agent.unwrap_or_else(|| built.join("pilotfish-agent"));
    let root = Root::find_or_make()?;
    let compared = Observed::start(&root, &built, &agent, "").and_then(|observed| {
        let result = observed.compare();
        observed.explain(result)
    });
    let absent =
        Observed::start(&root, &built, &agent, "cgroup_disable=memory").and_then(|observed| {
            let result = observed.expect_no_memory();
            observed.explain(result)
        });
    match (compared, absent) {
        (Err(compared), Err(absent)) => {
            bail!("{compared:#}\n\nand without a memory controller: {absent:#}")
        }
        (compared, absent) => compared.and(absent),
    }
}

/// A guest with containers and an agent, which a server on this host hears.
#[derive(Debug)]
struct Observed {
    guest: Guest,
    server: Server,
    api: Api,
    host: String,
}

impl Observed {
    fn start(
        root: &Root,
        built: &std::path::Path,
        agent: &std::path::Path,
        command_line: &str,
    ) -> Result<Self> {
        let guest = Guest::start(root, command_line)?;
        guest.run("fifth", &["--cpus=0.2"], "while :; do :; done")?;
        guest.run("half", &["--cpus=0.5"], "while :; do :; done")?;
        let fill = r#"x=$(head -c 8000000 /dev/zero | tr "\0" x); cat /bin/* >/dev/null; while :; do sleep 1000; done"#;
        guest.run("memory", &["--memory=64m"], fill)?;
        let write = "while [ ! -e /stop ]; do dd if=/dev/zero of=/tmp/x bs=64k count=16 conv=fsync 2>/dev/null; sleep 1; done; sleep 100000";
        guest.run("disk", &[], write)?;
        let serve = "mkdir /www; head -c 300000 /dev/zero >/www/x; exec httpd -f -p 80 -h /www";
        guest.run("network", &[], serve)?;
        let fetch = "while [ ! -e /stop ]; do wget -q -O /dev/null http://network/x; sleep 1; done; sleep 100000";
        guest.run("client", &["--link", "network"], fetch)?;
        guest.run("idle", &[], "sleep 100000")?;

        let server = Server::builder()
            .binary(&built.join("pilotfish-server"))
            .start()?;
        let api = server.api()?;
        let token = api.registration_token(false)?;
        guest.put(agent, AGENT)?;
        // The guest dials this host's loopback at 10.0.2.2.
        guest.shell(&format!(
            "mkdir -p /var/lib/pilotfish && systemd-run --quiet --property=Type=exec --unit={UNIT} --setenv=DOCKMON_URL=http://10.0.2.2:{} \
             --setenv=REGISTRATION_TOKEN={token} --setenv=DATA_PATH=/var/lib/pilotfish --setenv=LOG_LEVEL=debug {AGENT}",
            server.address().port()
        ))?;
        let online = api.wait_host(
            "the guest is online with its stats",
            ONLINE_DEADLINE,
            |host| {
                host["link"] == "online"
                    && host["containers"]["total"].as_u64() >= Some(8)
                    && host["stats"].is_object()
            },
        );
        let mut observed = Self {
            guest,
            server,
            api,
            host: String::new(),
        };
        let host = observed.explain(online)?;
        println!("collector {}", host["collector"]);
        println!("cadence {}", host["cadence"]);
        observed.host = host["id"]
            .as_str()
            .context("a host without an id")?
            .to_owned();
        Ok(observed)
    }

    /// Fails unless the server says of every container what `docker stats` says.
    fn compare(&self) -> Result<()> {
        let written_before = self.agent_written_bytes()?;
        let mut rows = self.cpu()?;
        let written = self.agent_written_bytes()? - written_before;
        for name in ["disk", "client"] {
            self.guest.docker(&["exec", name, "touch", "/stop"])?;
        }
        let mut totals = Vec::new();
        let agreed = until("all totals agree", TOTALS_DEADLINE, || {
            totals = self.totals()?;
            let differing = totals.iter().filter(|row| !row.agrees).count();
            ensure!(differing == 0, "{differing} numbers differ");
            Ok(())
        });
        rows.extend(totals);
        println!("\n{}", numbers::table(&rows));
        println!("the agent wrote {written} bytes to disk meanwhile (write_bytes of /proc/PID/io)");
        agreed?;
        let differing = rows.iter().filter(|row| !row.agrees).count();
        ensure!(differing == 0, "{differing} numbers differ: see the table");
        ensure!(
            written == 0,
            "the agent wrote {written} bytes although nothing happened"
        );
        let host = self.api.host(&self.host)?;
        ensure!(
            host["collector"]["containers"] == "cgroup_v2"
                && host["collector"]["cgroup_driver"] == "systemd",
            "the collector is {}",
            host["collector"]
        );
        Ok(())
    }

    /// Both sides' CPU percentages, averaged over the same time.
    fn cpu(&self) -> Result<Vec<Row>> {
        let names = COMPARED_NAMES;
        let mut cli: Vec<Vec<f64>> = vec![Vec::new(); names.len()];
        let mut server: Vec<Vec<f64>> = vec![Vec::new(); names.len()];
        let mut seen: Vec<Option<u64>> = vec![None; names.len()];
        let counted_before = self.counted()?;
        let started_at = clock::now();
        loop {
            let containers = self.api.containers(&self.host)?;
            for (index, name) in names.iter().enumerate() {
                let stats = &find(&containers, name)?["stats"];
                let at_unix_ms = stats["at_unix_ms"].as_u64();
                let before = seen[index].replace(at_unix_ms.unwrap_or_default());
                // The first is of a time before.
                if before.is_some() && before != at_unix_ms {
                    server[index].extend(stats["cpu_percent"].as_f64());
                }
            }
            for (name, stats) in self.docker_stats()? {
                if let Some(index) = names.iter().position(|known| *known == name) {
                    let percent = stats["CPUPerc"]
                        .as_str()
                        .unwrap_or_default()
                        .trim_end_matches('%');
                    cli[index].push(
                        percent
                            .parse()
                            .with_context(|| format!("{name}: {stats}"))?,
                    );
                }
            }
            let elapsed = clock::now().duration_since(started_at);
            if elapsed >= COMPARED && server[0].len() >= TICKS {
                break;
            }
            if elapsed >= CPU_DEADLINE {
                bail!(
                    "{} samples of the agent in {elapsed:.0?}: {server:?}",
                    server[0].len()
                );
            }
        }
        println!(
            "compared for {:.0} s",
            clock::now().duration_since(started_at).as_secs_f64()
        );
        let share = numbers::counted_share(&counted_before, &self.counted()?)
            .context("no CPU time was counted")?;
        println!(
            "/proc/stat counted {:.1} % of the clock's time",
            share * 100.0
        );
        let rows = names.iter().zip(cli.iter().zip(&server));
        Ok(rows
            .map(|(name, (cli, server))| numbers::cpu(name, cli, share, server))
            .collect())
    }

    /// The guest's clock and its CPU time, for [`numbers::counted_share`].
    fn counted(&self) -> Result<String> {
        let printed = self.guest.shell("cat /proc/uptime /proc/stat")?;
        Ok(String::from_utf8_lossy(&printed).into_owned())
    }

    fn totals(&self) -> Result<Vec<Row>> {
        let cli = self.docker_stats()?;
        let containers = self.api.containers(&self.host)?;
        let mut rows = Vec::new();
        for name in COMPARED_NAMES {
            let shown = cli.iter().find(|(shown, _)| shown == name);
            let (_, shown) = shown.with_context(|| format!("docker stats has no {name}"))?;
            let engine = self.guest.stats(name)?;
            rows.extend(numbers::totals(
                name,
                shown,
                &engine,
                find(&containers, name)?,
            ));
        }
        Ok(rows)
    }

    /// What `docker stats` prints once, by container.
    fn docker_stats(&self) -> Result<Vec<(String, Value)>> {
        let printed = self
            .guest
            .docker(&["stats", "--no-stream", "--format", "{{json .}}"])?;
        printed
            .lines()
            .map(|line| {
                let stats: Value = serde_json::from_str(line)?;
                Ok((stats["Name"].as_str().context("no name")?.to_owned(), stats))
            })
            .collect()
    }

    /// Fails unless the memory of containers is absent with a reason while their CPU time is known.
    fn expect_no_memory(&self) -> Result<()> {
        until("a container's CPU is told", TOTALS_DEADLINE, || {
            let containers = self.api.containers(&self.host)?;
            let half = find(&containers, "half")?;
            ensure!(half["stats"]["cpu_percent"].as_f64() > Some(1.0), "{half}");
            Ok(())
        })?;
        for container in self.api.containers(&self.host)? {
            let (name, memory) = (&container["name"], &container["stats"]["memory_bytes"]);
            println!("without a memory controller: {name} has memory_bytes {memory}");
            ensure!(
                memory.is_null(),
                "memory_bytes of {name} is {memory}, it must be null"
            );
        }
        let host = self.api.host(&self.host)?;
        let missing = host["collector"]["missing"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let why = missing
            .iter()
            .find(|missing| missing["value"].to_string().contains("memory"));
        let why = why
            .with_context(|| format!("memory is not told to be missing: {}", host["collector"]))?;
        println!("the report says: {why}");
        ensure!(
            why["why"].as_str().is_some_and(|text| !text.is_empty()),
            "no reason is told: {why}"
        );
        Ok(())
    }

    fn agent_written_bytes(&self) -> Result<u64> {
        let printed = self.guest.shell(&format!(
            "cat /proc/$(systemctl show -p MainPID --value {UNIT})/io"
        ))?;
        let text = String::from_utf8_lossy(&printed).into_owned();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("write_bytes: "));
        Ok(line
            .with_context(|| format!("no write_bytes in {text:?}"))?
            .parse()?)
    }

    /// Adds to an error what guest, agent and server said.
    fn explain<T>(&self, result: Result<T>) -> Result<T> {
        result.with_context(|| {
            let log = self
                .guest
                .shell(&format!("journalctl --no-pager -n 40 -o cat -u {UNIT}"));
            let log = log.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            format!(
                "{}\n--- agent ---\n{}\n{}",
                self.guest.tail(),
                log.unwrap_or_else(|error| format!("{error:#}")),
                self.server.tail()
            )
        })
    }
}

fn find<'a>(containers: &'a [Value], name: &str) -> Result<&'a Value> {
    containers
        .iter()
        .find(|container| container["name"] == name)
        .with_context(|| format!("the server has no container {name}"))
}
