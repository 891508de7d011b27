//! Random walks: what the sender holds and what the receiver makes of it are the same.

use std::collections::BTreeMap;

use pilotfish_protocol::frame::{Decoder, Encoder, FrameError, Slot};
use pilotfish_protocol::{ContainerMetric, Reading, ShortId, Subject};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Something that happens between two ticks or in the middle of one.
#[derive(Clone, Debug)]
enum Step {
    /// Containers come, with a name of this length.
    Come { count: usize, name_len: usize },
    /// One goes.
    Go(Index),
    /// Values of one change by as much.
    Change(Index, Vec<(usize, i64)>),
    /// All values of one change by 1.
    Stir(usize),
    /// Counters of one begin again.
    Restart(Index),
    /// A value of one cannot be known any more.
    Vanish(Index, usize),
    /// The receiver asks for a keyframe, or another session begins.
    Anew,
    /// A tick is told, whole.
    Tick { later_ms: u64 },
    /// Only this many frames of a tick go out before the next step.
    Part { later_ms: u64, frames: usize },
    /// A frame is lost on the way, and the receiver asks for a keyframe when it notices.
    Lose,
}

fn step() -> impl Strategy<Value = Step> {
    let metric = 0..ContainerMetric::ALL.len();
    let amount = prop_oneof![
        8 => 0..2000_i64,
        2 => -2000..0_i64,
        1 => any::<i64>(),
    ];
    prop_oneof![
        4 => (1..4_usize, 0..300_usize).prop_map(|(count, name_len)| Step::Come { count, name_len }),
        1 => (50..200_usize, 100..300_usize).prop_map(|(count, name_len)| Step::Come { count, name_len }),
        4 => any::<Index>().prop_map(Step::Go),
        12 => (any::<Index>(), vec((metric.clone(), amount), 1..6)).prop_map(|(who, what)| Step::Change(who, what)),
        3 => (0..14_usize).prop_map(Step::Stir),
        2 => any::<Index>().prop_map(Step::Restart),
        3 => (any::<Index>(), metric).prop_map(|(who, what)| Step::Vanish(who, what)),
        1 => Just(Step::Anew),
        12 => (0..20_000_u64).prop_map(|later_ms| Step::Tick { later_ms }),
        3 => (0..20_000_u64, 1..3_usize).prop_map(|(later_ms, frames)| Step::Part { later_ms, frames }),
        1 => Just(Step::Lose),
    ]
}

proptest! {
    #[test]
    fn the_receiver_has_what_the_sender_has(steps in vec(step(), 1..120)) {
        let mut model = Model::new();
        for step in steps {
            model.take(step);
        }
        model.finish();
    }

    #[test]
    fn no_bytes_make_the_decoder_panic_or_go_on_out_of_step(bytes in vec(any::<u8>(), 0..300)) {
        let mut decoder = Decoder::new();
        let keyframe = decoder.decode(&[&[1, 1, 0], &bytes[..]].concat());
        prop_assert_eq!(decoder.decode(&[1, 4, 0]).is_ok(), keyframe.is_ok());
        let next = decoder.decode(&[&[1, 8, 0], &bytes[..]].concat());
        prop_assert!(keyframe.is_ok() || next == Err(FrameError::OutOfStep));
    }
}

struct Model {
    encoder: Encoder,
    decoder: Decoder,
    /// What was measured last.
    measured: BTreeMap<Slot, (Subject, Reading)>,
    /// What the receiver had at the end of the last whole tick.
    told: BTreeMap<Slot, (Subject, Reading)>,
    at_ms: u64,
    /// The frame's bytes, kept as a sender would.
    out: Vec<u8>,
    announced: u16,
}

impl Model {
    fn new() -> Self {
        Self {
            encoder: Encoder::new(),
            decoder: Decoder::new(),
            measured: BTreeMap::new(),
            told: BTreeMap::new(),
            at_ms: 1_795_467_900_000,
            out: Vec::new(),
            announced: 0,
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Come { count, name_len } => (0..count).for_each(|_| self.come(name_len)),
            Step::Go(who) => {
                if let Some(slot) = self.pick(&who) {
                    self.encoder.retire(slot);
                    self.measured.remove(&slot);
                }
            }
            Step::Change(who, changes) => self.change(&who, |reading| {
                for (place, amount) in changes {
                    let metric = ContainerMetric::ALL[place];
                    let last = reading.get(metric).unwrap_or_default();
                    reading.set(metric, last.wrapping_add(amount));
                }
            }),
            Step::Stir(place) => {
                for (slot, (_, reading)) in &mut self.measured {
                    let metric = ContainerMetric::ALL[place];
                    reading.set(metric, reading.get(metric).unwrap_or_default() + 1);
                    self.encoder.take(*slot, reading);
                }
            }
            Step::Restart(who) => self.change(&who, |reading| {
                for metric in ContainerMetric::ALL {
                    let is_known = reading.get(*metric).is_some();
                    reading.set_if_known(*metric, is_known.then_some(0));
                }
            }),
            Step::Vanish(who, place) => {
                self.change(&who, |reading| reading.clear(ContainerMetric::ALL[place]));
            }
            Step::Anew => self.encoder.begin_anew(),
            Step::Tick { later_ms } => {
                self.begin(later_ms);
                while self.frame() {}
            }
            Step::Part { later_ms, frames } => {
                self.begin(later_ms);
                for _ in 0..frames {
                    if !self.frame() {
                        break;
                    }
                }
            }
            Step::Lose => {
                self.begin(0);
                self.encode();
                self.begin(0);
                self.encode();
                let next = self.decoder.decode(&self.out);
                assert_eq!(next, Err(FrameError::OutOfStep));
                self.encoder.begin_anew();
            }
        }
    }

    fn come(&mut self, name_len: usize) {
        self.announced += 1;
        let [high, low] = self.announced.to_be_bytes();
        let named = |name_len| Subject::Container {
            id: ShortId([0, 0, 0, 0, high, low]),
            name: "n".repeat(name_len),
        };
        let slot = self.encoder.announce(named(name_len)).unwrap();
        let cut = named(name_len.min(255));
        let was = self.measured.insert(slot, (cut, Reading::EMPTY));
        assert_eq!(was, None);
    }

    fn pick(&self, who: &Index) -> Option<Slot> {
        let slots: Vec<Slot> = self.measured.keys().copied().collect();
        (!slots.is_empty()).then(|| *who.get(&slots))
    }

    fn change(&mut self, who: &Index, change: impl FnOnce(&mut Reading)) {
        let Some(slot) = self.pick(who) else { return };
        let (_, reading) = self.measured.get_mut(&slot).unwrap();
        change(reading);
        self.encoder.take(slot, reading);
    }

    fn begin(&mut self, later_ms: u64) {
        self.at_ms += later_ms;
        self.encoder.begin(self.at_ms);
    }

    fn encode(&mut self) -> bool {
        self.out.clear();
        self.encoder.encode(&mut self.out)
    }

    /// Sends a frame; answers whether more follow.
    fn frame(&mut self) -> bool {
        let is_more = self.encode();
        let decoded = self.decoder.decode(&self.out).unwrap();
        assert_eq!(decoded.is_whole, !is_more);
        assert!(decoded.at_ms <= self.at_ms);
        if decoded.is_keyframe {
            self.told.clear();
        }
        if !is_more {
            self.end_tick();
        }
        is_more
    }

    /// After a whole tick both ends have the same, unless something was measured while its frames were written.
    fn end_tick(&mut self) {
        let has: BTreeMap<Slot, (Subject, Reading)> = self
            .decoder
            .slots()
            .map(|(slot, live)| (slot, (live.subject.clone(), live.reading)))
            .collect();
        if !self.encoder.has_news() {
            assert_eq!(has, self.measured);
        }
        let touched = self.decoder.touched();
        for slot in has.keys().chain(self.told.keys()) {
            if !touched.contains(slot) {
                assert_eq!(has.get(slot), self.told.get(slot));
            }
        }
        for (slot, live) in self.decoder.slots() {
            let before = self.told.get(&slot).filter(|told| told.0 == live.subject);
            assert_eq!(live.before, before.map_or(Reading::EMPTY, |told| told.1));
        }
        self.told = has;
    }

    /// Once everything is said both ends have the same.
    fn finish(&mut self) {
        for _ in 0..2 {
            self.begin(1000);
            while self.frame() {}
        }
        assert!(!self.encoder.has_news());
    }
}
