//! The frames of one made-up session, each with what it makes known.

use pilotfish_protocol::frame::{Encoder, Slot};
use pilotfish_protocol::{
    ContainerMetric as C, FilesystemMetric as F, HostMetric as H, InterfaceMetric as I, Metric,
    Reading, SensorMetric, ShortId, Subject,
};

/// 2026-11-23T21:05:00Z.
const BEGIN_MS: u64 = 1_795_467_900_000;

/// One frame and what is known after it.
pub(crate) struct Step {
    name: &'static str,
    frame: Vec<u8>,
    pub(crate) at_ms: u64,
    pub(crate) is_keyframe: bool,
    pub(crate) slots: Vec<(Slot, Subject, Reading)>,
}

/// Name and bytes of every frame.
pub(crate) fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let steps = steps().into_iter();
    steps.map(|step| (step.name, step.frame)).collect()
}

/// A host with an interface, a file system, a sensor and two containers; one of them is replaced.
pub(crate) fn steps() -> Vec<Step> {
    let mut session = Session {
        encoder: Encoder::new(),
        slots: Vec::new(),
        steps: Vec::new(),
    };
    let host = Subject::Host;
    let (eth0, root) = (interface("eth0"), Subject::Filesystem("/".to_owned()));
    let cpu = Subject::Sensor("cpu".to_owned());
    let (web, db, job) = (container(1, "web"), container(2, "db"), container(3, "job"));

    session.set(&host, H::UserMs, 90_000);
    session.set(&host, H::MemoryUsedKib, 312_000);
    session.set(&host, H::Cpus, 4);
    session.set(&eth0, I::ReceivedKib, 5000);
    session.set(&root, F::UsedKib, 2_000_000);
    session.set(&cpu, SensorMetric::DeciCelsius, 512);
    session.set(&web, C::CpuMs, 1000);
    session.set(&web, C::MemoryKib, 20_480);
    session.set(&web, C::ReceivedKib, 7);
    session.set(&web, C::Pids, 3);
    session.set(&db, C::CpuMs, 0);
    session.tick("1_keyframe", 0);

    session.set(&host, H::UserMs, 90_420);
    session.set(&cpu, SensorMetric::DeciCelsius, 507);
    session.set(&web, C::CpuMs, 1250);
    session.set(&web, C::ReceivedKib, 19);
    session.tick("2_changed", 10_000);

    session.set(&host, H::UserMs, 90_431);
    session.set(&web, C::CpuMs, 1251);
    session.set(&web, C::ReceivedKib, 20);
    session.tick("3_as_before", 20_003);

    session.tick("4_nothing_new", 30_003);

    session.clear(&web, C::ReceivedKib);
    session.set(&web, C::CpuMs, 1300);
    session.tick("5_absent", 40_003);

    session.retire(&db);
    session.tick("6_gone", 50_003);

    session.set(&job, C::CpuMs, 40);
    session.set(&web, C::CpuMs, 12);
    session.tick(
        "7_another_in_its_slot_and_a_counter_that_began_again",
        60_003,
    );

    session.encoder.begin_anew();
    session.tick("8_keyframe_again", 70_003);

    session.set(&job, C::CpuMs, 41);
    session.tick("9_after_it", 71_003);
    session.steps
}

struct Session {
    encoder: Encoder,
    slots: Vec<(Slot, Subject, Reading)>,
    steps: Vec<Step>,
}

impl Session {
    fn set(&mut self, subject: &Subject, metric: impl Metric, value: i64) {
        self.reading(subject).set(metric, value);
    }

    fn clear(&mut self, subject: &Subject, metric: impl Metric) {
        self.reading(subject).clear(metric);
    }

    fn reading(&mut self, subject: &Subject) -> &mut Reading {
        if !self.slots.iter().any(|known| known.1 == *subject) {
            let slot = self.encoder.announce(subject.clone()).unwrap();
            self.slots.push((slot, subject.clone(), Reading::EMPTY));
            self.slots.sort_by_key(|known| known.0);
        }
        let mut known = self.slots.iter_mut();
        &mut known.find(|known| known.1 == *subject).unwrap().2
    }

    fn retire(&mut self, subject: &Subject) {
        let place = self.slots.iter().position(|known| known.1 == *subject);
        self.encoder.retire(self.slots.remove(place.unwrap()).0);
    }

    fn tick(&mut self, name: &'static str, after_ms: u64) {
        for (slot, _, reading) in &self.slots {
            self.encoder.take(*slot, reading);
        }
        let at_ms = BEGIN_MS + after_ms;
        let mut frame = Vec::new();
        self.encoder.begin(at_ms);
        assert!(!self.encoder.encode(&mut frame));
        self.steps.push(Step {
            name,
            is_keyframe: frame[1] & 1 == 1,
            frame,
            at_ms,
            slots: self.slots.clone(),
        });
    }
}

fn interface(name: &str) -> Subject {
    Subject::Interface(name.to_owned())
}

fn container(n: u8, name: &str) -> Subject {
    Subject::Container {
        id: ShortId([0xc0, 0xff, 0xee, 0, 0, n]),
        name: name.to_owned(),
    }
}
