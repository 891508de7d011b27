//! Pure: how often is measured, within what the host allows, and what the line has cost so far.

use std::time::{Duration, Instant};

use pilotfish_protocol::AgentExtra;
use pilotfish_protocol::extension::{Cadence, Slowed};

use super::{Action, Agent, Now};
use crate::uplink::outbox::Report;

/// How often spending is told at rest.
const TELL_AT_REST: Duration = Duration::from_secs(15 * 60);
/// How often it is told while somebody looks.
const TELL_WATCHED: Duration = Duration::from_secs(30);
/// Stats more often than this are for somebody who looks.
const WATCHED: Duration = Duration::from_secs(5);

/// What the server was told in this session.
#[derive(Debug, Default)]
pub(super) struct Told {
    cadence: Option<Cadence>,
    /// `None` when it is wanted now.
    spending_at: Option<Instant>,
}

impl Told {
    /// At the beginning of a session.
    pub(super) fn nothing(now: Now) -> Self {
        Self {
            cadence: None,
            spending_at: Some(now.at),
        }
    }
}

impl Agent {
    /// Sets how often is measured: what the server asks for, within the host's limits; and says when it is not that.
    pub(super) fn set_cadence(&mut self, now: Now) {
        let asked = self.stats.asked();
        let cadence = self.budget.cadence(asked, now.at);
        let every = Duration::from_millis(cadence.stats_interval_ms);
        if let Some(every) = self.stats.measure_every(every) {
            self.actions.push_back(Action::Measure(every));
        }
        if !self.uplink.is_open() || !self.stats.is_extended() {
            return;
        }
        let is_as_told = match &self.told.cadence {
            Some(told) => *told == cadence,
            None => cadence.slowed.is_none(),
        };
        if !is_as_told {
            if let Some(slowed) = cadence.slowed
                && self.slowed.allow(now.at).is_some()
            {
                log::info!("measuring every {every:?} instead of {asked:?}: {slowed:?}");
            }
            if cadence.slowed == Some(Slowed::Budget) {
                // Ticks are rare from here on, and with them what is told about spending.
                self.report_spending(now);
            }
            self.told.cadence = Some(cadence.clone());
            let text = AgentExtra::Cadence(cadence).encode();
            self.outbox.put_report(Report::Cadence, text);
        }
    }

    /// Somebody began to look, who also wants to know what the line has cost.
    pub(super) fn spending_wanted(&mut self) {
        if self.stats.asked() < WATCHED {
            self.told.spending_at = None;
        }
    }

    /// Tells now and then what the line has cost.
    pub(super) fn tell_spending(&mut self, now: Now) {
        if !self.uplink.is_open() || !self.stats.is_extended() {
            return;
        }
        let every = if self.stats.asked() < WATCHED {
            TELL_WATCHED
        } else {
            // At a slow pace less often, so that it stays a small part of what it tells about.
            TELL_AT_REST.max(self.stats.every() * 60)
        };
        let is_due = |told_at: Instant| now.at.saturating_duration_since(told_at) >= every;
        if self.told.spending_at.is_none_or(is_due) {
            self.report_spending(now);
        }
    }

    fn report_spending(&mut self, now: Now) {
        self.told.spending_at = Some(now.at);
        let spending = self.budget.spending(now.at);
        let text = AgentExtra::Spent(spending).encode();
        self.outbox.put_report(Report::Spending, text);
    }
}
