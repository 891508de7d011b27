//! Pure: the newest tick on its way to a server that agreed to frames.
//!
//! A tick waits until the network can take it, and one that comes meanwhile takes its place: a slow link makes time coarser and never a queue
//! longer. A frame is made when it is sent, so it holds what changed since the frame that was handed over last.

use std::collections::BTreeMap;
use std::rc::Rc;

use pilotfish_protocol::frame::{Encoder, SLOTS, Slot};
use pilotfish_protocol::{ShortId, Subject};

use crate::sample::tick::Tick;

/// A node of a tree that grew in order is half full.
const NODE: usize = 2;
/// What a name costs beside the encoder's copy: its bytes, counters, and what the allocator needs.
const NAME_BYTES: usize = 64;

/// What goes out as frames.
#[derive(Debug, Default)]
pub struct Telemetry {
    encoder: Encoder,
    containers: BTreeMap<ShortId, ContainerSlot>,
    parts: BTreeMap<Subject, PartSlot>,
    /// The newest tick, while the frames of an older one are under way.
    waiting: Option<Tick>,
    /// Counts ticks, to find what was not in the last one.
    round: u64,
    /// Most subjects; those beyond are left out.
    subjects: usize,
}

#[derive(Debug)]
struct ContainerSlot {
    slot: Slot,
    name: Rc<str>,
    round: u64,
}

#[derive(Debug)]
struct PartSlot {
    slot: Slot,
    round: u64,
}

impl Telemetry {
    /// For a new session: begins with a keyframe.
    #[must_use]
    pub fn new() -> Self {
        Self::of_at_most(SLOTS)
    }

    /// Begins with a keyframe, and leaves out what is more than `subjects` in a tick.
    #[must_use]
    pub fn of_at_most(subjects: usize) -> Self {
        Self {
            encoder: Encoder::new(),
            subjects,
            ..Self::default()
        }
    }

    /// Gives `each` every frame of `tick`, which is also made when it tells nothing new: for what is kept and not sent at once.
    pub fn encode(&mut self, tick: &Tick, mut each: impl FnMut(&[u8])) {
        self.begin(tick);
        self.encoder.begin(tick.at_ms);
        let mut frame = Vec::new();
        loop {
            frame.clear();
            let is_more = self.encoder.encode(&mut frame);
            each(&frame);
            if !is_more {
                return;
            }
        }
    }

    /// Bytes of memory that it holds, about.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let parts = self.parts.keys();
        self.encoder.held_bytes()
            + self.containers.len() * (NODE * size_of::<(ShortId, ContainerSlot)>() + NAME_BYTES)
            + self.parts.len() * (NODE * size_of::<(Subject, PartSlot)>() + NAME_BYTES)
            + parts.map(Subject::held_bytes).sum::<usize>()
    }

    /// Takes a tick, in the place of one that was not begun.
    pub fn take(&mut self, tick: Tick) {
        self.waiting = Some(tick);
    }

    /// The server asked for a keyframe: the next frame is one.
    pub fn begin_anew(&mut self) {
        self.encoder.begin_anew();
    }

    /// Gives the next frame, when there is anything to tell. From here on the server is taken to have it.
    pub fn next_frame(&mut self) -> Option<Vec<u8>> {
        if !self.encoder.is_under_way() {
            let tick = self.waiting.take()?;
            self.begin(&tick);
            if !self.encoder.has_news() {
                return None;
            }
            self.encoder.begin(tick.at_ms);
        }
        let mut frame = Vec::new();
        self.encoder.encode(&mut frame);
        Some(frame)
    }

    fn begin(&mut self, tick: &Tick) {
        self.round += 1;
        let round = self.round;
        for (subject, reading) in &tick.host {
            let known = match self.parts.get_mut(subject) {
                Some(known) => known,
                None => {
                    if self.parts.len() >= self.subjects {
                        continue;
                    }
                    let Some(slot) = self.encoder.announce(subject.clone()) else {
                        continue;
                    };
                    let new = PartSlot { slot, round };
                    self.parts.entry(subject.clone()).or_insert(new)
                }
            };
            known.round = round;
            self.encoder.take(known.slot, reading);
        }
        for sample in &tick.containers {
            let id = ShortId::of(&sample.id);
            let is_renamed = |known: &ContainerSlot| known.name != sample.name;
            if let Some(old) = self.containers.get(&id).filter(|known| is_renamed(known)) {
                self.encoder.retire(old.slot);
                self.containers.remove(&id);
            }
            let known = match self.containers.get_mut(&id) {
                Some(known) => known,
                None => {
                    if self.parts.len() + self.containers.len() >= self.subjects {
                        continue;
                    }
                    let subject = Subject::Container {
                        id,
                        name: sample.name.to_string(),
                    };
                    let Some(slot) = self.encoder.announce(subject) else {
                        continue;
                    };
                    let name = Rc::clone(&sample.name);
                    let new = ContainerSlot { slot, name, round };
                    self.containers.entry(id).or_insert(new)
                }
            };
            known.round = round;
            self.encoder.take(known.slot, &sample.reading);
        }
        let encoder = &mut self.encoder;
        self.parts.retain(|_, known| {
            let stays = known.round == round;
            if !stays {
                encoder.retire(known.slot);
            }
            stays
        });
        self.containers.retain(|_, known| {
            let stays = known.round == round;
            if !stays {
                encoder.retire(known.slot);
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use pilotfish_protocol::frame::Decoder;
    use pilotfish_protocol::{ContainerId, ContainerMetric, HostMetric, Reading};

    use super::*;
    use crate::sample::tick::ContainerSample;

    fn tick(at_ms: u64, containers: &[(u32, &str, i64)]) -> Tick {
        let mut host = Reading::EMPTY;
        host.set(HostMetric::Cpus, 2);
        let containers = containers.iter().map(|(id, name, cpu_ms)| {
            let mut reading = Reading::EMPTY;
            reading.set(ContainerMetric::CpuMs, *cpu_ms);
            ContainerSample {
                id: ContainerId::new(format!("{id:012x}")).unwrap(),
                name: (*name).into(),
                reading,
            }
        });
        Tick {
            at_ms,
            host: vec![(Subject::Host, host)],
            containers: containers.collect(),
        }
    }

    /// What a server holds after all frames that there are.
    fn received(telemetry: &mut Telemetry, decoder: &mut Decoder) -> Vec<(String, i64)> {
        while let Some(frame) = telemetry.next_frame() {
            decoder.decode(&frame).unwrap();
        }
        let containers = decoder.slots().filter_map(|(_, live)| match &live.subject {
            Subject::Container { name, .. } => {
                Some((name.clone(), live.reading.get(ContainerMetric::CpuMs)?))
            }
            Subject::Host | Subject::Interface(_) | Subject::Filesystem(_) | Subject::Sensor(_) => {
                None
            }
        });
        containers.collect()
    }

    #[track_caller]
    fn check(told: &[(String, i64)], expected: &[(&str, i64)]) {
        let told: Vec<(&str, i64)> = told.iter().map(|(name, n)| (name.as_str(), *n)).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn containers_come_change_are_renamed_and_go() {
        let (mut telemetry, mut decoder) = (Telemetry::new(), Decoder::new());
        assert_eq!(telemetry.next_frame(), None);
        telemetry.take(tick(10, &[(1, "a", 5), (2, "b", 7)]));
        check(
            &received(&mut telemetry, &mut decoder),
            &[("a", 5), ("b", 7)],
        );
        telemetry.take(tick(20, &[(1, "a", 6), (2, "c", 7)]));
        check(
            &received(&mut telemetry, &mut decoder),
            &[("a", 6), ("c", 7)],
        );
        telemetry.take(tick(30, &[(2, "c", 8)]));
        check(&received(&mut telemetry, &mut decoder), &[("c", 8)]);
    }

    #[test]
    fn a_tick_that_was_not_begun_makes_way_for_a_newer_one() {
        let (mut telemetry, mut decoder) = (Telemetry::new(), Decoder::new());
        telemetry.take(tick(10, &[(1, "a", 5)]));
        telemetry.take(tick(20, &[(1, "a", 6)]));
        let frame = telemetry.next_frame().unwrap();
        assert_eq!(decoder.decode(&frame).unwrap().at_ms, 20);
        assert_eq!(telemetry.next_frame(), None);
    }

    #[test]
    fn a_tick_without_changes_is_not_sent() {
        let mut telemetry = Telemetry::new();
        telemetry.take(tick(10, &[(1, "a", 5)]));
        assert!(telemetry.next_frame().is_some());
        telemetry.take(tick(20, &[(1, "a", 5)]));
        assert_eq!(telemetry.next_frame(), None);
    }

    #[test]
    fn a_tick_of_many_containers_is_whole_before_the_next_begins() {
        let (mut telemetry, mut decoder) = (Telemetry::new(), Decoder::new());
        let name = "n".repeat(200);
        let many: Vec<(u32, &str, i64)> = (0..500).map(|n| (n, name.as_str(), 1)).collect();
        telemetry.take(tick(10, &many));
        let first = telemetry.next_frame().unwrap();
        telemetry.take(tick(20, &many[..1]));
        assert!(!decoder.decode(&first).unwrap().is_whole);
        let mut whole = Vec::new();
        while let Some(frame) = telemetry.next_frame() {
            let decoded = decoder.decode(&frame).unwrap();
            if decoded.is_whole {
                whole.push((decoded.at_ms, decoder.slots().count()));
            }
        }
        assert_eq!(whole, [(10, 501), (20, 2)]);
    }
}
