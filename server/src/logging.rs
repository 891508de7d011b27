//! Log lines on stderr: text for people and journald, or one JSON object a line.

use std::io::Write as _;

use env_logger::{Builder, Target};
use log::LevelFilter;

use crate::clock;

/// Starts logging; a second start changes nothing.
pub fn start(level: LevelFilter, as_json: bool) {
    let mut builder = Builder::new();
    // Libraries speak of single reads and polls below this.
    builder
        .filter_level(level.min(LevelFilter::Info))
        .filter_module("pilotfish_server", level);
    builder.target(Target::Stderr).format(move |out, record| {
        let at = clock::timestamp();
        let (level, message) = (record.level(), record.args());
        if as_json {
            let line = serde_json::json!({
                "time": at.to_string(),
                "level": level.as_str().to_ascii_lowercase(),
                "target": record.target(),
                "msg": message.to_string(),
            });
            writeln!(out, "{line}")
        } else {
            writeln!(out, "{at} {level:<5} {}", one_line(&message.to_string()))
        }
    });
    if builder.try_init().is_err() {
        log::debug!("logging was started before");
    }
}

/// Makes a message one line, so that no text from outside can look like a line of the log.
fn one_line(message: &str) -> String {
    let mut line = String::with_capacity(message.len());
    for c in message.chars() {
        if c.is_control() {
            line.extend(c.escape_default())
        } else {
            line.push(c)
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_on_its_line() {
        assert_eq!(one_line("ä b"), "ä b");
        assert_eq!(
            one_line("a\n2026 ERROR b\x1b[0m\r"),
            "a\\n2026 ERROR b\\u{1b}[0m\\r"
        );
    }
}
