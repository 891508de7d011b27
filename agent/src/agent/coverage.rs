//! Pure: what happened while nobody listened, and of which times nobody will ever know.

use std::time::{Duration, Instant};

use pilotfish_protocol::extension::from_agent::Span;
use pilotfish_protocol::extension::{Coverage, Extension};
use pilotfish_protocol::{AgentExtra, AgentMessage, ContainerEvent};

use super::{Action, Agent, Now};
use crate::uplink::outbox::Report;

/// For so long a link may be dead before its session ends.
const IN_DOUBT: Duration = Duration::from_secs(120);

/// What is to be told of missing events.
#[derive(Debug, Default)]
pub(super) struct Missed {
    /// Not told yet.
    gap: Option<Span>,
    /// Told last, and when: nothing acknowledges it.
    told: Option<(Coverage, Instant)>,
    /// Events that found no room in the outbox, not told yet.
    lost_events: u64,
    /// The Engine was asked what it remembers from before this program started.
    is_recalled: bool,
}

impl Missed {
    /// Takes a gap; two that are told at once are told as one.
    fn add(&mut self, gap: Span) {
        let both = self.gap.map(|before| Span {
            from_ms: before.from_ms.min(gap.from_ms),
            to_ms: before.to_ms.max(gap.to_ms),
        });
        self.gap = Some(both.unwrap_or(gap));
    }

    /// The session ended; its link may have been dead for a while, so what was told of late is told again.
    pub(super) fn session_ended(&mut self, now: Instant) {
        let told = self.told.take();
        let told = told.filter(|(_, at)| now.saturating_duration_since(*at) < IN_DOUBT);
        if let Some(gap) = told.and_then(|(told, _)| told.events_gap) {
            self.add(gap);
        }
    }

    /// What was told is still waiting to be sent: it is to be told together with what came since.
    fn take_back(&mut self) {
        if let Some((told, _)) = self.told.take() {
            self.lost_events += told.lost_events;
            if let Some(gap) = told.events_gap {
                self.add(gap);
            }
        }
    }
}

impl Agent {
    /// Asks the Engine for what happened between the last event that the server has and the start of this program, once.
    pub(super) fn recall(&mut self, agreed: &Extension) {
        if !self.missed.is_recalled {
            self.missed.is_recalled = true;
            // What an earlier run kept is on its way from the spool.
            let known_ns = agreed.last_event_ns.max(self.spool.earlier_event_ns());
            if let Some(since_ns) = known_ns {
                let tick_ns = agreed
                    .last_tick
                    .map_or(0, |tick| tick.at_ms)
                    .saturating_mul(1_000_000);
                let heard_ns = tick_ns.max(since_ns);
                self.actions
                    .push_back(Action::Recall { since_ns, heard_ns });
            }
        }
    }

    /// What the Engine remembers from before this program started.
    pub(super) fn recalled(&mut self, events: Vec<ContainerEvent>, gap: Option<Span>, now: Now) {
        for event in events {
            self.tell_event(event, now);
        }
        if let Some(gap) = gap {
            self.events_missing(gap, now);
        }
    }

    /// Of this time events may be missing.
    pub(super) fn events_missing(&mut self, gap: Span, now: Now) {
        self.missed.add(gap);
        self.tell_coverage(now);
    }

    /// Events found no room in the outbox: the link is too slow for them. What the spool loses it tells itself.
    pub(super) fn events_lost(&mut self, lost_events: u64, now: Now) {
        self.missed.lost_events += lost_events;
        self.tell_coverage(now);
    }

    /// Tells what is missing, in a session that understands it.
    pub(super) fn tell_coverage(&mut self, now: Now) {
        if !self.uplink.is_open() || !self.stats.is_extended() {
            return;
        }
        if self.outbox.has_report(Report::Coverage) {
            self.missed.take_back();
        }
        let coverage = Coverage {
            events_gap: self.missed.gap.take(),
            lost_events: std::mem::take(&mut self.missed.lost_events),
            lost_ticks: 0,
        };
        if coverage != Coverage::default() {
            self.missed.told = Some((coverage, now.at));
            let text = AgentExtra::Coverage(coverage).encode();
            self.outbox.put_report(Report::Coverage, text);
        }
    }

    /// Something happened to a container.
    pub(super) fn tell_event(&mut self, event: ContainerEvent, now: Now) {
        let stamp_ms = event.timestamp.map(|at| at.unix_ms());
        let stamp_ms = stamp_ms.and_then(|ms| u64::try_from(ms).ok());
        let stamp_ns = stamp_ms.unwrap_or(now.run_ms).saturating_mul(1_000_000);
        match serde_json::to_string(&event) {
            Ok(text) => self.spool.event(stamp_ns, &text, now.run_ms),
            Err(error) => log::debug!("event not kept: {error}"),
        }
        // Without a link it waits in the spool, or here for a server that takes no spool.
        if self.uplink.is_open() || !self.is_spool_known {
            let message = AgentMessage::ContainerEvent(event);
            self.outbox.push_event(message.encode(now.wall));
        }
    }
}
