//! The configuration: the command line and the environment, checked as a whole.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use futures_rustls::TlsAcceptor;
use log::LevelFilter;

use crate::agents::session::rhythm::StatsTimes;
use crate::args::ServeArgs;
use crate::auth::passwords::SHORTEST;
use crate::auth::secret::Secret;
use crate::chain::chain;
use crate::http::tls;
use crate::store;
use crate::telemetry::history::tier::Retention;

/// The variable that names the file with the first user's password.
pub const PASSWORD_FILE: &str = "PILOTFISH_ADMIN_PASSWORD_FILE";

/// The longest password file that is read.
const PASSWORD_FILE_BYTES: u64 = 4096;

/// The least that the history may take of the disk.
const LEAST_HISTORY_BYTES: u64 = 16 << 20;

/// What the server runs with.
pub struct Config {
    /// Where to listen; at least one.
    pub listen: Vec<SocketAddr>,
    /// Where everything is kept.
    pub data: PathBuf,
    /// TLS, when configured.
    pub tls: Option<TlsAcceptor>,
    /// The user made on the first start.
    pub admin_name: String,
    /// Where that user's password comes from.
    pub admin_password_file: Option<PathBuf>,
    /// How much of the history is kept.
    pub retention: Retention,
    /// How often hosts are measured.
    pub stats: StatsTimes,
    /// What is logged.
    pub log_level: LevelFilter,
    /// Whether log lines are JSON.
    pub log_json: bool,
}

/// Everything that is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Faults(pub Vec<String>);

/// Why a password file gives no password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordFileError {
    /// The file cannot be read, or is no UTF-8.
    #[error("{PASSWORD_FILE}: cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// The password is too short to be one.
    #[error("{PASSWORD_FILE}: the password in {} is shorter than {SHORTEST} characters", path.display())]
    Short {
        /// The file.
        path: PathBuf,
    },
    /// The file is no password.
    #[error("{PASSWORD_FILE}: {} is larger than {PASSWORD_FILE_BYTES} bytes", path.display())]
    Large {
        /// The file.
        path: PathBuf,
    },
}

impl Config {
    /// Checks the options of `serve` and the environment's `variables`, and reads the TLS files.
    ///
    /// # Errors
    ///
    /// [`Faults`]: all of them, each with its name and value.
    pub fn read(args: &ServeArgs, variables: &BTreeMap<String, String>) -> Result<Config, Faults> {
        let mut faults = Vec::new();
        let listen = listen(&args.listen, &mut faults);
        let tls = match (&args.tls_cert, &args.tls_key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                let acceptor = tls::acceptor(certificate, key);
                acceptor
                    .map_err(|error| faults.push(format!("TLS: {}", chain(&error))))
                    .ok()
            }
            (Some(_), None) => {
                faults.push("--tls-cert: needs --tls-key".to_owned());
                None
            }
            (None, Some(_)) => {
                faults.push("--tls-key: needs --tls-cert".to_owned());
                None
            }
        };
        let admin_name = args
            .admin_name
            .clone()
            .unwrap_or_else(|| "admin".to_owned());
        if !is_user_name(&admin_name) {
            faults.push(format!(
                "--admin-name {admin_name:?}: needs 1 to 64 of the characters a-z A-Z 0-9 . _ @ -"
            ));
        }
        let retention = retention(args, &mut faults);
        let stats = stats(args, &mut faults);
        let log_level = variable(variables, "LOG_LEVEL").map_or(Some(LevelFilter::Info), level);
        if log_level.is_none() {
            let given = variable(variables, "LOG_LEVEL").unwrap_or_default();
            faults.push(format!(
                "LOG_LEVEL={given:?}: needs error, warn, info, debug or trace"
            ));
        }
        let log_json = variable(variables, "LOG_JSON").map_or(Some(false), boolean);
        if log_json.is_none() {
            let given = variable(variables, "LOG_JSON").unwrap_or_default();
            faults.push(format!("LOG_JSON={given:?}: needs true or false"));
        }
        let data = args
            .data
            .clone()
            .unwrap_or_else(|| PathBuf::from("pilotfish-data"));
        let admin_password_file = variable(variables, PASSWORD_FILE).map(PathBuf::from);
        // Once there is a store the file is not needed, and may be gone.
        if let Some(path) = &admin_password_file
            && !data.join(store::FILE_NAME).exists()
            && let Err(error) = read_password(path)
        {
            faults.push(chain(&error));
        }
        let (Some(log_level), Some(log_json), true) = (log_level, log_json, faults.is_empty())
        else {
            return Err(Faults(faults));
        };
        Ok(Config {
            listen,
            data,
            tls,
            admin_name,
            admin_password_file,
            retention,
            stats,
            log_level,
            log_json,
        })
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("data", &self.data)
            .field("is_tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

/// Reads the first user's password, without the white space around it.
///
/// # Errors
///
/// [`PasswordFileError`].
pub fn read_password(path: &Path) -> Result<Secret, PasswordFileError> {
    let unreadable = |source| PasswordFileError::Read {
        path: path.to_owned(),
        source,
    };
    // A pipe has no length to be asked for: what counts is what is read.
    let file = File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    let read = file.take(PASSWORD_FILE_BYTES + 1).read_to_string(&mut text);
    let text = Secret::from(text);
    if read.map_err(unreadable)? as u64 > PASSWORD_FILE_BYTES {
        return Err(PasswordFileError::Large {
            path: path.to_owned(),
        });
    }
    let password = text.expose().trim();
    if password.chars().count() < SHORTEST {
        return Err(PasswordFileError::Short {
            path: path.to_owned(),
        });
    }
    Ok(Secret::from(password.to_owned()))
}

fn listen(given: &[String], faults: &mut Vec<String>) -> Vec<SocketAddr> {
    if given.is_empty() {
        return vec![SocketAddr::from(([127, 0, 0, 1], 8480))];
    }
    let mut addresses = Vec::new();
    for text in given {
        match text.parse() {
            Ok(address) => addresses.push(address),
            Err(_) => faults.push(format!(
                "--listen {text:?}: needs an IP address and a port, e.g. 0.0.0.0:8480 or [::]:8480"
            )),
        }
    }
    addresses
}

fn retention(args: &ServeArgs, faults: &mut Vec<String>) -> Retention {
    let mut retention = Retention::default();
    if let Some(text) = &args.history {
        match Retention::read_lives(text) {
            Ok(lives) => retention.lives = lives,
            Err(error) => faults.push(format!("--history {text:?}: {error}")),
        }
    }
    if let Some(text) = &args.history_disk {
        match size(text).filter(|bytes| *bytes >= LEAST_HISTORY_BYTES) {
            Some(bytes) => retention.disk_bytes = bytes,
            None => faults.push(format!(
                "--history-disk {text:?}: needs a number and M or G, at least 16M, e.g. 2G"
            )),
        }
    }
    retention
}

fn stats(args: &ServeArgs, faults: &mut Vec<String>) -> StatsTimes {
    let given = args.stats.as_deref();
    let read = given.map(|text| (text, StatsTimes::read(text)));
    match read {
        None => StatsTimes::default(),
        Some((_, Ok(times))) => times,
        Some((text, Err(error))) => {
            faults.push(format!("--stats {text:?}: {error}"));
            StatsTimes::default()
        }
    }
}

/// Reads a size of mebibytes or gibibytes: `512M`, `2G`.
fn size(text: &str) -> Option<u64> {
    let shift = match text.chars().last()? {
        'M' => 20,
        'G' => 30,
        _ => return None,
    };
    let count: u64 = text[..text.len() - 1].parse().ok()?;
    count.checked_mul(1 << shift)
}

/// Gives a variable; one that is empty counts as not set.
fn variable<'a>(variables: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    variables
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

fn level(text: &str) -> Option<LevelFilter> {
    match text.to_ascii_lowercase().as_str() {
        "error" => Some(LevelFilter::Error),
        "warn" | "warning" => Some(LevelFilter::Warn),
        "info" => Some(LevelFilter::Info),
        "debug" => Some(LevelFilter::Debug),
        "trace" => Some(LevelFilter::Trace),
        _ => None,
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Some(true),
        "false" | "0" | "no" => Some(false),
        _ => None,
    }
}

fn is_user_name(name: &str) -> bool {
    let is_known = |c: char| c.is_ascii_alphanumeric() || "._@-".contains(c);
    (1..=64).contains(&name.len()) && name.chars().all(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn nothing_given_means_loopback_and_no_tls() {
        let config = Config::read(&ServeArgs::default(), &variables(&[])).unwrap();
        assert_eq!(config.listen, ["127.0.0.1:8480".parse().unwrap()]);
        assert_eq!(config.data, Path::new("pilotfish-data"));
        assert_eq!(config.admin_name, "admin");
        assert_eq!(config.log_level, LevelFilter::Info);
        assert_eq!(config.retention, Retention::default());
        assert!(config.tls.is_none() && !config.log_json && config.admin_password_file.is_none());
    }

    #[test]
    fn the_environment_is_read_and_empty_variables_count_as_unset() {
        let given = [
            ("LOG_LEVEL", "DEBUG"),
            ("LOG_JSON", "true"),
            (PASSWORD_FILE, ""),
        ];
        let config = Config::read(&ServeArgs::default(), &variables(&given)).unwrap();
        assert_eq!(config.log_level, LevelFilter::Debug);
        assert!(config.log_json && config.admin_password_file.is_none());
    }

    #[test]
    fn all_faults_are_told_at_once_by_name_and_value() {
        let args = ServeArgs {
            listen: vec!["localhost".to_owned(), "127.0.0.1:0".to_owned()],
            tls_cert: Some("c".into()),
            data: Some("/nowhere".into()),
            admin_name: Some("a b".to_owned()),
            history: Some("6h,3d,60d".to_owned()),
            history_disk: Some("15M".to_owned()),
            stats: Some("1s,10s,30s".to_owned()),
            ..ServeArgs::default()
        };
        let given = variables(&[
            ("LOG_LEVEL", "loud"),
            ("LOG_JSON", "maybe"),
            (PASSWORD_FILE, "/nowhere/password"),
        ]);
        let Faults(faults) = Config::read(&args, &given).unwrap_err();
        let starts = [
            "--listen \"localhost\": needs",
            "--tls-cert: needs --tls-key",
            "--admin-name \"a b\": needs",
            "--history \"6h,3d,60d\": needs",
            "--history-disk \"15M\": needs",
            "--stats \"1s,10s,30s\": stats would",
            "LOG_LEVEL=\"loud\": needs",
            "LOG_JSON=\"maybe\": needs",
            "PILOTFISH_ADMIN_PASSWORD_FILE: cannot read /nowhere/password: ",
        ];
        assert_eq!(faults.len(), starts.len(), "{faults:?}");
        for (fault, start) in faults.iter().zip(starts) {
            assert!(fault.starts_with(start), "{fault}");
        }
    }

    #[test]
    fn tls_files_that_cannot_be_read_are_a_fault() {
        let args = ServeArgs {
            tls_cert: Some("/nowhere/cert.pem".into()),
            tls_key: Some("/nowhere/key.pem".into()),
            ..ServeArgs::default()
        };
        let Faults(faults) = Config::read(&args, &variables(&[])).unwrap_err();
        assert_eq!(faults.len(), 1);
        assert!(faults[0].contains("/nowhere/cert.pem"), "{faults:?}");
    }

    #[track_caller]
    fn check_password(content: &str, password: Option<&str>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        std::fs::write(&path, content).unwrap();
        let read = read_password(&path).ok();
        assert_eq!(read.as_ref().map(Secret::expose), password);
    }

    #[test]
    fn a_password_file_is_trimmed_and_must_hold_eight_characters() {
        check_password("12345678", Some("12345678"));
        check_password("  pass word \n", Some("pass word"));
        check_password("äöüäöüäö\n", Some("äöüäöüäö"));
        check_password("1234567\n\n", None);
        check_password("", None);
        check_password(&"x".repeat(5000), None);
        assert!(read_password(Path::new("/nowhere/password")).is_err());
    }

    #[test]
    fn an_endless_password_file_is_not_read_to_its_end() {
        let endless = read_password(Path::new("/dev/zero"));
        assert!(matches!(endless, Err(PasswordFileError::Large { .. })));
    }
}
