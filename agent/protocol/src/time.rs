//! Pure: instants as the wire writes them, RFC 3339 in UTC.

use alloc::borrow::Cow;
use alloc::format;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::lenient;

const MS_PER_DAY: i64 = 86_400_000;

/// An instant in Unix milliseconds; on the wire RFC 3339 text (`2026-11-23T21:05:00.123Z`). Years 0 to 9999.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    unix_ms: i64,
}

impl Timestamp {
    /// Earliest and latest instant that four digits of a year can write.
    const RANGE: core::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

    /// The instant `unix_ms` milliseconds after 1970, held to the years 0 to 9999.
    #[must_use]
    pub fn from_unix_ms(unix_ms: i64) -> Self {
        Self {
            unix_ms: unix_ms.clamp(*Self::RANGE.start(), *Self::RANGE.end()),
        }
    }

    /// Milliseconds since 1970, negative before.
    #[must_use]
    pub fn unix_ms(self) -> i64 {
        self.unix_ms
    }

    /// Reads RFC 3339 text with any offset; digits beyond the millisecond are cut. `None` when it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let number = |from: usize, to: usize| -> Option<i64> {
            let digits = bytes.get(from..to)?;
            digits.iter().try_fold(0_i64, |n, b| {
                b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0'))
            })
        };
        let is = |at: usize, allowed: &[u8]| bytes.get(at).is_some_and(|b| allowed.contains(b));
        if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
            return None;
        }
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let in_range = (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        if !in_range {
            return None;
        }
        let (fraction_ms, offset_at) = fraction(bytes, 19)?;
        let offset_minutes = match bytes.get(offset_at)? {
            b'Z' | b'z' if bytes.len() == offset_at + 1 => 0,
            sign @ (b'+' | b'-') if bytes.len() == offset_at + 6 && is(offset_at + 3, b":") => {
                let hours = number(offset_at + 1, offset_at + 3).filter(|h| *h < 24)?;
                let minutes = number(offset_at + 4, offset_at + 6).filter(|m| *m < 60)?;
                let minutes = hours * 60 + minutes;
                if *sign == b'-' { -minutes } else { minutes }
            }
            _ => return None,
        };
        let days = days_from_civil(year, month, day);
        let seconds = (hour * 60 + minute - offset_minutes) * 60 + second;
        Some(Self::from_unix_ms(
            days * MS_PER_DAY + seconds * 1000 + fraction_ms,
        ))
    }
}

/// Reads `.digits` at `at`, if there; returns milliseconds and where the offset begins.
fn fraction(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    if bytes.get(at) != Some(&b'.') {
        return Some((0, at));
    }
    let digits = bytes[at + 1..]
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .count();
    if digits == 0 {
        return None;
    }
    let millis = (0..3).fold(0, |n, i| {
        let digit = if i < digits {
            bytes[at + 1 + i] - b'0'
        } else {
            0
        };
        n * 10 + i64::from(digit)
    });
    Some((millis, at + 1 + digits))
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date `days` after 1970-01-01: year, month, day (same source).
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.unix_ms.div_euclid(MS_PER_DAY));
        let ms = self.unix_ms.rem_euclid(MS_PER_DAY);
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
            ms % 1000
        )
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!("{} bytes are not an RFC 3339 time", text.len()))
        })
    }
}

/// Reads an optional instant; text that is none is absent.
pub(crate) fn optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let text = lenient::name(deserializer)?;
    Ok(text.and_then(|text| Timestamp::parse(&text)))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(
            Timestamp::parse(text).map(Timestamp::unix_ms),
            expected,
            "{text}"
        );
    }

    #[test]
    fn reads_what_go_and_python_write() {
        check("1970-01-01T00:00:00Z", Some(0));
        check("2026-11-23T21:05:00.123456789Z", Some(1_795_467_900_123));
        check("2026-11-23T22:05:00.123+01:00", Some(1_795_467_900_123));
        check("2026-11-23T16:35:00.1-04:30", Some(1_795_467_900_100));
        check("2024-02-29T00:00:00Z", Some(1_709_164_800_000));
        check("1969-12-31T23:59:59.999Z", Some(-1));
    }

    #[test]
    fn refuses_what_is_no_instant() {
        for bad in [
            "",
            "2026-11-23",
            "2026-11-23T21:05:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T21:05:00.Z",
            "2026-11-23T21:05:00+0100",
            "2026-11-23T21:05:00+24:00",
            "2026-11-23T21:05:00-01:60",
            "2026-11-23T21:05:00Zx",
            "+026-11-23T21:05:00Z",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn every_prefix_of_an_instant_is_refused() {
        let text = "2026-11-23T21:05:00.123+01:00";
        for end in 0..text.len() {
            check(&text[..end], None);
        }
    }

    #[test]
    fn writes_what_it_reads_for_every_day_of_four_centuries() {
        for day in 0..146_097_i64 {
            let instant =
                Timestamp::from_unix_ms(day * MS_PER_DAY - 3_000_000_000_000 + day % 1000);
            assert_eq!(Timestamp::parse(&instant.to_string()), Some(instant));
        }
    }

    #[test]
    fn instants_beyond_four_digit_years_are_held_to_the_range() {
        assert_eq!(
            Timestamp::from_unix_ms(i64::MAX).to_string(),
            "9999-12-31T23:59:59.999Z"
        );
        assert_eq!(
            Timestamp::from_unix_ms(i64::MIN).to_string(),
            "0000-01-01T00:00:00.000Z"
        );
    }
}
