//! `cargo xtask ci`: what CI runs and a person can run alike; the last step is `cargo xtask test`.

use anyhow::{Result, bail};
use lexopt::{Arg, Parser};

use crate::shell::{self, cargo, program};
use crate::{test, tidy};

/// Scripts, by the shell that runs them.
const BASH_SCRIPTS: &[&str] = &[".ci/run"];
const DASH_SCRIPTS: &[&str] = &[
    "xtask/lab/src/keeper/sweep.sh",
    "xtask/src/vm/guest/groups.sh",
    "xtask/src/vm/guest/snapshot.sh",
];

type Check = fn() -> Result<()>;

pub(crate) fn run(mut parser: Parser) -> Result<()> {
    let mut checks_only = false;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("checks-only") => checks_only = true,
            Arg::Long(_) | Arg::Short(_) | Arg::Value(_) => {
                return Err(argument.unexpected().into());
            }
        }
    }
    let checks: [(&str, Check); 5] = [
        ("format", format),
        ("tidy", tidy::check),
        ("clippy", clippy),
        ("docs", docs),
        ("shellcheck", shellcheck),
    ];
    let mut failed = Vec::new();
    for (name, check) in checks {
        println!("== {name}");
        if let Err(error) = check() {
            println!("{error:#}");
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    if checks_only {
        return Ok(());
    }
    println!("== cargo xtask test");
    test::run_tests(true, None)
}

fn format() -> Result<()> {
    shell::run(cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    shell::run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))
}

fn docs() -> Result<()> {
    shell::run(
        cargo()
            .args(["doc", "--workspace", "--no-deps", "--quiet"])
            .arg("--document-private-items")
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

fn shellcheck() -> Result<()> {
    shell::run(program("shellcheck").arg("--shell=bash").args(BASH_SCRIPTS))?;
    shell::run(program("shellcheck").arg("--shell=dash").args(DASH_SCRIPTS))
}
