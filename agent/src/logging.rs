//! Log lines to standard error: JSON, journal or plain text, one line an event.
//!
//! Levels: ERROR we stop; WARN worth waking someone; INFO a session or container changed state; DEBUG why a branch was taken,
//! the first level that may hold names and addresses; TRACE per frame.

mod line;
pub mod rate_gate;

use log::LevelFilter;

pub use line::LineForm;

use crate::clock;

/// The crates whose lines follow `LOG_LEVEL`.
const OURS: [&str; 2] = ["pilotfish_agent", "pilotfish_protocol"];
/// Libraries print frames and headers below this level, tokens among them.
const FOREIGN_LEVEL: LevelFilter = LevelFilter::Warn;

/// Sends what is logged from now on to standard error: lines of `form`, of `level` and worse.
///
/// # Errors
///
/// When the process has a logger already.
pub fn start(level: LevelFilter, form: LineForm) -> Result<(), log::SetLoggerError> {
    let mut builder = env_logger::Builder::new();
    builder.filter(None, level.min(FOREIGN_LEVEL));
    for target in OURS {
        builder.filter(Some(target), level);
    }
    builder
        .format(move |out, record| line::write(out, form, clock::unix_ms(), record))
        .try_init()
}
