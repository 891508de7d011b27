//! Pure: what is measured of the hosts and their containers, and what their agents say of how they measure.

use std::time::Instant;

use pilotfish_protocol::extension::{Cadence, CollectorReport, RunId, Span, Spending};
use pilotfish_protocol::spool::Lost;
use pilotfish_protocol::{ContainerStats, HostId, HostStats, Percent, ShortId};

use super::{Fleet, SessionId};
use crate::store::last_events::LastEvent;
use crate::telemetry::sample::{ContainerSample, HostSample, hundredths};
use crate::telemetry::ticks::Measured;

/// A sample older than this says nothing of the present, unless the next one is not due yet.
pub const SAMPLE_LIFE_MS: u64 = 60_000;

/// Most gaps that are kept of one host; the oldest goes.
const GAPS: usize = 16;

/// What an agent says of how it measures; of one that speaks the base dialect, nothing.
#[derive(Debug, Default)]
pub struct Told {
    /// Where the values come from, and which are missing.
    pub collector: Option<Box<CollectorReport>>,
    /// How often they come.
    pub cadence: Option<Cadence>,
    /// What that cost so far today.
    pub spending: Option<Box<Spending>>,
    /// Times of which nobody knows what happened to containers, by the server's clock.
    pub gaps: Vec<Span>,
    /// How much found no room in its spool, since this server started.
    pub lost: Lost,
    /// The newest event that was told live; it outlasts the session, so that the next one's spool begins after it.
    pub last_event: Option<LastEvent>,
}

/// A tick that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// The run that measured it; `None` when the agent does not tell.
    pub run: Option<RunId>,
}

impl Told {
    /// Another session begins: how it measures is told anew.
    pub(super) fn begin(&mut self) {
        self.collector = None;
        self.cadence = None;
        self.spending = None;
    }

    /// Notes what is missing.
    pub fn miss(&mut self, gap: Option<Span>, lost: Lost) {
        if let Some(gap) = gap {
            if self.gaps.len() >= GAPS {
                self.gaps.remove(0);
            }
            self.gaps.push(gap);
        }
        self.lost = Lost {
            ticks: self.lost.ticks.saturating_add(lost.ticks),
            events: self.lost.events.saturating_add(lost.events),
        };
    }

    /// How long a sample of this host says something of the present.
    pub fn sample_life_ms(&self) -> u64 {
        let interval_ms = self.cadence.as_ref().map(|told| told.stats_interval_ms);
        let life_ms = interval_ms.map(|interval_ms| interval_ms.saturating_mul(5) / 2);
        life_ms.unwrap_or_default().max(SAMPLE_LIFE_MS)
    }
}

impl Fleet {
    /// Takes a sample of the host in the base dialect; answers whether it counts.
    pub fn measure_host(
        &mut self,
        id: &HostId,
        session: SessionId,
        stats: HostStats,
        at_unix_ms: u64,
    ) -> bool {
        let Some(host) = self.live(id, session) else {
            return false;
        };
        let percent = |percent: Percent| hundredths(percent.as_f64());
        host.sample = Some(Box::new(HostSample {
            at_unix_ms,
            cpu_percent: stats.cpu_percent.and_then(percent),
            memory_percent: stats.mem_percent.and_then(percent),
            network_bytes_per_sec: stats.net_bytes_per_sec,
            ..HostSample::default()
        }));
        true
    }

    /// Takes a sample of a container that is listed and alive, in the base dialect; gives it.
    pub fn measure_container(
        &mut self,
        id: &HostId,
        session: SessionId,
        stats: &ContainerStats,
        now: Instant,
        at_unix_ms: u64,
    ) -> Option<&ContainerSample> {
        let list = self.live(id, session)?.list.as_mut()?;
        let short = ShortId::of(&stats.container_id);
        let container = list.containers.get_mut(&short)?;
        if !container.measure(stats, now, at_unix_ms) {
            return None;
        }
        container.sample.as_deref()
    }

    /// Takes what a tick measured; drops from it the containers that are not listed and alive. Gives the run whose it is, so far as that was told; `None`
    /// when it does not count.
    pub fn measure(
        &mut self,
        id: &HostId,
        session: SessionId,
        measured: &mut Measured<'_>,
    ) -> Option<Counted> {
        let host = self.live(id, session)?;
        let collector = host.told.collector.as_ref();
        let run = collector.and_then(|collector| collector.run);
        if let Some(sample) = &measured.host {
            host.sample = Some(Box::new(sample.clone()));
        }
        let mut list = host.list.as_mut();
        measured.retain(|id, sample| {
            let container = list.as_mut().and_then(|list| list.containers.get_mut(id));
            container.is_some_and(|container| container.put(*sample))
        });
        Some(Counted { run })
    }

    /// Gives what the agent tells of how it measures, to change it; `None` when `session` is not the present one.
    pub fn told(&mut self, id: &HostId, session: SessionId) -> Option<&mut Told> {
        Some(&mut self.live(id, session)?.told)
    }

    /// Gives the same of a host, whether there is a session or not.
    pub fn told_of(&mut self, id: &HostId) -> Option<&mut Told> {
        Some(&mut self.hosts.get_mut(id)?.told)
    }
}
