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
    builder(level)
        .format(move |out, record| line::write(out, form, clock::unix_ms(), record))
        .try_init()
}

fn builder(level: LevelFilter) -> env_logger::Builder {
    let mut builder = env_logger::Builder::new();
    builder.filter(None, level.min(FOREIGN_LEVEL));
    for target in OURS {
        builder.filter(Some(target), level);
    }
    builder
}

#[cfg(test)]
mod tests {
    use log::{Level, Log as _, Metadata};

    use super::*;

    #[test]
    fn our_lines_follow_the_level() {
        check(
            LevelFilter::Trace,
            "pilotfish_agent::uplink",
            Level::Trace,
            true,
        );
        check(LevelFilter::Info, "pilotfish_agent", Level::Debug, false);
        check(
            LevelFilter::Info,
            "pilotfish_protocol::token",
            Level::Info,
            true,
        );
    }

    #[test]
    fn libraries_never_print_frames_or_headers() {
        check(
            LevelFilter::Trace,
            "tungstenite::protocol",
            Level::Info,
            false,
        );
        check(LevelFilter::Trace, "rustls::client", Level::Warn, true);
        check(LevelFilter::Error, "redb", Level::Warn, false);
    }

    #[track_caller]
    fn check(level: LevelFilter, target: &str, line_level: Level, is_written: bool) {
        let metadata = Metadata::builder().target(target).level(line_level).build();
        assert_eq!(builder(level).build().enabled(&metadata), is_written);
    }
}
