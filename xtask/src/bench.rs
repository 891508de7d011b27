//! `cargo xtask bench SUBJECT`: builds what is measured and hands over to pilotfish-benches, which holds it against
//! `benches/budgets.toml`.

use std::ffi::OsString;

use anyhow::{Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};

use crate::shell::{self, cargo, target};

/// Subjects that start the programs as they ship, each built alone so that no feature of another gets in.
const ON_PROGRAMS: [&str; 4] = ["footprint", "compare", "growth", "soak"];
/// Subjects that run the parts in the measuring program itself, built as the programs are.
const ON_PARTS: [&str; 3] = ["sampler", "codec", "history"];

pub(crate) fn run(mut parser: Parser) -> Result<()> {
    let subject = match parser.next()? {
        Some(Arg::Value(subject)) => subject.string()?,
        Some(other) => return Err(other.unexpected().into()),
        None => String::new(),
    };
    let arguments: Vec<OsString> = parser.raw_args()?.collect();
    let mut command = cargo();
    command.args(["run", "--quiet", "-p", "pilotfish-benches"]);
    if ON_PROGRAMS.contains(&subject.as_str()) {
        for program in ["pilotfish-agent", "pilotfish-server"] {
            shell::run(cargo().args(["build", "--profile", "dist", "-p", program]))?;
        }
        let built = target().join("dist");
        command
            .args([
                "--",
                &subject,
                "--budgets",
                "benches/budgets.toml",
                "--agent",
            ])
            .arg(built.join("pilotfish-agent"))
            .arg("--server")
            .arg(built.join("pilotfish-server"));
    } else if ON_PARTS.contains(&subject.as_str()) {
        command.args([
            "--release",
            "--",
            &subject,
            "--budgets",
            "benches/budgets.toml",
        ]);
    } else {
        let all: Vec<&str> = ON_PROGRAMS.iter().chain(&ON_PARTS).copied().collect();
        bail!(
            "there is no measurement {subject:?}; there are: {}",
            all.join(", ")
        );
    }
    shell::run(command.args(arguments))
}
