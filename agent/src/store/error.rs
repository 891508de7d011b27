//! Pure: why the store cannot be used, in the operator's terms.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why the store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk or its permissions are in the way; the operator's to mend.
    #[error("cannot keep state in {}: {obstacle}", path.display())]
    Unusable {
        /// The store's file.
        path: PathBuf,
        /// What is in the way.
        obstacle: Obstacle,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the store open: two agents would speak with one identity.
    #[error("another pilotfish-agent uses {}", path.display())]
    Locked {
        /// The store's file.
        path: PathBuf,
    },
    /// The file is damaged or somebody else's. It is left as it is: it may hold the only token.
    #[error("cannot read {}: {detail}; move it away to enrol this host anew", path.display())]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A newer pilotfish-agent wrote the file.
    #[error("{} was written by a newer pilotfish-agent (schema {found}, this one knows {known})", path.display())]
    Newer {
        /// The store's file.
        path: PathBuf,
        /// The file's schema.
        found: u32,
        /// The newest schema this program knows.
        known: u32,
    },
}

/// What keeps the store from being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The user of this process may not write there.
    Permission,
    /// The file system is mounted read-only.
    ReadOnly,
    /// No space, or no quota, is left.
    Full,
    /// The path leads through something that is no directory.
    NoDirectory,
    /// Anything else: see the source.
    Failed,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Permission => "permission denied; make DATA_PATH writable for the agent's user",
            Self::ReadOnly => "the file system is read-only; put DATA_PATH on one that is not",
            Self::Full => "the disk is full",
            Self::NoDirectory => "the path does not lead through directories; check DATA_PATH",
            Self::Failed => "reading or writing failed",
        })
    }
}

impl StoreError {
    pub(super) fn unusable(path: &Path, source: io::Error) -> Self {
        let kind = source.kind();
        let obstacle = if kind == io::ErrorKind::PermissionDenied {
            Obstacle::Permission
        } else if kind == io::ErrorKind::ReadOnlyFilesystem {
            Obstacle::ReadOnly
        } else if matches!(
            kind,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        ) {
            Obstacle::Full
        } else if matches!(
            kind,
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists
        ) {
            Obstacle::NoDirectory
        } else {
            Obstacle::Failed
        };
        Self::Unusable {
            path: path.to_owned(),
            obstacle,
            source,
        }
    }

    pub(super) fn damaged(path: &Path, detail: &dyn fmt::Display) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            detail: detail.to_string(),
        }
    }

    /// Sorts what redb says. Errors of use (a table opened with another type, a transaction in progress) can only come from a
    /// file that somebody else shaped.
    pub(super) fn from_redb(path: &Path, error: redb::Error) -> Self {
        if matches!(
            error,
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch
        ) {
            return Self::Locked {
                path: path.to_owned(),
            };
        }
        if let redb::Error::PreviousIo = error {
            return Self::unusable(path, io::Error::other("an earlier write failed"));
        }
        let redb::Error::Io(source) = error else {
            return Self::damaged(path, &error);
        };
        // redb calls a file without its magic number invalid data, and one that ends too early an unexpected end.
        if matches!(
            source.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
        ) {
            return Self::damaged(path, &source);
        }
        Self::unusable(path, source)
    }
}
