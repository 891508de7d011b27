//! Pure: one number for all containers of a host, by which both ends know whether they hold the same list.

use alloc::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The sum of [`ListHash::of`] of every container's listing as it was sent: adding or removing one is one addition.
///
/// It guards against mistakes, not against an agent that lies about its own containers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ListHash(pub u64);

impl ListHash {
    /// The hash of one listing's JSON bytes: FNV-1a of 64 bits, then the finaliser of MurmurHash3, so that sums do not cancel out.
    #[must_use]
    pub fn of(listing: &[u8]) -> Self {
        let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let mut hash = listing.iter().fold(0xcbf2_9ce4_8422_2325, fnv);
        hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        Self(hash ^ hash >> 33)
    }

    /// With one more listing.
    #[must_use]
    pub fn plus(self, one: Self) -> Self {
        Self(self.0.wrapping_add(one.0))
    }

    /// Without one of its listings.
    #[must_use]
    pub fn minus(self, one: Self) -> Self {
        Self(self.0.wrapping_sub(one.0))
    }
}

impl Serialize for ListHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for ListHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        hex(deserializer).map(Self)
    }
}

/// Reads a number of 64 bits from its hexadecimal digits.
pub(super) fn hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    u64::from_str_radix(&text, 16)
        .map_err(|_| de::Error::custom("not a number of 16 hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_containers_does_not_matter_but_their_number_does() {
        let (a, b) = (ListHash::of(b"a"), ListHash::of(b"b"));
        let empty = ListHash::default();
        assert_eq!(empty.plus(a).plus(b), empty.plus(b).plus(a));
        assert_eq!(empty.plus(a).plus(b).minus(a), empty.plus(b));
        assert_ne!(empty.plus(a).plus(a), empty);
    }

    #[test]
    fn a_hash_is_sixteen_digits_of_text() {
        let text = serde_json::to_string(&ListHash(0xab)).unwrap();
        assert_eq!(text, r#""00000000000000ab""#);
        assert_eq!(
            serde_json::from_str::<ListHash>(&text).unwrap(),
            ListHash(0xab)
        );
        assert!(serde_json::from_str::<ListHash>("\"x\"").is_err());
    }
}
