//! The shell of container samples: keeps which containers run, finds each one's files once per start, and reads all in one pass.
//!
//! Containers whose files cannot be read are asked of the Engine (`fallback`). `report` tells what is missing, and why.

mod fallback;
mod report;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use async_io::Timer;
use futures_lite::future::{or, zip};
use pilotfish_protocol::{ContainerEvent, ContainerId, Reading};

use super::cgroup::budget::Budget;
use super::cgroup::diagnosis::Seen;
use super::cgroup::files::{ContainerFiles, Gone, Reader};
use super::cgroup::place::{Finder, NotFound};
use super::roots::Roots;
use super::tick::ContainerSample;
use crate::clock;
use crate::engine::Engine;
use crate::engine::process::ContainerProcess;
use crate::roll::RunningContainer;
use fallback::Asked;
pub use report::ContainerCollector;
use report::Reported;

/// Most containers that are sampled; further ones are left out until others go.
pub const CONTAINERS: usize = 1024;
/// Most containers whose process is asked for in one pass; the rest is asked for in the next.
const FOUND_PER_PASS: usize = 32;
/// How long that may hold up a pass.
const FIND_WAIT: Duration = Duration::from_secs(2);
/// How long an Engine that did not answer is left alone.
const FIND_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// A handle to the sampler; clones share the containers.
#[derive(Clone, Debug)]
pub struct Sampler {
    engine: Engine,
    shared: Rc<RefCell<Shared>>,
}

#[derive(Debug)]
struct Shared {
    containers: BTreeMap<ContainerId, Container>,
    finder: Finder,
    reader: Reader,
    /// Of the containers found so far.
    turn: usize,
    cgroup_driver: Option<&'static str>,
    /// The container whose process was asked for last.
    asked_about: Option<ContainerId>,
    /// Until then the Engine is not asked for processes.
    find_again_at: Option<Instant>,
    /// What the last pass saw.
    seen: Seen,
    asked: Asked,
    reported: Option<Reported>,
}

#[derive(Debug)]
struct Container {
    name: Rc<str>,
    /// Starts that were told of: what is learned about an earlier one is of no use.
    starts: u32,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// Not known yet.
    Unknown,
    /// Its own files.
    Files(Box<ContainerFiles>),
    /// Its files cannot be found: the Engine is asked, and this is what it said last.
    Engine(NotFound, Option<Reading>),
}

impl Sampler {
    /// A sampler of no containers.
    #[must_use]
    pub fn new(engine: Engine, roots: Roots) -> Self {
        let shared = Shared {
            containers: BTreeMap::new(),
            finder: Finder::new(roots),
            reader: Reader::new(Budget::of_process()),
            turn: 0,
            cgroup_driver: None,
            asked_about: None,
            find_again_at: None,
            seen: Seen::default(),
            asked: Asked::default(),
            reported: None,
        };
        Self {
            engine,
            shared: Rc::new(RefCell::new(shared)),
        }
    }

    /// Makes `running` the containers to sample, as a list of containers told; those that stay keep their files.
    pub fn keep_only(&self, running: &[RunningContainer]) {
        let shared = &mut *self.shared.borrow_mut();
        let containers = &mut shared.containers;
        let mut before = std::mem::take(containers);
        for container in running.iter().take(CONTAINERS) {
            let mut kept = before
                .remove(&container.id)
                .unwrap_or_else(|| Container::new(&container.name));
            if kept.name != container.name {
                kept.name = Rc::clone(&container.name);
            }
            containers.insert(container.id.clone(), kept);
        }
        // Who tells of containers answers.
        shared.find_again_at = None;
    }

    /// Takes an event: a container that starts is sampled, one that died or went is forgotten. A `kill` alone may be any signal.
    pub fn note(&self, event: &ContainerEvent) {
        let shared = &mut *self.shared.borrow_mut();
        shared.find_again_at = None;
        let containers = &mut shared.containers;
        let id = &event.container_id;
        match event.action.as_str() {
            "start" | "restart" => {
                let starts = containers.get(id).map_or(0, |before| before.starts);
                if containers.len() < CONTAINERS || containers.contains_key(id) {
                    let mut container = Container::new(&Rc::from(&*event.container_name));
                    container.starts = starts.wrapping_add(1);
                    containers.insert(id.clone(), container);
                }
            }
            "unpause" if containers.len() < CONTAINERS => {
                containers
                    .entry(id.clone())
                    .or_insert_with(|| Container::new(&Rc::from(&*event.container_name)));
            }
            "die" | "destroy" => drop(containers.remove(id)),
            "rename" => {
                if let Some(container) = containers.get_mut(id) {
                    container.name = Rc::from(&*event.container_name);
                }
            }
            _ => {}
        }
    }

    /// Reads all containers once. One that was not found yet is left out; one of the Engine's that was not asked again in this pass has the
    /// reading it had.
    pub async fn sample(&self) -> Vec<ContainerSample> {
        self.find_new().await;
        self.ask_engine().await;
        self.shared.borrow_mut().read()
    }

    /// Finds the files of containers that are new, two at a time.
    async fn find_new(&self) {
        let mut new = self.shared.borrow_mut().new_containers(clock::now());
        if new.is_empty() {
            return;
        }
        let second = new.split_off(new.len().div_ceil(2));
        let find = async {
            let (first, second) = zip(self.find_each(new), self.find_each(second)).await;
            first && second
        };
        let give_up = async {
            Timer::after(FIND_WAIT).await;
            false
        };
        if !or(find, give_up).await {
            self.shared.borrow_mut().find_again_at = Some(clock::now() + FIND_AGAIN_AFTER);
        }
    }

    /// Tells whether the Engine answered.
    async fn find_each(&self, new: Vec<(ContainerId, u32)>) -> bool {
        for (id, starts) in new {
            let process = self.engine.process(&id).await;
            let shared = &mut *self.shared.borrow_mut();
            shared.asked_about = Some(id.clone());
            let is_of_this_start = shared
                .containers
                .get(&id)
                .is_some_and(|it| it.starts == starts);
            if !is_of_this_start {
                continue;
            }
            match process {
                Ok(Some(process)) => shared.found(&id, &process),
                Ok(None) => drop(shared.containers.remove(&id)),
                Err(error) if error.is_not_found() => drop(shared.containers.remove(&id)),
                Err(error) => {
                    log::debug!("sample container {}: {}", id.short(), error.reason());
                    if error.is_unreachable() {
                        return false;
                    }
                }
            }
        }
        true
    }
}

impl Container {
    fn new(name: &Rc<str>) -> Self {
        Self {
            name: Rc::clone(name),
            starts: 0,
            source: Source::Unknown,
        }
    }
}

impl Shared {
    /// The containers to find in this pass, with their starts; each has its turn, also when the Engine refuses to tell of some.
    fn new_containers(&mut self, now: Instant) -> Vec<(ContainerId, u32)> {
        if self.find_again_at.is_some_and(|at| now < at) {
            return Vec::new();
        }
        self.find_again_at = None;
        let containers = self.containers.iter();
        let new = containers.filter(|(_, it)| matches!(it.source, Source::Unknown));
        let mut new: Vec<(ContainerId, u32)> =
            new.map(|(id, it)| (id.clone(), it.starts)).collect();
        if let Some(last) = &self.asked_about {
            let first = new.partition_point(|(id, _)| id <= last);
            new.rotate_left(first);
        }
        new.truncate(FOUND_PER_PASS);
        new
    }

    fn read(&mut self) -> Vec<ContainerSample> {
        let mut samples = Vec::with_capacity(self.containers.len());
        let mut seen = Seen::default();
        for (id, container) in &mut self.containers {
            let reading = match &mut container.source {
                Source::Unknown => continue,
                Source::Engine(_, None) => continue,
                Source::Engine(_, Some(reading)) => *reading,
                Source::Files(files) => match files.read(&mut self.reader) {
                    Ok(reading) => {
                        let reading = *reading;
                        seen.add(files.seen());
                        reading
                    }
                    // Started again, or the event that it died is still under way.
                    Err(Gone) => {
                        container.source = Source::Unknown;
                        continue;
                    }
                },
            };
            samples.push(ContainerSample {
                id: id.clone(),
                name: Rc::clone(&container.name),
                reading,
            });
        }
        self.seen = seen;
        samples
    }

    fn found(&mut self, id: &ContainerId, process: &ContainerProcess) {
        let Some(container) = self.containers.get_mut(id) else {
            return;
        };
        container.source = match self.finder.find(id, process) {
            Ok(place) => {
                self.turn = self.turn.wrapping_add(1);
                self.cgroup_driver = place.driver().or(self.cgroup_driver);
                Source::Files(Box::new(ContainerFiles::new(place, self.turn)))
            }
            Err(error) => {
                log::debug!("files of container {}: {error}", id.short());
                Source::Engine(error, None)
            }
        };
    }
}

#[cfg(test)]
mod tests;
