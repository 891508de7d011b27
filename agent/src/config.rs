//! Pure: the agent's configuration, from [`Vars`]. Everything that is wrong is told at once; nothing falls back to a default.
//! `environment` reads the process's own variables and files.

pub mod environment;
pub mod fault;
mod go_values;
mod reader;
pub mod server_url;
mod size;
pub mod table;
pub mod vars;

use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;
use pilotfish_protocol::Token;

pub use fault::{ConfigFaults, Fault};
pub use server_url::ServerUrl;
pub use vars::Vars;

use reader::Reader;

/// Longest `AGENT_NAME`, in bytes.
const AGENT_NAME_LIMIT_BYTES: usize = 255;
/// Longest `PROTO_VERSION`, in bytes.
const PROTO_VERSION_LIMIT_BYTES: usize = 20;

/// Longest `STATS_INTERVAL_MIN`: stats never come more rarely.
pub const STATS_INTERVAL_LIMIT: Duration = Duration::from_secs(600);

/// What the agent was told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The server's WebSocket for agents.
    pub server: ServerUrl,
    /// Enrols the host when it is not.
    pub registration_token: Option<Token>,
    /// An identity from elsewhere; goes before the stored one.
    pub permanent_token: Option<Token>,
    /// The host's name, trimmed.
    pub agent_name: Option<String>,
    /// Enrol although another host has the same engine id. Only with an `agent_name`.
    pub force_unique_registration: bool,
    /// Whether to enrol although no Engine was ever heard.
    pub engine_optional: bool,
    /// Certificate authorities to trust for the server, PEM.
    pub ca_file: Option<PathBuf>,
    /// Where the store is.
    pub data_path: PathBuf,
    /// The Engine's socket: `unix:///path`. Without it the usual places are tried.
    pub docker_host: Option<String>,
    /// Certificates for TLS to the Engine; shown, and not used before there is TLS to the Engine.
    pub docker_cert_path: Option<PathBuf>,
    /// Longest wait before the first new attempt to connect; not zero, not above `reconnect_max`.
    pub reconnect_initial: Duration,
    /// Longest wait between attempts to connect.
    pub reconnect_max: Duration,
    /// How long an updated container may take to become healthy; not zero.
    pub update_timeout: Duration,
    /// The shortest time between two ticks of stats; not zero, not above [`STATS_INTERVAL_LIMIT`].
    pub stats_interval_min: Duration,
    /// What may be sent and received in a day.
    pub bytes_per_day: Option<u64>,
    /// Whether the server is asked for as little traffic as possible.
    pub metered: bool,
    /// The protocol version told to the server.
    pub proto_version: String,
    /// The least severe level that is logged.
    pub log_level: LevelFilter,
    /// Whether log lines are JSON.
    pub log_json: bool,
}

impl Config {
    /// Understands `vars`.
    ///
    /// # Errors
    ///
    /// Every fault there is, secrets masked.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigFaults> {
        let mut reader = Reader::new(vars);
        let server = reader.server(&table::DOCKMON_URL);
        let config = Self {
            registration_token: reader.token(&table::REGISTRATION_TOKEN),
            permanent_token: reader.token(&table::PERMANENT_TOKEN),
            agent_name: reader.parsed(&table::AGENT_NAME, agent_name).flatten(),
            force_unique_registration: reader.boolean(&table::FORCE_UNIQUE_REGISTRATION),
            engine_optional: reader.boolean(&table::ENGINE_OPTIONAL),
            ca_file: reader.path(&table::CA_FILE),
            data_path: reader.path(&table::DATA_PATH).unwrap_or_default(),
            docker_host: reader.parsed(&table::DOCKER_HOST, docker_host),
            docker_cert_path: reader.path(&table::DOCKER_CERT_PATH),
            reconnect_initial: reader.duration(&table::RECONNECT_INITIAL),
            reconnect_max: reader.duration(&table::RECONNECT_MAX),
            update_timeout: reader.duration(&table::UPDATE_TIMEOUT),
            stats_interval_min: reader
                .parsed(&table::STATS_INTERVAL_MIN, stats_interval_min)
                .unwrap_or_default(),
            bytes_per_day: reader.parsed(&table::BYTES_PER_DAY, size::bytes),
            metered: reader.boolean(&table::METERED),
            proto_version: reader
                .parsed(&table::PROTO_VERSION, proto_version)
                .unwrap_or_default(),
            log_level: reader
                .parsed(&table::LOG_LEVEL, log_level)
                .unwrap_or(LevelFilter::Info),
            log_json: reader.boolean(&table::LOG_JSON),
            // A place holder that never leaves: without a server there are faults.
            server: server.unwrap_or(ServerUrl {
                secure: true,
                host: String::new(),
                port: 0,
                path: String::new(),
            }),
        };
        if reader.boolean(&table::INSECURE_SKIP_VERIFY) {
            reader.refuse(
                &table::INSECURE_SKIP_VERIFY,
                "is not supported: anybody on the way could command this host; name your certificate authority in CA_FILE",
            );
        }
        if reader.boolean(&table::DOCKER_TLS_VERIFY) {
            reader.refuse(&table::DOCKER_TLS_VERIFY, NO_TCP);
        }
        if reader.is_good(&table::AGENT_NAME)
            && config.force_unique_registration
            && config.agent_name.is_none()
        {
            reader.refuse(
                &table::FORCE_UNIQUE_REGISTRATION,
                "needs AGENT_NAME, so that the hosts can be told apart",
            );
        }
        let are_both_good =
            reader.is_good(&table::RECONNECT_INITIAL) && reader.is_good(&table::RECONNECT_MAX);
        if are_both_good && config.reconnect_initial > config.reconnect_max {
            let what = format!("is longer than RECONNECT_MAX ({:?})", config.reconnect_max);
            reader.refuse(&table::RECONNECT_INITIAL, &what);
        }
        reader.end().map(|()| config)
    }

    /// What is in force, by variable, in the table's order; secrets are masked.
    pub fn in_force(&self) -> Vec<(&'static str, String)> {
        let not_set = || "(not set)".to_owned();
        let token = |token: &Option<Token>| {
            token
                .as_ref()
                .map_or_else(not_set, |_| fault::MASK.to_owned())
        };
        let path = |path: &Option<PathBuf>| {
            path.as_ref()
                .map_or_else(not_set, |path| path.display().to_string())
        };
        vec![
            (table::DOCKMON_URL.name, self.server.to_string()),
            (
                table::REGISTRATION_TOKEN.name,
                token(&self.registration_token),
            ),
            (table::PERMANENT_TOKEN.name, token(&self.permanent_token)),
            (
                table::AGENT_NAME.name,
                self.agent_name.clone().unwrap_or_else(not_set),
            ),
            (
                table::FORCE_UNIQUE_REGISTRATION.name,
                self.force_unique_registration.to_string(),
            ),
            (
                table::ENGINE_OPTIONAL.name,
                self.engine_optional.to_string(),
            ),
            (table::CA_FILE.name, path(&self.ca_file)),
            (table::INSECURE_SKIP_VERIFY.name, false.to_string()),
            (table::DATA_PATH.name, self.data_path.display().to_string()),
            (
                table::DOCKER_HOST.name,
                self.docker_host.clone().unwrap_or_else(not_set),
            ),
            (table::DOCKER_TLS_VERIFY.name, false.to_string()),
            (table::DOCKER_CERT_PATH.name, path(&self.docker_cert_path)),
            (
                table::RECONNECT_INITIAL.name,
                format!("{:?}", self.reconnect_initial),
            ),
            (
                table::RECONNECT_MAX.name,
                format!("{:?}", self.reconnect_max),
            ),
            (
                table::UPDATE_TIMEOUT.name,
                format!("{:?}", self.update_timeout),
            ),
            (
                table::STATS_INTERVAL_MIN.name,
                format!("{:?}", self.stats_interval_min),
            ),
            (
                table::BYTES_PER_DAY.name,
                self.bytes_per_day
                    .map_or_else(not_set, |bytes| bytes.to_string()),
            ),
            (table::METERED.name, self.metered.to_string()),
            (table::PROTO_VERSION.name, self.proto_version.clone()),
            (
                table::LOG_LEVEL.name,
                self.log_level.as_str().to_ascii_lowercase(),
            ),
            (table::LOG_JSON.name, self.log_json.to_string()),
        ]
    }
}

const NO_TCP: &str = "TCP and TLS to the Engine come in a later version; use a Unix socket, e.g. \"unix:///var/run/docker.sock\"";

/// `None` for a name of blanks, which is none.
fn agent_name(text: &str) -> Result<Option<String>, String> {
    let name = text.trim();
    if name.len() > AGENT_NAME_LIMIT_BYTES {
        return Err(format!(
            "is {} bytes long, at most {AGENT_NAME_LIMIT_BYTES} are allowed",
            name.len()
        ));
    }
    if name.contains(char::is_control) {
        return Err("has a control character; write printable text".to_owned());
    }
    Ok(Some(name)
        .filter(|name| !name.is_empty())
        .map(str::to_owned))
}

fn docker_host(text: &str) -> Result<String, String> {
    let example = "use a Unix socket, e.g. \"unix:///var/run/docker.sock\"";
    match text.split_once("://") {
        Some(("unix", path)) if path.starts_with('/') => Ok(text.to_owned()),
        Some(("unix", _)) => {
            Err("needs an absolute path, e.g. \"unix:///var/run/docker.sock\"".to_owned())
        }
        Some(("tcp" | "http" | "https", _)) => Err(NO_TCP.to_owned()),
        Some((scheme, _)) => Err(format!(
            "{}:// is not supported; {example}",
            scheme.escape_debug()
        )),
        None => Err(format!("has no scheme; {example}")),
    }
}

fn stats_interval_min(text: &str) -> Result<Duration, String> {
    match go_values::duration(text)? {
        Duration::ZERO => Err("must be longer than zero, e.g. \"1s\"".to_owned()),
        longer if longer > STATS_INTERVAL_LIMIT => {
            Err("is longer than ten minutes; write a shorter duration, e.g. \"60s\"".to_owned())
        }
        interval => Ok(interval),
    }
}

fn proto_version(text: &str) -> Result<String, String> {
    if text.len() > PROTO_VERSION_LIMIT_BYTES || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!(
            "must be at most {PROTO_VERSION_LIMIT_BYTES} printable characters, e.g. \"1.1\""
        ));
    }
    Ok(text.to_owned())
}

fn log_level(text: &str) -> Result<LevelFilter, String> {
    match text.to_ascii_lowercase().as_str() {
        "error" => Ok(LevelFilter::Error),
        "warn" | "warning" => Ok(LevelFilter::Warn),
        "info" => Ok(LevelFilter::Info),
        "debug" => Ok(LevelFilter::Debug),
        "trace" => Ok(LevelFilter::Trace),
        _ => Err("is no level; use error, warn, info, debug or trace".to_owned()),
    }
}

#[cfg(test)]
mod tests;
