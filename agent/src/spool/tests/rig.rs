//! A spool's surroundings as values: a disk that keeps what was committed, a server that takes every entry once, a clock.

use std::collections::{BTreeMap, BTreeSet};

use pilotfish_protocol::extension::{Extension, LastTick, RunId, Spooled, VERSION};
use pilotfish_protocol::frame::Decoder;
use pilotfish_protocol::spool::{Batch, Entry, Lost};
use pilotfish_protocol::{ContainerId, ContainerMetric, HostMetric, Reading, ShortId, Subject};

use crate::sample::tick::{ContainerSample, Tick};
use crate::spool::*;

pub(super) const MINUTE_MS: u64 = 60_000;
const START_MS: u64 = 1_700_000_000_000;
const TICK_MS: u64 = 10_000;

pub(super) struct Rig {
    pub(super) spool: Spool,
    pub(super) server: Server,
    pub(super) disk: BTreeMap<Key, Row>,
    pub(super) commits: Vec<u64>,
    pub(super) now_ms: u64,
    /// What is sent live does not arrive.
    pub(super) is_link_dead: bool,
    /// The next commit fails.
    pub(super) is_disk_full: bool,
    run: RunId,
    is_open: bool,
    containers: u64,
    committed_at_ms: Option<u64>,
    /// The last commit before one that failed.
    kept_until_ms: Option<u64>,
    /// Ticks and events that the server must hear of, or hear that they are lost.
    ticks: BTreeSet<(RunId, u64)>,
    events: BTreeMap<u64, String>,
}

#[derive(Default)]
pub(super) struct Server {
    spooled: BTreeMap<RunId, u64>,
    /// Live ones too.
    ticks: BTreeSet<(RunId, u64)>,
    spooled_ticks: Vec<(RunId, u64)>,
    pub(super) events: Vec<String>,
    pub(super) lost: Lost,
    pub(super) most_containers: usize,
    last_tick: Option<LastTick>,
    last_event_ns: Option<u64>,
    containers: u64,
}

impl Rig {
    pub(super) fn new(containers: u64) -> Self {
        let run = RunId(100);
        Self {
            spool: Spool::new(run, Stored::default(), START_MS),
            server: Server {
                containers,
                ..Server::default()
            },
            disk: BTreeMap::new(),
            commits: Vec::new(),
            now_ms: START_MS,
            is_link_dead: false,
            is_disk_full: false,
            run,
            is_open: false,
            containers,
            committed_at_ms: None,
            kept_until_ms: None,
            ticks: BTreeSet::new(),
            events: BTreeMap::new(),
        }
    }

    /// Lets time pass, with a tick every ten seconds.
    pub(super) fn pass(&mut self, span_ms: u64) {
        for _ in 0..span_ms / TICK_MS {
            self.now_ms += TICK_MS;
            let tick = tick(self.now_ms, self.containers);
            self.spool.record(&tick);
            self.ticks.insert((self.run, self.now_ms));
            if self.is_open && !self.is_link_dead {
                self.server.live(self.run, self.now_ms);
            }
            self.commit();
            self.check_limits();
        }
    }

    pub(super) fn event(&mut self, text: &str) {
        self.now_ms += 1;
        let stamp_ns = self.now_ms * 1_000_000;
        self.spool.event(stamp_ns, text, self.now_ms);
        self.events.insert(self.now_ms, text.to_owned());
        if self.is_open && !self.is_link_dead {
            self.server.event(stamp_ns, text);
        }
        self.check_limits();
    }

    pub(super) fn open(&mut self) {
        if self.is_open {
            return;
        }
        self.is_open = true;
        self.is_link_dead = false;
        let spooled = self.server.spooled.iter();
        let spooled = spooled.map(|(run, seq)| Spooled {
            run: *run,
            seq: *seq,
        });
        let extension = extension(
            spooled.collect(),
            self.server.last_tick,
            self.server.last_event_ns,
        );
        self.spool.opened(&extension, self.now_ms);
        self.check_limits();
    }

    pub(super) fn close(&mut self) {
        if self.is_open {
            self.is_open = false;
            self.spool.closed(self.now_ms);
            self.check_limits();
        }
    }

    /// Kills the program and starts it anew.
    pub(super) fn restart(&mut self) {
        // What came since the last ten minutes began, and a dead link before them, need not be there.
        let kept_ms = self.now_ms - 12 * MINUTE_MS;
        let kept_ms = self
            .kept_until_ms
            .map_or(kept_ms, |at_ms| at_ms.min(kept_ms));
        self.ticks.retain(|(_, at_ms)| *at_ms <= kept_ms);
        self.events.retain(|at_ms, _| *at_ms <= kept_ms);
        self.run = RunId(self.run.0 ^ 0x55 ^ self.now_ms);
        let mut stored = Stored {
            committed_at_ms: self.committed_at_ms,
            ..Stored::default()
        };
        for (key, row) in &self.disk {
            stored.push(*key, row);
        }
        self.now_ms += 1000;
        self.is_open = false;
        self.is_link_dead = false;
        self.spool = Spool::new(self.run, stored, self.now_ms);
        self.check_limits();
    }

    /// Has one batch sent, if there is one; when the ack is lost so is the session.
    pub(super) fn replay_one(&mut self, is_acked: bool) -> bool {
        self.now_ms += 1000;
        if !self.is_open || self.is_link_dead {
            return false;
        }
        for _ in 0..2 {
            match self.spool.next(self.now_ms) {
                Next::Nothing => return false,
                Next::Read(keys) => {
                    let rows = keys.iter().map(|key| (*key, self.disk.get(key).cloned()));
                    self.spool.restore(rows.collect());
                    self.check_limits();
                }
                Next::Send(message) => {
                    let (run, seq) = self.server.take(&message);
                    if is_acked {
                        self.spool.acknowledged(run, seq, self.now_ms);
                    } else {
                        self.close();
                    }
                    return true;
                }
            }
        }
        // What was read could not be used: the rest comes with the next.
        true
    }

    /// Has everything sent; gives the number of batches.
    pub(super) fn replay_all(&mut self) -> usize {
        let mut batches = 0;
        while self.replay_one(true) {
            batches += 1;
        }
        batches
    }

    /// Checks that every tick arrived, or one that stands for it, or that it is told that ticks were lost; likewise events.
    #[track_caller]
    pub(super) fn check_nothing_missing(&self) {
        let is_there = |(run, at_ms): &(RunId, u64)| {
            let until = self.server.ticks.range((*run, 0)..=(*run, *at_ms));
            let before = until.last();
            before.is_some_and(|(_, before_ms)| at_ms - before_ms <= 660_000)
        };
        let missing = self.ticks.iter().filter(|tick| !is_there(tick));
        let missing = u64::try_from(missing.count()).unwrap();
        // One tick of the coarsest tier stands for so many.
        let lost = 66 * self.server.lost.ticks;
        assert!(missing <= lost, "{missing} ticks are missing");
        let told: BTreeSet<&String> = self.server.events.iter().collect();
        assert_eq!(told.len(), self.server.events.len(), "an event came twice");
        if self.server.lost.events == 0 {
            let missing = self.events.values().find(|text| !told.contains(text));
            assert_eq!(missing, None);
        }
    }

    fn commit(&mut self) {
        let Some(commit) = self.spool.commit(self.now_ms) else {
            return;
        };
        let is_done = !std::mem::take(&mut self.is_disk_full);
        if is_done {
            if let Some(last_ms) = self.commits.last() {
                assert!(self.now_ms - last_ms >= COMMIT_EVERY_MS, "commits too near");
            }
            self.commits.push(self.now_ms);
            self.committed_at_ms = Some(commit.at_ms);
            for key in commit.deletes {
                self.disk.remove(&key);
            }
            self.disk.extend(commit.puts);
            self.kept_until_ms = None;
        } else {
            let last_ms = self.committed_at_ms.unwrap_or(START_MS);
            self.kept_until_ms = Some(last_ms - 2 * MINUTE_MS);
        }
        let bytes: usize = self.disk.values().map(|row| row.len()).sum();
        assert!(bytes <= DISK_BYTES, "{bytes} bytes on the disk");
        self.spool.committed(is_done);
    }

    #[track_caller]
    fn check_limits(&self) {
        let bytes = self.spool.held_bytes();
        assert!(bytes <= RAM_BYTES, "{bytes} bytes in memory");
    }
}

impl Server {
    fn live(&mut self, run: RunId, at_ms: u64) {
        assert!(self.ticks.insert((run, at_ms)), "{at_ms} came twice");
        self.last_tick = Some(LastTick { run, at_ms });
    }

    fn event(&mut self, stamp_ns: u64, text: &str) {
        self.events.push(text.to_owned());
        self.last_event_ns = Some(stamp_ns);
    }

    /// Takes a batch; gives what is to be acknowledged.
    pub(super) fn take(&mut self, message: &[u8]) -> (RunId, u64) {
        let batch = Batch::decode(message).unwrap();
        let mut last_seq = 0;
        for entry in batch.entries() {
            let (seq, entry) = entry.unwrap();
            last_seq = seq;
            let known = self.spooled.entry(batch.run).or_default();
            if seq <= *known {
                continue;
            }
            *known = seq;
            match entry {
                Entry::Segment(segment) => {
                    let mut decoder = Decoder::new();
                    for frame in segment.frames() {
                        let decoded = decoder.decode(frame.unwrap()).unwrap();
                        if decoded.is_whole && segment.has(decoded.at_ms) {
                            self.tick(batch.run, decoded.at_ms, &decoder);
                        }
                    }
                }
                Entry::Event(text) => self.events.push(text.to_owned()),
                Entry::Lost(lost) => {
                    self.lost.ticks += lost.ticks;
                    self.lost.events += lost.events;
                }
                Entry::Unknown => panic!("an entry of no kind"),
            }
        }
        (batch.run, last_seq)
    }

    fn tick(&mut self, run: RunId, at_ms: u64, decoder: &Decoder) {
        assert!(self.ticks.insert((run, at_ms)), "{at_ms} came twice");
        let last = self.spooled_ticks.iter().rfind(|(other, _)| *other == run);
        assert!(
            last.is_none_or(|(_, last_ms)| *last_ms < at_ms),
            "{at_ms} is too late"
        );
        self.spooled_ticks.push((run, at_ms));
        let sent = tick(at_ms, self.containers);
        let mut containers = 0;
        for (_, live) in decoder.slots() {
            let expected = match &live.subject {
                Subject::Host => sent.host.first().map(|(_, reading)| *reading),
                Subject::Container { id, .. } => {
                    containers += 1;
                    let is_it = |sample: &&ContainerSample| ShortId::of(&sample.id) == *id;
                    let found = sent.containers.iter().find(is_it);
                    found.map(|sample| sample.reading)
                }
                Subject::Interface(_) | Subject::Filesystem(_) | Subject::Sensor(_) => None,
            };
            assert_eq!(Some(live.reading), expected, "{at_ms} {:?}", live.subject);
        }
        assert!(containers == sent.containers.len() || containers == SUBJECTS - 1);
        self.most_containers = self.most_containers.max(containers);
    }

    pub(super) fn spooled_ticks(&self) -> usize {
        self.spooled_ticks.len()
    }

    pub(super) fn runs(&self) -> usize {
        self.spooled.len()
    }

    pub(super) fn last_spooled_ms_of_first_run(&self) -> u64 {
        let first = self.spooled_ticks.first().unwrap().0;
        let its = self.spooled_ticks.iter().filter(|(run, _)| *run == first);
        its.map(|(_, at_ms)| *at_ms).max().unwrap()
    }

    /// The seconds between the ticks that came from the spool.
    pub(super) fn steps_s(&self) -> Vec<u64> {
        let pairs = self.spooled_ticks.windows(2);
        pairs.map(|pair| (pair[1].1 - pair[0].1) / 1000).collect()
    }
}

/// What a server says at the beginning of a session.
pub(super) fn extension(
    spooled: Vec<Spooled>,
    last_tick: Option<LastTick>,
    last_event_ns: Option<u64>,
) -> Extension {
    Extension {
        version: VERSION,
        session: 1,
        server_time_ms: 0,
        stats_interval_ms: TICK_MS,
        heartbeat_ms: 30_000,
        silence_ms: 45_000,
        containers: None,
        spooled,
        last_tick,
        last_event_ns,
    }
}

/// What there is at a time: every fourth container is busy, and one comes and goes by the hour.
pub(super) fn tick(at_ms: u64, containers: u64) -> Tick {
    let count = |n: u64| i64::try_from(n).unwrap();
    let mut host = Reading::EMPTY;
    host.set(HostMetric::UserMs, count(at_ms / 17));
    host.set(HostMetric::SystemMs, count(at_ms / 31));
    host.set(HostMetric::MemoryUsedKib, count(at_ms / 1000 % 977));
    let is_one_away = containers > 2 && at_ms / (60 * MINUTE_MS) % 2 == 1;
    let containers = (0..containers - u64::from(is_one_away)).map(|n| {
        let busy = if n % 4 == 0 { at_ms } else { START_MS };
        let mut reading = Reading::EMPTY;
        reading.set(ContainerMetric::CpuMs, count(busy / (n + 7)));
        reading.set(
            ContainerMetric::MemoryKib,
            count(20_000 + busy / 1000 % (n + 103)),
        );
        reading.set(ContainerMetric::ReceivedKib, count(busy / 1000));
        reading.set(ContainerMetric::SentKib, count(busy / 900));
        reading.set(ContainerMetric::WrittenKib, count(busy / 5000));
        reading.set(ContainerMetric::ReadKib, count(12_345));
        reading.set(ContainerMetric::CpuStallMs, count(busy / 777));
        reading.set(ContainerMetric::Pids, count(3 + n));
        ContainerSample {
            id: ContainerId::new(format!("{n:012x}")).unwrap(),
            name: format!("project-service-{n}").into(),
            reading,
        }
    });
    Tick {
        at_ms,
        host: vec![(Subject::Host, host)],
        containers: containers.collect(),
    }
}
