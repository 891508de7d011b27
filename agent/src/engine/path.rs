//! Pure: paths of Engine requests, with every piece that comes from outside percent-encoded.

use std::fmt::{self, Write as _};

/// Text that is written percent-encoded, so that it stays one path segment or one query value (RFC 3986: only unreserved characters
/// are left as they are).
#[derive(Clone, Copy, Debug)]
pub struct Encoded<'a>(pub &'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                f.write_char(char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(Encoded(text).to_string(), expected);
    }

    #[test]
    fn nothing_leaves_its_segment() {
        check("web-1_a.b~c", "web-1_a.b~c");
        check("../secrets?x=1&y#z", "..%2Fsecrets%3Fx%3D1%26y%23z");
        check("sha256:ab", "sha256%3Aab");
        check("a b\r\nHost: evil", "a%20b%0D%0AHost%3A%20evil");
        check("ü%", "%C3%BC%25");
        check("", "");
    }
}
