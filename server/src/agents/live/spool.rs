//! What an agent kept while it had no link: into the history and the event log, once, and then acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_io::Timer;
use async_tungstenite::tungstenite::Message;
use pilotfish_protocol::extension::Spooled;
use pilotfish_protocol::frame::Decoder;
use pilotfish_protocol::spool::{Batch, BatchError, Entry, Segment};
use pilotfish_protocol::{AgentId, ContainerEvent, HostId, ServerExtra};

use super::Talk;
use crate::app::App;
use crate::chain::chain;
use crate::clock;
use crate::store::StoreError;
use crate::store::last_events::LastEvent;
use crate::telemetry::board::events::LateEvents;
use crate::telemetry::fleet::SessionId;
use crate::telemetry::history::{Late, Refused, ticks as history_ticks};
use crate::telemetry::measure::Row;
use crate::telemetry::notable;
use crate::telemetry::ticks;

/// Most readings that are looked at of one batch: a segment of a thousand ticks of fifty subjects. What is beyond is dropped, and taken for
/// kept: frames that change nothing are short, and each stands for all slots, whether any of them has a value or not.
const READINGS: usize = 50_000;

/// Most counts of what found no room that one batch brings; an agent of ours has one at a time, and each makes a line in the log.
const LOST: usize = 4;

/// How long a tick is taken to stand for when it does not follow another one.
const SPAN_MS: u64 = 10_000;

/// The least time between the beginnings of two batches; an agent of ours leaves a second.
const PAUSE: Duration = Duration::from_millis(500);

/// So much longer for each event, so that no agent pushes all else out of the log at once.
const PAUSE_AN_EVENT: Duration = Duration::from_millis(25);

/// So much longer for each ten seconds that a reading stands for, which is what it costs to roll it up.
const PAUSE_A_BUCKET: Duration = Duration::from_micros(2);

/// How often a batch is read again because another session of the agent brought it, too.
const TRIES: usize = 3;

/// What a session brings out of its agent's spool.
#[derive(Debug)]
pub(super) struct Spooling {
    /// A batch is being kept.
    is_busy: Arc<AtomicBool>,
    /// The next one is not begun sooner.
    not_before: Instant,
    /// The newest live event before this session, which the agent was told of.
    last_event: Option<LastEvent>,
}

/// Where a batch goes.
struct Intake {
    app: Arc<App>,
    host: HostId,
    agent: AgentId,
    session: SessionId,
    enrolled_unix_ms: u64,
    last_event: Option<LastEvent>,
}

/// Why a batch was not kept.
#[derive(Debug, thiserror::Error)]
enum IntakeError {
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    History(#[from] Refused),
    #[error("other sessions of the agent bring the same batch")]
    Crowded,
}

/// The ticks of a batch, as rows.
#[derive(Default)]
struct Taken {
    rows: history_ticks::Ticks,
    /// How many readings were looked at.
    readings: usize,
    /// Ten seconds that each row stands for, in all.
    buckets: u32,
    /// Ticks that cannot be placed in time, cannot be read, or are too many.
    dropped: u64,
}

/// A batch's clock: when it was sent, by the agent's and by ours.
#[derive(Clone, Copy)]
struct SentAt {
    agent_ms: u64,
    unix_ms: u64,
}

impl Spooling {
    pub(super) fn new(last_event: Option<LastEvent>, now: Instant) -> Spooling {
        Spooling {
            is_busy: Arc::default(),
            not_before: now,
            last_event,
        }
    }
}

impl Talk<'_> {
    /// Takes a batch, in a task of its own. One at a time: an agent sends the next when this one is acknowledged.
    pub(super) fn spooled(&mut self, bytes: &[u8]) {
        let host = self.app.board.look(|fleet| {
            let facts = &fleet.find(self.host)?.facts;
            Some((facts.agent.id.clone(), facts.enrolled_unix_ms))
        });
        let Some((agent, enrolled_unix_ms)) = host else {
            return;
        };
        if self.spooling.is_busy.swap(true, Ordering::Relaxed) {
            log::debug!(
                "session {}: a batch before the last one was kept",
                self.id.0
            );
            return;
        }
        let begin_at = self.spooling.not_before.max(clock::now());
        self.spooling.not_before = begin_at + PAUSE + PAUSE_AN_EVENT * count_events(bytes);
        let intake = Intake {
            app: Arc::clone(self.app),
            host: self.host.clone(),
            agent,
            session: self.id,
            enrolled_unix_ms,
            last_event: self.spooling.last_event.clone(),
        };
        let (bytes, outgoing) = (bytes.to_vec(), self.outgoing.clone());
        let is_busy = Arc::clone(&self.spooling.is_busy);
        let came_unix_ms = clock::unix_ms();
        self.app.executor.spawn(async move {
            Timer::at(begin_at).await;
            let kept = intake.keep(&bytes, came_unix_ms).await;
            if let Ok(Some((_, pause))) = &kept {
                Timer::after(*pause).await;
            }
            // Before the answer, which the next batch may follow at once.
            is_busy.store(false, Ordering::Relaxed);
            match kept {
                Ok(Some((Spooled { run, seq }, _))) => {
                    let answer = ServerExtra::Spooled { run, seq }.encode();
                    // A session that is too slow or over hears it when the entries come again.
                    outgoing.try_send(Message::text(answer)).ok();
                }
                Ok(None) => {}
                Err(error) => log::warn!("session {}: {}", intake.session.0, chain(&error)),
            }
        });
    }
}

/// Counts what of a batch makes a line in the log, for its pause.
fn count_events(bytes: &[u8]) -> u32 {
    let Ok(batch) = Batch::decode(bytes) else {
        return 0;
    };
    let entries = batch.entries().map_while(Result::ok);
    let events = entries.filter(|(_, entry)| matches!(entry, Entry::Event(_) | Entry::Lost(_)));
    u32::try_from(events.count()).unwrap_or(u32::MAX)
}

impl Intake {
    /// Keeps a batch; gives the last entry that is durable, and how long the agent is to wait for what it cost.
    async fn keep(
        &self,
        bytes: &[u8],
        came_unix_ms: u64,
    ) -> Result<Option<(Spooled, Duration)>, IntakeError> {
        let batch = Batch::decode(bytes)?;
        let Some((seq, _)) = batch.entries().map_while(Result::ok).last() else {
            return Ok(None);
        };
        let at = SentAt {
            agent_ms: batch.now_ms,
            unix_ms: came_unix_ms,
        };
        let run = batch.run;
        self.keep_events(&batch, seq, at).await?;
        let pause = self.keep_ticks(&batch, seq, at).await?;
        Ok(Some((Spooled { run, seq }, pause)))
    }

    /// Events go into the store, as one with the store's mark.
    async fn keep_events(&self, batch: &Batch<'_>, seq: u64, at: SentAt) -> Result<(), StoreError> {
        let (mut events, mut lost) = (Vec::new(), Vec::new());
        for (seq, entry) in batch.entries().map_while(Result::ok) {
            match entry {
                Entry::Event(text) => {
                    let event: Option<ContainerEvent> = serde_json::from_str(text).ok();
                    events.extend(event.map(|event| (seq, at.event_unix_ms(&event), event)));
                }
                Entry::Lost(counts) if lost.len() < LOST => lost.push((seq, counts)),
                Entry::Lost(_) | Entry::Segment(_) | Entry::Unknown => {}
            }
        }
        let late = LateEvents {
            host: self.host.clone(),
            agent: self.agent.clone(),
            run: batch.run,
            seq,
            events,
            lost,
            last_event: self.last_event.clone(),
        };
        self.app.board.keep_late(&self.app, late).await
    }

    /// Ticks go into the history, as one with the history's mark.
    async fn keep_ticks(
        &self,
        batch: &Batch<'_>,
        seq: u64,
        at: SentAt,
    ) -> Result<Duration, IntakeError> {
        let history = &self.app.history;
        for _ in 0..TRIES {
            let mark = history.recorded(&self.agent, batch.run).await?;
            if mark.is_some_and(|mark| mark >= seq) {
                return Ok(Duration::ZERO);
            }
            let taken = self.read(batch, mark, at);
            if taken.dropped > 0 {
                log::info!(
                    "session {}: {} spooled ticks dropped",
                    self.session.0,
                    taken.dropped
                );
            }
            let pause = PAUSE_A_BUCKET * taken.buckets;
            let late = Late {
                host: self.host.clone(),
                agent: self.agent.clone(),
                run: batch.run,
                before: mark,
                seq,
                ticks: taken.rows,
            };
            if history.record_late(late).await? {
                return Ok(pause);
            }
        }
        Err(IntakeError::Crowded)
    }

    /// Reads the segments after `mark`, as far as they can be read.
    fn read(&self, batch: &Batch<'_>, mark: Option<u64>, at: SentAt) -> Taken {
        let place = |at_ms: u64| {
            let at = at.place(at_ms)?;
            (at >= self.enrolled_unix_ms).then_some(at)
        };
        let mut taken = Taken::default();
        for (seq, entry) in batch.entries().map_while(Result::ok) {
            if let Entry::Segment(segment) = entry
                && mark.is_none_or(|mark| seq > mark)
            {
                taken.segment(&segment, place, |rows| {
                    self.app.history.admit(&self.host, rows)
                });
            }
        }
        taken
    }
}

impl SentAt {
    /// Gives a time of the agent's clock by ours; `None` for one that is after the batch.
    fn place(self, agent_ms: u64) -> Option<u64> {
        let ago_ms = self.agent_ms.checked_sub(agent_ms)?;
        self.unix_ms.checked_sub(ago_ms)
    }

    /// Gives the time of an event by our clock. The Engine's clock is that of the host, which may have been set since the agent's run began: a stamp that
    /// is later than the batch tells that it was.
    fn event_unix_ms(self, event: &ContainerEvent) -> u64 {
        let stamp = notable::stamped_unix_ms(event);
        let at = stamp.map(|stamp| self.place(stamp).unwrap_or(stamp));
        at.unwrap_or(self.unix_ms).min(self.unix_ms)
    }
}

impl Taken {
    fn segment(
        &mut self,
        segment: &Segment<'_>,
        place: impl Fn(u64) -> Option<u64>,
        mut admit: impl for<'a> FnMut(&[Row<'a>]) -> Vec<Row<'a>>,
    ) {
        let mut decoder = Decoder::new();
        for frame in segment.frames().map_while(Result::ok) {
            let Ok(decoded) = decoder.decode(frame) else {
                self.dropped += 1;
                return;
            };
            if !decoded.is_whole || !segment.has(decoded.at_ms) {
                continue;
            }
            let Some(at) = place(decoded.at_ms).filter(|_| self.readings < READINGS) else {
                self.dropped += 1;
                continue;
            };
            self.readings += decoder.slots().count().max(1);
            let measured = ticks::measure(&decoder, decoded.interval_ms, at);
            let rows = admit(&measured.rows());
            let span_ms = decoded.interval_ms.unwrap_or(SPAN_MS);
            let each = 1 + span_ms.min(history_ticks::SPAN_MAX_MS) / SPAN_MS;
            let buckets = u32::try_from(rows.len() as u64 * each).unwrap_or(u32::MAX);
            self.buckets = self.buckets.saturating_add(buckets);
            self.rows.add(at, span_ms, &rows);
        }
    }
}

#[cfg(test)]
mod tests;
