//! Pure: an error with all its causes on one line, for the edge where it is logged or shown.

use std::error::Error;
use std::fmt;

/// Writes `error: cause: cause of the cause`, leaving out a cause that only repeats the end of what stands there.
#[derive(Debug)]
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = self.0.to_string();
        f.write_str(&last)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            let text = error.to_string();
            if !last.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            last = text;
            next = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: io::Error,
    }

    #[test]
    fn causes_stand_behind_the_error_and_are_not_repeated() {
        let source = io::Error::other("connection refused");
        assert_eq!(
            Chain(&Layer {
                text: "cannot connect",
                source
            })
            .to_string(),
            "cannot connect: connection refused"
        );
        let source = io::Error::other("refused");
        assert_eq!(
            Chain(&Layer {
                text: "cannot connect: refused",
                source
            })
            .to_string(),
            "cannot connect: refused"
        );
    }
}
