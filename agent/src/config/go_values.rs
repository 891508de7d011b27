//! Pure: booleans and durations as Go programs read them (`strconv.ParseBool`, `time.ParseDuration`), so that an environment
//! written for a DockMon agent keeps its meaning. What Go refuses is refused; nothing falls back to a default.

use std::time::Duration;

/// The longest duration in Go: its durations are `i64` nanoseconds.
const LIMIT_NANOS: u64 = i64::MAX.unsigned_abs();

/// Reads a boolean.
///
/// # Errors
///
/// Says what would be right.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err("is neither true nor false; write true or false".to_owned()),
    }
}

/// Reads a duration such as `1m30s`, `500ms` or `1.5h`.
///
/// # Errors
///
/// Says what is wrong and what would be right.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let example = "write a duration with a unit, e.g. \"90s\", \"1m30s\" or \"500ms\"";
    if text.parse::<f64>().is_ok_and(|number| number >= 0.0)
        && text.ends_with(|c: char| c.is_ascii_digit() || c == '.')
    {
        return Err(format!("needs a unit, e.g. \"{text}s\""));
    }
    if text.starts_with('-') {
        return Err(format!("is negative; {example}"));
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut nanos: u128 = 0;
    if rest.is_empty() {
        return Err(format!("is not a duration; {example}"));
    }
    while !rest.is_empty() {
        let (part, after) = part(rest).ok_or_else(|| format!("is not a duration; {example}"))?;
        nanos = nanos.saturating_add(part);
        rest = after;
    }
    match u64::try_from(nanos) {
        Ok(nanos) if nanos <= LIMIT_NANOS => Ok(Duration::from_nanos(nanos)),
        _ => Err("is longer than 290 years; write a shorter duration".to_owned()),
    }
}

/// Reads one number with its unit from the front of `text`: its nanoseconds, saturating, and what follows.
fn part(text: &str) -> Option<(u128, &str)> {
    let (whole, after_whole) = digits(text);
    let (fraction, after_number) = match after_whole.strip_prefix('.') {
        Some(after_point) => digits(after_point),
        None => ("", after_whole),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let unit_len = after_number
        .find(|c: char| c == '.' || c.is_ascii_digit())
        .unwrap_or(after_number.len());
    let (unit, rest) = after_number.split_at(unit_len);
    let unit_nanos: u128 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let number = |digits: &str| {
        digits.bytes().fold(0_u128, |n, b| {
            n.saturating_mul(10).saturating_add((b - b'0').into())
        })
    };
    // An hour has 3.6e12 nanoseconds: digits behind the 15th change nothing.
    let fraction = &fraction[..fraction.len().min(15)];
    let scale = fraction.bytes().fold(1_u128, |scale, _| scale * 10);
    let nanos = number(whole).saturating_mul(unit_nanos);
    Some((
        nanos.saturating_add(number(fraction) * unit_nanos / scale),
        rest,
    ))
}

fn digits(text: &str) -> (&str, &str) {
    let len = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(len)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        check("1s", Some(1_000_000_000));
        check("1m30s", Some(90_000_000_000));
        check("500ms", Some(500_000_000));
        check("1.5h", Some(5_400_000_000_000));
        check(".5s", Some(500_000_000));
        check("1.s", Some(1_000_000_000));
        check("+5s", Some(5_000_000_000));
        check("0s", Some(0));
        check("1h2m3.004s", Some(3_723_004_000_000));
        check("3us", Some(3_000));
        check("3µs4ns", Some(3_004));
        check("9223372036854775807ns", Some(9_223_372_036_854_775_807));
        check("0.100000000000000000000h", Some(360_000_000_000));
        for bad in [
            "",
            "s",
            ".s",
            "1",
            "1.5",
            "60 s",
            "1x",
            "1s2",
            "-1s",
            "1d",
            "1S",
            "1ss",
            "+",
            "9223372036854775808ns",
        ] {
            check(bad, None);
        }
        check(&format!("{}h", "9".repeat(60)), None);
    }

    #[test]
    fn a_bare_number_is_told_its_unit() {
        assert_eq!(duration("60").unwrap_err(), "needs a unit, e.g. \"60s\"");
        assert_eq!(duration("1.5").unwrap_err(), "needs a unit, e.g. \"1.5s\"");
    }

    #[test]
    fn booleans_are_those_of_go() {
        for text in ["1", "t", "T", "TRUE", "true", "True"] {
            assert_eq!(boolean(text), Ok(true));
        }
        for text in ["0", "f", "F", "FALSE", "false", "False"] {
            assert_eq!(boolean(text), Ok(false));
        }
        for text in ["", "yes", "on", "tRUE", "2", " true"] {
            assert!(boolean(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_never_panics(text in "[0-9.smhnuµ+-]{0,40}") {
            prop_assert!(duration(&text).is_ok() || duration(&text).is_err());
        }

        #[test]
        fn whole_milliseconds_are_exact(ms in 0..1_000_000_000_u64) {
            prop_assert_eq!(duration(&format!("{ms}ms")), Ok(Duration::from_millis(ms)));
        }
    }

    #[track_caller]
    fn check(text: &str, nanos: Option<u64>) {
        assert_eq!(
            duration(text).ok(),
            nanos.map(Duration::from_nanos),
            "{text}"
        );
    }
}
