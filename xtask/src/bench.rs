//! `cargo xtask bench footprint`: builds what ships, each program alone so that no feature of another gets in, and
//! measures the agent against the ceilings of `benches/budgets.toml`.

use anyhow::{Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};

use crate::shell::{self, cargo, target};

pub(crate) fn run(mut parser: Parser) -> Result<()> {
    let mut subject = None;
    let mut passed_on = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long(name @ ("containers" | "seconds")) => {
                passed_on.push(format!("--{name}"));
                passed_on.push(parser.value()?.parse::<u32>()?.to_string());
            }
            Arg::Value(value) if subject.is_none() => subject = Some(value.string()?),
            Arg::Value(_) | Arg::Long(_) | Arg::Short(_) => {
                return Err(argument.unexpected().into());
            }
        }
    }
    if subject.as_deref() != Some("footprint") {
        bail!("there is one measurement: footprint");
    }
    for program in ["pilotfish-agent", "pilotfish-server"] {
        shell::run(cargo().args(["build", "--profile", "dist", "-p", program]))?;
    }
    let built = target().join("dist");
    let mut command = cargo();
    command
        .args([
            "run",
            "--quiet",
            "-p",
            "pilotfish-benches",
            "--",
            "footprint",
        ])
        .arg("--agent")
        .arg(built.join("pilotfish-agent"))
        .arg("--server")
        .arg(built.join("pilotfish-server"))
        .args(["--budgets", "benches/budgets.toml"])
        .args(passed_on);
    shell::run(&mut command)
}
