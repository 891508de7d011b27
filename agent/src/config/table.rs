//! Pure: the one table of the agent's environment variables: what `--help` prints is what the parser reads.

/// One environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The text that is parsed when it is not set; empty when there is none.
    pub default: &'static str,
    /// Whether its value is never shown, and may also come from `NAME_FILE` or the credentials directory.
    pub is_secret: bool,
    /// What it is for, in one line.
    pub meaning: &'static str,
}

const fn plain(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable {
        name,
        default,
        is_secret: false,
        meaning,
    }
}

const fn secret(name: &'static str, meaning: &'static str) -> Variable {
    Variable {
        name,
        default: "",
        is_secret: true,
        meaning,
    }
}

pub(super) const DOCKMON_URL: Variable = plain(
    "DOCKMON_URL",
    "",
    "the server: wss://host[:port][/prefix], also https, ws, http (required)",
);
pub(super) const REGISTRATION_TOKEN: Variable = secret(
    "REGISTRATION_TOKEN",
    "enrols this host; not needed once it is enrolled",
);
pub(super) const PERMANENT_TOKEN: Variable = secret(
    "PERMANENT_TOKEN",
    "the identity of a host that is enrolled already; goes before the stored one",
);
pub(super) const AGENT_NAME: Variable = plain(
    "AGENT_NAME",
    "",
    "the host's name on the server, instead of the Engine's",
);
pub(super) const FORCE_UNIQUE_REGISTRATION: Variable = plain(
    "FORCE_UNIQUE_REGISTRATION",
    "false",
    "enrol although another host has the same engine id (cloned machines); needs AGENT_NAME",
);
pub(super) const ENGINE_OPTIONAL: Variable = plain(
    "ENGINE_OPTIONAL",
    "false",
    "enrol although no Engine answers yet; it may join later (only with a Pilotfish server)",
);
pub(super) const CA_FILE: Variable = plain(
    "CA_FILE",
    "",
    "PEM file of certificate authorities to trust for the server, instead of the system's",
);
pub(super) const INSECURE_SKIP_VERIFY: Variable = plain(
    "INSECURE_SKIP_VERIFY",
    "false",
    "not supported; use CA_FILE",
);
pub(super) const DATA_PATH: Variable = plain(
    "DATA_PATH",
    "/data",
    "directory for what must survive a restart",
);
pub(super) const DOCKER_HOST: Variable = plain(
    "DOCKER_HOST",
    "",
    "the Engine's socket, unix:///path; otherwise the first live one of the usual places",
);
pub(super) const DOCKER_TLS_VERIFY: Variable = plain(
    "DOCKER_TLS_VERIFY",
    "false",
    "TLS to the Engine; not supported yet",
);
pub(super) const DOCKER_CERT_PATH: Variable = plain(
    "DOCKER_CERT_PATH",
    "",
    "certificates for TLS to the Engine; not used yet",
);
pub(super) const RECONNECT_INITIAL: Variable = plain(
    "RECONNECT_INITIAL",
    "1s",
    "longest wait before the first new attempt to connect",
);
pub(super) const RECONNECT_MAX: Variable = plain(
    "RECONNECT_MAX",
    "60s",
    "longest wait between attempts to connect",
);
pub(super) const UPDATE_TIMEOUT: Variable = plain(
    "UPDATE_TIMEOUT",
    "120s",
    "how long an updated container may take to become healthy; not used yet",
);
pub(super) const STATS_INTERVAL_MIN: Variable = plain(
    "STATS_INTERVAL_MIN",
    "1s",
    "shortest time between two samples, whatever the server asks for; at most 10m",
);
pub(super) const BYTES_PER_DAY: Variable = plain(
    "BYTES_PER_DAY",
    "",
    "what this host may send and receive in a day, e.g. 20M; near it samples come more rarely",
);
pub(super) const METERED: Variable = plain(
    "METERED",
    "false",
    "the line is paid by the byte: ask the server for as little as possible",
);
pub(super) const PROTO_VERSION: Variable = plain(
    "PROTO_VERSION",
    "1.1",
    "the protocol version told to the server",
);
pub(super) const LOG_LEVEL: Variable =
    plain("LOG_LEVEL", "info", "error, warn, info, debug or trace");
pub(super) const LOG_JSON: Variable = plain(
    "LOG_JSON",
    "true",
    "one JSON object a log line instead of text",
);

/// Every variable, in the order in which they are shown.
pub const VARIABLES: [Variable; 21] = [
    DOCKMON_URL,
    REGISTRATION_TOKEN,
    PERMANENT_TOKEN,
    AGENT_NAME,
    FORCE_UNIQUE_REGISTRATION,
    ENGINE_OPTIONAL,
    CA_FILE,
    INSECURE_SKIP_VERIFY,
    DATA_PATH,
    DOCKER_HOST,
    DOCKER_TLS_VERIFY,
    DOCKER_CERT_PATH,
    RECONNECT_INITIAL,
    RECONNECT_MAX,
    UPDATE_TIMEOUT,
    STATS_INTERVAL_MIN,
    BYTES_PER_DAY,
    METERED,
    PROTO_VERSION,
    LOG_LEVEL,
    LOG_JSON,
];

/// The name of the variable that names a file with the value of the secret `name`.
pub(super) fn file_variable(name: &str) -> String {
    format!("{name}_FILE")
}
