//! `cargo xtask vm record debian`: containers of a real Engine under load, as a Debian 12 keeps them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pilotfish_lab::{Scratch, until};

use super::groups::SNAPSHOT;
use super::guest::Guest;
use super::recording;
use super::root::Root;

/// Until the containers have done something worth recording.
const LOAD_DEADLINE: Duration = Duration::from_secs(300);

const MEMORY: &str = r#"cat /bin/busybox >/dev/null; x=$(head -c 4000000 /dev/zero | tr "\0" x); tail /dev/zero; while :; do sleep 100; done"#;
const DISK: &str =
    "while :; do dd if=/dev/zero of=/tmp/x bs=64k count=16 conv=fsync 2>/dev/null; sleep 2; done";
const SERVE: &str = "mkdir /www; head -c 100000 /dev/zero >/www/x; exec httpd -f -p 80 -h /www";
const IDLE: &str = "while :; do sleep 100; done";

/// Records containers, twice, with what the Engine said of them between.
pub(super) fn record(root: &Root, place: &str, command_line: &str) -> Result<()> {
    let guest = Guest::start(root, command_line)?;
    let driver = guest.docker(&["info", "--format", "{{.CgroupDriver}}"])?;
    let parent = match driver.as_str() {
        "systemd" => "--cgroup-parent=pilotfish-parent.slice",
        _ => "--cgroup-parent=/pilotfish-parent",
    };
    guest.run("busy", &["--cpus=0.2"], "while :; do :; done")?;
    guest.run("memory", &["--memory=64m"], MEMORY)?;
    guest.run("disk", &[], DISK)?;
    guest.run("idle", &[], IDLE)?;
    guest.run("network", &[], SERVE)?;
    let fetch = "while :; do wget -q -O /dev/null http://network/x; sleep 2; done";
    guest.run("client", &["--link", "network"], fetch)?;
    guest.run("parent", &[parent, "--pids-limit=100"], IDLE)?;
    guest.run("host", &["--network=host"], IDLE)?;
    let names = [
        "busy", "memory", "disk", "idle", "network", "client", "parent", "host",
    ];
    until("the load is counted", LOAD_DEADLINE, || {
        let sent = guest.stats("network")?["networks"]["eth0"]["tx_bytes"].as_u64();
        ensure!(sent > Some(100_000), "sent {sent:?} bytes");
        let written = guest.stats("disk")?["blkio_stats"]["io_service_bytes_recursive"].to_string();
        ensure!(written.contains("rite"), "disk: {written}");
        Ok(())
    })
    .with_context(|| guest.tail())?;

    let scratch = Scratch::new()?;
    let recorded = scratch.path().join("recorded");
    let answers = recorded.join("engine");
    fs::create_dir_all(&answers)?;
    let mut table = String::new();
    let mut pids = String::new();
    for name in names {
        let inspected = guest.get(&format!("/containers/{name}/json"))?;
        let id = inspected["Id"].as_str().context("no id")?;
        let pid = inspected["State"]["Pid"].to_string();
        table.push_str(&format!("{name}\t{id}\t{pid}\n"));
        pids.push_str(&format!(" {pid}"));
        fs::write(
            answers.join(format!("inspect-{name}.json")),
            inspected.to_string(),
        )?;
    }
    fs::write(recorded.join("containers.tsv"), table)?;
    fs::write(answers.join("info.json"), guest.get("/info")?.to_string())?;
    let script = scratch.path().join("snapshot.sh");
    fs::write(&script, SNAPSHOT)?;
    guest.put(&script, "/run/snapshot.sh")?;
    snapshot(&guest, &pids, &recorded, "first")?;
    for name in names {
        fs::write(
            answers.join(format!("stats-{name}.json")),
            guest.stats(name)?.to_string(),
        )?;
    }
    snapshot(&guest, &pids, &recorded, "second")?;
    recording::trim_answers(&answers)?;
    recording::keep(&recorded, place)
}

fn snapshot(guest: &Guest, pids: &str, recorded: &Path, time: &str) -> Result<()> {
    let packed = guest.shell(&format!(
        "sh /run/snapshot.sh /run/{time} {pids} && tar -cf - -C /run/{time} ."
    ))?;
    let file = recorded.with_extension("tar");
    fs::write(&file, packed)?;
    recording::unpack(&file, &recorded.join(time))
}
