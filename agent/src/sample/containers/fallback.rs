//! Containers whose files cannot be read: the Engine is asked for their stats, four at a time, within a part of the time between two passes.
//!
//! An answer takes up to a second, in which the Engine waits for its own next round of readings; it costs no more to ask for several
//! meanwhile. At one pass each 10 s twenty containers are read in every pass, forty in every other.

use std::time::{Duration, Instant};

use async_channel::Receiver;
use async_io::Timer;
use futures_lite::future::{or, zip};
use pilotfish_protocol::ContainerId;

use super::{Sampler, Shared, Source};
use crate::clock;
use crate::engine::EngineError;
use crate::sample::engine_stats;

/// The shortest and the longest time that one pass asks the Engine.
const LEAST_WAIT: Duration = Duration::from_secs(2);
const MOST_WAIT: Duration = Duration::from_secs(5);

/// Where asking stands.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The beginning of the last pass that asked.
    at: Option<Instant>,
    /// The container that was asked last: the next pass begins behind it, so that each has its turn.
    last: Option<ContainerId>,
    /// Until then the Engine is left alone: without it a host that is looked at every second would ask it without pause.
    rest_until: Option<Instant>,
    /// The Engine could not be reached.
    pub(super) is_engine_gone: bool,
}

impl Asked {
    /// A pass has asked for so long, until `now`.
    pub(super) fn rest(&mut self, took: Duration, now: Instant) {
        // A little less than it took, so that a pass of half an interval does not cost the next one its turn.
        self.rest_until = Some(now + took * 3 / 4);
    }
}

impl Sampler {
    /// Asks for as many containers as the time allows; the others keep the reading they had, and go first in the next pass.
    pub(super) async fn ask_engine(&self) {
        let Some((ids, wait)) = self.shared.borrow_mut().turns(clock::now()) else {
            return;
        };
        let (sender, queue) = async_channel::unbounded();
        for id in ids {
            // Never full, and open: `queue` is here.
            let _sent = sender.try_send(id);
        }
        drop(sender);
        let ask_two = || zip(self.ask_each(&queue), self.ask_each(&queue));
        let ask = async {
            zip(ask_two(), ask_two()).await;
        };
        let give_up = async {
            Timer::after(wait).await;
        };
        let began_at = clock::now();
        or(ask, give_up).await;
        let now = clock::now();
        self.shared.borrow_mut().asked.rest(now - began_at, now);
    }

    async fn ask_each(&self, queue: &Receiver<ContainerId>) {
        while let Ok(id) = queue.recv().await {
            let stats = self.engine.stats(&id).await;
            if !self.shared.borrow_mut().answered(&id, stats) {
                queue.close();
                while queue.try_recv().is_ok() {}
            }
        }
    }
}

impl Shared {
    /// The containers to ask for, those that waited longest first, and for how long; `None` when there are none, and while the Engine rests.
    pub(super) fn turns(&mut self, now: Instant) -> Option<(Vec<ContainerId>, Duration)> {
        let of_engine = self.containers.iter();
        let mut ids: Vec<ContainerId> = of_engine
            .filter(|(_, it)| matches!(it.source, Source::Engine(..)))
            .map(|(id, _)| id.clone())
            .collect();
        if ids.is_empty() {
            self.asked = Asked::default();
            return None;
        }
        if self.asked.rest_until.is_some_and(|at| now < at) {
            return None;
        }
        if let Some(last) = &self.asked.last {
            let first = ids.partition_point(|id| id <= last);
            ids.rotate_left(first);
        }
        let interval = self.asked.at.map_or(MOST_WAIT, |at| now - at);
        self.asked.at = Some(now);
        Some((ids, (interval / 2).clamp(LEAST_WAIT, MOST_WAIT)))
    }

    /// Takes an answer; tells whether it is worth going on.
    pub(super) fn answered(
        &mut self,
        id: &ContainerId,
        stats: Result<Vec<u8>, EngineError>,
    ) -> bool {
        self.asked.last = Some(id.clone());
        let is_gone = stats.as_ref().is_err_and(EngineError::is_unreachable);
        self.asked.is_engine_gone = is_gone;
        let Some(container) = self.containers.get_mut(id) else {
            return !is_gone;
        };
        let Source::Engine(_, kept) = &mut container.source else {
            return !is_gone;
        };
        match stats.map(|stats| engine_stats::reading(&stats)) {
            Ok(Ok(reading)) => *kept = Some(reading),
            Ok(Err(error)) => log::debug!("sample container {}: {error}", id.short()),
            Err(error) => {
                log::debug!("sample container {}: {}", id.short(), error.reason());
                if error.is_not_found() {
                    self.containers.remove(id);
                }
            }
        }
        !is_gone
    }
}
