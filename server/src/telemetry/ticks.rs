//! Pure: stats frames, tick by tick: what each measured, as samples for viewers and rows for the history.

use std::ops::Range;

use pilotfish_protocol::frame::{Decoder, FrameError};
use pilotfish_protocol::{HostMetric, ShortId, Subject};

use crate::telemetry::derive::Step;
use crate::telemetry::measure::{Measure, Row};
use crate::telemetry::measured;
use crate::telemetry::sample::{ContainerSample, HostSample};
use crate::telemetry::sender_clock::SenderClock;

/// Most interfaces, file systems and sensors that are taken of one host, of each.
pub const PARTS: usize = 64;

/// How long a tick is taken to stand for when it does not follow another one.
const SPAN_MS: u64 = 10_000;

/// The frames of one session.
///
/// Holds at most 4096 slots of some 700 bytes, which a session can fill only by announcing them: 3 MB.
#[derive(Debug, Default)]
pub struct Ticks {
    decoder: Decoder,
    clock: SenderClock,
    /// The last whole tick's time by the server's clock.
    last_unix_ms: Option<u64>,
}

/// When a tick was, and whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// Its time by the agent's clock, Unix ms.
    pub at_agent_ms: u64,
    /// Its time by the server's clock.
    pub at_unix_ms: u64,
    /// How much later it is than the tick before; `None` when it does not follow one.
    pub interval_ms: Option<u64>,
    /// How long it stands for: never much longer than has passed here since the tick before, so that nobody fills the past by claiming it.
    pub span_ms: u64,
}

/// What a tick measured.
#[derive(Debug)]
pub struct Measured<'a> {
    /// The host.
    pub host: Option<HostSample>,
    /// Its containers, in the order of their rows.
    pub containers: Vec<(ShortId, ContainerSample)>,
    values: Vec<(Measure, f64)>,
    rows: Vec<(&'a Subject, Range<usize>)>,
}

impl Ticks {
    /// Takes a frame that came at `now_unix_ms`; gives the tick when it is whole.
    ///
    /// # Errors
    ///
    /// [`FrameError`]: a keyframe is wanted.
    pub fn take(&mut self, frame: &[u8], now_unix_ms: u64) -> Result<Option<Tick>, FrameError> {
        let decoded = self.decoder.decode(frame)?;
        if !decoded.is_whole {
            return Ok(None);
        }
        let at_unix_ms = self.clock.map(decoded.at_ms, now_unix_ms);
        let last_unix_ms = self.last_unix_ms.replace(at_unix_ms).unwrap_or(at_unix_ms);
        let passed_ms = at_unix_ms.saturating_sub(last_unix_ms);
        let interval_ms = decoded.interval_ms;
        Ok(Some(Tick {
            at_agent_ms: decoded.at_ms,
            at_unix_ms,
            interval_ms,
            span_ms: interval_ms.unwrap_or(SPAN_MS).min(passed_ms + SPAN_MS),
        }))
    }

    /// Gives what the last tick measured; `at_unix_ms` is when it came.
    #[must_use]
    pub fn measured(&self, tick: &Tick, at_unix_ms: u64) -> Measured<'_> {
        measure(&self.decoder, tick.interval_ms, at_unix_ms)
    }

    /// Gives a time of the agent's clock by the server's; `None` before the first tick.
    #[must_use]
    pub fn to_server_time(&self, agent_ms: u64) -> Option<u64> {
        self.clock.at(agent_ms)
    }
}

/// Gives what the tick that `decoder` took last measured.
#[must_use]
pub fn measure(decoder: &Decoder, interval_ms: Option<u64>, at_unix_ms: u64) -> Measured<'_> {
    let host = decoder.slot(0).map(|live| &live.reading);
    let host_memory_bytes = host
        .and_then(|reading| reading.get(HostMetric::MemoryKib))
        .and_then(|kib| u64::try_from(kib).ok()?.checked_mul(1024));
    let count = decoder.slots().count();
    let mut measured = Measured {
        host: None,
        containers: Vec::with_capacity(count),
        values: Vec::with_capacity(count * 12),
        rows: Vec::with_capacity(count),
    };
    for (_, live) in decoder.slots() {
        let step = Step {
            before: &live.before,
            now: &live.reading,
            interval_ms,
        };
        let start = measured.values.len();
        match &live.subject {
            Subject::Host => measured.host = Some(step.host(at_unix_ms)),
            Subject::Container { id, .. } => {
                let sample = step.container(host_memory_bytes, at_unix_ms);
                measured::of_container(&sample, &mut measured.values);
                measured.containers.push((*id, sample));
            }
            Subject::Interface(name) => {
                let Some(parts) = room(&mut measured.host, |host| &mut host.interfaces) else {
                    continue;
                };
                let sample = step.interface(name);
                measured::of_interface(&sample, &mut measured.values);
                parts.push(sample);
            }
            Subject::Filesystem(name) => {
                let Some(parts) = room(&mut measured.host, |host| &mut host.filesystems) else {
                    continue;
                };
                let sample = step.filesystem(name);
                measured::of_filesystem(&sample, &mut measured.values);
                parts.push(sample);
            }
            Subject::Sensor(name) => {
                let Some(parts) = room(&mut measured.host, |host| &mut host.temperatures) else {
                    continue;
                };
                let sample = step.temperature(name);
                measured::of_sensor(&sample, &mut measured.values);
                parts.push(sample);
            }
        }
        let end = measured.values.len();
        measured.rows.push((&live.subject, start..end));
    }
    measured.sum_up();
    measured
}

/// Gives the host's parts of one kind, when there is a host and it has not too many of them.
fn room<T>(
    host: &mut Option<HostSample>,
    parts: impl Fn(&mut HostSample) -> &mut Vec<T>,
) -> Option<&mut Vec<T>> {
    let parts = parts(host.as_mut()?);
    (parts.len() < PARTS).then_some(parts)
}

impl Measured<'_> {
    /// Adds to the host's sample what its interfaces have together.
    fn sum_up(&mut self) {
        let Some(host) = &mut self.host else { return };
        let sum = |rates: &mut dyn Iterator<Item = Option<u64>>| {
            let known = rates.flatten();
            known.fold(None, |sum: Option<u64>, rate| {
                Some(sum.unwrap_or_default().saturating_add(rate))
            })
        };
        host.rates.received = sum(&mut host.interfaces.iter().map(|one| one.received));
        host.rates.sent = sum(&mut host.interfaces.iter().map(|one| one.sent));
        host.network_bytes_per_sec = host.rates.network();
        let start = self.values.len();
        measured::of_host(host, &mut self.values);
        if let Some((_, range)) = self
            .rows
            .iter_mut()
            .find(|(subject, _)| **subject == Subject::Host)
        {
            *range = start..self.values.len();
        }
    }

    /// Drops the containers that are not to be kept.
    pub fn retain(&mut self, mut is_kept: impl FnMut(&ShortId, &ContainerSample) -> bool) {
        self.containers.retain(|(id, sample)| is_kept(id, sample));
        let mut kept = self.containers.iter().peekable();
        self.rows.retain(|(subject, _)| match subject {
            Subject::Container { id, .. } => kept.next_if(|(kept, _)| kept == id).is_some(),
            Subject::Host | Subject::Interface(_) | Subject::Filesystem(_) | Subject::Sensor(_) => {
                true
            }
        });
    }

    /// Gives the rows of the history.
    #[must_use]
    pub fn rows(&self) -> Vec<Row<'_>> {
        let rows = self.rows.iter().filter(|(_, range)| !range.is_empty());
        rows.map(|(subject, range)| Row {
            subject,
            values: &self.values[range.clone()],
        })
        .collect()
    }
}

#[cfg(test)]
mod tests;
