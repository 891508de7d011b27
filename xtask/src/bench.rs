//! `cargo xtask bench SUBJECT`: builds what is measured and hands over to pilotfish-benches, which holds it against
//! `benches/budgets.toml`.
//!
//! | subject | what is measured | arguments |
//! |---|---|---|
//! | `footprint` | the agent at rest | `--containers N --seconds S --metered --section TABLE` |
//! | `soak` | the agent while a container is started and removed every second | `--containers N --minutes M` |
//! | `growth` | the agent at rest with 20, 100 and 300 containers | `--seconds S` |
//! | `compare` | the agent beside another program | `--containers N --seconds S -- COMMAND…` |
//! | `link` | the agent of busy containers on bad links | `--containers N --stall-minutes M` |
//! | `sampler` | one pass of the samplers | `--containers N --passes N` |
//! | `codec` | stats frames beside JSON | |
//! | `history` | the server's history | `--hosts N --hours N` |
//!
//! The first five take `--static` as well: the agent as it ships on boards, instead of one that links glibc.

mod static_agent;

use std::ffi::OsString;

use anyhow::{Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};

use crate::shell::{self, cargo, target};

/// Subjects that start the programs as they ship, each built alone so that no feature of another gets in.
const ON_PROGRAMS: [&str; 5] = ["footprint", "compare", "growth", "link", "soak"];
/// Those of them that hold the static agent to ceilings of its own.
const HAS_STATIC_CEILINGS: [&str; 2] = ["footprint", "soak"];
const BUDGETS: &str = "benches/budgets.toml";
/// Subjects that run the parts in the measuring program itself, built as the programs are.
const ON_PARTS: [&str; 4] = ["sampler", "codec", "history", "intake"];

pub(crate) fn run(mut parser: Parser) -> Result<()> {
    let subject = match parser.next()? {
        Some(Arg::Value(subject)) => subject.string()?,
        Some(other) => return Err(other.unexpected().into()),
        None => String::new(),
    };
    let mut arguments: Vec<OsString> = parser.raw_args()?.collect();
    let is_static = take_static(&mut arguments);
    let mut command = cargo();
    command.args(["run", "--quiet", "-p", "pilotfish-benches"]);
    if ON_PROGRAMS.contains(&subject.as_str()) {
        build("pilotfish-server")?;
        let built = target().join("dist");
        let agent = if is_static {
            static_agent::build()?
        } else {
            build("pilotfish-agent")?;
            built.join("pilotfish-agent")
        };
        command.args(["--", &subject, "--budgets", BUDGETS, "--agent"]);
        command.arg(agent).arg("--server");
        command.arg(built.join("pilotfish-server"));
        if is_static && HAS_STATIC_CEILINGS.contains(&subject.as_str()) {
            command.args(["--section", &format!("{subject}_static")]);
        }
    } else if ON_PARTS.contains(&subject.as_str()) {
        command.args(["--release", "--", &subject, "--budgets", BUDGETS]);
    } else {
        let all: Vec<&str> = ON_PROGRAMS.iter().chain(&ON_PARTS).copied().collect();
        bail!(
            "there is no measurement {subject:?}; there are: {}",
            all.join(", ")
        );
    }
    shell::run(command.args(arguments))
}

fn build(program: &str) -> Result<()> {
    shell::run(cargo().args(["build", "--profile", "dist", "-p", program]))
}

/// Takes `--static` out of the arguments; what stands behind `--` is another program's.
fn take_static(arguments: &mut Vec<OsString>) -> bool {
    let end = arguments.iter().position(|argument| argument == "--");
    let own = &arguments[..end.unwrap_or(arguments.len())];
    let found = own.iter().position(|argument| argument == "--static");
    found.map(|place| arguments.remove(place)).is_some()
}
