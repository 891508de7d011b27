//! Measures host and containers at the pace the loop says, all in one pass per tick.

use std::time::{Duration, Instant};

use std::cell::RefCell;
use std::rc::Rc;

use async_channel::{Receiver, Sender};
use async_io::Timer;
use futures_lite::FutureExt as _;
use pilotfish_protocol::Text;
use pilotfish_protocol::extension::{CollectorReport, RunId};

use super::observe::tell;
use crate::agent::Event;
use crate::clock::{self, RunClock};
use crate::sample::containers::{ContainerCollector, Sampler};
use crate::sample::host_sampler::{HostCollector, HostSampler};
use crate::sample::tick::Tick;

/// What is measured with.
#[derive(Debug)]
pub(super) struct Instruments {
    /// Names this run of the program.
    pub(super) run: RunId,
    /// The clock of ticks.
    pub(super) clock: RunClock,
    /// Measures containers.
    pub(super) containers: Sampler,
    /// Measures the host.
    pub(super) host: Rc<RefCell<HostSampler>>,
}

/// What was reported last.
type Reported = (ContainerCollector, HostCollector);

/// Measures until it is dropped; `pace` says how often.
pub(super) async fn measure(
    mut instruments: Instruments,
    first: Duration,
    pace: Receiver<Duration>,
    events: Sender<Event>,
) {
    let mut rhythm = Rhythm {
        every: first,
        last: clock::now(),
    };
    let mut reported = None;
    loop {
        let tick = instruments.tick().await;
        tell(&events, Event::Tick(tick)).await;
        if let Some(report) = instruments.news(&mut reported) {
            tell(&events, Event::Collector(report)).await;
        }
        wait(&mut rhythm, &pace).await;
    }
}

/// Waits for the next tick, whatever happens to the pace meanwhile.
async fn wait(rhythm: &mut Rhythm, pace: &Receiver<Duration>) {
    loop {
        let due_at = rhythm.due_at();
        let due = async {
            Timer::at(due_at).await;
            None
        };
        // Never closed: the loop holds the sender.
        let other = async { pace.recv().await.ok() };
        match other.or(due).await {
            Some(every) => rhythm.every = every,
            None => return rhythm.begin(clock::now()),
        }
    }
}

/// When ticks are due: one interval after the last, whatever measuring took, so that they keep their rhythm.
#[derive(Debug)]
struct Rhythm {
    every: Duration,
    last: Instant,
}

impl Rhythm {
    fn due_at(&self) -> Instant {
        self.last + self.every
    }

    /// A tick begins at `now`; one that is more than an interval late begins a new rhythm.
    fn begin(&mut self, now: Instant) {
        let due_at = self.due_at();
        let is_late = now.saturating_duration_since(due_at) > self.every;
        self.last = if is_late { now } else { due_at.min(now) };
    }
}

impl Instruments {
    async fn tick(&mut self) -> Tick {
        let host = self.host.borrow_mut().sample();
        let at_ms = self.clock.ms(clock::now());
        Tick {
            at_ms,
            host,
            containers: self.containers.sample().await,
        }
    }

    /// How everything is measured, when that is other than what was reported last.
    fn news(&self, reported: &mut Option<Reported>) -> Option<CollectorReport> {
        let (containers, host) = (self.containers.report(), self.host.borrow());
        let is_same = |told: &Reported| told.0 == containers && host.is_reported(&told.1);
        if reported.as_ref().is_some_and(is_same) {
            return None;
        }
        let (containers, host) = reported.insert((containers, host.report()));
        let missing = containers.missing.iter().chain(&host.missing);
        Some(CollectorReport {
            run: Some(self.run),
            containers: containers.source,
            why: containers.why.as_deref().map(Text::cut),
            cgroup_driver: containers.cgroup_driver.map(Text::cut),
            missing: missing.cloned().collect(),
            boot_id: host.boot_id.clone(),
            uptime_ms: host.uptime_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_keep_their_rhythm_unless_one_is_very_late() {
        let start = clock::now();
        let second = Duration::from_secs(1);
        let mut rhythm = Rhythm {
            every: second,
            last: start,
        };
        rhythm.begin(start + second + second / 4);
        assert_eq!(rhythm.due_at(), start + second * 2);
        rhythm.begin(start + second * 7);
        assert_eq!(rhythm.due_at(), start + second * 8);
        rhythm.every = second / 2;
        assert_eq!(rhythm.due_at(), start + second * 7 + second / 2);
    }
}
