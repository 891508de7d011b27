//! The store's file: for its owner only, and never half made.
//!
//! redb cannot open a file whose making was cut short. So a new one is made beside its place, under [`NEW_SUFFIX`], and gets its
//! name when it is complete and on the disk; what a power cut leaves of an unfinished one is overwritten by the next start.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::StoreError;

pub(super) const DIRECTORY_MODE: u32 = 0o700;
pub(super) const FILE_MODE: u32 = 0o600;
const NEW_SUFFIX: &str = ".new";

/// The store's file, open for reading and writing.
#[derive(Debug)]
pub(super) enum StoreFile {
    /// It was there.
    Found(File),
    /// It is being made: empty, locked, and to be given its name by [`publish`].
    New(File),
}

/// Opens the file at `path`, or begins a new one, with its directory if that is missing.
pub(super) fn open(path: &Path) -> Result<StoreFile, StoreError> {
    let unusable = |source| StoreError::unusable(path, source);
    make_directory(directory_of(path)).map_err(unusable)?;
    if let Some(file) = open_found(path).map_err(unusable)? {
        return Ok(StoreFile::Found(file));
    }
    let new_path = new_path(path);
    let file = open_or_create(&new_path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::Locked {
                path: path.to_owned(),
            });
        }
        // A file system without locks, where redb does without them too.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
        Err(TryLockError::Error(error)) => return Err(unusable(error)),
    }
    // Another agent may have finished between the first look and the lock.
    if let Some(found) = open_found(path).map_err(unusable)? {
        fs::remove_file(&new_path).map_err(unusable)?;
        return Ok(StoreFile::Found(found));
    }
    file.set_len(0).map_err(unusable)?;
    Ok(StoreFile::New(file))
}

/// Gives every page of the file its place on the disk: redb leaves holes, and a disk that fills up would fail the first write
/// into one, which comes when a one-use token is spent already.
pub(super) fn reserve(file: &File) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, file.metadata()?.len()) {
        Ok(()) => Ok(()),
        // Some file systems cannot; there the durable write at the start is all the proof there is.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Gives the new file, which is complete and on the disk, its name. When this returns the name is on the disk too.
pub(super) fn publish(path: &Path) -> Result<(), StoreError> {
    fs::rename(new_path(path), path)
        .and_then(|()| sync_directory(directory_of(path)))
        .map_err(|source| StoreError::unusable(path, source))
}

/// Opens the file unless it is missing or empty, and takes it from other users.
fn open_found(path: &Path) -> io::Result<Option<File>> {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if metadata.len() == 0 {
        return Ok(None);
    }
    if metadata.permissions().mode() & 0o7777 != FILE_MODE {
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    }
    Ok(Some(file))
}

fn open_or_create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    Ok(file)
}

fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let made: Vec<&Path> = directory
        .ancestors()
        .take_while(|ancestor| !ancestor.exists())
        .collect();
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(directory)?;
    // Their names must survive a power cut too.
    made.into_iter()
        .map(directory_of)
        .try_for_each(sync_directory)
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

pub(super) fn new_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(NEW_SUFFIX);
    PathBuf::from(name)
}
