//! What Pilotfish costs, measured on the real programs: `cargo xtask bench` builds them and starts this.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement is there to be read"
)]

mod budget;
mod codec;
mod footprint;
mod history;
mod intake;
mod link;
mod sampler;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};

/// One measurement: its name, and what reads its arguments and makes it.
type Subject = (&'static str, fn(Parser) -> Result<()>);

/// Each in a file of its own.
const SUBJECTS: &[Subject] = &[
    ("footprint", footprint::footprint),
    ("compare", footprint::compare),
    ("growth", footprint::growth),
    ("link", link::run),
    ("soak", footprint::soak),
    ("sampler", sampler::run),
    ("codec", codec::run),
    ("history", history::run),
    ("intake", intake::run),
];

fn main() -> ExitCode {
    match dispatch(Parser::from_env()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pilotfish-benches: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(mut parser: Parser) -> Result<()> {
    let name = match parser.next()? {
        Some(Arg::Value(name)) => name.string()?,
        Some(other) => return Err(other.unexpected().into()),
        None => String::new(),
    };
    let Some((_, run)) = SUBJECTS.iter().find(|(subject, _)| *subject == name) else {
        let names: Vec<&str> = SUBJECTS.iter().map(|(subject, _)| *subject).collect();
        bail!("no measurement {name:?}; there are: {}", names.join(", "));
    };
    run(parser)
}

/// The program's whole path: it is started in a directory of its own.
fn program(path: Option<PathBuf>, argument: &str) -> Result<PathBuf> {
    let path = path.with_context(|| format!("{argument} is missing"))?;
    path.canonicalize()
        .with_context(|| format!("{argument} {}", path.display()))
}
