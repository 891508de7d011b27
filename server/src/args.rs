//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::Arg;

/// What `--help` prints.
pub const HELP: &str = "\
pilotfish-server: where pilotfish-agents dial in, and the page that shows their hosts

Usage: pilotfish-server serve [OPTIONS]

Options of serve:
  --listen ADDRESS:PORT  where to listen; may be repeated [default: 127.0.0.1:8480]
  --data DIRECTORY       where everything is kept [default: ./pilotfish-data]
  --tls-cert FILE        certificate chain (PEM); needs --tls-key
  --tls-key FILE         private key (PEM); needs --tls-cert
  --admin-name NAME      the user made on the first start [default: admin]
  --history TIMES        how long the history is kept at 10 s, 1 min, 10 min and 1 h [default: 6h,3d,60d,730d]
  --history-disk SIZE    what the history may take of the disk, with M or G; the oldest goes first [default: 2G]
  --stats TIMES          how often hosts are measured at rest, while somebody looks at them, and for how long
                         after the last one left, with s or m; for agents of the extension [default: 10s,1s,30s]

  --help, -h             print this
  --version, -V          print the version

Environment:
  PILOTFISH_ADMIN_PASSWORD_FILE  file with the first user's password (8 characters or more);
                                 without it a password is generated and printed once
  LOG_LEVEL                      error, warn, info, debug or trace [default: info]
  LOG_JSON                       true: one JSON object a line [default: false]

Exit codes: 0 stopped as asked, 1 failed, 64 wrong usage, 78 wrong configuration
";

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Print [`HELP`].
    Help,
    /// Print the version.
    Version,
    /// Serve until told to stop.
    Serve(ServeArgs),
}

/// Options of `serve`, as they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServeArgs {
    /// Each `--listen`.
    pub listen: Vec<String>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--tls-cert`.
    pub tls_cert: Option<PathBuf>,
    /// `--tls-key`.
    pub tls_key: Option<PathBuf>,
    /// `--admin-name`.
    pub admin_name: Option<String>,
    /// `--history`.
    pub history: Option<String>,
    /// `--history-disk`.
    pub history_disk: Option<String>,
    /// `--stats`.
    pub stats: Option<String>,
}

/// A command line that means nothing.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// An option or a value that lexopt refuses.
    #[error(transparent)]
    Option(#[from] lexopt::Error),
    /// No command was given.
    #[error("no command: try `pilotfish-server serve`, or --help")]
    NoCommand,
    /// A command that is not known.
    #[error("unknown command {0:?}")]
    UnknownCommand(String),
    /// An option that may be given once was given again.
    #[error("--{0} given twice")]
    Repeated(&'static str),
}

/// Reads the command line, which starts with the program's name.
///
/// # Errors
///
/// [`UsageError`] names what is wrong.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut parser = lexopt::Parser::from_iter(args);
    let mut serve: Option<ServeArgs> = None;
    while let Some(arg) = parser.next()? {
        match (arg, &mut serve) {
            (Arg::Short('h') | Arg::Long("help"), _) => return Ok(Command::Help),
            (Arg::Short('V') | Arg::Long("version"), _) => return Ok(Command::Version),
            (Arg::Value(name), None) if name == "serve" => serve = Some(ServeArgs::default()),
            (Arg::Value(name), None) => {
                return Err(UsageError::UnknownCommand(
                    name.to_string_lossy().into_owned(),
                ));
            }
            (Arg::Long("listen"), Some(serve)) => serve.listen.push(text(&mut parser)?),
            (Arg::Long("data"), Some(serve)) => {
                once("data", &mut serve.data, parser.value()?.into())?;
            }
            (Arg::Long("tls-cert"), Some(serve)) => {
                once("tls-cert", &mut serve.tls_cert, parser.value()?.into())?;
            }
            (Arg::Long("tls-key"), Some(serve)) => {
                once("tls-key", &mut serve.tls_key, parser.value()?.into())?;
            }
            (Arg::Long("admin-name"), Some(serve)) => {
                once("admin-name", &mut serve.admin_name, text(&mut parser)?)?;
            }
            (Arg::Long("history"), Some(serve)) => {
                once("history", &mut serve.history, text(&mut parser)?)?;
            }
            (Arg::Long("history-disk"), Some(serve)) => {
                once("history-disk", &mut serve.history_disk, text(&mut parser)?)?;
            }
            (Arg::Long("stats"), Some(serve)) => {
                once("stats", &mut serve.stats, text(&mut parser)?)?;
            }
            (arg, _) => return Err(arg.unexpected().into()),
        }
    }
    serve.map(Command::Serve).ok_or(UsageError::NoCommand)
}

fn text(parser: &mut lexopt::Parser) -> Result<String, UsageError> {
    parser
        .value()?
        .into_string()
        .map_err(|text| lexopt::Error::NonUnicodeValue(text).into())
}

fn once<T>(name: &'static str, place: &mut Option<T>, value: T) -> Result<(), UsageError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(UsageError::Repeated(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<Command, UsageError> {
        let words = line.split_whitespace().map(OsString::from);
        parse(
            [OsString::from("pilotfish-server")]
                .into_iter()
                .chain(words),
        )
    }

    #[track_caller]
    fn check(line: &str, command: Command) {
        assert_eq!(parse_line(line).unwrap(), command);
    }

    #[track_caller]
    fn check_refused(line: &str, why: &str) {
        assert_eq!(parse_line(line).unwrap_err().to_string(), why);
    }

    #[test]
    fn reads_the_options_of_serve() {
        check("serve", Command::Serve(ServeArgs::default()));
        check(
            "serve --listen [::1]:1 --listen=127.0.0.1:2 --data d --tls-cert c --tls-key k --admin-name me --history 6h,3d,60d,1d --history-disk 1G --stats 30s,1s,1m",
            Command::Serve(ServeArgs {
                listen: vec!["[::1]:1".to_owned(), "127.0.0.1:2".to_owned()],
                data: Some("d".into()),
                tls_cert: Some("c".into()),
                tls_key: Some("k".into()),
                admin_name: Some("me".to_owned()),
                history: Some("6h,3d,60d,1d".to_owned()),
                history_disk: Some("1G".to_owned()),
                stats: Some("30s,1s,1m".to_owned()),
            }),
        );
    }

    #[test]
    fn help_and_version_need_no_command() {
        check("--help", Command::Help);
        check("-h", Command::Help);
        check("serve --help", Command::Help);
        check("--version", Command::Version);
        check("-V", Command::Version);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        check_refused("", "no command: try `pilotfish-server serve`, or --help");
        check_refused("dance", "unknown command \"dance\"");
        check_refused("--listen x", "invalid option '--listen'");
        check_refused("serve --port 1", "invalid option '--port'");
        check_refused("serve more", "unexpected argument \"more\"");
        check_refused("serve --data", "missing argument for option '--data'");
        check_refused("serve --data a --data b", "--data given twice");
    }
}
