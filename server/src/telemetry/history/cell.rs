//! Pure: what is kept of one measure in one bucket of time, and how values and cells add up to it.

use super::ticks::KeptRow;
use super::tier::Tier;

/// One bucket of one measure: minimum, maximum, and the sum from which the average comes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Which bucket: its beginning in widths since 1970.
    pub bucket: u64,
    /// How much time its values stand for, the weight of its average; above 0.
    pub span_ms: u64,
    /// The values, in quanta, each times its span.
    pub sum: f64,
    /// The lowest value, in quanta.
    pub min: i64,
    /// The highest.
    pub max: i64,
}

/// The cells of one measure, by ascending bucket, each bucket once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cells(pub Vec<Cell>);

impl Cell {
    /// The average, in quanta.
    #[must_use]
    pub fn avg(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "spans are far below 2^52 ms")]
        let avg = self.sum / self.span_ms as f64;
        avg
    }

    fn add(&mut self, other: &Cell) {
        self.span_ms = self.span_ms.saturating_add(other.span_ms);
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

impl Cells {
    /// Adds a cell. Quick when its bucket is the last or comes after it.
    pub fn add(&mut self, cell: Cell) {
        match self.0.last_mut() {
            Some(last) if last.bucket == cell.bucket => last.add(&cell),
            Some(last) if last.bucket > cell.bucket => {
                match self
                    .0
                    .binary_search_by_key(&cell.bucket, |found| found.bucket)
                {
                    Ok(place) => self.0[place].add(&cell),
                    Err(place) => self.0.insert(place, cell),
                }
            }
            Some(_) | None => self.0.push(cell),
        }
    }

    /// Adds all of `others`, which may overlap.
    pub fn merge(&mut self, others: &Cells) {
        for cell in &others.0 {
            self.add(*cell);
        }
    }

    /// The time that its values stand for.
    #[must_use]
    pub fn span_ms(&self) -> u64 {
        self.0.iter().map(|cell| cell.span_ms).sum()
    }
}

/// Tells which buckets of a tier a row belongs to, with the part of its span in each.
///
/// A row that stands for about a bucket or less goes whole into the one in which the middle of its span lies, so that the finest tier
/// holds the values themselves; one that stands for more goes into all that it covers.
pub fn buckets(tier: Tier, row: &KeptRow<'_>) -> impl Iterator<Item = (u64, u64)> {
    let width = tier.width_ms();
    let begin = row.at_unix_ms.saturating_sub(row.span_ms);
    let end = row.at_unix_ms.max(begin + 1);
    let (first, last) = if row.span_ms <= width + width / 2 {
        let middle = begin.midpoint(end) / width;
        (middle, middle)
    } else {
        (begin / width, (end - 1) / width)
    };
    (first..=last).map(move |bucket| {
        if first == last {
            return (bucket, row.span_ms);
        }
        let from = begin.max(bucket * width);
        let to = end.min((bucket + 1) * width);
        (bucket, to - from)
    })
}

/// The cell of a value that stands for `span_ms` of a bucket.
#[must_use]
pub fn of_value(bucket: u64, span_ms: u64, value: i64) -> Cell {
    #[expect(clippy::cast_precision_loss, reason = "both are kept far below 2^53")]
    let sum = value as f64 * span_ms as f64;
    Cell {
        bucket,
        span_ms,
        sum,
        min: value,
        max: value,
    }
}

#[cfg(test)]
mod tests {
    use pilotfish_protocol::Subject;

    use super::super::subject::SubjectKey;
    use super::*;

    #[track_caller]
    fn check(tier: Tier, at_unix_ms: u64, span_ms: u64, expected: &[(u64, u64)]) {
        let subject = SubjectKey::of(&Subject::Host);
        let row = KeptRow {
            at_unix_ms,
            span_ms,
            subject: &subject,
            values: &[],
        };
        let found: Vec<(u64, u64)> = buckets(tier, &row).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_short_span_goes_where_its_middle_is_and_a_long_one_where_it_reaches() {
        check(Tier::TenSeconds, 23_000, 10_000, &[(1, 10_000)]);
        check(Tier::TenSeconds, 26_000, 10_000, &[(2, 10_000)]);
        check(Tier::TenSeconds, 26_000, 1_000, &[(2, 1_000)]);
        check(Tier::TenSeconds, 26_000, 15_000, &[(1, 15_000)]);
        check(Tier::TenSeconds, 26_000, 16_000, &[(1, 10_000), (2, 6_000)]);
        check(
            Tier::TenSeconds,
            30_000,
            30_000,
            &[(0, 10_000), (1, 10_000), (2, 10_000)],
        );
        check(Tier::Hour, 4_000_000, 600_000, &[(1, 600_000)]);
        check(Tier::Minute, 5_000, 10_000, &[(0, 10_000)]);
    }

    #[test]
    fn cells_of_one_bucket_add_up_in_any_order() {
        let mut cells = Cells::default();
        for (bucket, span, value) in [(5, 10, 3), (7, 10, 1), (5, 30, 7), (6, 1, 1), (4, 1, 1)] {
            cells.add(of_value(bucket, span, value));
        }
        let buckets: Vec<u64> = cells.0.iter().map(|cell| cell.bucket).collect();
        assert_eq!(buckets, [4, 5, 6, 7]);
        let cell = cells.0[1];
        assert_eq!(
            (cell.avg(), cell.min, cell.max, cell.span_ms),
            (6.0, 3, 7, 40)
        );
        assert_eq!(cells.span_ms(), 52);
    }
}
