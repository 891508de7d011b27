//! Cuts the power at every operation on the disk, with every unsynced write lost, kept, or some of each; and lets bytes rot.

use std::sync::{Arc, Mutex, MutexGuard};

use super::*;
use crate::spool::{Commit, Key, Row};

/// A disk that writes down what is done to it.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<Log>>);

#[derive(Debug, Default)]
struct Log {
    live: Vec<u8>,
    done: Vec<Done>,
}

#[derive(Debug, Clone)]
enum Done {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
    Sync,
}

impl Disk {
    fn holding(live: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Log {
            live,
            done: Vec::new(),
        })))
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap()
    }
}

impl Done {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write {
                offset,
                bytes: written,
            } => {
                let end = offset + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(written);
            }
            Self::SetLen(len) => bytes.resize(*len, 0),
            Self::Sync => {}
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.log().live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let offset = index(offset);
        let log = self.log();
        let bytes = log
            .live
            .get(offset..offset + out.len())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.act(Done::SetLen(index(len)));
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.act(Done::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.act(Done::Write {
            offset: index(offset),
            bytes: data.to_vec(),
        });
        Ok(())
    }
}

impl Disk {
    fn act(&self, done: Done) {
        let mut log = self.log();
        done.apply(&mut log.live);
        log.done.push(done);
    }
}

/// What the disk may hold after a cut behind `done[..cut]`: all that was synced, and of the rest what `survives` picks.
fn after_cut(
    before: &[u8],
    done: &[Done],
    cut: usize,
    mut survives: impl FnMut() -> bool,
) -> Vec<u8> {
    let synced = done[..cut]
        .iter()
        .rposition(|d| matches!(d, Done::Sync))
        .map_or(0, |at| at + 1);
    let mut bytes = before.to_vec();
    for (at, done) in done[..cut].iter().enumerate() {
        if at < synced || survives() {
            done.apply(&mut bytes);
        }
    }
    bytes
}

/// Runs `work` on a disk that holds `before`, and checks what a store finds after a cut at each point of it.
///
/// `old` is found at any point before `work` returns, or `new`; only `new` after it.
#[track_caller]
fn check(
    before: &[u8],
    work: impl FnOnce(&Store),
    old: Option<&Enrolment>,
    new: Option<&Enrolment>,
) -> Vec<u8> {
    let find = |store: &Store| store.enrolment().unwrap();
    check_found(before, work, find, &old.cloned(), &new.cloned())
}

/// As [`check`], of what `find` finds.
#[track_caller]
fn check_found<T: PartialEq + std::fmt::Debug>(
    before: &[u8],
    work: impl FnOnce(&Store),
    find: impl Fn(&Store) -> T,
    old: &T,
    new: &T,
) -> Vec<u8> {
    let disk = Disk::holding(before.to_vec());
    let store = Store::on_backend(disk.clone(), PathBuf::from("disk")).unwrap();
    work(&store);
    let returned = disk.log().done.len();
    drop(store);
    let done = disk.log().done.clone();
    let mut random = fastrand::Rng::with_seed(7);
    // A file that is still being made has no name yet, so no start finds it.
    let first_cut = if before.is_empty() { returned } else { 0 };
    for cut in first_cut..=done.len() {
        let mut variants = vec![
            after_cut(before, &done, cut, || false),
            after_cut(before, &done, cut, || true),
        ];
        variants.extend((0..4).map(|_| after_cut(before, &done, cut, || random.bool())));
        for bytes in variants {
            let store = Store::on_backend(Disk::holding(bytes), PathBuf::from("disk"))
                .unwrap_or_else(|error| panic!("cut at {cut} of {}: {error}", done.len()));
            let found = find(&store);
            let is_right = found == *new || (cut < returned && found == *old);
            assert!(is_right, "cut at {cut}, returned at {returned}: {found:?}");
        }
    }
    let log = disk.log();
    log.live.clone()
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

#[test]
fn no_cut_loses_or_tears_an_enrolment() {
    let (first, second) = (enrolment("first"), enrolment("second"));
    let blank = check(&[], |_| {}, None, None);
    let enrolled = check(
        &blank,
        |store| store.keep_enrolment(&first).unwrap(),
        None,
        Some(&first),
    );
    let again = check(
        &enrolled,
        |store| store.keep_enrolment(&second).unwrap(),
        Some(&first),
        Some(&second),
    );
    check(
        &again,
        |store| store.forget_enrolment().unwrap(),
        Some(&second),
        None,
    );
}

#[test]
fn no_cut_tears_a_commit_of_the_spool() {
    let rows = |kept: &[(u64, u8, usize)]| {
        let row = |(seq, byte, len): &(u64, u8, usize)| {
            let key = Key { run: 1, seq: *seq };
            (key, Some(Row::from(vec![*byte; *len])))
        };
        kept.iter().map(row).collect::<Vec<(Key, Option<Row>)>>()
    };
    let find = |store: &Store| {
        let keys: Vec<Key> = (1..=4).map(|seq| Key { run: 1, seq }).collect();
        let mut found = store.read_spool(&keys).unwrap();
        found.retain(|(_, row)| row.is_some());
        (store.load_spool().unwrap().committed_at_ms, found)
    };
    let commit = |puts: &[(Key, Option<Row>)], deletes: &[u64], at_ms| Commit {
        puts: puts
            .iter()
            .map(|(key, row)| (*key, row.clone().unwrap()))
            .collect(),
        deletes: deletes
            .iter()
            .map(|seq| Key { run: 1, seq: *seq })
            .collect(),
        at_ms,
    };
    let nothing = (None, Vec::new());
    let first = rows(&[(1, 1, 9000), (2, 2, 100), (3, 3, 5000)]);
    let second = rows(&[(3, 7, 3000), (4, 4, 70_000)]);
    let blank = check(&[], |_| {}, None, None);
    let kept = check_found(
        &blank,
        |store| store.keep_spool(&commit(&first, &[], 5)).unwrap(),
        find,
        &nothing,
        &(Some(5), first.clone()),
    );
    check_found(
        &kept,
        |store| store.keep_spool(&commit(&second, &[1, 2], 6)).unwrap(),
        find,
        &(Some(5), first),
        &(Some(6), second.clone()),
    );
}

#[test]
fn rotten_bytes_are_an_error_or_change_nothing() {
    let kept = enrolment("kept");
    let good = check(
        &[],
        |store| store.keep_enrolment(&kept).unwrap(),
        None,
        Some(&kept),
    );
    let open = |bytes: Vec<u8>| Store::on_backend(Disk::holding(bytes), PathBuf::from("disk"));
    // All of the header, and samples of what is behind it.
    for at in (0..good.len()).filter(|&at| at < 320 || (good[at] != 0 && at % 101 == 0)) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x81;
        if let Ok(found) = open(bytes).and_then(|store| store.enrolment()) {
            assert_eq!(found.as_ref(), Some(&kept), "byte {at}");
        }
    }
    for len in (1..good.len()).step_by(997) {
        let error = open(good[..len].to_vec()).unwrap_err();
        assert!(
            matches!(error, StoreError::Damaged { .. }),
            "{len}: {error:?}"
        );
    }
}
