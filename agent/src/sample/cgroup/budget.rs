//! How many descriptors of containers' files stay open, so that the rest of the agent always finds some.

use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the process's own limit is raised to where its hard limit allows it: systemd and Docker give 1024 for programs that use `select`.
const RAISED: u64 = 4096;

/// How many descriptors may be held open; clones share it.
///
/// Each costs the kernel about 5 KiB, a page for its text among them: ten of a container are 50 KiB.
#[derive(Clone, Debug)]
pub struct Budget(Rc<Cell<usize>>);

impl Budget {
    /// Half of what the process may have, after its soft limit was raised to 4096 where the hard limit allows it.
    #[must_use]
    pub fn of_process() -> Self {
        let limits = getrlimit(Resource::Nofile);
        let hard = limits.maximum.unwrap_or(u64::MAX);
        let mut soft = limits.current.unwrap_or(u64::MAX);
        let raised = RAISED.min(hard);
        if soft < raised {
            let wanted = Rlimit {
                current: Some(raised),
                maximum: limits.maximum,
            };
            match setrlimit(Resource::Nofile, wanted) {
                Ok(()) => soft = raised,
                Err(error) => log::debug!("raise the limit of descriptors: {error}"),
            }
        }
        Self::new(usize::try_from(soft.min(RAISED) / 2).unwrap_or_default())
    }

    /// A budget of `descriptors`.
    #[must_use]
    pub fn new(descriptors: usize) -> Self {
        Self(Rc::new(Cell::new(descriptors)))
    }

    /// How many more may be held.
    #[must_use]
    pub fn free(&self) -> usize {
        self.0.get()
    }

    /// Holds nothing more until something is given back: the process has run out of descriptors.
    pub(super) fn exhaust(&self) {
        self.0.set(0);
    }

    /// Counts `fd` as held; gives it back when no more may be.
    pub(super) fn hold(&self, fd: OwnedFd) -> Result<Held, OwnedFd> {
        let Some(free) = self.0.get().checked_sub(1) else {
            return Err(fd);
        };
        self.0.set(free);
        let budget = self.clone();
        Ok(Held { fd, budget })
    }
}

/// A descriptor that counts.
#[derive(Debug)]
pub(super) struct Held {
    fd: OwnedFd,
    budget: Budget,
}

impl AsFd for Held {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.0.set(self.budget.0.get() + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor() -> OwnedFd {
        std::fs::File::open("/").unwrap().into()
    }

    #[test]
    fn what_is_dropped_is_given_back() {
        let budget = Budget::new(1);
        let held = budget.hold(descriptor()).unwrap();
        assert_eq!(budget.free(), 0);
        assert!(budget.hold(descriptor()).is_err());
        drop(held);
        assert_eq!(budget.free(), 1);
    }

    #[test]
    fn half_of_the_processes_limit_is_held_at_most() {
        let budget = Budget::of_process();
        let soft = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        assert!(budget.free() > 0);
        assert!(u64::try_from(budget.free()).unwrap() <= (soft / 2).min(RAISED / 2));
    }
}
