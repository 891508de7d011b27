//! Pure: an error with its causes as one line, for the one place that prints it.

use std::error::Error;

/// Writes an error and its causes, outermost first.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot {what}")]
    struct Failed {
        what: &'static str,
        source: Option<Box<dyn Error>>,
    }

    #[test]
    fn causes_follow_outermost_first() {
        let disk = io::Error::other("disk on fire");
        let read = Failed {
            what: "read",
            source: Some(Box::new(disk)),
        };
        let start = Failed {
            what: "start",
            source: Some(Box::new(read)),
        };
        assert_eq!(chain(&start), "cannot start: cannot read: disk on fire");
        assert_eq!(
            chain(&Failed {
                what: "start",
                source: None
            }),
            "cannot start"
        );
    }
}
