//! Random lives: outages, dead links, kills, lost acks, full disks.

use std::collections::BTreeMap;

use pilotfish_protocol::extension::RunId;
use pilotfish_protocol::spool::Batch;
use proptest::prelude::*;

use super::rig::{MINUTE_MS, Rig, extension};
use crate::spool::tier::Tier;
use crate::spool::*;

#[derive(Clone, Debug)]
enum Happens {
    Time { minutes: u64 },
    Seconds { seconds: u64 },
    Events(u32),
    Opens,
    LinkDies,
    Closes,
    Batches { count: usize, is_last_acked: bool },
    Killed,
    DiskFills,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        3 => (1_u64..30).prop_map(|minutes| Happens::Time { minutes }),
        1 => (60_u64..240).prop_map(|minutes| Happens::Time { minutes }),
        3 => (10_u64..200).prop_map(|seconds| Happens::Seconds { seconds }),
        3 => (1_u32..50).prop_map(Happens::Events),
        4 => Just(Happens::Opens),
        2 => Just(Happens::LinkDies),
        3 => Just(Happens::Closes),
        4 => (0_usize..6, any::<bool>())
            .prop_map(|(count, is_last_acked)| Happens::Batches { count, is_last_acked }),
        2 => Just(Happens::Killed),
        1 => Just(Happens::DiskFills),
    ]
}

fn live(rig: &mut Rig, story: Vec<Happens>) {
    let mut numbered = 0_u32;
    for happens in story {
        match happens {
            Happens::Time { minutes } => rig.pass(minutes * MINUTE_MS),
            Happens::Seconds { seconds } => rig.pass(seconds * 1000),
            Happens::Events(count) => {
                for _ in 0..count {
                    numbered += 1;
                    rig.event(&format!("{{\"action\":\"die\",\"n\":{numbered}}}"));
                }
            }
            Happens::Opens => rig.open(),
            Happens::LinkDies => {
                rig.is_link_dead = true;
                rig.pass(45_000);
                rig.close();
            }
            Happens::Closes => rig.close(),
            Happens::Batches {
                count,
                is_last_acked,
            } => {
                for n in 1..=count {
                    rig.replay_one(n < count || is_last_acked);
                }
            }
            Happens::Killed => rig.restart(),
            Happens::DiskFills => rig.is_disk_full = true,
        }
    }
    rig.close();
    rig.open();
    rig.replay_all();
    rig.check_nothing_missing();
    rig.is_disk_full = false;
    rig.pass(21 * MINUTE_MS);
    assert!(rig.disk.is_empty(), "{} rows are left", rig.disk.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn everything_comes_once_or_is_told_as_lost(
        story in prop::collection::vec(happens(), 1..40),
        containers in 0_u64..6,
    ) {
        live(&mut Rig::new(containers), story);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn a_large_host_stays_within_the_limits(story in prop::collection::vec(happens(), 1..6)) {
        live(&mut Rig::new(250), story);
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Segment(Tier::Fine)),
        Just(Kind::Segment(Tier::Coarse)),
        Just(Kind::Events),
        Just(Kind::Lost),
    ]
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![1_u64..20, Just(u64::MAX), any::<u64>()]
}

proptest! {
    #[test]
    fn rows_of_a_stranger_never_panic(
        rows in prop::collection::vec(
            (
                (any::<u32>(), number(), number(), number()),
                (kind(), any::<u32>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..60)),
            ),
            0..12,
        ),
    ) {
        let mut disk = BTreeMap::new();
        let mut stored = Stored::default();
        for ((run, seq, first_seq, at_ms), (kind, count, is_doubtful, content)) in rows {
            let key = Key { run, seq };
            let mut head = Head {
                key,
                run: RunId(u64::from(run) % 3),
                first_seq: first_seq.min(seq),
                kind,
                from_ms: at_ms,
                until_ms: at_ms,
                count,
                is_doubtful,
                row_bytes: 0,
            };
            let row = entry::write(&mut head, &content);
            stored.push(key, &row);
            disk.insert(key, row);
        }
        stored.heads.dedup_by_key(|head| head.key);
        let mut now_ms = 1_000_000;
        let mut spool = Spool::new(RunId(9), stored, now_ms);
        spool.event(1, "{}", now_ms);
        spool.opened(&extension(Vec::new(), None, Some(2)), now_ms);
        for _ in 0..100 {
            now_ms += 10_000;
            match spool.next(now_ms) {
                Next::Nothing => break,
                Next::Read(keys) => {
                    let rows = keys.iter().map(|key| (*key, disk.get(key).cloned()));
                    spool.restore(rows.collect());
                }
                Next::Send(message) => {
                    let batch = Batch::decode(&message).unwrap();
                    let last = batch.entries().last().unwrap();
                    spool.acknowledged(batch.run, last.unwrap().0, now_ms);
                }
            }
        }
        prop_assert_eq!(spool.next(now_ms + 10_000), Next::Nothing);
        prop_assert!(spool.commit(now_ms + COMMIT_EVERY_MS).is_none_or(|commit| commit.puts.is_empty()));
    }
}
