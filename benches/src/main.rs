//! What Pilotfish costs, measured on the real programs: `cargo xtask bench` builds them and starts this.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement is there to be read"
)]

mod budget;
mod footprint;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use lexopt::{Arg, Parser, ValueExt as _};

use budget::Budget;
use footprint::Setup;

fn main() -> ExitCode {
    match run(Parser::from_env()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pilotfish-benches: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Understands `footprint --agent PATH --server PATH --budgets PATH [--containers N] [--seconds S]`.
fn run(mut parser: Parser) -> Result<()> {
    let mut subject = None;
    let mut paths: [Option<PathBuf>; 3] = [None, None, None];
    let mut containers = 20;
    let mut seconds = 30;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("agent") => paths[0] = Some(parser.value()?.into()),
            Arg::Long("server") => paths[1] = Some(parser.value()?.into()),
            Arg::Long("budgets") => paths[2] = Some(parser.value()?.into()),
            Arg::Long("containers") => containers = parser.value()?.parse()?,
            Arg::Long("seconds") => seconds = parser.value()?.parse()?,
            Arg::Value(value) if subject.is_none() => subject = Some(value.string()?),
            Arg::Value(_) | Arg::Long(_) | Arg::Short(_) => {
                return Err(argument.unexpected().into());
            }
        }
    }
    if subject.as_deref() != Some("footprint") {
        bail!("there is one measurement: footprint");
    }
    let [agent, server, budgets] = paths;
    let budget = Budget::read(&budgets.context("--budgets is missing")?, "footprint")?;
    let setup = Setup {
        agent: program(agent, "--agent")?,
        server: program(server, "--server")?,
        containers,
        duration: Duration::from_secs(seconds),
    };
    let figures = footprint::measure(&setup)?;
    println!("\nagent over TLS, {containers} containers, {seconds} s at rest\n");
    ensure!(budget.print(&figures), "over budget");
    Ok(())
}

/// The program's whole path: it is started in a directory of its own.
fn program(path: Option<PathBuf>, argument: &str) -> Result<PathBuf> {
    let path = path.with_context(|| format!("{argument} is missing"))?;
    path.canonicalize()
        .with_context(|| format!("{argument} {}", path.display()))
}
