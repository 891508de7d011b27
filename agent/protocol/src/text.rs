//! Pure: text with a length limit, cleaned the way a DockMon backend cleans it.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// Printable text of at most `MAX` bytes: `<`, `>` and control characters removed, trimmed, cut at a character's border.
///
/// Making one never fails, so that no odd host name or version can keep an agent from registering.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// Cleans and cuts `text`.
    #[must_use]
    pub fn cut(text: &str) -> Self {
        let mut kept = String::new();
        for c in text.trim().chars() {
            if c.is_control() || c == '<' || c == '>' || is_invisible(c) {
                continue;
            }
            if kept.len() + c.len_utf8() > MAX {
                break;
            }
            kept.push(c);
        }
        kept.truncate(kept.trim_end().len());
        let leading = kept.len() - kept.trim_start().len();
        kept.drain(..leading);
        Self(kept)
    }

    /// Cleans and cuts `text`, `None` when nothing is left.
    #[must_use]
    pub fn cut_if_any(text: &str) -> Option<Self> {
        let text = Self::cut(text);
        (!text.0.is_empty()).then_some(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Tells whether Python's `str.isprintable` calls `c` not printable though it is no control character:
/// separators other than the blank, surrogates' neighbours, and format characters such as a right-to-left override.
fn is_invisible(c: char) -> bool {
    (c.is_whitespace() && c != ' ')
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::cut(&Cow::<'de, str>::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expected: &str) {
        assert_eq!(Text::<8>::cut(input).as_str(), expected);
    }

    #[test]
    fn text_is_trimmed_cleaned_and_cut_at_a_character_border() {
        check("  pi-4  ", "pi-4");
        check("<b>pi</b>", "bpi/b");
        check("a\u{0}b\nc\u{202e}d", "abcd");
        check("a\u{61c}b\u{2028}c\u{e0041}d", "abcd");
        check("12345678", "12345678");
        check("123456789", "12345678");
        check("1234567ü", "1234567");
        check("1234567 9", "1234567");
        check("<  a", "a");
    }

    #[test]
    fn nothing_left_is_no_text() {
        assert_eq!(Text::<8>::cut_if_any(" \t<>"), None);
    }
}
