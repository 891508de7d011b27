//! Pure: the command line. Everything else comes from the environment, so that no secret is ever an argument.

use std::ffi::OsString;
use std::fmt::Write as _;

use crate::config::table::VARIABLES;

/// What the agent is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Run until a signal ends it.
    Run,
    /// Say what is in force, or what is wrong.
    CheckConfig,
    /// Print [`VERSION`].
    Version,
    /// Print [`help`].
    Help,
}

/// The command line was not understood. Exit code [`EXIT_USAGE`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown argument {0:?}; see pilotfish-agent --help")]
pub struct UnknownArgument(String);

/// The program's name and version, in one line.
pub const VERSION: &str = concat!("pilotfish-agent ", env!("CARGO_PKG_VERSION"));
/// The exit code for an unknown argument (`EX_USAGE` of sysexits.h).
pub const EXIT_USAGE: u8 = 64;
/// The exit code for a faulty configuration (`EX_CONFIG` of sysexits.h).
pub const EXIT_CONFIG: u8 = 78;

/// Reads the arguments behind the program's name.
///
/// # Errors
///
/// The first argument that is unknown, or one too many.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Task, UnknownArgument> {
    let mut task = Task::Run;
    for argument in arguments {
        task = match (task, argument.to_str()) {
            (Task::Run, Some("--check-config")) => Task::CheckConfig,
            (Task::Run, Some("--version" | "-V")) => Task::Version,
            (Task::Run, Some("--help" | "-h")) => Task::Help,
            _ => return Err(UnknownArgument(argument.to_string_lossy().into_owned())),
        };
    }
    Ok(task)
}

/// The text of `--help`: usage, every variable with its default, exit codes.
pub fn help() -> String {
    let mut text = format!(
        "{VERSION}\n\
         Watches and steers the Docker Engine of this host for a server it dials out to.\n\n\
         Usage: pilotfish-agent [--check-config | --version | --help]\n\n  \
         --check-config  print the configuration in force, or all that is wrong with it\n  \
         --version       print the version\n  \
         --help          print this\n\n\
         Configuration, from the environment:\n\n"
    );
    for variable in &VARIABLES {
        let default = match variable.default {
            "" => String::new(),
            default => format!(" [{default}]"),
        };
        let mark = if variable.is_secret { " *" } else { "" };
        writeln!(
            text,
            "  {}{mark}{default}\n      {}",
            variable.name, variable.meaning
        )
        .expect("a String takes any text");
    }
    text.push_str(
        "\n* also from the file that NAME_FILE names, or from a file named like the variable\n  \
         in $CREDENTIALS_DIRECTORY (systemd's LoadCredential=).\n\
         Durations have units (\"90s\", \"1m30s\", \"500ms\"); an empty value is the same as none.\n\n\
         Exit codes: 0 ended as asked, 64 unknown argument, 78 faulty configuration, 1 anything else.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_has_its_task() {
        check(&[], Ok(Task::Run));
        check(&["--check-config"], Ok(Task::CheckConfig));
        check(&["--version"], Ok(Task::Version));
        check(&["-V"], Ok(Task::Version));
        check(&["--help"], Ok(Task::Help));
        check(&["-h"], Ok(Task::Help));
    }

    #[test]
    fn anything_else_is_an_unknown_argument() {
        for unknown in ["", "run", "-v", "--check-config=1", "--Help", "--"] {
            check(&[unknown], Err(UnknownArgument(unknown.to_owned())));
        }
        check(
            &["--help", "--version"],
            Err(UnknownArgument("--version".to_owned())),
        );
    }

    #[test]
    fn help_tells_every_variable_and_its_default() {
        let help = help();
        for variable in VARIABLES {
            let mark = if variable.is_secret { " *" } else { "" };
            assert!(
                help.contains(&format!("\n  {}{mark}", variable.name)),
                "{}",
                variable.name
            );
            assert!(help.contains(variable.default) && help.contains(variable.meaning));
        }
        assert!(help.contains("\n  RECONNECT_MAX [60s]\n"));
        assert!(help.lines().all(|line| line.len() <= 110), "{help}");
    }

    #[test]
    fn the_exit_codes_told_are_those_used() {
        assert!(help().contains(&format!(
            "{EXIT_USAGE} unknown argument, {EXIT_CONFIG} faulty configuration"
        )));
    }

    #[track_caller]
    fn check(arguments: &[&str], expected: Result<Task, UnknownArgument>) {
        assert_eq!(parse(arguments.iter().map(OsString::from)), expected);
    }
}
