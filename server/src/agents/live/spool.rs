//! What an agent kept while it had no link: into the history and the event log, once, and then acknowledged.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_tungstenite::tungstenite::Message;
use pilotfish_protocol::extension::RunId;
use pilotfish_protocol::frame::Decoder;
use pilotfish_protocol::spool::{Batch, Entry, Segment};
use pilotfish_protocol::{AgentId, ContainerEvent, HostId, ServerExtra};

use super::Talk;
use crate::app::App;
use crate::clock;
use crate::telemetry::fleet::SessionId;
use crate::telemetry::history::{LateRows, Refused};
use crate::telemetry::ticks;

/// Most rows that one batch brings: a segment of a thousand ticks of fifty subjects. What is beyond is dropped, and taken for kept:
/// frames that change nothing are short, and each stands for all slots.
const ROWS: usize = 50_000;

/// How long a tick is taken to stand for when it does not follow another one.
const SPAN_MS: u64 = 10_000;

/// Where a batch goes.
struct Intake {
    app: Arc<App>,
    host: HostId,
    agent: AgentId,
    session: SessionId,
}

/// What a batch comes to.
#[derive(Default)]
struct Taken {
    rows: LateRows,
    row_count: usize,
    events: Vec<ContainerEvent>,
    /// Ticks that cannot be placed in time, cannot be read, or are too many.
    dropped: u64,
    /// The last entry's number.
    last: Option<u64>,
}

impl Talk<'_> {
    /// Takes a batch, in a task of its own. One at a time: an agent sends the next when this one is acknowledged.
    pub(super) fn spooled(&self, bytes: &[u8]) {
        let host = self.app.board.look(|fleet| {
            let facts = &fleet.find(self.host)?.facts;
            Some((facts.agent.id.clone(), facts.enrolled_unix_ms))
        });
        let Some((agent, enrolled_unix_ms)) = host else {
            return;
        };
        if self.is_spooling.swap(true, Ordering::Relaxed) {
            log::debug!(
                "session {}: a batch before the last one was kept",
                self.id.0
            );
            return;
        }
        let intake = Intake {
            app: Arc::clone(self.app),
            host: self.host.clone(),
            agent,
            session: self.id,
        };
        let (bytes, outgoing) = (bytes.to_vec(), self.outgoing.clone());
        let is_spooling = Arc::clone(&self.is_spooling);
        self.app.executor.spawn(async move {
            let answer = intake.take(&bytes, enrolled_unix_ms).await;
            // Before the answer, which the next batch may follow at once.
            is_spooling.store(false, Ordering::Relaxed);
            if let Some(answer) = answer {
                // A session that is too slow or over hears it when the entries come again.
                outgoing.try_send(Message::text(answer)).ok();
            }
        });
    }
}

impl Intake {
    /// Keeps a batch; gives the answer.
    async fn take(self, bytes: &[u8], enrolled_unix_ms: u64) -> Option<String> {
        let batch = match Batch::decode(bytes) {
            Ok(batch) => batch,
            Err(error) => {
                log::debug!("session {}: {error}", self.session.0);
                return None;
            }
        };
        match self.keep(&batch, enrolled_unix_ms).await {
            Ok(seq) => {
                let run = batch.run;
                seq.map(|seq| ServerExtra::Spooled { run, seq }.encode())
            }
            Err(error) => {
                log::warn!("session {}: {error}", self.session.0);
                None
            }
        }
    }

    /// Keeps a batch; gives the number of the last entry that is durable.
    async fn keep(&self, batch: &Batch<'_>, enrolled: u64) -> Result<Option<u64>, Refused> {
        let history = &self.app.history;
        let run: RunId = batch.run;
        let mark = history.recorded(&self.agent, run).await?;
        let taken = read(batch, mark, enrolled, clock::unix_ms());
        let Some(last) = taken.last else {
            return Ok(mark);
        };
        if taken.dropped > 0 {
            log::info!(
                "session {}: {} spooled ticks dropped",
                self.session.0,
                taken.dropped
            );
        }
        let (host, agent) = (&self.host, &self.agent);
        history
            .record_late(host, agent, run, last, taken.rows)
            .await?;
        for event in &taken.events {
            self.app.board.container_event(host, self.session, event);
        }
        Ok(Some(last))
    }
}

/// Reads the entries after `mark`, as far as they can be read.
fn read(batch: &Batch<'_>, mark: Option<u64>, enrolled_unix_ms: u64, now_unix_ms: u64) -> Taken {
    let mut taken = Taken::default();
    let new = |seq: u64| mark.is_none_or(|mark| seq > mark);
    for (seq, entry) in batch.entries().map_while(Result::ok) {
        if !new(seq) {
            continue;
        }
        taken.last = Some(seq);
        match entry {
            Entry::Segment(segment) => {
                let place = |at_ms: u64| {
                    let at = now_unix_ms.checked_sub(batch.now_ms.checked_sub(at_ms)?)?;
                    (at >= enrolled_unix_ms).then_some(at)
                };
                taken.segment(&segment, place);
            }
            Entry::Event(text) => taken.events.extend(serde_json::from_str(text).ok()),
            Entry::Lost(_) | Entry::Unknown => {}
        }
    }
    taken
}

impl Taken {
    fn segment(&mut self, segment: &Segment<'_>, place: impl Fn(u64) -> Option<u64>) {
        let mut decoder = Decoder::new();
        for frame in segment.frames().map_while(Result::ok) {
            let Ok(decoded) = decoder.decode(frame) else {
                self.dropped += 1;
                return;
            };
            if !decoded.is_whole || !segment.has(decoded.at_ms) {
                continue;
            }
            let Some(at) = place(decoded.at_ms).filter(|_| self.row_count < ROWS) else {
                self.dropped += 1;
                continue;
            };
            let measured = ticks::measure(&decoder, decoded.interval_ms, at);
            let rows = measured.rows();
            self.row_count += rows.len();
            self.rows
                .add(at, decoded.interval_ms.unwrap_or(SPAN_MS), &rows);
        }
    }
}

#[cfg(test)]
mod tests;
