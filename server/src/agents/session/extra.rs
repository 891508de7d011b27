//! Pure: a session's part that agreed to the extension: changes of the container list, cadence, keyframes, few pings.

use std::time::{Duration, Instant};

use pilotfish_protocol::{AgentExtra, ListHash, ServerExtra};

use super::Session;
use crate::agents::session::allowance::Verdict;
use crate::agents::session::exchange::{Output, Report};
use crate::agents::session::extended::Extended;
use crate::agents::session::lists;

impl<W> Session<W> {
    /// A change was applied: the server holds these containers now, the agent has those of the hash `told`.
    pub fn holds(&mut self, held: Option<ListHash>, told: ListHash, now: Instant) {
        let Some(extended) = &mut self.extended else {
            return;
        };
        extended.holds(held);
        if !extended.is_same(told) {
            let extra = extended.ask_list(now);
            self.say(extra, now);
        }
    }

    /// Takes a message of the extension.
    pub(super) fn extra(&mut self, extra: AgentExtra, now: Instant) {
        if self.extended.is_none() || self.extra_allowance.take(now) == Verdict::Dropped {
            return;
        }
        let report = match extra {
            AgentExtra::Containers(change) => Report::Change(lists::read_change(&change)),
            AgentExtra::Collector(report) => Report::Collector(report),
            AgentExtra::Cadence(cadence) => Report::Cadence(cadence),
            AgentExtra::Spent(spending) => Report::Spending(spending),
            AgentExtra::Coverage(coverage) => Report::Coverage(coverage),
        };
        self.outputs.push_back(Output::Report(report));
    }

    /// The agent told which containers it has.
    pub(super) fn list_told(&mut self, told: ListHash, now: Instant) {
        let Some(extended) = &mut self.extended else {
            return;
        };
        if extended.is_same(told) {
            self.outputs
                .push_back(Output::Report(Report::ListConfirmed));
        } else {
            let extra = extended.ask_list(now);
            self.say(extra, now);
        }
    }

    pub(super) fn say(&mut self, extra: Option<ServerExtra>, now: Instant) {
        if let Some(extra) = extra.filter(|_| !self.is_over) {
            self.outputs.push_back(Output::Send(extra.encode()));
            self.said_something(now);
        }
    }

    /// The agent hears something: where traffic counts, a ping is not needed for a while.
    pub(super) fn said_something(&mut self, now: Instant) {
        if let Some(extended) = &self.extended {
            self.ping_at = now + extended.ping_after();
        }
    }

    pub(super) fn ping_every(&self) -> Duration {
        let extended = self.extended.as_ref();
        extended.map_or(self.pace.ping, Extended::ping_after)
    }

    pub(super) fn silence(&self) -> Duration {
        let extended = self.extended.as_ref();
        extended.map_or(self.pace.silence, |extended| extended.rhythm.silence)
    }
}
