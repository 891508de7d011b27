//! pilotfish-server: arguments, configuration, run; and what its end is called.

use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;

use pilotfish_server::args::{self, Command, ServeArgs};
use pilotfish_server::chain::chain;
use pilotfish_server::config::Config;
use pilotfish_server::{logging, run};

/// Wrong usage (sysexits.h, EX_USAGE).
const USAGE: u8 = 64;

/// Wrong configuration (sysexits.h, EX_CONFIG).
const CONFIG: u8 = 78;

fn main() -> ExitCode {
    let version = concat!("pilotfish-server ", env!("CARGO_PKG_VERSION"), "\n");
    match args::parse(std::env::args_os()) {
        Ok(Command::Help) => say(io::stdout(), args::HELP, 0),
        Ok(Command::Version) => say(io::stdout(), version, 0),
        Ok(Command::Serve(serve)) => serve_until_told(&serve),
        Err(error) => say(
            io::stderr(),
            &format!("pilotfish-server: {}\n", chain(&error)),
            USAGE,
        ),
    }
}

fn serve_until_told(args: &ServeArgs) -> ExitCode {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let config = match Config::read(args, &variables.collect::<BTreeMap<_, _>>()) {
        Ok(config) => config,
        Err(faults) => return say(io::stderr(), &format!("{faults}\n"), CONFIG),
    };
    logging::start(config.log_level, config.log_json);
    match run::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{}", chain(&error));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Writes `text`; a closed pipe is nothing to complain about.
fn say(mut out: impl io::Write, text: &str, code: u8) -> ExitCode {
    match out.write_all(text.as_bytes()) {
        Ok(()) | Err(_) => ExitCode::from(code),
    }
}
