//! `cargo xtask vm record here`: the control groups that this host's kernel gives to containers of a real Engine, started for it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pilotfish_lab::engine::IMAGE;
use pilotfish_lab::{Container, Engine, Scratch, until};
use serde_json::{Value, json};

use super::groups::SNAPSHOT;
use super::recording;
use crate::shell;

/// Until the containers have done something worth recording.
const LOAD_DEADLINE: Duration = Duration::from_secs(30);

/// Records containers under load, twice, with what the Engine said of them between.
pub(super) fn record(place: &str) -> Result<()> {
    ensure!(
        Path::new("/sys/fs/cgroup/memory").is_dir(),
        "the control groups of this host are not of version 1"
    );
    let engine = Engine::start()?;
    let containers = [
        run(
            &engine,
            "busy",
            "while :; do :; done",
            json!({ "NanoCpus": 200_000_000 }),
        )?,
        run(
            &engine,
            "memory",
            "cat /bin/busybox >/dev/null; x=$(head -c 4000000 /dev/zero | cat -v | head -c 4000000); echo filled >/tmp/done; while :; do sleep 100; done",
            json!({ "Memory": 64 << 20 }),
        )?,
        run(
            &engine,
            "disk",
            "while :; do dd if=/dev/zero of=/tmp/x bs=64k count=64 conv=fsync; sleep 0.2; done",
            json!({}),
        )?,
        run(
            &engine,
            "parent",
            "while :; do sleep 100; done",
            json!({ "CgroupParent": "/pilotfish-parent", "PidsLimit": 100 }),
        )?,
    ];
    let [busy, memory, _, _] = &containers;
    until("the load is counted", LOAD_DEADLINE, || {
        let used_ns = stats(&engine, busy)?["cpu_stats"]["cpu_usage"]["total_usage"].as_u64();
        ensure!(used_ns > Some(500_000_000), "CPU time {used_ns:?} ns");
        let used_bytes = stats(&engine, memory)?["memory_stats"]["usage"].as_u64();
        ensure!(used_bytes > Some(4_000_000), "memory {used_bytes:?} bytes");
        Ok(())
    })?;
    let scratch = Scratch::new()?;
    let recorded = scratch.path().join("recorded");
    let answers = recorded.join("engine");
    fs::create_dir_all(&answers)?;
    let mut table = String::new();
    let mut pids = Vec::new();
    for container in &containers {
        let inspected = engine.inspect(&container.id)?;
        let pid = inspected["State"]["Pid"].to_string();
        table.push_str(&format!("{}\t{}\t{pid}\n", container.name, container.id));
        pids.push(pid);
    }
    fs::write(recorded.join("containers.tsv"), table)?;
    snapshot(&recorded.join("first"), &pids)?;
    let keep = |name: &str, answer: &Value| fs::write(answers.join(name), answer.to_string());
    keep("info.json", &engine.get("/info")?)?;
    for container in &containers {
        let name = &container.name;
        keep(
            &format!("inspect-{name}.json"),
            &engine.inspect(&container.id)?,
        )?;
        keep(&format!("stats-{name}.json"), &stats(&engine, container)?)?;
    }
    recording::trim_answers(&answers)?;
    snapshot(&recorded.join("second"), &pids)?;
    // How this very host was booted is nobody's business.
    for time in ["first", "second"] {
        fs::remove_file(recorded.join(time).join("proc/cmdline"))?;
    }
    recording::keep(&recorded, place)
}

fn run(engine: &Engine, name: &str, script: &str, host_config: Value) -> Result<Container> {
    let mut host_config = host_config;
    host_config["NetworkMode"] = "none".into();
    let body = json!({ "Image": IMAGE, "Cmd": ["sh", "-c", script], "HostConfig": host_config });
    let made = engine.post(&format!("/containers/create?name={name}"), Some(&body))?;
    let id = made["Id"]
        .as_str()
        .context("the Engine gave no id")?
        .to_owned();
    engine.post(&format!("/containers/{id}/start"), None)?;
    Ok(Container {
        id,
        name: name.to_owned(),
    })
}

fn stats(engine: &Engine, container: &Container) -> Result<Value> {
    engine.get(&format!(
        "/containers/{}/stats?stream=false&one-shot=true",
        container.id
    ))
}

fn snapshot(to: &Path, pids: &[String]) -> Result<()> {
    shell::read(
        Command::new("sh")
            .args(["-c", SNAPSHOT, "snapshot"])
            .arg(to)
            .args(pids),
    )
    .map(drop)
}
