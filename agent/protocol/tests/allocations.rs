//! Neither end of stats frames takes memory from tick to tick, however long a session lasts.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]
use pilotfish_protocol::extension::RunId;
use pilotfish_protocol::frame::{Decoder, Encoder, Slot};
use pilotfish_protocol::spool::{BATCH_BYTES, Batch, BatchEncoder, Entry, Segment, put_frame};
use pilotfish_protocol::{ContainerMetric, Reading, ShortId, Subject};

/// Runs `work` and counts its allocations.
fn allocations(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}

/// Two ends and 300 containers that change with every tick.
struct Session {
    encoder: Encoder,
    decoder: Decoder,
    slots: Vec<Slot>,
    out: Vec<u8>,
}

impl Session {
    fn new() -> Self {
        let mut encoder = Encoder::new();
        let announce = |n: u16| {
            let [high, low] = n.to_be_bytes();
            let name = format!("container-{n}");
            let id = ShortId([0, 0, 0, 0, high, low]);
            encoder.announce(Subject::Container { id, name }).unwrap()
        };
        Self {
            slots: (0..300).map(announce).collect(),
            encoder,
            decoder: Decoder::new(),
            out: Vec::with_capacity(pilotfish_protocol::frame::FRAME_BYTES),
        }
    }

    fn tick(&mut self, round: u32) {
        for slot in &self.slots {
            let mut reading = Reading::EMPTY;
            for metric in ContainerMetric::ALL {
                let value = i64::from(round) * i64::from(*slot);
                let is_known = !(round + u32::from(*slot)).is_multiple_of(7);
                reading.set_if_known(*metric, is_known.then_some(value));
            }
            self.encoder.take(*slot, &reading);
        }
        self.encoder.begin(u64::from(round) * 1000);
        while self.encoder.is_under_way() {
            self.out.clear();
            self.encoder.encode(&mut self.out);
            self.decoder.decode(&self.out).unwrap();
        }
    }
}

#[test]
fn ticks_of_known_containers_allocate_nothing_at_either_end() {
    let mut session = Session::new();
    assert!(allocations(|| session.tick(0)) > 300);
    let later = allocations(|| (1..200).for_each(|round| session.tick(round)));
    assert_eq!(later, 0);
    assert_eq!(session.decoder.slots().count(), 300);
}

#[test]
fn a_batch_is_read_without_allocating() {
    let mut frames = Vec::new();
    (0..100).for_each(|n| put_frame(&mut frames, &[1, n, 0]));
    let segment = Segment {
        from_ms: 0,
        until_ms: 1,
        frames: &frames,
    };
    let mut batch = BatchEncoder::new(RunId(1), 0, BATCH_BYTES);
    assert!(batch.push(1, &Entry::Segment(segment)));
    assert!(batch.push(2, &Entry::Event("{}")));
    let message = batch.finish().unwrap();
    let mut seen = 0;
    let count = allocations(|| {
        for (_, entry) in Batch::decode(&message).unwrap().entries().flatten() {
            if let Entry::Segment(segment) = entry {
                seen += segment.frames().flatten().count();
            }
        }
    });
    assert_eq!((seen, count), (100, 0));
}
