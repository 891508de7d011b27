//! What is beyond its life goes, and the disk cap holds.

use super::super::tier::Tier;
use super::*;
use crate::store::history::room;

const DAY_MS: u64 = 24 * HOUR_MS;

/// Hours of an hour's ticks each, with values that hardly compress.
fn fill(history: &History, hours: std::ops::Range<u64>) {
    let mut state = 1_u64;
    for hour in hours {
        for tick in 1..=360 {
            let noise: Vec<(Measure, f64)> = [
                Measure::ReceivedBytesPerSec,
                Measure::SentBytesPerSec,
                Measure::ReadBytesPerSec,
                Measure::WrittenBytesPerSec,
            ]
            .into_iter()
            .map(|measure| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (measure, (state >> 24) as f64)
            })
            .collect();
            let row = Row {
                subject: &Subject::Host,
                values: &noise,
            };
            history.record(
                &host(),
                BEGIN + hour * HOUR_MS + tick * 10_000,
                10_000,
                &[row],
            );
            if tick % 60 == 0 {
                history
                    .write_now(Scope::Minute, BEGIN + hour * HOUR_MS + tick * 10_000)
                    .unwrap();
            }
        }
    }
}

#[test]
fn a_tier_goes_when_its_life_is_over_and_the_coarser_ones_still_answer() {
    let directory = TempDir::new().unwrap();
    let history = open(&directory);
    fill(&history, 0..2);
    let end = BEGIN + 2 * HOUR_MS;
    let mut stored = room::stored_bytes(&history.store).unwrap();
    // Blocks go whole, so a tier stays at most one block longer.
    for (later_ms, width_s) in [(8 * HOUR_MS, 60), (4 * DAY_MS, 600), (64 * DAY_MS, 3600)] {
        history.write_now(Scope::Minute, end + later_ms).unwrap();
        let left = room::stored_bytes(&history.store).unwrap();
        assert!(left < stored, "{left} of {stored}");
        stored = left;
        let answer = history
            .answer(&query(BEGIN, end, 300), end + later_ms)
            .unwrap();
        assert_eq!(answer.tier_seconds, width_s);
        assert_eq!(answer.series.len(), 4);
    }
    history
        .write_now(Scope::Minute, end + 760 * DAY_MS)
        .unwrap();
    assert_eq!(room::stored_bytes(&history.store).unwrap(), 0);
}

#[test]
fn the_disk_cap_holds_and_takes_the_oldest_first() {
    const CAP: u64 = 1 << 20;
    let directory = TempDir::new().unwrap();
    let store = Store::open_as(directory.path(), &stored::LAYOUT).unwrap();
    let retention = Retention {
        lives: [Duration::from_millis(1000 * DAY_MS); Tier::ALL.len()],
        disk_bytes: CAP,
    };
    let history = History::on(store, retention).unwrap();
    fill(&history, 0..150);
    let used = room::used_bytes(&history.store).unwrap();
    assert!(used <= CAP + CAP / 10, "{used} bytes used");
    let on_disk = history.store.disk_bytes().unwrap();
    assert!(on_disk <= CAP * 2, "{on_disk} bytes on the disk");
    let end = BEGIN + 150 * HOUR_MS;
    let newest = history
        .answer(&query(end - HOUR_MS, end, 360), end)
        .unwrap();
    assert_eq!((newest.tier_seconds, newest.gaps.len()), (10, 0));
    let oldest = history
        .answer(&query(BEGIN, BEGIN + HOUR_MS, 360), end)
        .unwrap();
    assert!(oldest.series.is_empty(), "{oldest:?}");
}

#[test]
fn a_file_whose_cap_was_lowered_gets_smaller_at_the_start() {
    const CAP: u64 = 64 << 10;
    let directory = TempDir::new().unwrap();
    let history = open(&directory);
    fill(&history, 0..60);
    let before = history.store.disk_bytes().unwrap();
    drop(history);
    let retention = Retention {
        disk_bytes: CAP,
        ..Retention::default()
    };
    let store = Store::open_as(directory.path(), &stored::LAYOUT).unwrap();
    let history = History::on(store, retention).unwrap();
    history.make_room_at_start(BEGIN + 60 * HOUR_MS).unwrap();
    let after = history.store.disk_bytes().unwrap();
    assert!(after < before / 2, "{after} of {before}");
}
