//! The store's file: for its owner only, and never half made.
//!
//! redb cannot open a file whose making was cut short. So a new one is made beside its place and gets its name when it is complete
//! and on the disk; what a power cut leaves of an unfinished one is overwritten by the next start.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use crate::store::StoreError;

/// The store's file, open for reading and writing.
#[derive(Debug)]
pub(super) enum StoreFile {
    /// It was there.
    Found(File),
    /// It is being made: empty, locked, and to be given its name by [`publish`].
    New(File),
}

/// Opens the file at `path`, or begins a new one, with its directory if that is missing (modes 0600 and 0700).
pub(super) fn open(path: &Path) -> Result<StoreFile, StoreError> {
    let unusable = |source| StoreError::Create {
        path: path.to_owned(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory_of(path))
        .map_err(unusable)?;
    if let Some(file) = open_found(path).map_err(unusable)? {
        return Ok(StoreFile::Found(file));
    }
    let new_path = new_path(path);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&new_path)
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::InUse {
                path: path.to_owned(),
            });
        }
        // A file system without locks, where redb does without them too.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
        Err(TryLockError::Error(error)) => return Err(unusable(error)),
    }
    // Another server may have finished between the first look and the lock.
    if let Some(found) = open_found(path).map_err(unusable)? {
        fs::remove_file(&new_path).map_err(unusable)?;
        return Ok(StoreFile::Found(found));
    }
    file.set_len(0).map_err(unusable)?;
    Ok(StoreFile::New(file))
}

/// Gives every page of the file its place on the disk: redb leaves holes, and on a full disk a write into one fails.
pub(super) fn reserve(file: &File) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, file.metadata()?.len()) {
        // Some file systems cannot.
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The bytes that a file takes on the disk; its holes take none.
pub(super) fn disk_bytes(path: &Path) -> io::Result<u64> {
    // In units of 512 bytes (stat(2)).
    Ok(fs::metadata(path)?.blocks() * 512)
}

/// Gives the new file, which is complete and on the disk, its name. When this returns the name is on the disk too.
pub(super) fn publish(path: &Path) -> Result<(), StoreError> {
    let named = fs::rename(new_path(path), path);
    named
        .and_then(|()| File::open(directory_of(path))?.sync_all())
        .map_err(|source| StoreError::Create {
            path: path.to_owned(),
            source,
        })
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
    if metadata.permissions().mode() & 0o7777 != 0o600 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(Some(file))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

/// Where a new file is made.
pub(super) fn new_path(path: &Path) -> PathBuf {
    path.with_extension("redb.new")
}
