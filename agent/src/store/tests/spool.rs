//! The spool's rows on a disk: kept, replaced, cut, rotten, and how large the file gets.

use std::collections::BTreeMap;

use pilotfish_protocol::extension::RunId;

use super::*;
use crate::spool::{Commit, DISK_BYTES, Key, Row, Spool, Stored};

fn key(seq: u64) -> Key {
    Key { run: 1, seq }
}

fn commit(puts: &[(u64, usize)], deletes: &[u64], at_ms: u64) -> Commit {
    let row = |(seq, len): &(u64, usize)| {
        let byte = u8::try_from(seq % 251).unwrap();
        (key(*seq), Row::from(vec![byte; *len]))
    };
    Commit {
        puts: puts.iter().map(row).collect(),
        deletes: deletes.iter().copied().map(key).collect(),
        at_ms,
    }
}

fn rows(store: &Store, seqs: &[u64]) -> Vec<Option<usize>> {
    let keys: Vec<Key> = seqs.iter().copied().map(key).collect();
    let rows = store.read_spool(&keys).unwrap();
    rows.iter()
        .map(|(_, row)| Some(row.as_ref()?.len()))
        .collect()
}

#[test]
fn a_store_without_a_spool_has_nothing_of_one() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let stored = store.load_spool().unwrap();
    assert!(stored.heads.is_empty() && stored.unreadable.is_empty());
    assert_eq!(stored.committed_at_ms, None);
    assert_eq!(rows(&store, &[1]), [None]);
}

#[test]
fn rows_are_kept_replaced_and_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store
        .keep_spool(&commit(&[(1, 10), (2, 20), (3, 30)], &[9], 5))
        .unwrap();
    store.keep_spool(&commit(&[(2, 25)], &[1], 6)).unwrap();
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(rows(&store, &[3, 1, 2]), [Some(30), None, Some(25)]);
    let stored = store.load_spool().unwrap();
    assert_eq!(stored.committed_at_ms, Some(6));
    // They are no rows of a spool.
    assert_eq!(stored.unreadable, [key(2), key(3)]);
}

#[test]
fn a_key_that_is_put_and_deleted_in_one_commit_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store.keep_spool(&commit(&[(1, 10)], &[1], 5)).unwrap();
    assert_eq!(rows(&store, &[1]), [Some(10)]);
}

#[test]
fn what_a_spool_commits_is_what_the_next_run_finds() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let mut spool = Spool::new(RunId(7), Stored::default(), 1000);
    spool.event(5, "{}", 2000);
    let commit = spool.commit(700_000).unwrap();
    store.keep_spool(&commit).unwrap();
    let stored = store.load_spool().unwrap();
    assert_eq!(stored.heads.len(), 1);
    assert_eq!(stored.last_event_ns, Some(5));
    assert!(stored.unreadable.is_empty());
    let found = store.read_spool(&[stored.heads[0].key]).unwrap();
    assert_eq!(found[0].1.as_deref(), Some(&*commit.puts[0].1));
}

#[test]
fn the_file_stays_small_however_much_comes_and_goes() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let mut random = fastrand::Rng::with_seed(3);
    let mut there: BTreeMap<u64, usize> = BTreeMap::new();
    let mut most_bytes = 0;
    for round in 0..120_u64 {
        let puts: Vec<(u64, usize)> = (0..20)
            .map(|n| (round * 20 + n, random.usize(500..20_000)))
            .collect();
        there.extend(puts.iter().copied());
        let mut deletes = Vec::new();
        while there.values().sum::<usize>() > DISK_BYTES {
            deletes.extend(there.pop_first().map(|(seq, _)| seq));
        }
        store.keep_spool(&commit(&puts, &deletes, round)).unwrap();
        most_bytes = most_bytes.max(fs::metadata(store.path()).unwrap().len());
    }
    // redb gives a row a power of two of pages, and uses those of the last commit no sooner than with the next.
    assert!(most_bytes <= 10_000_000, "{most_bytes}");
    let all: Vec<u64> = there.keys().copied().collect();
    store.keep_spool(&commit(&[], &all, 999)).unwrap();
    drop(store);
    // The next start gives most of it back.
    let store = Store::open(directory.path()).unwrap();
    let left_bytes = fs::metadata(store.path()).unwrap().len();
    assert!(left_bytes <= 5_000_000, "{left_bytes}");
}
