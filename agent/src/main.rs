//! The program: command line → configuration → store → loop, and the exit code.

use std::io::{self, Write as _};
use std::process::ExitCode;

use pilotfish_agent::args::{self, EXIT_CONFIG, EXIT_USAGE, Task};
use pilotfish_agent::chain::Chain;
use pilotfish_agent::config::{Config, environment};
use pilotfish_agent::engine::Endpoint;
use pilotfish_agent::identity::addresses::interfaces::read_host_addresses;
use pilotfish_agent::identity::registration::Known;
use pilotfish_agent::identity::surroundings;
use pilotfish_agent::logging::{self, LineForm};
use pilotfish_agent::shell::{self, Setup};
use pilotfish_agent::store::Store;

fn main() -> ExitCode {
    match args::parse(std::env::args_os().skip(1)) {
        Ok(Task::Help) => print(&args::help()),
        Ok(Task::Version) => print(&format!("{}\n", args::VERSION)),
        Ok(Task::CheckConfig) => check_config(),
        Ok(Task::Run) => run(),
        Err(error) => fail(&error.to_string(), EXIT_USAGE),
    }
}

fn check_config() -> ExitCode {
    match Config::from_vars(&environment::read()) {
        Ok(config) => {
            let lines: Vec<String> = config
                .in_force()
                .into_iter()
                .map(|(name, value)| format!("{name}={value}\n"))
                .collect();
            print(&lines.concat())
        }
        Err(faults) => fail(&faults.to_string(), EXIT_CONFIG),
    }
}

fn run() -> ExitCode {
    let config = match Config::from_vars(&environment::read()) {
        Ok(config) => config,
        Err(faults) => return fail(&faults.to_string(), EXIT_CONFIG),
    };
    let has_journal = std::env::var_os("JOURNAL_STREAM").is_some();
    if let Err(error) = logging::start(
        config.log_level,
        LineForm::choose(config.log_json, has_journal),
    ) {
        return fail(&error.to_string(), 1);
    }
    log::info!("{} for {}", args::VERSION, config.server.authority());
    match set_up(config).map(|setup| futures_lite::future::block_on(shell::run(setup))) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            log::error!("cannot listen to signals: {}", Chain(&error));
            ExitCode::FAILURE
        }
        Err(code) => code,
    }
}

/// Opens the store before any token is used, and gathers what is known without the Engine.
fn set_up(config: Config) -> Result<Setup, ExitCode> {
    let stored = Store::open(&config.data_path)
        .and_then(|store| store.enrolment().map(|stored| (store, stored)));
    let (store, enrolment) = match stored {
        Ok(stored) => stored,
        Err(error) => {
            log::error!("{}", Chain(&error));
            return Err(ExitCode::FAILURE);
        }
    };
    if enrolment.is_none()
        && config.permanent_token.is_none()
        && config.registration_token.is_none()
    {
        log::error!(
            "REGISTRATION_TOKEN: needed, since this agent was never registered; the server's page gives one under \"add a host\""
        );
        return Err(ExitCode::from(EXIT_CONFIG));
    }
    let endpoint = match &config.docker_host {
        Some(text) => Endpoint::parse(text).map_err(|error| {
            log::error!("DOCKER_HOST: {}", Chain(&error));
            ExitCode::from(EXIT_CONFIG)
        })?,
        None => smol::block_on(Endpoint::find()),
    };
    let own_container = surroundings::own_container();
    if let Some(own) = &own_container {
        log::info!("running in container {}", own.id.short());
    }
    let addresses = read_host_addresses(own_container.is_some()).unwrap_or_else(|error| {
        log::warn!("cannot read this host's addresses: {error}");
        Vec::new()
    });
    let known = Known {
        agent_name: config.agent_name.clone(),
        is_forced: config.force_unique_registration,
        is_metered: config.metered,
        proto_version: config.proto_version.clone(),
        os_name: surroundings::os_host_name(),
        addresses,
        engine: None,
        bridge_created_at: None,
    };
    Ok(Setup {
        config,
        store,
        enrolment,
        own_container,
        known,
        endpoint,
    })
}

/// Prints to standard output; a reader that has gone is no fault.
fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Prints to standard error, before there is a log.
fn fail(text: &str, code: u8) -> ExitCode {
    // With nowhere to write to, the exit code has to do.
    drop(writeln!(io::stderr(), "{}", text.trim_end()));
    ExitCode::from(code)
}
