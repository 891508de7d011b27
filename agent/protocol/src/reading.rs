//! Pure: one reading of one subject: what is known of it, and nothing for what is not.

use crate::metric::{METRICS, Metric};

/// One reading of a subject. A value that cannot be known on this host is absent, never 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Bit n set: `values[n]` is known.
    known: u32,
    /// Where not known: 0.
    values: [i64; METRICS],
}

impl Reading {
    /// Nothing is known.
    pub const EMPTY: Self = Self {
        known: 0,
        values: [0; METRICS],
    };

    /// Sets a value.
    pub fn set(&mut self, metric: impl Metric, value: i64) {
        self.put(metric.bit(), value);
    }

    /// Sets a value, or makes it absent.
    pub fn set_if_known(&mut self, metric: impl Metric, value: Option<i64>) {
        match value {
            Some(value) => self.set(metric, value),
            None => self.clear(metric),
        }
    }

    /// Makes a value absent.
    pub fn clear(&mut self, metric: impl Metric) {
        self.clear_at(metric.bit());
    }

    /// Gives a value; `None` when it is not known.
    #[must_use]
    pub fn get(&self, metric: impl Metric) -> Option<i64> {
        self.at(metric.bit())
    }

    /// Which values are known: bit n for the metric with that bit.
    #[must_use]
    pub fn known(&self) -> u32 {
        self.known
    }

    /// Which known values are not the same in `earlier`.
    pub(crate) fn changed_since(&self, earlier: &Self) -> u32 {
        let pairs = self.values.iter().zip(&earlier.values).enumerate();
        let changed = pairs.fold(0, |mask, (bit, (now, then))| {
            mask | u32::from(now != then) << bit
        });
        (changed | !earlier.known) & self.known
    }

    /// Makes the value with this bit absent.
    pub(crate) fn clear_at(&mut self, bit: u8) {
        if let Some(value) = self.values.get_mut(usize::from(bit)) {
            *value = 0;
            self.known &= !(1 << bit);
        }
    }

    /// Gives the value with this bit.
    pub(crate) fn at(&self, bit: u8) -> Option<i64> {
        let value = self.values.get(usize::from(bit))?;
        (self.known & (1 << bit) != 0).then_some(*value)
    }

    /// Sets the value with this bit; a bit beyond [`METRICS`] is ignored.
    pub(crate) fn put(&mut self, bit: u8, value: i64) {
        if let Some(place) = self.values.get_mut(usize::from(bit)) {
            *place = value;
            self.known |= 1 << bit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{
        ContainerMetric, FilesystemMetric, HostMetric, InterfaceMetric, SensorMetric,
    };

    #[test]
    fn what_was_not_set_is_not_known() {
        let mut reading = Reading::EMPTY;
        assert_eq!(reading.get(ContainerMetric::CpuMs), None);
        reading.set(ContainerMetric::CpuMs, 0);
        reading.set_if_known(ContainerMetric::Pids, Some(3));
        reading.set_if_known(ContainerMetric::MemoryKib, None);
        assert_eq!(reading.get(ContainerMetric::CpuMs), Some(0));
        assert_eq!(reading.known(), 0b1000_0001);
        reading.clear(ContainerMetric::CpuMs);
        reading.clear(ContainerMetric::Pids);
        assert_eq!(reading, Reading::EMPTY);
    }

    #[test]
    fn every_metric_has_its_place() {
        fn check<M: Metric + core::fmt::Debug>(all: &[M]) {
            for (place, metric) in all.iter().enumerate() {
                assert_eq!(usize::from(metric.bit()), place, "{metric:?}");
                assert!(place < METRICS);
            }
        }
        check(ContainerMetric::ALL);
        check(HostMetric::ALL);
        check(InterfaceMetric::ALL);
        check(FilesystemMetric::ALL);
        check(SensorMetric::ALL);
    }
}
