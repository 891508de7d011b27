//! Pure: what was spent on the line today, and how often stats may come so that it stays within a budget.
//!
//! A day is 24 h of the monotonic clock from the program's start: a board without a battery has no midnight. Up to four fifths of the
//! budget stats come as the server asks; from there on only as often as lets the rest last until the day's end, other traffic going on as
//! it did today. A budget that is used up leaves stats [`SLOWEST`]; heartbeats, events and answers are never held back.

use std::time::{Duration, Instant};

use pilotfish_protocol::extension::{Cadence, Slowed, Spending};

use super::outbox::Lane;

/// The longest time between two ticks for the sake of a budget.
pub const SLOWEST: Duration = Duration::from_secs(600);
/// How long a budget is for.
pub const DAY: Duration = Duration::from_secs(24 * 3600);

/// The meter of the line and the pace it allows.
#[derive(Debug)]
pub struct Budget {
    limit_bytes: Option<u64>,
    interval_min: Duration,
    began_at: Instant,
    lanes: Lanes,
    /// Bytes on the socket, since the program began and until this day did.
    socket: Traffic,
    socket_before: Traffic,
    /// Stats sent since the pace was asked for last.
    tick_bytes: u64,
    /// What a tick takes, of late; 0 before the first one.
    usual_tick_bytes: u64,
    /// The time between ticks that the budget allows, once four fifths of it are spent.
    stretched: Option<Duration>,
}

/// Bytes of whole messages by what they were for.
#[derive(Clone, Copy, Debug, Default)]
struct Lanes {
    stats: u64,
    events: u64,
    answers: u64,
    lists: u64,
    spool: u64,
    upkeep: u64,
}

/// Bytes that went over a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Out.
    pub sent_bytes: u64,
    /// In.
    pub received_bytes: u64,
}

impl Budget {
    /// A day that begins now, with `limit_bytes` to spend if there is a limit. Ticks are at least `interval_min` apart whatever is left.
    #[must_use]
    pub fn new(limit_bytes: Option<u64>, interval_min: Duration, now: Instant) -> Self {
        Self {
            limit_bytes,
            interval_min,
            began_at: now,
            lanes: Lanes::default(),
            socket: Traffic::default(),
            socket_before: Traffic::default(),
            tick_bytes: 0,
            usual_tick_bytes: 0,
            stretched: None,
        }
    }

    /// A message of `bytes` was handed to the socket.
    pub fn spent(&mut self, lane: Lane, bytes: usize) {
        let bytes = bytes as u64;
        let lane_bytes = match lane {
            Lane::Stats => {
                self.tick_bytes += bytes;
                &mut self.lanes.stats
            }
            Lane::Events => &mut self.lanes.events,
            Lane::Answers => &mut self.lanes.answers,
            Lane::Lists => &mut self.lanes.lists,
            Lane::Spool => &mut self.lanes.spool,
            Lane::Upkeep => &mut self.lanes.upkeep,
        };
        *lane_bytes += bytes;
    }

    /// This much went over all sockets since the program began. What is more than the messages is upkeep.
    pub fn on_socket(&mut self, since_start: Traffic) {
        self.socket = since_start;
    }

    /// How often stats come, when the server asks for them every `asked`. To be asked once for each tick: stats sent in between are one.
    pub fn cadence(&mut self, asked: Duration, now: Instant) -> Cadence {
        self.turn_day(now);
        let tick_bytes = std::mem::take(&mut self.tick_bytes);
        if tick_bytes > 0 {
            // A larger tick counts at once, smaller ones little by little.
            let smoothed = (self.usual_tick_bytes * 7 + tick_bytes) / 8;
            self.usual_tick_bytes = tick_bytes.max(smoothed);
        }
        let wanted = asked.max(self.interval_min);
        let stretched = self.stretch(now).unwrap_or_default();
        let (interval, slowed) = if stretched > wanted {
            (stretched, Some(Slowed::Budget))
        } else {
            let is_clamped = self.interval_min > asked;
            (wanted, is_clamped.then_some(Slowed::Minimum))
        };
        Cadence {
            stats_interval_ms: as_ms(interval),
            asked_ms: as_ms(asked),
            slowed,
        }
    }

    /// What was spent today, and on what.
    pub fn spending(&mut self, now: Instant) -> Spending {
        self.turn_day(now);
        let Lanes {
            stats,
            events,
            answers,
            lists,
            spool,
            upkeep: _,
        } = self.lanes;
        Spending {
            budget_bytes: self.limit_bytes,
            since_ms: as_ms(now.saturating_duration_since(self.began_at)),
            stats_bytes: stats,
            events_bytes: events,
            answers_bytes: answers,
            lists_bytes: lists,
            spool_bytes: spool,
            upkeep_bytes: self.upkeep_bytes(),
            received_bytes: self.received_bytes(),
        }
    }

    /// The time between ticks that the budget allows; `None` while there is enough of it.
    fn stretch(&mut self, now: Instant) -> Option<Duration> {
        let limit_bytes = self.limit_bytes?;
        let used_bytes =
            self.lanes.messages_but_upkeep() + self.upkeep_bytes() + self.received_bytes();
        if used_bytes < limit_bytes - limit_bytes / 5 {
            return None;
        }
        let elapsed = now.saturating_duration_since(self.began_at);
        let left = DAY.saturating_sub(elapsed);
        let other_bytes = used_bytes - self.lanes.stats;
        let reserved_bytes = scale(other_bytes, left, elapsed);
        let free_bytes = limit_bytes
            .saturating_sub(used_bytes)
            .saturating_sub(reserved_bytes);
        let ticks = free_bytes / self.usual_tick_bytes.max(1);
        let needed = match u32::try_from(ticks) {
            Ok(0) => SLOWEST,
            Ok(ticks) => (left / ticks).min(SLOWEST),
            Err(_) => Duration::ZERO,
        };
        // In steps, so that not each tick has a pace of its own that is to be told.
        let is_kept = self
            .stretched
            .is_some_and(|stretched| stretched >= needed && stretched / 2 <= needed);
        if !is_kept {
            let step = Duration::from_secs((needed + needed / 4).as_secs() + 1);
            self.stretched = Some(step.min(SLOWEST));
        }
        self.stretched
    }

    /// What the socket took beside the messages of the other lanes; never less than upkeep's own messages.
    fn upkeep_bytes(&self) -> u64 {
        let sent_bytes = self.socket.sent_bytes;
        sent_bytes
            .saturating_sub(self.socket_before.sent_bytes)
            .saturating_sub(self.lanes.messages_but_upkeep())
            .max(self.lanes.upkeep)
    }

    fn received_bytes(&self) -> u64 {
        let received_bytes = self.socket.received_bytes;
        received_bytes.saturating_sub(self.socket_before.received_bytes)
    }

    fn turn_day(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.began_at);
        if elapsed < DAY {
            return;
        }
        // A machine that slept may have left out days.
        let over = Duration::from_secs(elapsed.as_secs() % DAY.as_secs());
        self.began_at = now - over;
        self.lanes = Lanes::default();
        self.socket_before = self.socket;
        self.stretched = None;
    }
}

impl Lanes {
    fn messages_but_upkeep(&self) -> u64 {
        self.stats + self.events + self.answers + self.lists + self.spool
    }
}

/// As many bytes in `time` as `bytes` were in `in_time`.
fn scale(bytes: u64, time: Duration, in_time: Duration) -> u64 {
    let scaled = u128::from(bytes) * time.as_millis() / in_time.as_millis().max(1);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

fn as_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
