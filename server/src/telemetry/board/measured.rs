//! What agents measure, and what they tell of how they measure.

use pilotfish_protocol::extension::{Cadence, CollectorReport, Span, Spending};
use pilotfish_protocol::spool::Lost;
use pilotfish_protocol::{ContainerStats, HostId, HostStats, ShortId};

use crate::clock;
use crate::store::events::Subject as About;
use crate::telemetry::board::{Board, State};
use crate::telemetry::fanout::Subject;
use crate::telemetry::fleet::{Counted, SessionId, Told};
use crate::telemetry::sample::{ContainerSample, HostSample};
use crate::telemetry::ticks::{Measured, Tick};
use crate::telemetry::view::{ContainersStats, HostStatsView, Live};

impl Board {
    /// Takes a sample of the host in the base dialect; gives it, when it counts.
    pub fn host_stats(
        &self,
        id: &HostId,
        session: SessionId,
        stats: HostStats,
    ) -> Option<HostSample> {
        let now = clock::unix_ms();
        let mut state = self.lock();
        let state = &mut *state;
        if !state.fleet.measure_host(id, session, stats, now) {
            return None;
        }
        let sample = state.fleet.find(id)?.sample.as_deref()?.clone();
        if !state.fanout.is_empty() {
            let message = Live::Stats {
                host_id: id,
                at_unix_ms: now,
                interval_ms: None,
                host: Some(Box::new(HostStatsView::of(&sample))),
                containers: None,
            }
            .encode();
            state.fanout.tell(&Subject::Stats(id.clone()), &message);
        }
        Some(sample)
    }

    /// Takes a sample of a container in the base dialect; gives it, when it counts.
    pub fn container_stats(
        &self,
        id: &HostId,
        session: SessionId,
        stats: &ContainerStats,
    ) -> Option<ContainerSample> {
        let (now, unix_ms) = (clock::now(), clock::unix_ms());
        let mut state = self.lock();
        let state = &mut *state;
        let fleet = &mut state.fleet;
        let sample = *fleet.measure_container(id, session, stats, now, unix_ms)?;
        if state.fanout.watching(id) > 0 {
            let short = ShortId::of(&stats.container_id);
            let message = Live::Stats {
                host_id: id,
                at_unix_ms: unix_ms,
                interval_ms: None,
                host: None,
                containers: Some(ContainersStats(&[(short, sample)])),
            }
            .encode();
            let subject = Subject::ContainerStats(id.clone(), short);
            state.fanout.tell_watchers(id, &subject, &message);
        }
        Some(sample)
    }

    /// Takes what a tick measured, and drops from it what does not count; `None` when nothing of it does.
    pub fn measured(
        &self,
        id: &HostId,
        session: SessionId,
        tick: &Tick,
        at_unix_ms: u64,
        measured: &mut Measured<'_>,
    ) -> Option<Counted> {
        let mut state = self.lock();
        let state = &mut *state;
        let counted = state.fleet.measure(id, session, measured)?;
        // Written once for those who look at this host, and once for all others.
        let subject = Subject::Stats(id.clone());
        let message = |is_detailed: bool| {
            Live::Stats {
                host_id: id,
                at_unix_ms,
                interval_ms: tick.interval_ms,
                host: measured.host.as_ref().map(HostStatsView::of).map(Box::new),
                containers: is_detailed.then_some(ContainersStats(&measured.containers)),
            }
            .encode()
        };
        if state.fanout.watching(id) > 0 {
            let detailed = message(true);
            state.fanout.tell_watchers(id, &subject, &detailed);
        }
        if state.fanout.others(id) > 0 && measured.host.is_some() {
            state.fanout.tell_others(id, &subject, &message(false));
        }
        Some(counted)
    }

    /// Takes how a host is measured.
    pub fn collector(&self, id: &HostId, session: SessionId, report: CollectorReport) {
        self.told(id, session, |told| told.collector = Some(Box::new(report)));
    }

    /// Takes how often stats come.
    pub fn cadence(&self, id: &HostId, session: SessionId, cadence: Cadence) {
        self.told(id, session, |told| told.cadence = Some(cadence));
    }

    /// Takes what an agent sent so far today.
    pub fn spending(&self, id: &HostId, session: SessionId, spending: Spending) {
        self.told(id, session, |told| {
            told.spending = Some(Box::new(spending));
        });
    }

    /// Notes what an agent says is missing: a time, by this server's clock, of which nobody knows what happened to containers, and counts.
    pub fn missing(
        &self,
        id: &HostId,
        session: SessionId,
        gap: Option<Span>,
        lost: Lost,
        detail: String,
    ) {
        let mut state = self.lock();
        if let Some(told) = state.fleet.told(id, session) {
            told.miss(gap, lost);
            state.happened(id, About::Host, "gap", Some(detail));
            state.tell_host(id);
        }
    }

    fn told(&self, id: &HostId, session: SessionId, change: impl FnOnce(&mut Told)) {
        let mut state = self.lock();
        let state: &mut State = &mut state;
        if let Some(told) = state.fleet.told(id, session) {
            change(told);
            state.tell_host(id);
        }
    }
}
