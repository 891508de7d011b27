//! Power cuts at every write of the disk: what was committed is there, what was not is not there by halves.

use std::io;
use std::sync::atomic::AtomicUsize;

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::*;
use crate::store::on_backend;

/// A disk that takes so many writes and no more.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    left: Arc<AtomicUsize>,
}

impl Disk {
    fn count(&self) -> io::Result<()> {
        let taken = self
            .left
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
        taken
            .map(|_| ())
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.count()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.count()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.count()?;
        self.file.write(offset, data)
    }
}

/// Minutes that were committed, and how many are told afterwards, when the disk ends after so many writes.
fn committed_and_found(writes: usize) -> (usize, usize) {
    let directory = TempDir::new().unwrap();
    drop(open(&directory));
    let left = Arc::new(AtomicUsize::new(usize::MAX));
    let disk = Arc::clone(&left);
    let on_file = move |file| {
        let left = Arc::clone(&disk);
        let file = FileBackend::new(file)?;
        on_backend(Disk { file, left }, 1 << 20)
    };
    let store = Store::open_on(directory.path(), &stored::LAYOUT, Box::new(on_file)).unwrap();
    let history = History::on(store, Retention::default()).unwrap();
    left.store(writes, Ordering::Relaxed);
    let mut committed = 0;
    for minute in 0..4_u64 {
        // A quarter of an hour apart, so that the last ones seal what was before.
        let now = BEGIN + HOUR_MS - 1_800_000 + minute * 900_000;
        record(&history, now, 1.0);
        if history.commit(now).is_err() {
            break;
        }
        committed += 1;
        if history.seal(now).is_err() {
            break;
        }
    }
    drop(history);
    let history = open(&directory);
    let asked = query(BEGIN, BEGIN + 2 * HOUR_MS, 2000);
    let found: Vec<usize> = [2000, 60, 1]
        .into_iter()
        .map(|points| {
            let asked = Query {
                points,
                ..asked.clone()
            };
            let answer = history.answer(&asked, BEGIN + 2 * HOUR_MS).unwrap();
            peaks(&answer).len()
        })
        .collect();
    assert!(found[0] > 0 || found[2] == 0, "{found:?}");
    (committed, found[0])
}

#[test]
fn a_power_cut_at_any_write_tears_nothing() {
    let mut writes = 0;
    loop {
        let (committed, found) = committed_and_found(writes);
        // The commit that failed may have reached the disk: as a whole.
        assert!(
            found == committed || found == committed + 1,
            "{committed} {found} after {writes}"
        );
        if committed == 4 {
            break;
        }
        writes += 1;
    }
    assert!(writes > 8, "{writes}");
}
