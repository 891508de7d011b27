//! Pure: what may be how large and how long. Both ends check against these.

use core::time::Duration;

/// Largest message either end sends or accepts after authentication. A DockMon backend closes 1009 above it.
pub const MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// Largest message a server accepts before authentication.
pub const UNAUTHENTICATED_MESSAGE_BYTES: usize = 64 * 1024;
/// Largest message an agent accepts from a server: commands are small, and a board's memory is not.
pub const SERVER_MESSAGE_BYTES: usize = 1024 * 1024;
/// Largest log text in one `get_logs` answer.
pub const LOG_BYTES: usize = 10 * 1000 * 1000;
/// Largest body of any other answer (container list, inspect object).
pub const ANSWER_BYTES: usize = 4 * 1000 * 1000;

/// Longest token, registration or permanent.
pub const TOKEN_LEN: usize = 255;
/// Longest engine id.
pub const ENGINE_ID_LEN: usize = 255;
/// Longest agent id or host id.
pub const PEER_ID_LEN: usize = 64;
/// Longest correlation id.
pub const CALL_ID_LEN: usize = 128;
/// Digits of a short container id.
pub const SHORT_ID_LEN: usize = 12;
/// Digits of a full container id.
pub const FULL_ID_LEN: usize = 64;
/// Most host addresses in one registration; a DockMon backend refuses more.
pub const HOST_ADDRESSES: usize = 50;
/// Most capability keys a server keeps of one registration.
pub const CAPABILITIES: usize = 64;
/// Longest capability key.
pub const CAPABILITY_LEN: usize = 64;
/// Largest total memory a DockMon backend accepts.
pub const TOTAL_MEMORY_BYTES: u64 = 1_000_000_000_000_000;
/// Largest CPU count a DockMon backend accepts.
pub const CPUS: u32 = 10_000;
/// Longest new name of a container.
pub const CONTAINER_NAME_LEN: usize = 255;
/// Longest error text an answer carries.
pub const ERROR_LEN: usize = 4096;
/// Most attributes one container event carries.
pub const EVENT_ATTRIBUTES: usize = 64;
/// Most containers that one change of the container list sets, and most that it takes away; a receiver passes over the rest.
pub const CHANGED_CONTAINERS: usize = 10_000;
/// Most missing values that a receiver keeps of one collector report.
pub const MISSING_VALUES: usize = 64;
/// Most log lines one request may ask for.
pub const LOG_TAIL_LINES: u32 = 5000;
/// Log lines sent when a request names no number.
pub const LOG_TAIL_DEFAULT_LINES: u32 = 100;
/// Longest stop timeout a request may ask for.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(3600);

/// How long a server waits for the first message of a connection.
pub const REGISTER_WAIT: Duration = Duration::from_secs(30);
/// How long an agent waits for the answer to its registration.
pub const AUTH_ANSWER_WAIT: Duration = Duration::from_secs(10);
/// How often an agent sends a heartbeat message.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(30);
/// A peer that was not heard for this long is gone.
pub const PEER_SILENCE: Duration = Duration::from_secs(45);
