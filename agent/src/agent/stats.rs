//! Pure: what the agent does with what was measured and listed, in a session of either dialect.

use std::time::Duration;

use pilotfish_protocol::extension::{CollectorReport, ListChange, ListHash};
use pilotfish_protocol::{AgentExtra, AgentMessage, Extension, ServerExtra};

use super::spending::Told;
use super::{Action, Agent, Now};
use crate::sample::base_dialect::BaseDialect;
use crate::sample::tick::Tick;
use crate::uplink::outbox::Report;
use crate::uplink::telemetry::Telemetry;

/// How often is measured while nobody says otherwise.
const AT_REST: Duration = Duration::from_secs(10);
/// How often is measured in the base dialect. A DockMon backend takes a host's own numbers only when they are younger than 10 s.
const BASE_DIALECT: Duration = Duration::from_secs(5);
/// Every how many ticks of the base dialect the containers' samples go out.
const BASE_DIALECT_CONTAINERS: u32 = 2;
/// The shortest time between two ticks that a server may ask for.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST: Duration = Duration::from_secs(3600);

/// How what is measured goes out.
#[derive(Debug)]
pub(super) struct Stats {
    dialect: Dialect,
    /// What the server asks for.
    asked: Duration,
    /// How often is measured at present.
    every: Duration,
}

#[derive(Debug)]
enum Dialect {
    /// JSON, for a server that agreed to nothing else.
    Base { dialect: BaseDialect, ticks: u32 },
    /// Frames.
    Extended {
        agreed: Box<Extension>,
        telemetry: Telemetry,
    },
}

impl Stats {
    pub(super) fn new() -> Self {
        Self {
            dialect: Dialect::base(),
            asked: AT_REST,
            every: AT_REST,
        }
    }

    /// Takes what the server agreed to for the session that begins.
    pub(super) fn agree(&mut self, agreed: Option<Extension>) {
        (self.dialect, self.asked) = match agreed {
            Some(agreed) => {
                let asked = Duration::from_millis(agreed.stats_interval_ms);
                let telemetry = Telemetry::new();
                let agreed = Box::new(agreed);
                (
                    Dialect::Extended { agreed, telemetry },
                    asked.clamp(SHORTEST, LONGEST),
                )
            }
            None => (Dialect::base(), BASE_DIALECT),
        };
    }

    /// There is no session.
    fn rest(&mut self) {
        (self.dialect, self.asked) = (Dialect::base(), AT_REST);
    }

    /// What the server asks for.
    pub(super) fn asked(&self) -> Duration {
        self.asked
    }

    /// Sets how often is measured; gives it when that is new.
    pub(super) fn measure_every(&mut self, every: Duration) -> Option<Duration> {
        let before = std::mem::replace(&mut self.every, every);
        (before != every).then_some(every)
    }

    /// How often is measured at present.
    pub(super) fn every(&self) -> Duration {
        self.every
    }

    /// Whether the session speaks the extension.
    pub(super) fn is_extended(&self) -> bool {
        matches!(self.dialect, Dialect::Extended { .. })
    }

    pub(super) fn next_frame(&mut self) -> Option<Vec<u8>> {
        match &mut self.dialect {
            Dialect::Base { .. } => None,
            Dialect::Extended { telemetry, .. } => telemetry.next_frame(),
        }
    }
}

impl Dialect {
    fn base() -> Self {
        Self::Base {
            dialect: BaseDialect::default(),
            ticks: 0,
        }
    }
}

impl Agent {
    /// A session stands: stats go out from now on.
    pub(super) fn begin_stats(&mut self, now: Now) {
        let agreed = match &self.stats.dialect {
            Dialect::Extended { agreed, .. } => Some(agreed.clone()),
            Dialect::Base { .. } => None,
        };
        self.open_spool(agreed.as_deref(), now);
        if let Some(agreed) = agreed {
            self.recall(&agreed);
            self.tell_coverage(now);
            match self.list.filter(|list| agreed.containers == Some(*list)) {
                Some(same) => self.outbox.holds_list(same),
                None => self.actions.push_back(Action::ListAll),
            }
            if let Some(report) = self.collector.clone() {
                let report = AgentExtra::Collector(report);
                self.outbox.put_report(Report::Collector, report.encode());
            }
        }
        self.told = Told::nothing(now);
        self.set_cadence(now);
    }

    /// The session is over.
    pub(super) fn end_stats(&mut self, now: Now) {
        self.spool.closed(now.run_ms);
        self.missed.session_ended(now.at);
        self.stats.rest();
        self.set_cadence(now);
    }

    /// Host and containers were measured.
    pub(super) fn ticked(&mut self, tick: Tick, now: Now) {
        self.spool.record(&tick);
        self.commit_spool(now);
        self.set_cadence(now);
        self.tell_spending(now);
        if !self.uplink.is_open() {
            return;
        }
        match &mut self.stats.dialect {
            Dialect::Extended { telemetry, .. } => telemetry.take(tick),
            Dialect::Base { dialect, ticks } => {
                if let Some(stats) = dialect.host(&tick) {
                    let text = AgentMessage::HostStats(stats).encode(now.wall);
                    self.outbox.push_stats("", text);
                }
                if ticks.is_multiple_of(BASE_DIALECT_CONTAINERS) {
                    for stats in dialect.containers(&tick, now.wall) {
                        let id = stats.container_id.clone();
                        let text = AgentMessage::ContainerStats(stats).encode(now.wall);
                        self.outbox.push_stats(id.as_str(), text);
                    }
                }
                *ticks = ticks.wrapping_add(1);
            }
        }
    }

    /// The host is measured in another way than before.
    pub(super) fn measured_so(&mut self, report: CollectorReport) {
        if self.uplink.is_open() && self.stats.is_extended() {
            let report = AgentExtra::Collector(report.clone());
            self.outbox.put_report(Report::Collector, report.encode());
        }
        self.collector = Some(report);
    }

    /// The containers were listed, or some of them.
    pub(super) fn listed(&mut self, hash: ListHash, change: Option<ListChange>) {
        self.list = Some(hash);
        if let Some(change) = change
            && self.uplink.is_open()
            && self.stats.is_extended()
        {
            let is_full = change.is_full;
            let text = AgentExtra::Containers(change).encode();
            self.outbox.push_list(hash, text, is_full);
        }
    }

    /// Takes a message beyond the base dialect.
    pub(super) fn take_extra(&mut self, extra: ServerExtra, now: Now) {
        let Dialect::Extended { telemetry, .. } = &mut self.stats.dialect else {
            return self.note_odd_message("not agreed to in this session", now);
        };
        match extra {
            ServerExtra::Cadence { stats_interval_ms } => {
                let asked = Duration::from_millis(stats_interval_ms).clamp(SHORTEST, LONGEST);
                self.stats.asked = asked;
                self.spending_wanted();
                self.set_cadence(now);
            }
            ServerExtra::Keyframe {} => telemetry.begin_anew(),
            ServerExtra::List {} => self.actions.push_back(Action::ListAll),
            ServerExtra::Spooled { run, seq } => self.spool_acknowledged(run, seq, now),
        }
    }
}
