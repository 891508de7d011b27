//! What a live session learns from its agent, on its way to the board.

use std::mem;

use async_channel::Sender;
use async_tungstenite::tungstenite::Utf8Bytes;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use pilotfish_protocol::extension::{Coverage, LastTick, Span};
use pilotfish_protocol::spool::Lost;
use pilotfish_protocol::{AgentMessage, ContainerStats, HostStats, ShortId, Subject, frame, spool};

use super::{End, Talk};
use crate::agents::roster::Outcome;
use crate::agents::session::Session;
use crate::agents::session::allowance::Verdict;
use crate::agents::session::exchange::{Input, Report};
use crate::clock;
use crate::telemetry::measure::Row;
use crate::telemetry::measured::{self, Values};
use crate::telemetry::ticks::{Tick, Ticks};

/// How many messages that cannot be read are passed over before the connection is closed.
const UNREADABLE: u32 = 100;

/// Most reports of what is missing that wait for a session's first tick; the rest are noted by the agent's own clock.
const EARLY: usize = 8;

/// How long a sample of the base dialect is taken to stand for.
const BASE_SPAN_MS: u64 = 10_000;

impl Talk<'_> {
    /// Reads a message. One that cannot be read is passed over: an agent of another version must not lose its session for it.
    pub(super) fn text(&mut self, text: &Utf8Bytes) -> Result<Option<AgentMessage>, End> {
        match AgentMessage::decode(text) {
            Ok(AgentMessage::Unknown { kind }) => {
                log::debug!("session {}: unknown message {kind}", self.id.0);
                Ok(None)
            }
            Ok(message) => Ok(Some(message)),
            Err(error) => {
                self.unreadable += 1;
                if self.unreadable > UNREADABLE {
                    return Err(End {
                        close: Some((CloseCode::Invalid, "Too many messages that cannot be read")),
                        why: "its messages cannot be read",
                    });
                }
                log::debug!("session {}: {error}", self.id.0);
                Ok(None)
            }
        }
    }

    pub(super) fn report(&mut self, report: Report, session: &mut Session<Sender<Outcome>>) {
        let (board, host, id) = (&self.app.board, self.host, self.id);
        match report {
            Report::Engine(engine) => board.engine(host, id, &engine),
            Report::List(listings) => board.list(host, id, &listings),
            Report::Change(change) => {
                session.holds(board.change(host, id, &change), change.hash, clock::now());
            }
            Report::ListConfirmed => board.confirm_list(host, id),
            Report::Event(event) => {
                if board.container_event(host, id, &event).is_list_old {
                    session.list_is_old(clock::now());
                }
            }
            Report::ContainerStats(stats) => self.container_stats(&stats),
            Report::HostStats(stats) => self.host_stats(stats),
            Report::Trouble(trouble) => board.trouble(host, id, &trouble),
            Report::Collector(report) => board.collector(host, id, report),
            Report::Cadence(cadence) => board.cadence(host, id, cadence),
            Report::Spending(spending) => board.spending(host, id, spending),
            Report::Coverage(coverage) => self.coverage(coverage),
        }
    }

    fn host_stats(&self, stats: HostStats) {
        let Some(sample) = self.app.board.host_stats(self.host, self.id, stats) else {
            return;
        };
        let mut values = Values::new();
        measured::of_host(&sample, &mut values);
        self.record(sample.at_unix_ms, &Subject::Host, &values);
    }

    fn container_stats(&self, stats: &ContainerStats) {
        let sample = self.app.board.container_stats(self.host, self.id, stats);
        let Some(sample) = sample else { return };
        let mut values = Values::new();
        measured::of_container(&sample, &mut values);
        let subject = Subject::Container {
            id: ShortId::of(&stats.container_id),
            name: stats.name().to_owned(),
        };
        self.record(sample.at_unix_ms, &subject, &values);
    }

    fn record(&self, at_unix_ms: u64, subject: &Subject, values: &Values) {
        let row = Row { subject, values };
        let history = &self.app.history;
        history.record(self.host, at_unix_ms, BASE_SPAN_MS, &[row]);
    }

    /// Takes what is missing from before the session. Its times are by the agent's clock, which the first tick tells.
    fn coverage(&mut self, coverage: Coverage) {
        let knows_clock = |ticks: &Ticks| ticks.to_server_time(0).is_some();
        let must_wait =
            coverage.events_gap.is_some() && !self.ticks.as_ref().is_some_and(knows_clock);
        if must_wait && self.early.len() < EARLY {
            self.early.push(coverage);
        } else {
            self.missing(coverage);
        }
    }

    /// Notes what waited for the first tick.
    pub(super) fn note_early(&mut self) {
        for coverage in mem::take(&mut self.early) {
            self.missing(coverage);
        }
    }

    fn missing(&self, coverage: Coverage) {
        let Coverage {
            events_gap,
            lost_events: events,
            lost_ticks: ticks,
        } = coverage;
        let now = clock::unix_ms();
        let map = |ms| {
            let clock = self.ticks.as_ref();
            let mapped = clock.and_then(|ticks| ticks.to_server_time(ms));
            mapped.unwrap_or(ms).min(now)
        };
        let gap = events_gap.map(|gap| Span {
            from_ms: map(gap.from_ms),
            to_ms: map(gap.to_ms),
        });
        let gap = gap.filter(|gap| gap.from_ms < gap.to_ms);
        let mut told = Vec::new();
        if let Some(gap) = gap {
            let seconds = (gap.to_ms - gap.from_ms) / 1000;
            told.push(format!(
                "nobody knows what happened to containers in {seconds} s before this session"
            ));
        }
        if events > 0 || ticks > 0 {
            told.push(format!("{events} events and {ticks} ticks are lost"));
        }
        if !told.is_empty() {
            let (lost, detail) = (Lost { ticks, events }, told.join("; "));
            let board = &self.app.board;
            board.missing(self.host, self.id, gap, lost, detail);
        }
    }

    /// Takes a binary message of a session that agreed to the extension.
    pub(super) fn binary(&mut self, bytes: &[u8]) -> Option<Input<Sender<Outcome>>> {
        self.ticks.as_ref()?;
        match bytes.first() {
            Some(&frame::KIND) => {
                let ticks = self.ticks.as_mut()?;
                let now_unix_ms = clock::unix_ms();
                let taken = ticks.take(bytes, now_unix_ms);
                match taken {
                    Ok(Some(tick)) => self.tick(&tick, now_unix_ms),
                    Ok(None) => {}
                    Err(error) => log::debug!("session {}: {error}", self.id.0),
                }
                Some(Input::Frame {
                    is_usable: taken.is_ok(),
                })
            }
            Some(&spool::KIND) => {
                self.spooled(bytes);
                None
            }
            // Of a later version.
            Some(_) | None => None,
        }
    }

    fn tick(&mut self, tick: &Tick, now_unix_ms: u64) {
        let allowed = self.tick_allowance.take(clock::now());
        let Some(ticks) = self.ticks.as_ref().filter(|_| allowed != Verdict::Dropped) else {
            return;
        };
        let mut measured = ticks.measured(tick, now_unix_ms);
        let (board, history) = (&self.app.board, &self.app.history);
        if let Some(counted) = board.measured(self.host, self.id, tick, now_unix_ms, &mut measured)
        {
            let (rows, at_ms) = (measured.rows(), tick.at_agent_ms);
            let (at, span) = (tick.at_unix_ms, tick.span_ms);
            match counted.run {
                Some(run) => {
                    history.record_live(self.host, LastTick { run, at_ms }, at, span, &rows);
                }
                None => history.record(self.host, at, span, &rows),
            }
        }
        self.note_early();
    }
}
