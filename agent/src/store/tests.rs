//! The store on real files; power cuts are in `power_cut`.

mod power_cut;
mod spool;

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use redb::backends::InMemoryBackend;

use super::file::{DIRECTORY_MODE, FILE_MODE, new_path};
use super::*;

#[test]
fn a_new_store_knows_nothing() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(
        Store::open(directory.path()).unwrap().enrolment().unwrap(),
        None
    );
}

#[test]
fn an_enrolment_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store.keep_enrolment(&enrolment("first")).unwrap();
    store.keep_enrolment(&enrolment("second")).unwrap();
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(store.enrolment().unwrap(), Some(enrolment("second")));
    store.forget_enrolment().unwrap();
    drop(store);
    assert_eq!(
        Store::open(directory.path()).unwrap().enrolment().unwrap(),
        None
    );
}

#[test]
fn missing_directories_are_made_for_the_owner_only() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("var/lib/pilotfish");
    let store = Store::open(&directory).unwrap();
    assert_eq!(mode(&directory), DIRECTORY_MODE);
    assert_eq!(mode(store.path()), FILE_MODE);
}

#[test]
fn a_file_that_others_may_read_is_closed_to_them() {
    let directory = tempfile::tempdir().unwrap();
    drop(Store::open(directory.path()).unwrap());
    let path = directory.path().join(FILE_NAME);
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    drop(Store::open(directory.path()).unwrap());
    assert_eq!(mode(&path), FILE_MODE);
}

#[test]
fn what_a_cut_left_of_an_unfinished_file_is_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    fs::write(new_path(&path), vec![7; 50_000]).unwrap();
    // An empty file holds nothing that could be lost.
    fs::write(&path, "").unwrap();
    let store = Store::open(directory.path()).unwrap();
    store.keep_enrolment(&enrolment("kept")).unwrap();
    drop(store);
    assert!(!new_path(&path).exists());
    assert_eq!(mode(&path), FILE_MODE);
    assert_eq!(
        Store::open(directory.path()).unwrap().enrolment().unwrap(),
        Some(enrolment("kept"))
    );
}

#[test]
fn two_agents_cannot_begin_one_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    let first = file::open(&path).unwrap();
    let error = check_refused(directory.path());
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    drop(first);
    drop(Store::open(directory.path()).unwrap());
}

#[test]
fn a_second_agent_on_one_store_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let _first = Store::open(directory.path()).unwrap();
    let error = check_refused(directory.path());
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
}

#[test]
fn a_path_through_a_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        check_obstacle(&path, Obstacle::NoDirectory);
    }
}

#[test]
fn a_full_disk_is_noticed_before_anything_else() {
    let error =
        Store::on_backend(FullDisk(InMemoryBackend::new()), PathBuf::from("disk")).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Unusable {
                obstacle: Obstacle::Full,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn the_room_for_an_enrolment_is_taken_when_the_store_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let before = fs::metadata(store.path()).unwrap();
    assert!(before.blocks() * 512 >= before.len(), "has holes");
    for round in 0..20 {
        let name = format!("{round}-{}", "x".repeat(40));
        store.keep_enrolment(&enrolment(&name)).unwrap();
    }
    assert_eq!(fs::metadata(store.path()).unwrap().len(), before.len());
}

#[test]
fn a_read_only_file_system_is_named() {
    // procfs takes no new files, whoever asks; as root it is the nearest thing to a read-only disk.
    let error = Store::open(Path::new("/proc/pilotfish")).unwrap_err();
    assert!(matches!(error, StoreError::Unusable { .. }), "{error:?}");
    let error = StoreError::unusable(Path::new("/x"), io::ErrorKind::ReadOnlyFilesystem.into());
    assert!(error.to_string().contains("read-only"), "{error}");
}

#[test]
fn a_directory_without_write_permission_is_named() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o500)).unwrap();
    if rustix::process::geteuid().is_root() {
        // Root may write anywhere; the kernel's answer is the same as a sealed file's.
        let error = StoreError::unusable(directory.path(), io::ErrorKind::PermissionDenied.into());
        assert!(error.to_string().contains("permission denied"), "{error}");
    } else {
        check_obstacle(directory.path(), Obstacle::Permission);
    }
}

#[test]
fn a_file_that_is_no_database_is_refused_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    for garbage in [
        b"not a database".to_vec(),
        vec![0; 8192],
        vec![0xff; 100_000],
    ] {
        fs::write(&path, &garbage).unwrap();
        let error = check_refused(directory.path());
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), garbage);
    }
}

#[test]
fn a_database_of_somebody_else_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let theirs: TableDefinition<'_, &str, u64> = TableDefinition::new("counters");
    change(directory.path(), |transaction| {
        transaction
            .open_table(theirs)
            .unwrap()
            .insert("n", 1)
            .unwrap();
    });
    let error = check_refused(directory.path());
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
}

#[test]
fn a_newer_schema_is_refused_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store.keep_enrolment(&enrolment("kept")).unwrap();
    drop(store);
    let set_version = |version: u32| {
        change(directory.path(), |transaction| {
            transaction
                .open_table(SCHEMA)
                .unwrap()
                .insert(SCHEMA_KEY, version)
                .unwrap();
        });
    };
    set_version(2);
    let error = check_refused(directory.path());
    assert!(
        matches!(
            error,
            StoreError::Newer {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{error:?}"
    );
    set_version(1);
    assert_eq!(
        Store::open(directory.path()).unwrap().enrolment().unwrap(),
        Some(enrolment("kept"))
    );
}

#[test]
fn an_enrolment_that_cannot_be_understood_is_an_error_without_its_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let record = br#"{"permanent_token":"s3cret"}"#;
    store
        .write(|transaction| {
            transaction
                .open_table(IDENTITY)?
                .insert(ENROLMENT_KEY, record.as_slice())?;
            Ok(())
        })
        .unwrap();
    let error = store.enrolment().unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

fn enrolment(name: &str) -> Enrolment {
    let stored = format!(
        r#"{{"agent_id":"agent-{name}","host_id":"host-{name}","engine_id":"ENGN:ABCD","permanent_token":"token-{name}"}}"#
    );
    Enrolment::decode(stored.as_bytes()).unwrap()
}

/// Changes the file in `directory` behind the store's back.
fn change(directory: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = Builder::new().create(directory.join(FILE_NAME)).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Opens the store, which must fail with an error that names the file.
#[track_caller]
fn check_refused(directory: &Path) -> StoreError {
    let error = Store::open(directory).unwrap_err();
    let path = directory.join(FILE_NAME).display().to_string();
    assert!(error.to_string().contains(&path), "{error}");
    error
}

#[track_caller]
fn check_obstacle(directory: &Path, expected: Obstacle) {
    let error = check_refused(directory);
    assert!(
        matches!(&error, StoreError::Unusable { obstacle, .. } if *obstacle == expected),
        "{error:?}"
    );
}

/// A disk that grows a file as long as it is told to, and has no room for what is written.
#[derive(Debug)]
struct FullDisk(InMemoryBackend);

impl StorageBackend for FullDisk {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, _offset: u64, _data: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }
}
