//! Pure: a log that fits one message, however much its characters grow when JSON escapes them.

use pilotfish_protocol::limits;

/// Room for the log text of an answer; the rest of the message is small.
const ESCAPED_BYTES: usize = limits::MESSAGE_BYTES - 64 * 1024;

/// Cuts `text` behind the last line that still fits. Returns whether it had to be cut.
pub fn cut_to_message(text: &mut String) -> bool {
    cut(text, ESCAPED_BYTES)
}

fn cut(text: &mut String, limit_bytes: usize) -> bool {
    let mut escaped_bytes = 0;
    let mut line_end = 0;
    for (at, c) in text.char_indices() {
        escaped_bytes += escaped_len(c);
        if escaped_bytes > limit_bytes {
            text.truncate(line_end);
            return true;
        }
        if c == '\n' {
            line_end = at + 1;
        }
    }
    false
}

/// Bytes of `c` inside a JSON string (RFC 8259, section 7), as serde_json writes it.
fn escaped_len(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, limit_bytes: usize, expected: &str, is_cut: bool) {
        let mut text = text.to_owned();
        assert_eq!(cut(&mut text, limit_bytes), is_cut);
        assert_eq!(text, expected);
    }

    #[test]
    fn a_log_is_cut_behind_the_last_line_that_fits() {
        check("ab\ncd\n", 8, "ab\ncd\n", false);
        check("ab\ncd\n", 7, "ab\n", true);
        check("ab\ncd\n", 3, "", true);
        check("", 0, "", false);
    }

    #[test]
    fn the_length_is_that_of_the_escaped_text() {
        for c in [
            'a', 'ü', '🐟', '"', '\\', '\n', '\u{1b}', '\u{8}', '\u{c}', '\u{7f}', '\u{2028}',
        ] {
            let json = serde_json::to_string(&c.to_string()).unwrap();
            assert_eq!(escaped_len(c), json.len() - 2, "{c:?}");
        }
    }

    #[test]
    fn ten_megabytes_of_escapes_fit_one_message() {
        let mut text = "\u{1b}\u{1b}\n".repeat(limits::LOG_BYTES / 3);
        assert!(cut_to_message(&mut text));
        let message_bytes = serde_json::to_string(&text).unwrap().len();
        assert!(
            (ESCAPED_BYTES - 100..limits::MESSAGE_BYTES).contains(&message_bytes),
            "{message_bytes}"
        );
    }
}
