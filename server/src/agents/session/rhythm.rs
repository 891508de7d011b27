//! Pure: how often things happen in a session that agreed to the extension.

use std::time::Duration;

/// How often things happen in a session that agreed to the extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// How often stats come while nobody looks at the host.
    pub stats: Duration,
    /// How often they come while somebody does.
    pub stats_watched: Duration,
    /// For how long after the last one left they come that often.
    pub linger: Duration,
    /// How often the agent sends a heartbeat.
    pub heartbeat: Duration,
    /// After this long without a byte either end takes the other one for gone.
    pub silence: Duration,
}

/// The rhythm, when nothing else is configured.
pub const RHYTHM: Rhythm = Rhythm {
    stats: Duration::from_secs(10),
    stats_watched: Duration::from_secs(1),
    linger: Duration::from_secs(30),
    heartbeat: Duration::from_secs(30),
    silence: pilotfish_protocol::limits::PEER_SILENCE,
};

/// The rhythm of an agent that asks for as little traffic as possible.
pub const METERED_RHYTHM: Rhythm = Rhythm {
    stats: Duration::from_secs(300),
    stats_watched: Duration::from_secs(10),
    linger: Duration::from_secs(30),
    heartbeat: Duration::from_secs(300),
    silence: Duration::from_secs(750),
};

/// How often stats are asked for, as it is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatsTimes {
    /// While nobody looks at the host.
    pub slow: Duration,
    /// While somebody does.
    pub fast: Duration,
    /// For how long after the last one left they come that often.
    pub linger: Duration,
}

/// Why a text is no [`StatsTimes`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatsTimesError {
    /// Not three times.
    #[error(
        "needs three times: at rest, while somebody looks, and for how long after that, e.g. 10s,1s,30s"
    )]
    Count,
    /// One is no time.
    #[error("{0:?} is no time: needs a number and s or m, e.g. 10s")]
    Time(String),
    /// One is out of range.
    #[error("{0:?} is not between 1s and 60m")]
    Range(String),
    /// Who looks would see less.
    #[error("stats would come less often while somebody looks than at rest")]
    Order,
}

impl Default for StatsTimes {
    fn default() -> Self {
        StatsTimes {
            slow: RHYTHM.stats,
            fast: RHYTHM.stats_watched,
            linger: RHYTHM.linger,
        }
    }
}

impl StatsTimes {
    /// Reads the three times: `10s,1s,30s`.
    ///
    /// # Errors
    ///
    /// [`StatsTimesError`].
    pub fn read(text: &str) -> Result<StatsTimes, StatsTimesError> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let [slow, fast, linger] = parts[..] else {
            return Err(StatsTimesError::Count);
        };
        let times = StatsTimes {
            slow: time(slow)?,
            fast: time(fast)?,
            linger: time(linger)?,
        };
        if times.fast > times.slow {
            return Err(StatsTimesError::Order);
        }
        Ok(times)
    }
}

fn time(text: &str) -> Result<Duration, StatsTimesError> {
    let seconds = |unit: u64, digits: &str| digits.parse::<u64>().ok()?.checked_mul(unit);
    let found = match text.strip_suffix('s') {
        Some(digits) => seconds(1, digits),
        None => text
            .strip_suffix('m')
            .and_then(|digits| seconds(60, digits)),
    };
    let time = found.map(Duration::from_secs);
    let time = time.ok_or_else(|| StatsTimesError::Time(text.to_owned()))?;
    let range = Duration::from_secs(1)..=Duration::from_secs(3600);
    if !range.contains(&time) {
        return Err(StatsTimesError::Range(text.to_owned()));
    }
    Ok(time)
}

impl Rhythm {
    /// With stats this often, unless the rhythm is slower by itself: where traffic is dear.
    #[must_use]
    pub fn with(self, times: StatsTimes) -> Rhythm {
        let is_metered = self.stats > RHYTHM.stats;
        let at_least = |own: Duration, wanted: Duration| {
            if is_metered { own.max(wanted) } else { wanted }
        };
        Rhythm {
            stats: at_least(self.stats, times.slow),
            stats_watched: at_least(self.stats_watched, times.fast),
            linger: times.linger,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn three_times_are_read_and_slow_down_metered_agents_only() {
        let times = StatsTimes::read("1m, 2s,45s").unwrap();
        let read = (times.slow, times.fast, times.linger);
        assert_eq!(read, (SECOND * 60, SECOND * 2, SECOND * 45));
        let rhythm = RHYTHM.with(times);
        assert_eq!(
            (rhythm.stats, rhythm.stats_watched),
            (SECOND * 60, SECOND * 2)
        );
        let metered = METERED_RHYTHM.with(times);
        assert_eq!(
            (metered.stats, metered.stats_watched, metered.linger),
            (SECOND * 300, SECOND * 10, SECOND * 45)
        );
        assert_eq!(RHYTHM.with(StatsTimes::default()), RHYTHM);
        assert_eq!(METERED_RHYTHM.with(StatsTimes::default()), METERED_RHYTHM);
    }

    #[track_caller]
    fn check_refused(text: &str, why: &str) {
        assert_eq!(StatsTimes::read(text).unwrap_err().to_string(), why);
    }

    #[test]
    fn what_is_no_rhythm_is_refused_with_the_reason() {
        let count = StatsTimesError::Count.to_string();
        check_refused("10s", &count);
        check_refused("10s,1s,30s,1s", &count);
        check_refused(
            "10s,1h,30s",
            "\"1h\" is no time: needs a number and s or m, e.g. 10s",
        );
        check_refused(
            "10s,,30s",
            "\"\" is no time: needs a number and s or m, e.g. 10s",
        );
        check_refused("10s,0s,30s", "\"0s\" is not between 1s and 60m");
        check_refused("61m,1s,30s", "\"61m\" is not between 1s and 60m");
        check_refused(
            "1s,10s,30s",
            "stats would come less often while somebody looks than at rest",
        );
    }
}
