//! Pure: the tiers of the history: how fine each is, how its rows lie in blocks, how long it is kept, and which answers a query.

use std::time::Duration;

const SECOND_MS: u64 = 1000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// How fine: the width of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Tier {
    /// 10 s.
    TenSeconds = 0,
    /// 1 min.
    Minute = 1,
    /// 10 min.
    TenMinutes = 2,
    /// 1 h.
    Hour = 3,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How long each tier is kept, the finest first; none less than a finer one.
    pub lives: [Duration; Tier::ALL.len()],
    /// Most bytes on the disk; the oldest go first, of whichever tier.
    pub disk_bytes: u64,
}

/// Why a text is no retention.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RetentionError {
    /// Not four times.
    #[error("needs a time for each of 10s,1m,10m,1h, e.g. 6h,3d,60d,730d")]
    Count,
    /// One is no time.
    #[error("{0:?} is no time: needs a number and m, h or d, e.g. 6h")]
    Time(String),
    /// One is out of range.
    #[error("{0:?} is not between 1h and 3650d")]
    Range(String),
    /// A coarser tier would end before a finer one.
    #[error("{0:?} is less than what is kept of the finer one before it")]
    Order(String),
}

impl Default for Retention {
    fn default() -> Retention {
        let [hours, days] = [HOUR_MS, DAY_MS];
        Retention {
            lives: [6 * hours, 3 * days, 60 * days, 730 * days].map(Duration::from_millis),
            disk_bytes: 2 << 30,
        }
    }
}

impl Retention {
    /// Reads how long each tier is kept, the finest first: `6h,3d,60d,730d`.
    ///
    /// # Errors
    ///
    /// [`RetentionError`].
    pub fn read_lives(text: &str) -> Result<[Duration; Tier::ALL.len()], RetentionError> {
        let mut lives = [Duration::ZERO; Tier::ALL.len()];
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        if parts.len() != lives.len() {
            return Err(RetentionError::Count);
        }
        let mut finer = Duration::ZERO;
        for (life, part) in lives.iter_mut().zip(parts) {
            *life = read_time(part).ok_or_else(|| RetentionError::Time(part.to_owned()))?;
            let range = Duration::from_millis(HOUR_MS)..=Duration::from_millis(3650 * DAY_MS);
            if !range.contains(life) {
                return Err(RetentionError::Range(part.to_owned()));
            }
            if *life < finer {
                return Err(RetentionError::Order(part.to_owned()));
            }
            finer = *life;
        }
        Ok(lives)
    }

    /// From when on a tier is kept.
    #[must_use]
    pub fn begin_unix_ms(&self, tier: Tier, now_unix_ms: u64) -> u64 {
        let life = self.lives[usize::from(tier.code())].as_millis();
        now_unix_ms.saturating_sub(u64::try_from(life).unwrap_or(u64::MAX))
    }

    /// Picks the tier for a query: the coarsest that gives `points` over the range, or, where none does, the finest; of those that
    /// still hold the range's beginning. What is older than every tier is answered from the coarsest.
    #[must_use]
    pub fn pick(&self, from_unix_ms: u64, to_unix_ms: u64, points: u64, now_unix_ms: u64) -> Tier {
        let range_ms = to_unix_ms.saturating_sub(from_unix_ms);
        let reaches = |tier: &Tier| self.begin_unix_ms(*tier, now_unix_ms) <= from_unix_ms;
        let is_fine = |tier: &Tier| tier.width_ms().saturating_mul(points) <= range_ms;
        let mut found = Tier::ALL.iter().rev().copied();
        let coarsest = found.find(|tier| reaches(tier) && is_fine(tier));
        let finest = || Tier::ALL.iter().copied().find(reaches);
        coarsest.or_else(finest).unwrap_or(Tier::Hour)
    }
}

fn read_time(text: &str) -> Option<Duration> {
    let unit_ms = match text.chars().last()? {
        'm' => MINUTE_MS,
        'h' => HOUR_MS,
        'd' => DAY_MS,
        _ => return None,
    };
    let count: u64 = text[..text.len() - 1].parse().ok()?;
    Some(Duration::from_millis(count.checked_mul(unit_ms)?))
}

impl Tier {
    /// Every one, the finest first.
    pub const ALL: [Tier; 4] = [Tier::TenSeconds, Tier::Minute, Tier::TenMinutes, Tier::Hour];

    /// How many buckets a block has.
    pub const BLOCK_BUCKETS: u64 = 360;

    /// Its code on the disk.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The width of a bucket.
    #[must_use]
    pub const fn width_ms(self) -> u64 {
        match self {
            Tier::TenSeconds => 10 * SECOND_MS,
            Tier::Minute => MINUTE_MS,
            Tier::TenMinutes => 10 * MINUTE_MS,
            Tier::Hour => HOUR_MS,
        }
    }

    /// The width of a block: an hour, six hours, two and a half days, fifteen days.
    #[must_use]
    pub const fn block_ms(self) -> u64 {
        self.width_ms() * Tier::BLOCK_BUCKETS
    }

    /// How long a subject must have been measured to be kept in this tier: a container that lived for less is in the finer ones only,
    /// so that a host where thousands come and go does not fill the disk for years.
    #[must_use]
    pub const fn least_ms(self) -> u64 {
        match self {
            Tier::TenSeconds | Tier::Minute => 0,
            Tier::TenMinutes => MINUTE_MS,
            Tier::Hour => 10 * MINUTE_MS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    #[track_caller]
    fn check(begin_ago_ms: u64, range_ms: u64, points: u64, expected: Tier) {
        let from = NOW - begin_ago_ms;
        let picked = Retention::default().pick(from, from + range_ms, points, NOW);
        assert_eq!(picked, expected);
    }

    #[test]
    fn the_coarsest_tier_that_gives_all_points_answers() {
        check(10 * MINUTE_MS, 10 * MINUTE_MS, 300, Tier::TenSeconds);
        check(HOUR_MS, HOUR_MS, 300, Tier::TenSeconds);
        check(6 * HOUR_MS, 6 * HOUR_MS, 300, Tier::Minute);
        check(6 * HOUR_MS, 6 * HOUR_MS, 2000, Tier::TenSeconds);
        check(3 * DAY_MS, 3 * DAY_MS, 300, Tier::TenMinutes);
        check(60 * DAY_MS, 60 * DAY_MS, 300, Tier::Hour);
    }

    #[test]
    fn the_finest_that_reaches_back_answers_when_none_gives_all_points() {
        check(DAY_MS, HOUR_MS, 300, Tier::Minute);
        check(30 * DAY_MS, HOUR_MS, 300, Tier::TenMinutes);
        check(400 * DAY_MS, DAY_MS, 300, Tier::Hour);
        check(4000 * DAY_MS, DAY_MS, 300, Tier::Hour);
    }

    #[test]
    fn lives_are_read_or_refused_with_what_is_wrong() {
        let lives = Retention::default().lives;
        assert_eq!(Retention::read_lives("6h,3d,60d,730d"), Ok(lives));
        assert_eq!(Retention::read_lives("6h, 72h, 60d, 730d"), Ok(lives));
        for (text, why) in [
            ("6h,3d", RetentionError::Count),
            ("6,3d,60d,2d", RetentionError::Time("6".to_owned())),
            ("6h,3d,60d,", RetentionError::Time(String::new())),
            ("é,3d,60d,2d", RetentionError::Time("é".to_owned())),
            ("30m,3d,60d,730d", RetentionError::Range("30m".to_owned())),
            ("6h,3d,60d,3651d", RetentionError::Range("3651d".to_owned())),
            ("6h,3d,2d,730d", RetentionError::Order("2d".to_owned())),
        ] {
            assert_eq!(Retention::read_lives(text), Err(why), "{text}");
        }
    }
}
