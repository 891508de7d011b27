//! Pure: everything that is wrong with the configuration, told at once.

use std::fmt;

/// How much of a value is shown.
const SHOWN_CHARS: usize = 100;
/// What is shown instead of a secret.
pub(super) const MASK: &str = "***";

/// All that is wrong with the configuration: never empty. `Display` gives one line per fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(faults))]
pub struct ConfigFaults {
    /// The faults, in the order in which the variables are read.
    pub faults: Vec<Fault>,
}

/// One thing that is wrong with one variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The variable.
    pub name: String,
    /// Its value as it may be shown; `None` when it is not set.
    pub value: Option<Shown>,
    /// What is wrong and what would be right.
    pub what: String,
}

/// A value that may be shown: quoted, escaped, cut, and without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    /// Shows `value`.
    pub fn plain(value: &str) -> Self {
        let escaped = |text: &str| text.escape_debug().to_string();
        Self(match value.char_indices().nth(SHOWN_CHARS) {
            Some((end, _)) => format!("\"{}…\"", escaped(&value[..end])),
            None => format!("\"{}\"", escaped(value)),
        })
    }

    /// Shows that there is a value, and nothing of it.
    pub fn masked() -> Self {
        Self(format!("\"{MASK}\""))
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value}: {}", self.name, self.what),
            None => write!(f, "{}: {}", self.name, self.what),
        }
    }
}

fn lines(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_escaped_and_cut() {
        check("a\n\u{1b}[2J\"b\"", r#""a\n\u{1b}[2J\"b\"""#);
        check(
            &"é".repeat(SHOWN_CHARS),
            &format!("\"{}\"", "é".repeat(SHOWN_CHARS)),
        );
        check(
            &"é".repeat(SHOWN_CHARS + 1),
            &format!("\"{}…\"", "é".repeat(SHOWN_CHARS)),
        );
    }

    #[test]
    fn each_fault_has_a_line() {
        let fault = |name: &str, value| Fault {
            name: name.to_owned(),
            value,
            what: "is wrong".to_owned(),
        };
        let faults = vec![
            fault("A", None),
            fault("B", Some(Shown::plain("1"))),
            fault("C", Some(Shown::masked())),
        ];
        let text = ConfigFaults { faults }.to_string();
        assert_eq!(text, "A: is wrong\nB=\"1\": is wrong\nC=\"***\": is wrong");
    }

    #[track_caller]
    fn check(value: &str, shown: &str) {
        assert_eq!(Shown::plain(value).to_string(), shown);
    }
}
