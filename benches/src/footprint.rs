//! An agent at rest: a real server over TLS, a private Engine, N containers of which a quarter is at work.
//!
//! Whatever speaks the agents' protocol is measured the same way, so that two programs can be compared in one run.

pub(crate) mod process;
mod run;
mod soak;
mod stage;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use lexopt::{Arg, Parser, ValueExt as _};

use crate::budget::{Budget, Figure};
use crate::program;
use run::{Subject, measure};
use stage::Stage;

/// The programs and the extent of a measurement.
#[derive(Debug)]
struct Setup {
    agent: PathBuf,
    server: PathBuf,
    budgets: PathBuf,
    /// The table of ceilings.
    section: String,
    /// Traffic is dear.
    is_metered: bool,
    /// How many containers run.
    containers: usize,
    /// How long the agent is watched.
    duration: Duration,
    /// Another program and its arguments.
    command: Vec<OsString>,
}

impl Setup {
    /// Understands `--agent PATH --server PATH --budgets PATH [--section NAME | --metered] [--containers N] [--seconds S | --minutes M] [-- COMMAND…]`;
    /// without a table it is `section`, without a length `duration`.
    fn read(mut parser: Parser, section: &str, duration: Duration) -> Result<Self> {
        let mut paths: [Option<PathBuf>; 3] = [None, None, None];
        let mut setup = Self {
            agent: PathBuf::new(),
            server: PathBuf::new(),
            budgets: PathBuf::new(),
            section: section.to_owned(),
            is_metered: false,
            containers: 20,
            duration,
            command: Vec::new(),
        };
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("agent") => paths[0] = Some(parser.value()?.into()),
                Arg::Long("server") => paths[1] = Some(parser.value()?.into()),
                Arg::Long("budgets") => paths[2] = Some(parser.value()?.into()),
                Arg::Long("section") => setup.section = parser.value()?.string()?,
                Arg::Long("metered") => {
                    setup.is_metered = true;
                    "footprint_metered".clone_into(&mut setup.section);
                }
                Arg::Long("containers") => setup.containers = parser.value()?.parse()?,
                Arg::Long("seconds") => {
                    setup.duration = Duration::from_secs(parser.value()?.parse()?);
                }
                Arg::Long("minutes") => {
                    let minutes: u64 = parser.value()?.parse()?;
                    setup.duration = Duration::from_secs(minutes * 60);
                }
                Arg::Value(first) => {
                    setup.command.push(first);
                    setup.command.extend(parser.raw_args()?);
                }
                Arg::Long(_) | Arg::Short(_) => return Err(argument.unexpected().into()),
            }
        }
        let [agent, server, budgets] = paths;
        setup.agent = program(agent, "--agent")?;
        setup.server = program(server, "--server")?;
        setup.budgets = budgets.context("--budgets is missing")?;
        Ok(setup)
    }

    fn title(&self) -> String {
        format!(
            "over TLS{}, {} containers of which {} are at work, {} s",
            if self.is_metered { ", metered" } else { "" },
            self.containers,
            self.containers / stage::BUSY_SHARE,
            self.duration.as_secs()
        )
    }
}

/// `footprint`: our agent against its ceilings.
pub(crate) fn footprint(parser: Parser) -> Result<()> {
    let setup = Setup::read(parser, "footprint", Duration::from_secs(120))?;
    ensure!(
        setup.command.is_empty(),
        "to measure another program: compare -- COMMAND…"
    );
    let budget = Budget::read(&setup.budgets, &setup.section)?;
    let stage = Stage::set(&setup.server, setup.containers)?;
    let subject = if setup.is_metered {
        Subject::Metered(&setup.agent)
    } else {
        Subject::Ours(&setup.agent)
    };
    let figures = measure(&stage, &subject, setup.duration)?;
    println!("\nagent {}\n", setup.title());
    ensure!(budget.print(&figures), "over budget");
    Ok(())
}

/// `compare -- COMMAND…`: our agent and another one, one after the other on the same stage.
pub(crate) fn compare(parser: Parser) -> Result<()> {
    let setup = Setup::read(parser, "footprint", Duration::from_secs(120))?;
    let Some((program, arguments)) = setup.command.split_first() else {
        bail!("which program? compare -- COMMAND [ARGUMENT…]");
    };
    let mut columns = Vec::new();
    for subject in [
        Subject::Ours(&setup.agent),
        Subject::Other(program, arguments),
    ] {
        let stage = Stage::set(&setup.server, setup.containers)?;
        columns.push(measure(&stage, &subject, setup.duration)?);
    }
    println!("\n{}\n", setup.title());
    print_columns(&["ours", &program.to_string_lossy()], &columns);
    Ok(())
}

/// `growth`: our agent with 20, 100 and 300 containers.
pub(crate) fn growth(parser: Parser) -> Result<()> {
    let setup = Setup::read(parser, "footprint", Duration::from_secs(120))?;
    let mut columns = Vec::new();
    for containers in [20, 100, 300] {
        let stage = Stage::set(&setup.server, containers)?;
        columns.push(measure(
            &stage,
            &Subject::Ours(&setup.agent),
            setup.duration,
        )?);
    }
    println!(
        "\nagent over TLS, a quarter of the containers at work, {} s\n",
        setup.duration.as_secs()
    );
    print_columns(&["20", "100", "300"], &columns);
    Ok(())
}

/// `soak`: our agent while a container is started and removed every second.
pub(crate) fn soak(parser: Parser) -> Result<()> {
    let setup = Setup::read(parser, "soak", Duration::from_secs(30 * 60))?;
    let budget = Budget::read(&setup.budgets, &setup.section)?;
    let stage = Stage::set(&setup.server, setup.containers)?;
    let figures = soak::soak(&stage, &Subject::Ours(&setup.agent), setup.duration)?;
    println!(
        "\nagent {}, one container started and removed every second\n",
        setup.title()
    );
    ensure!(budget.print(&figures), "over budget");
    Ok(())
}

/// Prints figures of several measurements side by side.
fn print_columns(heads: &[&str], columns: &[Vec<Figure>]) {
    print!("  {:<34}", "");
    for head in heads {
        let head: String = head
            .chars()
            .rev()
            .take(16)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect();
        print!(" {head:>16}");
    }
    println!();
    for (row, figure) in columns.first().into_iter().flatten().enumerate() {
        print!("  {:<34}", figure.name);
        for column in columns {
            let value = column.get(row).map_or(0, |figure| figure.value);
            print!(" {value:>16}");
        }
        println!();
    }
}
