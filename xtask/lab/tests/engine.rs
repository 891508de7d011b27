//! The private Engine, tried with the real dockerd.

#![expect(
    clippy::print_stdout,
    reason = "one test speaks to itself in another process"
)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::ensure;
use pilotfish_lab::engine::answers_at;
use pilotfish_lab::{Engine, Sample, until};

const DEADLINE: Duration = Duration::from_secs(20);

/// Every process whose command line names `directory`, and every mount below it.
fn left_behind(directory: &Path) -> Vec<String> {
    let name = directory.display().to_string();
    let mut found: Vec<String> = fs::read_to_string("/proc/self/mountinfo")
        .expect("Linux tells its mounts")
        .lines()
        .filter(|line| line.contains(&name))
        .map(str::to_owned)
        .collect();
    for process in fs::read_dir("/proc")
        .expect("Linux tells its processes")
        .flatten()
    {
        let command_line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let command_line = String::from_utf8_lossy(&command_line).replace('\0', " ");
        if command_line.contains(&name) {
            found.push(command_line);
        }
    }
    found
}

fn process_exists(pid: u64) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn leaves_no_process_no_mount_and_no_file_behind() {
    let engine = Engine::start().unwrap();
    let idle = engine.run(&Sample::idle("idle")).unwrap();
    let paused = engine.run(&Sample::stubborn("paused")).unwrap();
    let crashing = engine.run(&Sample::crashing("crashing")).unwrap();
    engine
        .post(&format!("/containers/{}/pause", paused.id), None)
        .unwrap();
    let pids = [&idle, &paused].map(|container| {
        let inspected = engine.inspect(&container.id).unwrap();
        inspected["State"]["Pid"].as_u64().unwrap()
    });
    assert!(pids.into_iter().all(process_exists));
    let directory = engine.socket().parent().unwrap().to_owned();
    assert!(!left_behind(&directory).is_empty());
    drop(engine);
    assert!(!pids.into_iter().any(process_exists));
    assert_eq!(left_behind(&directory), Vec::<String>::new());
    assert!(!directory.exists());
    for container in [idle, paused, crashing] {
        let group = PathBuf::from("/sys/fs/cgroup/memory/docker").join(container.id);
        assert!(!group.exists(), "{}", group.display());
    }
}

#[test]
fn a_frozen_engine_leaves_nothing_behind_either() {
    let engine = Engine::start().unwrap();
    engine.run(&Sample::idle("idle")).unwrap();
    engine.freeze().unwrap();
    let directory = engine.socket().parent().unwrap().to_owned();
    drop(engine);
    assert_eq!(left_behind(&directory), Vec::<String>::new());
}

#[test]
fn keeps_its_containers_over_a_restart_and_a_crash() {
    let mut engine = Engine::start().unwrap();
    let always = engine
        .run(&Sample::idle("always").restart("always"))
        .unwrap();
    let once = engine.run(&Sample::idle("once")).unwrap();
    let first_pid = engine.pid().unwrap();
    engine.restart().unwrap();
    assert_ne!(engine.pid().unwrap(), first_pid);
    assert_eq!(engine.state(&once.id).unwrap(), "exited");
    until("the restart policy", DEADLINE, || {
        let state = engine.state(&always.id)?;
        ensure!(state == "running", "{state}");
        Ok(())
    })
    .unwrap();
    engine.crash().unwrap();
    assert!(!answers_at(&engine.socket()));
    engine.start_again().unwrap();
    assert_eq!(engine.state(&once.id).unwrap(), "exited");
}

#[test]
fn has_an_id_of_its_own_that_a_restart_does_not_change() {
    let id = |engine: &Engine| engine.get("/info").unwrap()["ID"].to_string();
    let mut one = Engine::start().unwrap();
    let other = Engine::start().unwrap();
    let first = id(&one);
    assert_ne!(first, id(&other));
    one.restart().unwrap();
    assert_eq!(id(&one), first);
}

/// Set for the process that holds an Engine until it is killed.
const HOLD: &str = "PILOTFISH_LAB_HOLD";

#[test]
fn an_owner_that_is_killed_leaves_nothing_behind() {
    if std::env::var_os(HOLD).is_some() {
        let engine = Engine::start().unwrap();
        engine.run(&Sample::idle("orphan")).unwrap();
        println!("\nholding {}", engine.socket().display());
        loop {
            std::thread::park();
        }
    }
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "an_owner_that_is_killed_leaves_nothing_behind"])
        .arg("--nocapture")
        .env(HOLD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(owner.stdout.take().unwrap());
    let socket = said
        .lines()
        .map_while(Result::ok)
        .find_map(|line| Some(PathBuf::from(line.strip_prefix("holding ")?)))
        .unwrap();
    let directory = socket.parent().unwrap();
    assert!(!left_behind(directory).is_empty());
    owner.kill().unwrap();
    owner.wait().unwrap();
    until("the end of all of it", DEADLINE, || {
        let left = left_behind(directory);
        ensure!(left.is_empty() && !directory.exists(), "{left:?}");
        Ok(())
    })
    .unwrap();
}
