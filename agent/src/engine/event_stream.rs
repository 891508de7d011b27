//! The Engine's events: those that come from now on, and those it remembers.

use std::collections::VecDeque;

use hyper::Method;

use super::connection::{Answer, Engine, within};
use super::error::EngineError;
use super::events::cursor::as_engine_time;
use super::events::lines::Lines;
use super::events::recall::{Recalled, Remembered};
use super::events::{EngineEvent, TOLD};
use super::op::Op;
use super::path::Encoded;

/// Longest line of the event stream that is read; a longer one is skipped and counted.
const EVENT_LINE_BYTES: usize = 64 * 1024;
/// A network's events tell who was connected to it.
const TYPES: [&str; 2] = ["container", "network"];
/// Most remembered events that are read at once. Docker remembers 256 of all kinds; Podman keeps a log.
const REMEMBERED: usize = 512;

impl Engine {
    /// Opens the stream of events, beginning with those since `since` (seconds and nanoseconds since 1970) that the Engine still
    /// remembers.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the stream cannot be opened within the deadline of [`Op::FollowEvents`].
    pub async fn events(&self, since: &str) -> Result<EventStream, EngineError> {
        let op = Op::FollowEvents;
        // What nobody is told of does not even wake this program.
        let filters = serde_json::json!({ "type": TYPES, "event": TOLD }).to_string();
        let path = format!(
            "/events?since={}&filters={}",
            Encoded(since),
            Encoded(&filters)
        );
        let opened = within(op, op.deadline(), self.open(op, Method::GET, &path)).await;
        self.learn(opened.as_ref().err());
        Ok(EventStream::new(opened?))
    }

    /// Reads the events since `since` that the Engine remembers, until `until_nano`, which is to be over; at most the first 512. All
    /// kinds are asked for, since each tells how far the Engine's memory reaches.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn remembered_events(
        &self,
        since: &str,
        until_nano: i64,
    ) -> Result<Remembered, EngineError> {
        let op = Op::ReadEvents;
        let filters = serde_json::json!({ "type": TYPES }).to_string();
        let path = format!(
            "/events?since={}&until={}&filters={}",
            Encoded(since),
            as_engine_time(until_nano),
            Encoded(&filters)
        );
        let read = within(op, op.deadline(), async {
            let mut stream = EventStream::new(self.open(op, Method::GET, &path).await?);
            let mut remembered = Remembered::default();
            let mut read = 0;
            while let Some(event) = stream.next().await? {
                if read == REMEMBERED {
                    remembered.is_cut = true;
                    break;
                }
                read += 1;
                remembered.push(event);
            }
            Ok(remembered)
        });
        let remembered = read.await;
        self.learn(remembered.as_ref().err());
        remembered
    }

    /// Asks for the events after `since_nano`, the last one that somebody knows, up to `until_nano`, from when on they are known
    /// otherwise: for what happened while no agent was there. Until `heard_nano` somebody listened. Asks nothing when that is no time at all.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn recall(
        &self,
        since_nano: i64,
        heard_nano: i64,
        until_nano: i64,
    ) -> Result<Recalled, EngineError> {
        if since_nano >= until_nano {
            return Ok(Recalled::default());
        }
        let since = as_engine_time(Recalled::ask_from(since_nano));
        let remembered = self.remembered_events(&since, until_nano).await?;
        Ok(Recalled::of(remembered, since_nano, heard_nano, until_nano))
    }
}

/// An open stream of events.
#[derive(Debug)]
pub struct EventStream {
    answer: Answer,
    lines: Lines,
    /// Events of the piece read last, at most a buffer full.
    events: VecDeque<EngineEvent>,
}

impl EventStream {
    fn new(answer: Answer) -> Self {
        Self {
            answer,
            lines: Lines::new(EVENT_LINE_BYTES),
            events: VecDeque::new(),
        }
    }

    /// Waits for the next event, as long as it takes; `None` when the Engine ended the stream. Loses nothing when dropped while waiting.
    ///
    /// # Errors
    ///
    /// [`EngineError::Framing`] when the connection breaks.
    pub async fn next(&mut self) -> Result<Option<EngineEvent>, EngineError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            let op = Op::FollowEvents;
            let piece = self
                .answer
                .next()
                .await
                .map_err(|source| EngineError::Framing { op, source })?;
            let Some(piece) = piece else { return Ok(None) };
            let skipped = self.lines.skipped();
            let events = &mut self.events;
            self.lines
                .push(&piece, |line| events.extend(EngineEvent::parse(line)));
            if self.lines.skipped() > skipped {
                log::debug!("{op}: skipped an event above {EVENT_LINE_BYTES} bytes");
            }
        }
    }
}
