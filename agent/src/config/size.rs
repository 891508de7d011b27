//! Pure: numbers of bytes as an operator writes them, in the decimal units in which lines are sold.

/// Reads a number of bytes above zero: `20000000`, `500k`, `20M`, `1.5G`.
///
/// # Errors
///
/// Says what is wrong and what would be right.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let example = "write a number of bytes, e.g. \"20M\", \"500k\" or \"20000000\"";
    let (number, unit_bytes) = match text.as_bytes().last() {
        Some(b'k') => (&text[..text.len() - 1], 1_000),
        Some(b'M') => (&text[..text.len() - 1], 1_000_000),
        Some(b'G') => (&text[..text.len() - 1], 1_000_000_000),
        Some(_) | None => (text, 1),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) || number.ends_with('.') {
        return Err(format!("is not a size; {example}"));
    }
    let too_large = || format!("is too large; {example}");
    let whole: u64 = whole.parse().map_err(|_| too_large())?;
    // Digits behind the ninth are less than a byte in every unit.
    let part_bytes = fraction
        .bytes()
        .take(9)
        .zip(1..)
        .fold(0, |sum, (digit, place)| {
            sum + u64::from(digit - b'0') * unit_bytes / 10_u64.pow(place)
        });
    let bytes = whole
        .checked_mul(unit_bytes)
        .and_then(|bytes| bytes.checked_add(part_bytes))
        .ok_or_else(too_large)?;
    match bytes {
        0 => Err(format!("must be more than zero; {example}")),
        bytes => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(bytes(text).ok(), expected, "{text}");
    }

    #[test]
    fn sizes_are_whole_bytes_or_have_a_decimal_unit() {
        check("1", Some(1));
        check("20000000", Some(20_000_000));
        check("500k", Some(500_000));
        check("20M", Some(20_000_000));
        check("2G", Some(2_000_000_000));
        check("1.5M", Some(1_500_000));
        check("0.333M", Some(333_000));
        check("0.001k", Some(1));
        check("18446744073709551615", Some(u64::MAX));
        for bad in [
            "",
            "0",
            "0M",
            "0.0001k",
            "k",
            ".5M",
            "1.M",
            "1.",
            "-1",
            "+1",
            "1 M",
            "1MB",
            "1K",
            "1m",
            "1.2.3M",
            "1e6",
            "18446744073709551616",
            "18446744073709551615k",
            "ü",
        ] {
            check(bad, None);
        }
    }

    proptest! {
        #[test]
        fn any_text_never_panics(text in "[0-9.kMGü+-]{0,40}") {
            prop_assert!(bytes(&text).is_err() || bytes(&text) > Ok(0));
        }

        #[test]
        fn whole_thousands_are_exact(thousands in 1..1_000_000_u64) {
            prop_assert_eq!(bytes(&format!("{thousands}k")), Ok(thousands * 1000));
        }
    }
}
