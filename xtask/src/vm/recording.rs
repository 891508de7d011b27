//! What `snapshot.sh` copied, made the same from one recording to the next and put among the fixtures.
//!
//! Container ids and process ids become fixed ones in paths and in texts, so that a test can name them; of the mounts only those of `/`, `/proc` and
//! `/sys` stay. All else is as the kernel wrote it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value};

use crate::shell::{read, root};

/// The process id that the first container gets; the others follow.
const FIRST_PID: u32 = 1001;

/// What stays of the Engine's answers.
const INFO: &[&str] = &[
    "ServerVersion",
    "CgroupDriver",
    "CgroupVersion",
    "KernelVersion",
    "OperatingSystem",
];
const INSPECT: &[&str] = &["Id", "Name", "State", "HostConfig"];
const STATS: &[&str] = &[
    "read",
    "id",
    "name",
    "cpu_stats",
    "memory_stats",
    "blkio_stats",
    "pids_stats",
    "networks",
];

/// A container of a recording, as `containers.tsv` has it.
#[derive(Debug)]
struct Recorded {
    name: String,
    id: String,
    pid: String,
}

/// Where a recording is kept.
pub(super) fn place(name: &str) -> PathBuf {
    root().join("agent/tests/fixtures").join(name)
}

/// Puts the recording in `from` in the place `name`, instead of an older one.
pub(super) fn keep(from: &Path, name: &str) -> Result<()> {
    let place = place(name);
    let containers = containers(&fs::read_to_string(from.join("containers.tsv"))?)?;
    let files = files_below(from)?;
    for container in &containers {
        let has_group = files.iter().any(|file| {
            file.ends_with("cpu.stat") && file.to_string_lossy().contains(&container.id)
        });
        ensure!(
            has_group,
            "no control group was recorded of {}",
            container.name
        );
    }
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    for file in &files {
        let path = file
            .strip_prefix(from)?
            .to_str()
            .context("a path that is no text")?;
        let to = place.join(fixed_path(path, &containers));
        fs::create_dir_all(to.parent().context("a file without a directory")?)?;
        if file.is_symlink() {
            symlink(fs::read_link(file)?, &to)?;
        } else {
            let text =
                String::from_utf8(fs::read(file)?).with_context(|| format!("{path} is no text"))?;
            fs::write(&to, fixed_text(path, &text, &containers))?;
        }
    }
    println!("recorded {} files in {}", files.len(), place.display());
    Ok(())
}

/// Unpacks the tar that the guest wrote on a disk.
pub(super) fn unpack(disk: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    read(Command::new("tar").arg("-xf").arg(disk).arg("-C").arg(to)).map(drop)
}

/// Reduces the Engine's answers in a directory to what tells of containers, not of where it ran.
pub(super) fn trim_answers(directory: &Path) -> Result<()> {
    for path in files_below(directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let wanted = match name.split(['-', '.']).next() {
            Some("info") => INFO,
            Some("inspect") => INSPECT,
            _ => STATS,
        };
        let answer: Value = serde_json::from_slice(&fs::read(&path)?)
            .with_context(|| format!("{} is no JSON", path.display()))?;
        let kept: Map<String, Value> = wanted
            .iter()
            .map(|&key| (key.to_owned(), answer[key].clone()))
            .collect();
        fs::write(&path, format!("{:#}\n", Value::Object(kept)))?;
    }
    Ok(())
}

fn containers(table: &str) -> Result<Vec<Recorded>> {
    let containers: Vec<Recorded> = table
        .lines()
        .map(|line| {
            let mut columns = line.split('\t').map(str::to_owned);
            Some(Recorded {
                name: columns.next()?,
                id: columns.next()?,
                pid: columns.next()?,
            })
        })
        .collect::<Option<_>>()
        .context("containers.tsv: name, id, pid")?;
    ensure!(!containers.is_empty(), "no container was recorded");
    ensure!(
        containers
            .iter()
            .all(|container| container.id.len() == 64 && container.pid != "0"),
        "a container does not run: {containers:?}"
    );
    Ok(containers)
}

/// Every file and link below a directory, in order.
fn files_below(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(directory)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_type()?.is_dir() {
            files.extend(files_below(&entry.path())?);
        } else {
            files.push(entry.path());
        }
    }
    Ok(files)
}

fn fixed_id(index: usize) -> String {
    format!("c{}", index + 1).repeat(32)
}

fn fixed_pid(index: usize) -> String {
    (FIRST_PID as usize + index).to_string()
}

fn fixed_path(path: &str, containers: &[Recorded]) -> String {
    let parts: Vec<String> = path
        .split('/')
        .map(|part| {
            let found = containers
                .iter()
                .position(|container| container.pid == part);
            found.map_or_else(|| with_fixed_ids(part, containers), fixed_pid)
        })
        .collect();
    parts.join("/")
}

fn fixed_text(path: &str, text: &str, containers: &[Recorded]) -> String {
    let mut text = with_fixed_ids(text, containers);
    let parts: Vec<&str> = path.split('/').collect();
    if parts.last() == Some(&"mountinfo") {
        text = text
            .lines()
            .filter(|line| is_plain_mount(line))
            .map(|line| format!("{line}\n"))
            .collect();
    }
    if parts.last() == Some(&"containers.tsv") {
        let lines = containers.iter().enumerate();
        return lines
            .map(|(index, container)| {
                format!(
                    "{}\t{}\t{}\n",
                    container.name,
                    fixed_id(index),
                    fixed_pid(index)
                )
            })
            .collect();
    }
    for (index, container) in containers.iter().enumerate() {
        let told = format!("\"Pid\": {},", container.pid);
        text = text.replace(&told, &format!("\"Pid\": {},", fixed_pid(index)));
        // `PID (NAME) STATE PARENT …`
        if parts.ends_with(&["proc", &container.pid, "stat"])
            && let Some(rest) = text.strip_prefix(&container.pid)
        {
            return fixed_pid(index) + rest;
        }
    }
    text
}

fn with_fixed_ids(text: &str, containers: &[Recorded]) -> String {
    let mut text = text.to_owned();
    for (index, container) in containers.iter().enumerate() {
        text = text.replace(&container.id, &fixed_id(index));
        text = text.replace(&container.id[..12], &fixed_id(index)[..12]);
    }
    text
}

/// Tells whether a line of mountinfo is of `/` or of something at or below `/proc` or `/sys`.
fn is_plain_mount(line: &str) -> bool {
    let point = line.split(' ').nth(4).unwrap_or_default();
    point == "/" || point.starts_with("/proc") || point.starts_with("/sys")
}
