//! `cargo xtask vm`: an emulated host with control groups of version 2, to record from and to compare the agent with `docker stats`.

mod here;
mod machine;
mod record;
mod recording;
mod root;

use std::path::PathBuf;

use anyhow::{Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};

use crate::shell::target;
use root::Root;

pub(crate) fn run(mut parser: Parser) -> Result<()> {
    let mut words = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Value(value) => words.push(value.string()?),
            Arg::Long(_) | Arg::Short(_) => return Err(argument.unexpected().into()),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["record", "groups"] => record_groups(),
        ["record", "here"] => here::record("cgroup_v1/cgroupfs"),
        _ => bail!("one of: record groups, record here"),
    }
}

fn record_groups() -> Result<()> {
    let root = Root::find_or_make()?;
    record::groups(&root, "cgroup_v2/made", "")?;
    record::groups(&root, "cgroup_v2/no_memory", "cgroup_disable=memory")
}

/// Where the machines are kept.
fn directory() -> PathBuf {
    target().join("vm")
}
