//! Pure: a container's log text as lines with their times.

use pilotfish_protocol::Timestamp;
use serde::Serialize;

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line<'a> {
    /// The Engine's time of it, RFC 3339; a line without one belongs to the line before.
    pub at: Option<&'a str>,
    /// What the container wrote.
    pub text: &'a str,
}

/// Splits a log as an agent sends it: each line begins with the Engine's time and a blank.
///
/// A DockMon agent sends all of stdout, then all of stderr; `is_in_order` is false for it, and the lines are brought in the order
/// of their times. A line without a time stays behind the one before it.
pub fn split(log: &str, is_in_order: bool) -> Vec<Line<'_>> {
    let lines = log.lines().map(|line| {
        // Written by `\r\n` programs.
        let line = line.strip_suffix('\r').unwrap_or(line);
        match line.split_once(' ') {
            Some((at, text)) if Timestamp::parse(at).is_some() => Line { at: Some(at), text },
            None if Timestamp::parse(line).is_some() => Line {
                at: Some(line),
                text: "",
            },
            Some(_) | None => Line {
                at: None,
                text: line,
            },
        }
    });
    let mut lines: Vec<Line<'_>> = lines
        .filter(|line| line.at.is_some() || !line.text.is_empty())
        .collect();
    if !is_in_order {
        sort(&mut lines);
    }
    lines
}

fn sort(lines: &mut Vec<Line<'_>>) {
    let mut last = (i64::MIN, String::new());
    let mut keyed: Vec<_> = lines
        .drain(..)
        .map(|line| {
            if let Some(at) = line.at
                && let Some(time) = Timestamp::parse(at)
            {
                // The Engine writes nanoseconds without trailing zeros; milliseconds alone would lose the order.
                last = (time.unix_ms(), nanoseconds(at));
            }
            (last.clone(), line)
        })
        .collect();
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    lines.extend(keyed.into_iter().map(|(_, line)| line));
}

/// Gives the digits behind the second, nine of them.
fn nanoseconds(at: &str) -> String {
    let fraction = at.split_once('.').map_or("", |(_, rest)| rest);
    let digits: String = fraction
        .chars()
        .take_while(char::is_ascii_digit)
        .take(9)
        .collect();
    format!("{digits:0<9}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(log: &str, is_in_order: bool, expected: &[(Option<&str>, &str)]) {
        let lines = split(log, is_in_order);
        let lines: Vec<_> = lines.iter().map(|line| (line.at, line.text)).collect();
        assert_eq!(lines, expected);
    }

    const FIRST: &str = "2026-11-23T21:05:00.000000001Z";
    const SECOND: &str = "2026-11-23T21:05:00.00000001Z";
    const THIRD: &str = "2026-11-23T21:05:01Z";

    #[test]
    fn a_line_is_split_at_the_first_blank() {
        let log = format!("{FIRST} one two\n{SECOND} \n{THIRD}\n");
        check(
            &log,
            true,
            &[
                (Some(FIRST), "one two"),
                (Some(SECOND), ""),
                (Some(THIRD), ""),
            ],
        );
        check("", true, &[]);
        check("\n\n", true, &[]);
    }

    #[test]
    fn a_line_without_a_time_is_kept() {
        check(
            "Error: no log driver\nplain",
            true,
            &[(None, "Error: no log driver"), (None, "plain")],
        );
    }

    #[test]
    fn blanks_that_a_container_wrote_are_kept_and_carriage_returns_are_not() {
        let log = format!("{FIRST}   indented\r\n");
        check(&log, true, &[(Some(FIRST), "  indented")]);
    }

    #[test]
    fn stdout_then_stderr_is_brought_in_order() {
        let log = format!("{FIRST} out 1\n{THIRD} out 2\nrest of out 2\n{SECOND} err 1\n");
        let sorted = [
            (Some(FIRST), "out 1"),
            (Some(SECOND), "err 1"),
            (Some(THIRD), "out 2"),
            (None, "rest of out 2"),
        ];
        check(&log, false, &sorted);
        let unsorted = [sorted[0], sorted[2], sorted[3], sorted[1]];
        check(&log, true, &unsorted);
    }

    #[test]
    fn lines_of_the_same_time_keep_their_order() {
        let log = format!("{FIRST} a\n{FIRST} b\n{FIRST} c\n");
        check(
            &log,
            false,
            &[(Some(FIRST), "a"), (Some(FIRST), "b"), (Some(FIRST), "c")],
        );
    }
}
