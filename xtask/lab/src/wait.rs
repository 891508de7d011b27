//! Waiting for conditions: the one place where the lab pauses.

use std::error::Error;
use std::fmt;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::clock;

const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Why waiting longer makes no sense: [`until`] gives up at once.
#[derive(Debug)]
pub struct Hopeless(pub String);

impl fmt::Display for Hopeless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Hopeless {}

/// Lets time pass, for what is measured over time; who waits for something uses [`until`].
pub fn pause(duration: Duration) {
    thread::sleep(duration);
}

/// Tries `attempt` until it succeeds, for at most `deadline`.
///
/// An error of `attempt` means "not yet" and says what was seen instead; [`Hopeless`] means "never". `attempt` runs at least once, and once more
/// after the deadline has passed while it paused.
///
/// # Errors
///
/// Names `what` was waited for, how long, and what the last attempt saw.
pub fn until<T>(
    what: &str,
    deadline: Duration,
    mut attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    let give_up_at = clock::now() + deadline;
    let mut pause = FIRST_PAUSE;
    loop {
        let last_try = clock::now() >= give_up_at;
        match attempt() {
            Ok(value) => return Ok(value),
            Err(seen) if last_try || seen.is::<Hopeless>() => {
                return Err(seen).with_context(|| format!("not within {deadline:?}: {what}"));
            }
            Err(_) => thread::sleep(pause),
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn answers_what_the_first_successful_attempt_gives() {
        let mut tries = 0;
        let tried = until("third try", Duration::from_secs(10), || {
            tries += 1;
            if tries < 3 {
                bail!("only {tries}");
            }
            Ok(tries)
        });
        assert_eq!(tried.unwrap(), 3);
    }

    #[test]
    fn gives_up_at_once_when_it_is_hopeless() {
        let mut tries = 0;
        let error = until("spring", Duration::from_secs(3600), || -> Result<()> {
            tries += 1;
            Err(Hopeless("winter".to_owned()).into())
        });
        assert!(error.unwrap_err().is::<Hopeless>());
        assert_eq!(tries, 1);
    }

    #[test]
    fn tells_what_was_last_seen() {
        let error = until("blue sky", Duration::ZERO, || -> Result<()> {
            bail!("rain")
        });
        assert_eq!(
            format!("{:#}", error.unwrap_err()),
            "not within 0ns: blue sky: rain"
        );
    }
}
