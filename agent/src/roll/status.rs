//! Pure: the Engine's status text without the time in it, so that a container that only grows older is not a changed one.
//!
//! Source: Docker's `State.String` (daemon/container/state.go) with `HumanDuration` of docker/go-units; Podman writes the same words,
//! with an `ago` in places where Docker has none.

/// `status` without its time: `Up 5 minutes (healthy)` becomes `Up (healthy)`, `Exited (137) 3 days ago` becomes `Exited (137)`.
///
/// Text of any other form stays as it is, but for white space.
#[must_use]
pub fn without_time(status: &str) -> String {
    let mut kept = String::with_capacity(status.len());
    let mut rest = status.trim();
    while !rest.is_empty() {
        let word_len = match span_len(rest) {
            Some(span_len) => {
                rest = rest[span_len..].trim_start();
                continue;
            }
            None if rest.starts_with('(') => rest.find(')').map_or(rest.len(), |at| at + 1),
            None => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        if !kept.is_empty() {
            kept.push(' ');
        }
        kept.push_str(&rest[..word_len]);
        rest = rest[word_len..].trim_start();
    }
    kept
}

/// The length of the time that `text` begins with, its `ago` included.
fn span_len(text: &str) -> Option<usize> {
    let words = ["Less than a second", "About a minute", "About an hour"];
    let span_len = words
        .iter()
        .find(|words| text.starts_with(**words))
        .map(|words| words.len())
        .or_else(|| counted_len(text))?;
    let (span, after) = text.split_at(span_len);
    if !(after.is_empty() || after.starts_with(' ')) {
        return None;
    }
    let ago = after
        .strip_prefix(" ago")
        .filter(|rest| rest.is_empty() || rest.starts_with(' '));
    Some(span.len() + ago.map_or(0, |_| " ago".len()))
}

/// The length of a number with its unit: `1 second`, `47 hours`.
fn counted_len(text: &str) -> Option<usize> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .filter(|at| *at > 0)?;
    let unit = text[digits..].strip_prefix(' ')?;
    let unit_len = unit
        .find(|c: char| !c.is_ascii_lowercase())
        .unwrap_or(unit.len());
    let one = unit[..unit_len]
        .strip_suffix('s')
        .unwrap_or(&unit[..unit_len]);
    let is_unit = matches!(
        one,
        "second" | "minute" | "hour" | "day" | "week" | "month" | "year"
    );
    is_unit.then_some(digits + 1 + unit_len)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(status: &str, expected: &str) {
        assert_eq!(without_time(status), expected, "{status}");
        assert_eq!(without_time(expected), expected, "once more");
    }

    /// Every form of go-units' `HumanDuration`.
    const SPANS: [&str; 11] = [
        "Less than a second",
        "1 second",
        "59 seconds",
        "About a minute",
        "46 minutes",
        "About an hour",
        "47 hours",
        "13 days",
        "2 weeks",
        "23 months",
        "3 years",
    ];

    #[test]
    fn each_form_of_docker_loses_its_time_and_nothing_else() {
        for span in SPANS {
            check(&format!("Up {span}"), "Up");
            check(&format!("Up {span} (Paused)"), "Up (Paused)");
            check(&format!("Up {span} (healthy)"), "Up (healthy)");
            check(&format!("Up {span} (unhealthy)"), "Up (unhealthy)");
            check(
                &format!("Up {span} (health: starting)"),
                "Up (health: starting)",
            );
            check(&format!("Exited (137) {span} ago"), "Exited (137)");
            check(&format!("Restarting (1) {span} ago"), "Restarting (1)");
        }
        for same in ["Created", "Removal In Progress", "Dead", ""] {
            check(same, same);
        }
    }

    #[test]
    fn podmans_forms_are_the_same() {
        for span in SPANS {
            check(&format!("Up {span} ago"), "Up");
            check(&format!("Up {span} ago (Paused)"), "Up (Paused)");
            check(&format!("Exited (0) {span} ago"), "Exited (0)");
        }
        for same in ["Initialized", "Removing", "Stopping", "Configured"] {
            check(same, same);
        }
    }

    #[test]
    fn what_only_looks_like_a_time_stays() {
        check("Up (5 minutes)", "Up (5 minutes)");
        check("Up 5 minutesx", "Up 5 minutesx");
        check("Up 5", "Up 5");
        check("Up minutes", "Up minutes");
        check("Up 5 parsecs", "Up 5 parsecs");
        check("Up 3 days agone", "Up agone");
        check("Exited (", "Exited (");
        check("Up ü 5 hours", "Up ü");
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_keeps_its_letters_in_order(text in "(Up|Exited|\\(|\\)|[0-9]|[ a-zü]|seconds| ago|About an hour){0,20}") {
            let kept = without_time(&text);
            let mut before = text.chars();
            prop_assert!(kept.chars().filter(|c| *c != ' ').all(|c| before.any(|b| b == c)));
        }
    }
}
