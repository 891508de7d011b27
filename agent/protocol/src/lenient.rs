//! Pure: how fields of foreign senders are read without refusing the whole message: null as absent, numbers as text, odd values as unknown.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::limits;
use crate::numbers::{CpuCount, MemoryBytes, Percent};
use crate::text::Text;

/// Reads `null` like an absent field.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads optional text; `null` and text of which nothing is left are absent.
pub(crate) fn text<'de, D, const MAX: usize>(deserializer: D) -> Result<Option<Text<MAX>>, D::Error>
where
    D: Deserializer<'de>,
{
    let text = Option::<Cow<'de, str>>::deserialize(deserializer)?;
    Ok(text.and_then(|text| Text::cut_if_any(&text)))
}

/// Reads a whole number given as a number or as text; anything else is unknown.
pub(crate) fn whole_number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let float = number.as_f64()?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range is checked on the same line; the fraction is not wanted"
            )]
            (0.0..9.0e15).contains(&float).then_some(float as u64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Reads an optional count of bytes or packets.
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(whole_number(&Value::deserialize(deserializer)?))
}

/// Reads an optional total memory; 0 and values out of range are unknown.
pub(crate) fn memory<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<MemoryBytes>, D::Error> {
    Ok(whole_number(&Value::deserialize(deserializer)?).and_then(MemoryBytes::new))
}

/// Reads an optional CPU count; 0 and values out of range are unknown.
pub(crate) fn cpus<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<CpuCount>, D::Error> {
    let number = whole_number(&Value::deserialize(deserializer)?);
    Ok(number
        .and_then(|n| u32::try_from(n).ok())
        .and_then(CpuCount::new))
}

/// Reads an optional percentage; negative and other odd values are unknown.
pub(crate) fn percent<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Percent>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_f64().and_then(Percent::round))
}

/// Reads an optional switch given as a boolean, as 0 or 1, or as text.
pub(crate) fn switch(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(is_on) => Some(*is_on),
        Value::Number(number) => match number.as_u64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Reads a list of addresses: what is none is left out, what is too many is cut.
pub(crate) fn addresses<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<IpAddr>, D::Error> {
    let texts = Option::<Vec<Value>>::deserialize(deserializer)?.unwrap_or_default();
    let parsed = texts
        .iter()
        .filter_map(|value| value.as_str()?.trim().parse().ok());
    Ok(parsed.take(limits::HOST_ADDRESSES).collect())
}

/// Reads an optional address; what is none is absent.
pub(crate) fn address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<IpAddr>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.trim().parse().ok()))
}
