//! Pure: lines, words and numbers of what the kernel writes to /proc and /sys.

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

/// The words of a line.
pub fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// Reads a decimal number: digits and nothing else.
#[must_use]
pub fn number(word: &[u8]) -> Option<u64> {
    if word.is_empty() {
        return None;
    }
    word.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| byte - b'0')?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Reads a file that is one number, as those of /sys are; it may be negative.
#[must_use]
pub fn only_number(bytes: &[u8]) -> Option<i64> {
    let text = bytes.trim_ascii();
    match text.strip_prefix(b"-") {
        Some(digits) => i64::try_from(number(digits)?).ok()?.checked_neg(),
        None => i64::try_from(number(text)?).ok(),
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
    fn a_number_is_digits_and_fits() {
        for (word, expected) in [
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1x", None),
        ] {
            assert_eq!(number(word.as_bytes()), expected, "{word}");
        }
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

    #[test]
    fn words_are_what_blanks_divide() {
        let found: Vec<_> = words(b"  cpu  1\t2 ").collect();
        assert_eq!(found, [b"cpu".as_slice(), b"1", b"2"]);
    }
}
