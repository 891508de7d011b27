//! Random lives: outages, dead links, kills, lost acks, full disks.

use proptest::prelude::*;

use super::rig::{MINUTE_MS, Rig};

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
