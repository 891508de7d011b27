//! Pure: lines of a table that is read piece by piece, and files of /sys that are one number.

use crate::sample::cgroup::text::digits;

/// Hands each whole line of `bytes` to `line`, without its line feed, and returns how many bytes these lines took. What follows the last
/// line feed may be cut and is left out.
pub fn whole_lines(bytes: &[u8], mut line: impl FnMut(&[u8])) -> usize {
    let mut used = 0;
    for whole in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(text) = whole.strip_suffix(b"\n") else {
            break;
        };
        line(text);
        used += whole.len();
    }
    used
}

/// Reads a file that is one number, as those of /sys are; it may be negative.
#[must_use]
pub fn only_number(bytes: &[u8]) -> Option<i64> {
    let text = bytes.trim_ascii();
    match text.strip_prefix(b"-") {
        Some(abs) => i64::try_from(digits(abs)?).ok()?.checked_neg(),
        None => i64::try_from(digits(text)?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_lines(bytes: &str, expected: &[&str], expected_used: usize) {
        let mut found = Vec::new();
        let used = whole_lines(bytes.as_bytes(), |line| found.push(line.to_vec()));
        let expected: Vec<_> = expected.iter().map(|line| line.as_bytes()).collect();
        assert_eq!(found, expected);
        assert_eq!(used, expected_used);
    }

    #[test]
    fn a_line_that_may_be_cut_is_no_line() {
        check_lines("", &[], 0);
        check_lines("a", &[], 0);
        check_lines("a\nb", &["a"], 2);
        check_lines("a\n\nb\n", &["a", "", "b"], 5);
    }

    #[test]
    fn a_file_may_be_one_number() {
        for (text, expected) in [
            ("48312\n", Some(48_312)),
            ("-1500\n", Some(-1500)),
            ("--1\n", None),
            ("1 2\n", None),
            ("9223372036854775808\n", None),
            ("", None),
        ] {
            assert_eq!(only_number(text.as_bytes()), expected, "{text}");
        }
    }
}
