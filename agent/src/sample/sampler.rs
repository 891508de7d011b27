//! The shell of container samples: asks the Engine for each running container's stats in turn, two at a time.

use std::cell::RefCell;
use std::rc::Rc;

use async_channel::{Receiver, Sender};
use async_io::Timer;
use futures_lite::future::{or, zip};
use pilotfish_protocol::{ContainerEvent, ContainerId, ContainerStats, Timestamp};

use super::container::ContainerMeter;
use super::schedule::Schedule;
use crate::clock;
use crate::engine::{Engine, EngineError};

/// A handle to the sampler; clones share the containers.
#[derive(Clone, Debug)]
pub struct Sampler {
    shared: Rc<RefCell<Shared>>,
    /// Wakes a worker when the schedule changed.
    wake: Sender<()>,
    woken: Receiver<()>,
}

#[derive(Debug)]
struct Shared {
    schedule: Schedule,
    meter: ContainerMeter,
}

impl Default for Sampler {
    fn default() -> Self {
        Self::new()
    }
}

impl Sampler {
    /// A sampler of no containers.
    #[must_use]
    pub fn new() -> Self {
        let shared = Shared {
            schedule: Schedule::new(clock::now()),
            meter: ContainerMeter::default(),
        };
        let (wake, woken) = async_channel::bounded(1);
        Self {
            shared: Rc::new(RefCell::new(shared)),
            wake,
            woken,
        }
    }

    /// Makes `running` the containers to sample, as a list of containers told; none while the Engine is down.
    pub fn keep_only<'a>(&self, running: impl Iterator<Item = &'a ContainerId>) {
        let shared = &mut *self.shared.borrow_mut();
        shared.schedule.keep_only(running, clock::now());
        shared.meter.keep_only(|id| shared.schedule.contains(id));
        self.wake();
    }

    /// Takes an event: a container that starts is sampled, one that died or went is forgotten. A `kill` alone may be any signal.
    pub fn note(&self, event: &ContainerEvent) {
        let id = &event.container_id;
        let shared = &mut *self.shared.borrow_mut();
        match event.action.as_str() {
            "start" | "restart" | "unpause" => {
                shared.schedule.add(id, clock::now());
                self.wake();
            }
            "die" | "destroy" => {
                shared.schedule.remove(id);
                shared.meter.forget(id);
            }
            _ => {}
        }
    }

    /// Samples for ever; ends early when the receiver of `samples` is gone. A slow receiver slows the sampling. May be dropped and run
    /// again, but not twice at a time.
    pub async fn run(&self, engine: &Engine, samples: &Sender<ContainerStats>) {
        // A run before may have been dropped while it waited for the Engine.
        let shared = &self.shared;
        shared.borrow_mut().schedule.give_back_all(clock::now());
        // Two at a time: the Engine works a while for each, and one that hangs must not hold up all.
        zip(self.work(engine, samples), self.work(engine, samples)).await;
    }

    async fn work(&self, engine: &Engine, samples: &Sender<ContainerStats>) {
        while !samples.is_closed() {
            let taken = self.shared.borrow_mut().schedule.take(clock::now());
            let Some(id) = taken else {
                self.wait().await;
                continue;
            };
            // There may be work for the other one too.
            self.wake();
            let stats = engine.stats(&id).await;
            let sample = self.finish(&id, stats);
            if let Some(sample) = sample
                && samples.send(sample).await.is_err()
            {
                return;
            }
        }
        self.wake();
    }

    fn finish(
        &self,
        id: &ContainerId,
        stats: Result<Vec<u8>, EngineError>,
    ) -> Option<ContainerStats> {
        let shared = &mut *self.shared.borrow_mut();
        if !shared.schedule.contains(id) {
            return None;
        }
        shared.schedule.done(id, clock::now());
        let stats = match stats {
            Ok(stats) => stats,
            Err(error) => {
                log::debug!("sample container {}: {}", id.short(), error.reason());
                if error.is_not_found() {
                    shared.schedule.remove(id);
                    shared.meter.forget(id);
                }
                return None;
            }
        };
        let at = Timestamp::from_unix_ms(clock::unix_ms());
        match shared.meter.take(id, &stats, at) {
            Ok(sample) => Some(sample),
            Err(error) => {
                log::debug!("sample container {}: {error}", id.short());
                None
            }
        }
    }

    async fn wait(&self) {
        let deadline = self.shared.borrow().schedule.deadline();
        let due = async {
            match deadline {
                Some(deadline) => drop(Timer::at(deadline).await),
                None => std::future::pending().await,
            }
        };
        let woken = async {
            // Never closed: `self` holds a sender.
            let _woken = self.woken.recv().await;
        };
        or(due, woken).await;
    }

    fn wake(&self) {
        // Full: somebody will look anyway.
        let _woken = self.wake.try_send(());
    }
}
