//! Pure: how fine time is kept, by age.

/// How fine the ticks of a segment are. They get coarser with age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// As recorded.
    Fine,
    /// After ten minutes.
    Middle,
    /// After two hours.
    Coarse,
}

impl Tier {
    /// The time between two ticks.
    pub fn step_ms(self) -> u64 {
        match self {
            Self::Fine => 10 * SECOND_MS,
            Self::Middle => 60 * SECOND_MS,
            Self::Coarse => 600 * SECOND_MS,
        }
    }

    /// How old a tick gets in this tier.
    pub fn age_ms(self) -> u64 {
        match self {
            Self::Fine => 10 * 60 * SECOND_MS,
            Self::Middle => 2 * 3600 * SECOND_MS,
            Self::Coarse => 7 * 24 * 3600 * SECOND_MS,
        }
    }

    /// The tier that follows; `None`: what is older is lost.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Fine => Some(Self::Middle),
            Self::Middle => Some(Self::Coarse),
            Self::Coarse => None,
        }
    }

    /// Tells whether a tick of `at_ms` is kept when the last one kept is of `last_ms`: a timer that fires a little early makes no hole.
    pub fn keeps(self, last_ms: Option<u64>, at_ms: u64) -> bool {
        let early_ms = self.step_ms() / 20;
        last_ms.is_none_or(|last_ms| at_ms >= last_ms.saturating_add(self.step_ms() - early_ms))
    }
}

const SECOND_MS: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(tier: Tier, ticks_ms: impl Iterator<Item = u64>, expected_s: &[u64]) {
        let mut kept = Vec::new();
        for at_ms in ticks_ms {
            if tier.keeps(kept.last().copied(), at_ms) {
                kept.push(at_ms);
            }
        }
        let kept_s: Vec<u64> = kept.iter().map(|at_ms| at_ms / SECOND_MS).collect();
        assert_eq!(kept_s, expected_s);
    }

    #[test]
    fn a_tick_of_each_step_is_kept() {
        check(Tier::Fine, (0..35_000).step_by(1000), &[0, 10, 20, 30]);
        check(
            Tier::Middle,
            (0..190_000).step_by(10_000),
            &[0, 60, 120, 180],
        );
        check(
            Tier::Coarse,
            (0..1_900_000).step_by(60_000),
            &[0, 600, 1200, 1800],
        );
    }

    #[test]
    fn a_timer_that_is_not_exact_makes_no_hole() {
        let ticks = [0, 9_980, 20_010, 29_990, 40_000];
        check(Tier::Fine, ticks.into_iter(), &[0, 9, 20, 29, 40]);
    }
}
