//! `cargo xtask vm`: an emulated host with control groups of version 2, to record from and to compare the agent with `docker stats`.

mod debian;
mod groups;
mod guest;
mod here;
mod machine;
mod numbers;
mod recording;
mod root;
mod telemetry;

use std::path::PathBuf;

use anyhow::{Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};

use crate::shell::target;
use root::Root;

pub(crate) fn run(mut parser: Parser) -> Result<()> {
    let mut words = Vec::new();
    let mut agent = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Value(value) => words.push(value.string()?),
            Arg::Long("agent") => agent = Some(PathBuf::from(parser.value()?)),
            Arg::Long(_) | Arg::Short(_) => return Err(argument.unexpected().into()),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["record", "groups"] => record_groups(),
        ["record", "debian"] => record_debian(),
        ["record", "here"] => here::record("cgroup_v1/cgroupfs"),
        ["telemetry"] => telemetry::run(agent),
        _ => bail!("one of: record groups, record debian, record here, telemetry"),
    }
}

fn record_groups() -> Result<()> {
    let root = Root::find_or_make()?;
    groups::record(&root, "cgroup_v2/made", "")?;
    groups::record(&root, "cgroup_v2/no_memory", "cgroup_disable=memory")
}

fn record_debian() -> Result<()> {
    let root = Root::find_or_make()?;
    debian::record(&root, "cgroup_v2/debian", "")?;
    debian::record(
        &root,
        "cgroup_v1/debian",
        "systemd.unified_cgroup_hierarchy=0",
    )
}

/// Where the machines are kept.
fn directory() -> PathBuf {
    target().join("vm")
}
