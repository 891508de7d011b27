//! Pure: how one log line is written.

use std::fmt::{self, Write as _};
use std::io;

use log::{Level, Record};
use pilotfish_protocol::time::Timestamp;
use serde::Serialize;

/// The form of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineForm {
    /// `{"time":"…","level":"info","target":"…","msg":"…"}`
    Json,
    /// `<6>target: message`: the journal takes the priority from the front (sd-daemon(3)) and has a clock of its own.
    Journal,
    /// `INFO target: message`
    Plain,
}

impl LineForm {
    /// Chooses the form for `LOG_JSON`; `has_journal` says whether `JOURNAL_STREAM` is set.
    pub fn choose(is_json: bool, has_journal: bool) -> Self {
        match (is_json, has_journal) {
            (true, _) => Self::Json,
            (false, true) => Self::Journal,
            (false, false) => Self::Plain,
        }
    }
}

#[derive(Serialize)]
struct JsonLine<'a> {
    time: Timestamp,
    level: &'static str,
    target: &'a str,
    msg: &'a fmt::Arguments<'a>,
}

/// Writes `record` as one line, whatever its message holds.
pub(super) fn write(
    out: &mut impl io::Write,
    form: LineForm,
    unix_ms: i64,
    record: &Record<'_>,
) -> io::Result<()> {
    let (target, message) = (record.target(), Escaped(record.args()));
    match form {
        LineForm::Json => {
            let line = JsonLine {
                time: Timestamp::from_unix_ms(unix_ms),
                level: level_word(record.level()),
                target,
                msg: record.args(),
            };
            serde_json::to_writer(&mut *out, &line)?;
            out.write_all(b"\n")
        }
        LineForm::Journal => writeln!(out, "<{}>{target}: {message}", priority(record.level())),
        LineForm::Plain => writeln!(out, "{} {target}: {message}", record.level()),
    }
}

fn level_word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

/// syslog(3)'s numbers.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// A message with its control characters escaped, so that nobody can write a second line or move the cursor.
struct Escaped<'a>(&'a fmt::Arguments<'a>);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);
        impl fmt::Write for Escaping<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                for piece in text.split_inclusive(char::is_control) {
                    let kept = piece.trim_end_matches(char::is_control);
                    self.0.write_str(kept)?;
                    write!(self.0, "{}", piece[kept.len()..].escape_default())?;
                }
                Ok(())
            }
        }
        write!(Escaping(f), "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_lines_carry_time_level_target_and_message() {
        check(
            LineForm::Json,
            "session opened",
            r#"{"time":"2024-03-01T00:00:00.007Z","level":"warn","target":"pilotfish_agent::uplink","msg":"session opened"}"#,
        );
    }

    #[test]
    fn json_lines_escape_what_would_break_them() {
        check(
            LineForm::Json,
            "a \"b\"\n{\u{1b}[31m}",
            r#"{"time":"2024-03-01T00:00:00.007Z","level":"warn","target":"pilotfish_agent::uplink","msg":"a \"b\"\n{\u001b[31m}"}"#,
        );
    }

    #[test]
    fn journal_lines_begin_with_their_priority() {
        check(
            LineForm::Journal,
            "lost",
            "<4>pilotfish_agent::uplink: lost",
        );
        let priorities: Vec<u8> = Level::iter().map(priority).collect();
        assert_eq!(priorities, [3, 4, 6, 7, 7]);
    }

    #[test]
    fn a_message_cannot_begin_a_second_line() {
        check(
            LineForm::Plain,
            "name\n<0>é forged\u{1b}[2J\r",
            r"WARN pilotfish_agent::uplink: name\n<0>é forged\u{1b}[2J\r",
        );
    }

    #[test]
    fn the_journal_form_needs_a_journal() {
        assert_eq!(LineForm::choose(true, true), LineForm::Json);
        assert_eq!(LineForm::choose(false, true), LineForm::Journal);
        assert_eq!(LineForm::choose(false, false), LineForm::Plain);
    }

    #[track_caller]
    fn check(form: LineForm, message: &str, expected: &str) {
        let mut out = Vec::new();
        let record = &mut Record::builder();
        record.level(Level::Warn).target("pilotfish_agent::uplink");
        write(
            &mut out,
            form,
            1_709_251_200_007,
            &record.args(format_args!("{message}")).build(),
        )
        .unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), format!("{expected}\n"));
    }
}
