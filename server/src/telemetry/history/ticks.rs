//! Pure: the ticks of one host in the order they came, as bytes: what lies in memory until it is committed, and on the disk until it
//! is rolled up.
//!
//! A tick: `at` as the signed difference from the tick before (ms), span (in [`SPAN_QUANTUM_MS`]), number of rows. A row: the subject's number
//! (the next free one announces it: length, key), then a mask: bit 0 says that the measures are new, the others which values changed. New measures:
//! count, then code and value of each; else the difference of each value that changed. All numbers are varints. An idle container costs two bytes a tick.

use crate::telemetry::measure::{Measure, Row};

use super::subject::{LONGEST, SubjectKey};
use super::varint::{Malformed, Reader, put, put_signed};

/// Most subjects of one host between two commits; the rows of later ones are lost.
pub const SUBJECTS: usize = 1024;

/// Most bytes of one host between two commits; later rows are lost.
pub const BYTES: usize = 256 << 10;

/// What spans are kept to, so that the jitter of a clock costs nothing.
pub const SPAN_QUANTUM_MS: u64 = 100;

/// Longest span that a row may stand for; a longer one is cut to this.
pub const SPAN_MAX_MS: u64 = 20 * 60 * 1000;

/// Values beyond ±2^52 quanta are not kept.
const LARGEST: f64 = 4_503_599_627_370_496.0;

/// Ticks of one host.
#[derive(Debug, Default)]
pub struct Ticks {
    bytes: Vec<u8>,
    last_at_unix_ms: i64,
    subjects: Vec<Known>,
    /// Rows that were lost because there were too many.
    lost: u64,
}

/// A subject that has its number.
#[derive(Debug)]
struct Known {
    key: SubjectKey,
    measures: Vec<Measure>,
    last: Vec<i64>,
}

/// One row as it is read back; values in quanta.
#[derive(Debug)]
pub struct KeptRow<'a> {
    /// When it was measured.
    pub at_unix_ms: u64,
    /// What it stands for, before that.
    pub span_ms: u64,
    /// Of what.
    pub subject: &'a SubjectKey,
    /// Measures and values, in the same order.
    pub values: &'a [(Measure, i64)],
}

/// A value in whole quanta of its measure; `None` for what is no number or too large.
#[must_use]
pub fn quanta(measure: Measure, value: f64) -> Option<i64> {
    let quanta = (value / measure.quantum()).round();
    #[expect(clippy::cast_possible_truncation, reason = "its range was checked")]
    (quanta.abs() <= LARGEST).then_some(quanta as i64)
}

impl Ticks {
    /// Adds a tick, in any order of times.
    pub fn add(&mut self, at_unix_ms: u64, span_ms: u64, rows: &[Row<'_>]) {
        if self.bytes.len() >= BYTES {
            self.lost += rows.len() as u64;
            return;
        }
        let at = i64::try_from(at_unix_ms).unwrap_or_default();
        put_signed(&mut self.bytes, at - self.last_at_unix_ms);
        self.last_at_unix_ms = at;
        let span = (span_ms.min(SPAN_MAX_MS) + SPAN_QUANTUM_MS / 2) / SPAN_QUANTUM_MS;
        put(&mut self.bytes, span.max(1));
        let is_kept = |(measure, value): &(Measure, f64)| quanta(*measure, *value).is_some();
        let fitting = rows.iter().filter(|row| row.values.iter().any(is_kept));
        let mut places = Vec::with_capacity(rows.len());
        let mut guess = 0;
        for row in fitting {
            match self.place(row, guess) {
                Some(place) => {
                    guess = place + 1;
                    places.push((place, row));
                }
                None => self.lost += 1,
            }
        }
        put(&mut self.bytes, places.len() as u64);
        for (place, row) in places {
            self.add_row(place, row);
        }
    }

    /// The number of a row's subject; rows mostly come in the same order in each tick.
    fn place(&mut self, row: &Row<'_>, guess: usize) -> Option<usize> {
        let is_it = |known: &Known| known.key.is(row.subject);
        if self.subjects.get(guess).is_some_and(is_it) {
            return Some(guess);
        }
        if let Some(place) = self.subjects.iter().position(is_it) {
            return Some(place);
        }
        if self.subjects.len() >= SUBJECTS {
            return None;
        }
        self.subjects.push(Known {
            key: SubjectKey::of(row.subject),
            measures: Vec::new(),
            last: Vec::new(),
        });
        Some(self.subjects.len() - 1)
    }

    fn add_row(&mut self, place: usize, row: &Row<'_>) {
        let Some(known) = self.subjects.get_mut(place) else {
            return;
        };
        put(&mut self.bytes, place as u64);
        if known.measures.is_empty() {
            let key = known.key.as_bytes();
            put(&mut self.bytes, key.len() as u64);
            self.bytes.extend_from_slice(key);
        }
        let values = row
            .values
            .iter()
            .filter_map(|(measure, value)| Some((*measure, quanta(*measure, *value)?)));
        let is_same = known
            .measures
            .iter()
            .copied()
            .eq(values.clone().map(|(measure, _)| measure));
        if !is_same || known.measures.is_empty() {
            known.measures = values.clone().map(|(measure, _)| measure).collect();
            known.last = values.map(|(_, value)| value).collect();
            put(&mut self.bytes, 1);
            put(&mut self.bytes, known.measures.len() as u64);
            for (measure, value) in known.measures.iter().zip(&known.last) {
                self.bytes.push(measure.code());
                put_signed(&mut self.bytes, *value);
            }
            return;
        }
        let mut mask = 0_u64;
        for (bit, ((_, value), last)) in values.clone().zip(&known.last).enumerate() {
            if value != *last {
                mask |= 2 << bit;
            }
        }
        put(&mut self.bytes, mask);
        for ((_, value), last) in values.zip(&mut known.last) {
            if value != *last {
                put_signed(&mut self.bytes, value.wrapping_sub(*last));
                *last = value;
            }
        }
    }

    /// The ticks as bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Rows that were lost because there were too many.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// The memory that it holds, about.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let of_subject = |known: &Known| {
            known.key.as_bytes().len()
                + known.measures.capacity()
                + known.last.capacity() * size_of::<i64>()
        };
        let subjects: usize = self.subjects.iter().map(of_subject).sum();
        self.bytes.capacity() + self.subjects.capacity() * size_of::<Known>() + subjects
    }
}

/// Reads ticks back: `visit` sees every row.
///
/// # Errors
///
/// [`Malformed`]; `visit` may have seen some rows.
pub fn read(bytes: &[u8], mut visit: impl FnMut(&KeptRow<'_>)) -> Result<(), Malformed> {
    let mut reader = Reader(bytes);
    let mut subjects: Vec<(SubjectKey, Vec<(Measure, i64)>)> = Vec::new();
    let mut at = 0_i64;
    while !reader.is_empty() {
        at = at.checked_add(reader.signed()?).ok_or(Malformed::Range)?;
        let at_unix_ms = u64::try_from(at).map_err(|_| Malformed::Range)?;
        let span_ms = reader
            .number()?
            .saturating_mul(SPAN_QUANTUM_MS)
            .min(SPAN_MAX_MS);
        for _ in 0..reader.number()? {
            let place = reader.count(SUBJECTS)?;
            if place == subjects.len() {
                let len = reader.count(LONGEST)?;
                let key = SubjectKey::from_bytes(reader.bytes(len)?);
                subjects.push((key, Vec::new()));
            }
            let (subject, values) = subjects.get_mut(place).ok_or(Malformed::Range)?;
            read_values(&mut reader, values)?;
            visit(&KeptRow {
                at_unix_ms,
                span_ms,
                subject,
                values,
            });
        }
    }
    Ok(())
}

fn read_values(reader: &mut Reader<'_>, values: &mut Vec<(Measure, i64)>) -> Result<(), Malformed> {
    let mask = reader.number()?;
    if mask & 1 == 0 {
        for (bit, (_, value)) in values.iter_mut().enumerate() {
            if mask >> (bit + 1) & 1 == 1 {
                *value = value.wrapping_add(reader.signed()?);
            }
        }
        return Ok(());
    }
    values.clear();
    for _ in 0..reader.count(Measure::ALL.len())? {
        let measure = Measure::of_code(reader.byte()?).ok_or(Malformed::Layout)?;
        values.push((measure, reader.signed()?));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
