//! Pure: the cells of one subject in one block of one tier, as columns.
//!
//! Byte 0 is the version, 1. Then the time axes: their number; of each the number of cells, a column of buckets, a column of spans (in
//! [`SPAN_QUANTUM_MS`]). Measures that were always measured together share one. Then the measures: their number; of each its code, its axis, and columns of the
//! average (rounded to a quantum), of what the minimum is below it, and of what the maximum is above it; in the finest tier at rest the last two are all 0,
//! which is two bytes. A measure that a newer program wrote is left out.

use std::collections::BTreeMap;

use crate::telemetry::measure::Measure;

use super::cell::{Cell, Cells};
use super::column;
use super::ticks::SPAN_QUANTUM_MS;
use super::varint::{Malformed, Reader, put};

const VERSION: u8 = 1;

/// Most cells that a column of a segment is read with; a block has 360 buckets.
const CELLS: usize = 4096;

/// The cells of one subject, by measure.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Segment(pub BTreeMap<Measure, Cells>);

/// When measures have cells: buckets, and spans in quanta.
#[derive(Debug, PartialEq, Eq)]
struct Axis {
    buckets: Vec<i64>,
    spans: Vec<i64>,
}

impl Segment {
    /// Adds all cells of `other`.
    pub fn merge(&mut self, other: &Segment) {
        for (measure, cells) in &other.0 {
            self.0.entry(*measure).or_default().merge(cells);
        }
    }

    /// How long the subject was measured, as its best known measure tells.
    #[must_use]
    pub fn span_ms(&self) -> u64 {
        self.0.values().map(Cells::span_ms).max().unwrap_or(0)
    }

    /// Takes out the cells of each block of `buckets` buckets, the first beginning at bucket `offset` or a whole number of blocks from it.
    #[must_use]
    pub fn by_block(self, buckets: u64, offset: u64) -> BTreeMap<u64, Segment> {
        let mut blocks: BTreeMap<u64, Segment> = BTreeMap::new();
        for (measure, cells) in self.0 {
            for part in cells
                .0
                .chunk_by(|a, b| (a.bucket + offset) / buckets == (b.bucket + offset) / buckets)
            {
                let block = part
                    .first()
                    .map_or(0, |cell| (cell.bucket + offset) / buckets);
                let segment = blocks.entry(block).or_default();
                segment.0.insert(measure, Cells(part.to_vec()));
            }
        }
        blocks
    }

    /// Writes it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let measures: Vec<(&Measure, &Cells)> = self
            .0
            .iter()
            .filter(|(_, cells)| !cells.0.is_empty())
            .collect();
        let mut axes: Vec<Axis> = Vec::new();
        let mut places = Vec::with_capacity(measures.len());
        for (_, cells) in &measures {
            let axis = Axis::of(cells);
            let place = axes.iter().position(|known| *known == axis);
            places.push(place.unwrap_or(axes.len()));
            if place.is_none() {
                axes.push(axis);
            }
        }
        let mut bytes = vec![VERSION];
        put(&mut bytes, axes.len() as u64);
        for axis in &axes {
            put(&mut bytes, axis.buckets.len() as u64);
            column::write(&mut bytes, &axis.buckets);
            column::write(&mut bytes, &axis.spans);
        }
        put(&mut bytes, measures.len() as u64);
        for ((measure, cells), place) in measures.into_iter().zip(places) {
            bytes.push(measure.code());
            put(&mut bytes, place as u64);
            let averages: Vec<i64> = cells.0.iter().map(average).collect();
            let both = || cells.0.iter().zip(&averages);
            let below: Vec<i64> = both().map(|(cell, avg)| avg - cell.min).collect();
            let above: Vec<i64> = both().map(|(cell, avg)| cell.max - avg).collect();
            column::write(&mut bytes, &averages);
            column::write(&mut bytes, &below);
            column::write(&mut bytes, &above);
        }
        bytes
    }

    /// Reads one; `visit` gets the cells of each measure.
    ///
    /// # Errors
    ///
    /// [`Malformed`]; `visit` may have seen some measures.
    pub fn read(bytes: &[u8], mut visit: impl FnMut(Measure, Cells)) -> Result<(), Malformed> {
        let mut reader = Reader(bytes);
        if reader.byte()? != VERSION {
            return Err(Malformed::Layout);
        }
        let mut axes = Vec::new();
        for _ in 0..reader.count(usize::from(u8::MAX))? {
            let count = reader.count(CELLS)?;
            let buckets = column::read(&mut reader, count)?;
            let spans = column::read(&mut reader, count)?;
            axes.push(Axis { buckets, spans });
        }
        for _ in 0..reader.count(usize::from(u8::MAX))? {
            let code = reader.byte()?;
            let axis = axes
                .get(reader.count(axes.len())?)
                .ok_or(Malformed::Range)?;
            let count = axis.buckets.len();
            let averages = column::read(&mut reader, count)?;
            let below = column::read(&mut reader, count)?;
            let above = column::read(&mut reader, count)?;
            let Some(measure) = Measure::of_code(code) else {
                continue;
            };
            let mut cells = Cells(Vec::with_capacity(count));
            for (place, avg) in averages.into_iter().enumerate() {
                let bucket = u64::try_from(axis.buckets[place]).map_err(|_| Malformed::Range)?;
                let span = u64::try_from(axis.spans[place]).map_err(|_| Malformed::Range)?;
                let span_ms = span.max(1).saturating_mul(SPAN_QUANTUM_MS);
                let mut cell = super::cell::of_value(bucket, span_ms, avg);
                cell.min = avg.saturating_sub(below[place]);
                cell.max = avg.saturating_add(above[place]);
                cells.0.push(cell);
            }
            if !cells.0.is_sorted_by(|a, b| a.bucket < b.bucket) {
                return Err(Malformed::Range);
            }
            visit(measure, cells);
        }
        Ok(())
    }

    /// Reads a whole one.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Segment, Malformed> {
        let mut segment = Segment::default();
        Segment::read(bytes, |measure, cells| {
            segment.0.insert(measure, cells);
        })?;
        Ok(segment)
    }
}

impl Axis {
    fn of(cells: &Cells) -> Axis {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let span = |cell: &Cell| (cell.span_ms + SPAN_QUANTUM_MS / 2) / SPAN_QUANTUM_MS;
        Axis {
            buckets: cells.0.iter().map(|cell| whole(cell.bucket)).collect(),
            spans: cells
                .0
                .iter()
                .map(|cell| whole(span(cell).max(1)))
                .collect(),
        }
    }
}

/// The average, rounded to a quantum, and never outside minimum and maximum.
fn average(cell: &Cell) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an average lies between minimum and maximum"
    )]
    let avg = cell.avg().round() as i64;
    avg.clamp(cell.min, cell.max)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cell::of_value;
    use super::*;

    fn segment(values: &[(u8, u64, u64, i64)]) -> Segment {
        let mut segment = Segment::default();
        for (code, bucket, spans, value) in values {
            let measure = Measure::of_code(*code).unwrap();
            let cell = of_value(*bucket, spans * SPAN_QUANTUM_MS, *value);
            segment.0.entry(measure).or_default().add(cell);
        }
        segment
    }

    #[track_caller]
    fn check(written: &Segment) -> usize {
        let bytes = written.to_bytes();
        let read = Segment::from_bytes(&bytes).unwrap();
        assert_eq!(read.0.len(), written.0.len());
        for (measure, cells) in &written.0 {
            let found = &read.0[measure].0;
            assert_eq!(found.len(), cells.0.len());
            for (found, cell) in found.iter().zip(&cells.0) {
                assert_eq!((found.bucket, found.span_ms), (cell.bucket, cell.span_ms));
                assert_eq!((found.min, found.max), (cell.min, cell.max));
                assert!((found.avg() - cell.avg()).abs() <= 0.5);
            }
        }
        bytes.len()
    }

    #[test]
    fn an_hour_of_an_idle_container_takes_few_bytes() {
        let values: Vec<(u8, u64, u64, i64)> = (0..12)
            .flat_map(|code| (0..360).map(move |bucket| (code, 180_000_000 + bucket, 100, 700)))
            .collect();
        let len = check(&segment(&values));
        assert!(len <= 130, "{len} bytes");
    }

    #[test]
    fn blocks_begin_where_the_offset_says() {
        let cells = segment(&[(0, 9, 1, 1), (0, 10, 1, 1), (1, 19, 1, 1), (1, 20, 1, 1)]);
        let blocks: Vec<u64> = cells.clone().by_block(10, 0).into_keys().collect();
        assert_eq!(blocks, [0, 1, 2]);
        let blocks = cells.by_block(10, 1);
        assert_eq!(blocks.keys().copied().collect::<Vec<u64>>(), [1, 2]);
        assert_eq!(blocks[&1], segment(&[(0, 9, 1, 1), (0, 10, 1, 1)]));
    }

    #[test]
    fn a_measure_of_a_newer_program_is_left_out() {
        let mut bytes = segment(&[(0, 1, 1, 7), (1, 1, 1, 8)]).to_bytes();
        let place = bytes.len() - 8;
        assert_eq!(bytes[place], 1);
        bytes[place] = 250;
        assert_eq!(
            Segment::from_bytes(&bytes).unwrap(),
            segment(&[(0, 1, 1, 7)])
        );
        bytes[0] = 2;
        assert_eq!(Segment::from_bytes(&bytes), Err(Malformed::Layout));
    }

    proptest! {
        #[test]
        fn every_segment_survives(values in prop::collection::vec((0..6_u8, 0..400_u64, 1..150_u64, -9000..9000_i64), 0..300)) {
            check(&segment(&values));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            Segment::from_bytes(&[&[VERSION][..], &bytes].concat()).ok();
        }
    }
}
