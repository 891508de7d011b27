//! Pure: the shapes that the kernel gives its counters: one number, or lines of a key and a number.
//!
//! Source: kernel, Documentation/admin-guide/cgroup-v2.rst, "Interface Files". Every line ends with a line feed: one that does not was cut,
//! and counts as missing.

/// The complete lines of `text`, without their line feeds.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let complete = text
        .iter()
        .rposition(|&byte| byte == b'\n')
        .unwrap_or_default();
    let is_empty = complete == 0;
    text[..complete]
        .split(|&byte| byte == b'\n')
        .filter(move |_| !is_empty)
}

/// The words of a line.
pub fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&byte| byte == b' ' || byte == b'\t')
        .filter(|word| !word.is_empty())
}

/// A decimal number and nothing else; `None` when it is none or beyond 64 bits.
#[must_use]
pub fn digits(word: &[u8]) -> Option<u64> {
    if word.is_empty() {
        return None;
    }
    word.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| byte - b'0')?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// The number that is the whole file, such as `pids.current`; `None` for `max` and `-1`.
#[must_use]
pub fn number(text: &[u8]) -> Option<u64> {
    digits(lines(text).next()?.trim_ascii())
}

/// The number after `key`, in a file of lines `KEY NUMBER`.
#[must_use]
pub fn value_of(text: &[u8], key: &[u8]) -> Option<u64> {
    lines(text).find_map(|line| {
        let rest = line.strip_prefix(key)?.strip_prefix(b" ")?;
        digits(rest.trim_ascii())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_lines_count() {
        #[track_caller]
        fn check(text: &str, expected: &[&str]) {
            let found: Vec<&[u8]> = lines(text.as_bytes()).collect();
            let expected: Vec<&[u8]> = expected.iter().map(|line| line.as_bytes()).collect();
            assert_eq!(found, expected);
        }
        check("", &[]);
        check("a", &[]);
        check("a\n", &["a"]);
        check("a 1\nb 2\nc 3", &["a 1", "b 2"]);
    }

    #[test]
    fn a_number_is_all_of_its_file() {
        #[track_caller]
        fn check(text: &str, expected: Option<u64>) {
            assert_eq!(number(text.as_bytes()), expected, "{text:?}");
        }
        check("12\n", Some(12));
        check("0\n", Some(0));
        check("18446744073709551615\n", Some(u64::MAX));
        check("18446744073709551616\n", None);
        for none in ["", "\n", "12", "max\n", "-1\n", "1 2\n", "0x1\n", "+1\n"] {
            check(none, None);
        }
    }

    #[test]
    fn a_value_is_found_by_its_whole_key() {
        let text = b"file 1\ninactive_file 22\nfile_dirty 3\nodd x\nlast 4";
        assert_eq!(value_of(text, b"file"), Some(1));
        assert_eq!(value_of(text, b"inactive_file"), Some(22));
        assert_eq!(value_of(text, b"odd"), None);
        assert_eq!(value_of(text, b"last"), None);
        assert_eq!(value_of(text, b"absent"), None);
    }
}
