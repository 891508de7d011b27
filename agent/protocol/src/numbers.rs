//! Pure: numbers with a range, so that no message can carry one a DockMon backend refuses.

use core::num::{NonZeroU32, NonZeroU64};

use serde::{Serialize, Serializer};

use crate::limits;

/// Total memory of a host in bytes: 1 to 10¹⁵.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct MemoryBytes(NonZeroU64);

impl MemoryBytes {
    /// Takes `bytes`, `None` outside the range.
    #[must_use]
    pub fn new(bytes: u64) -> Option<Self> {
        NonZeroU64::new(bytes)
            .filter(|n| n.get() <= limits::TOTAL_MEMORY_BYTES)
            .map(Self)
    }

    /// The number of bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0.get()
    }
}

/// Number of CPUs of a host: 1 to 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct CpuCount(NonZeroU32);

impl CpuCount {
    /// Takes `count`, `None` outside the range.
    #[must_use]
    pub fn new(count: u32) -> Option<Self> {
        NonZeroU32::new(count)
            .filter(|n| n.get() <= limits::CPUS)
            .map(Self)
    }

    /// The number of CPUs.
    #[must_use]
    pub fn count(self) -> u32 {
        self.0.get()
    }
}

/// A percentage in tenths, 0 and above; on the wire a JSON number with at most one decimal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent {
    tenths: u32,
}

impl Percent {
    /// A percentage of `tenths` tenths of a percent: 125 is 12.5 %.
    #[must_use]
    pub const fn from_tenths(tenths: u32) -> Self {
        Self { tenths }
    }

    /// Rounds `value` half up to one decimal; `None` when it is negative, not finite or beyond the range.
    #[must_use]
    pub fn round(value: f64) -> Option<Self> {
        let tenths = value * 10.0 + 0.5;
        if !(0.5..f64::from(u32::MAX) + 1.0).contains(&tenths) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range is checked above; cutting the fraction is the rounding"
        )]
        let tenths = tenths as u32;
        Some(Self { tenths })
    }

    /// `part` of `whole` in percent; `None` when `whole` is 0.
    #[must_use]
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        if whole == 0 {
            return None;
        }
        let tenths = (u128::from(part) * 2000 + u128::from(whole)) / (u128::from(whole) * 2);
        u32::try_from(tenths).ok().map(Self::from_tenths)
    }

    /// Tenths of a percent.
    #[must_use]
    pub const fn tenths(self) -> u32 {
        self.tenths
    }

    /// The percentage as a float.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.tenths) / 10.0
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.tenths.is_multiple_of(10) {
            serializer.serialize_u32(self.tenths / 10)
        } else {
            serializer.serialize_f64(self.as_f64())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_is_rounded_half_up_to_one_decimal() {
        for (value, tenths) in [
            (0.0, 0),
            (0.04, 0),
            (0.05, 1),
            (12.34, 123),
            (12.35, 124),
            (200.0, 2000),
            (429_496_729.5, u32::MAX),
        ] {
            assert_eq!(
                Percent::round(value),
                Some(Percent::from_tenths(tenths)),
                "{value}"
            );
        }
        for bad in [-0.1, f64::NAN, f64::INFINITY, 429_496_729.6, 1e12] {
            assert_eq!(Percent::round(bad), None, "{bad}");
        }
    }

    #[test]
    fn percent_of_two_integers_agrees_with_rounding_the_quotient() {
        assert_eq!(Percent::of(1, 3), Some(Percent::from_tenths(333)));
        assert_eq!(Percent::of(2, 3), Some(Percent::from_tenths(667)));
        assert_eq!(Percent::of(0, 5), Some(Percent::from_tenths(0)));
        assert_eq!(
            Percent::of(u64::MAX, u64::MAX),
            Some(Percent::from_tenths(1000))
        );
        assert_eq!(Percent::of(1, 0), None);
        assert_eq!(Percent::of(u64::MAX, 1), None);
    }

    #[test]
    fn counts_a_dockmon_backend_refuses_cannot_be_made() {
        assert_eq!(MemoryBytes::new(0), None);
        assert_eq!(MemoryBytes::new(limits::TOTAL_MEMORY_BYTES + 1), None);
        assert!(MemoryBytes::new(limits::TOTAL_MEMORY_BYTES).is_some());
        assert_eq!(CpuCount::new(0), None);
        assert_eq!(CpuCount::new(limits::CPUS + 1), None);
        assert!(CpuCount::new(limits::CPUS).is_some());
    }
}
