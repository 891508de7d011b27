//! Pure: the desk where calls are taken in. A few run at once, some wait, the rest is told that the agent is busy.

use std::collections::VecDeque;

/// Calls that run at the same time.
pub const RUNNING: usize = 8;
/// Calls in hand, running and waiting together.
pub const IN_HAND: usize = 64;

/// What becomes of a call that came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission<C> {
    /// It runs now.
    Run(C),
    /// It waits for its turn.
    Waits,
    /// Too many are in hand; the call is given back to be refused.
    Busy(C),
}

/// Calls in hand. `C` is a call with all it needs to be run.
#[derive(Debug)]
pub struct Desk<C> {
    running: usize,
    waiting: VecDeque<C>,
}

impl<C> Default for Desk<C> {
    fn default() -> Self {
        Self {
            running: 0,
            waiting: VecDeque::new(),
        }
    }
}

impl<C> Desk<C> {
    /// Takes a call in.
    pub fn admit(&mut self, call: C) -> Admission<C> {
        if self.running < RUNNING {
            self.running += 1;
            Admission::Run(call)
        } else if self.running + self.waiting.len() < IN_HAND {
            self.waiting.push_back(call);
            Admission::Waits
        } else {
            Admission::Busy(call)
        }
    }

    /// A running call is done; returns the next one to run.
    #[must_use]
    pub fn done(&mut self) -> Option<C> {
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.running = self.running.saturating_sub(1);
        }
        next
    }

    /// Drops the calls that wait: who asked has gone, and what was asked for may no longer be wanted.
    pub fn drop_waiting(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ninth_call_waits_and_the_sixty_fifth_is_refused() {
        let mut desk = Desk::default();
        for n in 1..=RUNNING {
            assert_eq!(desk.admit(n), Admission::Run(n));
        }
        for n in RUNNING + 1..=IN_HAND {
            assert_eq!(desk.admit(n), Admission::Waits, "call {n}");
        }
        assert_eq!(desk.admit(65), Admission::Busy(65));
    }

    #[test]
    fn waiting_calls_run_in_the_order_they_came() {
        let mut desk = Desk::default();
        for n in 0..RUNNING + 2 {
            desk.admit(n);
        }
        assert_eq!(desk.done(), Some(RUNNING));
        assert_eq!(desk.done(), Some(RUNNING + 1));
        assert_eq!(desk.done(), None);
        assert_eq!(desk.admit(99), Admission::Run(99));
        assert_eq!(desk.admit(100), Admission::Waits);
    }

    #[test]
    fn running_calls_keep_their_place_when_waiting_ones_are_dropped() {
        let mut desk = Desk::default();
        for n in 0..RUNNING + 2 {
            desk.admit(n);
        }
        desk.drop_waiting();
        assert_eq!(desk.admit(98), Admission::Waits);
        assert_eq!(desk.done(), Some(98));
    }
}
