//! Pure: how fields of foreign senders are read without refusing the whole message: null as absent, numbers as text, odd values as unknown.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::net::IpAddr;

use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::ids::ContainerId;
use crate::limits;
use crate::numbers::{CpuCount, MemoryBytes, Percent};
use crate::text::Text;

/// Any JSON value, as far as one field can use it: arrays and objects are passed over, so that no sender can make them cost memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Scalar<'a> {
    #[default]
    Null,
    Bool(bool),
    Whole(u64),
    /// Has a fraction, is negative, or is too large for the others.
    Float(f64),
    Text(Cow<'a, str>),
    /// An array or an object.
    Compound,
}

impl<'a> Scalar<'a> {
    /// The text, when it is one.
    pub(crate) fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Whole(_) | Self::Float(_) | Self::Compound => None,
        }
    }

    /// A whole number given as a number or as text; a fraction is cut, anything else is unknown.
    pub(crate) fn whole_number(&self) -> Option<u64> {
        match self {
            Self::Whole(number) => Some(*number),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range is checked on the same line; the fraction is not wanted"
            )]
            Self::Float(float) => (0.0..9.0e15).contains(float).then_some(*float as u64),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Null | Self::Bool(_) | Self::Compound => None,
        }
    }

    /// A switch given as a boolean, as 0 or 1, or as text.
    pub(crate) fn switch(&self) -> Option<bool> {
        match self {
            Self::Bool(is_on) => Some(*is_on),
            Self::Whole(0) => Some(false),
            Self::Whole(1) => Some(true),
            Self::Text(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" => Some(false),
                _ => None,
            },
            Self::Null | Self::Whole(_) | Self::Float(_) | Self::Compound => None,
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a percentage beyond 53 bits is out of range anyway"
    )]
    fn percent(&self) -> Option<Percent> {
        match self {
            Self::Whole(number) => Percent::round(*number as f64),
            Self::Float(float) => Percent::round(*float),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::Compound => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Whole(value))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "serde_json hands over negative numbers only, and none is in any field's range"
    )]
    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(value).map_or(Scalar::Float(value as f64), Scalar::Whole))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(String::from(value))))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Compound)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Compound)
    }
}

/// Reads `text` as a JSON object; serde alone would take an array of the fields' values, too.
pub(crate) fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, serde_json::Error> {
    if text.trim_start().starts_with('{') {
        serde_json::from_str(text)
    } else {
        Err(serde_json::Error::custom("not an object"))
    }
}

/// Reads `null` like an absent field.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads an optional value; what is none is absent.
pub(crate) fn if_readable<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let raw = <&'de RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

/// Reads a list: `null` is an empty one, what of it cannot be read is left out, what is beyond `MAX` is passed over.
pub(crate) fn list<'de, D, T, const MAX: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_any(ListVisitor::<T, MAX>(PhantomData))
}

struct ListVisitor<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for ListVisitor<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while list.len() < MAX {
            let Some(item) = items.next_element::<&'de RawValue>()? else {
                return Ok(list);
            };
            list.extend(serde_json::from_str::<T>(item.get()));
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(list)
    }
}

/// Reads a field that is there, be it `null`.
pub(crate) fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads optional text as it is; what is none is absent.
pub(crate) fn name<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cow<'de, str>>, D::Error> {
    Ok(Scalar::deserialize(deserializer)?.into_text())
}

/// Reads optional text; what is none, and text of which nothing is left, is absent.
pub(crate) fn text<'de, D, const MAX: usize>(deserializer: D) -> Result<Option<Text<MAX>>, D::Error>
where
    D: Deserializer<'de>,
{
    Ok(name(deserializer)?.and_then(|text| Text::cut_if_any(&text)))
}

/// Reads an optional container id; what is none is absent.
pub(crate) fn container_id<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<ContainerId>, D::Error> {
    Ok(name(deserializer)?.and_then(|text| ContainerId::new(text.into_owned()).ok()))
}

/// Reads an optional count of bytes or packets.
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(Scalar::deserialize(deserializer)?.whole_number())
}

/// Reads a count; what is none is 0.
pub(crate) fn count_or_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(count(deserializer)?.unwrap_or_default())
}

/// Reads an optional total memory; 0 and values out of range are unknown.
pub(crate) fn memory<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<MemoryBytes>, D::Error> {
    Ok(count(deserializer)?.and_then(MemoryBytes::new))
}

/// Reads an optional CPU count; 0 and values out of range are unknown.
pub(crate) fn cpus<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<CpuCount>, D::Error> {
    Ok(count(deserializer)?
        .and_then(|n| u32::try_from(n).ok())
        .and_then(CpuCount::new))
}

/// Reads an optional percentage; negative and other odd values are unknown.
pub(crate) fn percent<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Percent>, D::Error> {
    Ok(Scalar::deserialize(deserializer)?.percent())
}

/// Reads a list of addresses: what is none is left out, what is too many is cut.
pub(crate) fn addresses<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<IpAddr>, D::Error> {
    let texts = Option::<Vec<Scalar<'de>>>::deserialize(deserializer)?.unwrap_or_default();
    let parsed = texts
        .into_iter()
        .filter_map(|value| value.into_text()?.trim().parse().ok());
    Ok(parsed.take(limits::HOST_ADDRESSES).collect())
}

/// Reads an optional address; what is none is absent.
pub(crate) fn address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<IpAddr>, D::Error> {
    Ok(name(deserializer)?.and_then(|text| text.trim().parse().ok()))
}

#[cfg(test)]
mod tests;
