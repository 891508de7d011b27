//! Every chore of Pilotfish: `cargo xtask` lists them.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "chores talk to whoever started them"
)]

mod bench;
mod ci;
mod demo;
mod shell;
mod test;
mod tidy;
mod vm;

use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};

struct Command {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(Parser) -> Result<()>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "demo",
        arguments: "[--release] [--for SECONDS]",
        about: "build all, start server and agent here, and print where to look",
        run: demo::run,
    },
    Command {
        name: "test",
        arguments: "[--no-engine] [FILTER]",
        about: "all tests: units, a real Engine, a real server, a real browser",
        run: test::run,
    },
    Command {
        name: "ci",
        arguments: "[--checks-only]",
        about: "what CI runs: format, tidy, clippy, docs, shellcheck, then `test`",
        run: ci::run,
    },
    Command {
        name: "tidy",
        arguments: "",
        about: "layout, purity, lengths, words, links and dependencies as agreed",
        run: tidy::run,
    },
    Command {
        name: "bench",
        arguments: "SUBJECT [ARGUMENT…]",
        about: "what it all costs, against benches/budgets.toml: footprint, soak, growth, compare, link, sampler, codec, history, intake",
        run: bench::run,
    },
    Command {
        name: "vm",
        arguments: "telemetry [--agent PATH] | record groups|debian|here",
        about: "an emulated host with cgroup v2: the agent beside `docker stats`; recordings for tests",
        run: vm::run,
    },
];

fn main() -> ExitCode {
    match dispatch(Parser::from_env()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(mut parser: Parser) -> Result<()> {
    let name = match parser.next()? {
        None | Some(Arg::Long("help") | Arg::Short('h')) => {
            list();
            return Ok(());
        }
        Some(Arg::Value(name)) => name.string()?,
        Some(other) => return Err(other.unexpected().into()),
    };
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        list();
        bail!("there is no command {name}");
    };
    (command.run)(parser)
}

fn list() {
    println!("cargo xtask COMMAND\n");
    for command in COMMANDS {
        let usage = format!("{} {}", command.name, command.arguments);
        println!("  {usage:<46} {}", command.about);
    }
}
