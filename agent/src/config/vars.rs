//! Pure: what was given, before it is understood: the environment and the contents of secret files.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::table::Variable;

/// The most a secret file may hold, in bytes: a token with room for a line end, and for a mistake to be recognised.
pub const SECRET_FILE_LIMIT_BYTES: u64 = 4096;

/// The environment and the secret files that it names. `Debug` shows names only.
#[derive(Default)]
pub struct Vars {
    values: BTreeMap<String, Given>,
    named_files: BTreeMap<&'static str, SecretFile>,
    credentials: BTreeMap<&'static str, SecretFile>,
}

/// The value of a variable that is set and not empty.
pub(super) enum Given {
    Text(Zeroizing<String>),
    NotUnicode,
}

/// A file that was read because it should hold a secret.
pub struct SecretFile {
    /// Its path.
    pub path: PathBuf,
    /// What it holds, or why that is not known.
    pub content: Result<Zeroizing<Vec<u8>>, SecretFileFault>,
}

/// Why the content of a secret file is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretFileFault {
    /// It could not be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// It holds more than [`SECRET_FILE_LIMIT_BYTES`].
    #[error(
        "is larger than {SECRET_FILE_LIMIT_BYTES} bytes; it should hold the token and nothing else"
    )]
    TooLarge,
}

impl Vars {
    /// Takes the variable `name`; an empty value is the same as none.
    pub fn set(&mut self, name: impl Into<String>, value: OsString) {
        if value.is_empty() {
            return;
        }
        let given = match value.into_string() {
            Ok(text) => Given::Text(Zeroizing::new(text)),
            Err(_) => Given::NotUnicode,
        };
        self.values.insert(name.into(), given);
    }

    /// Takes the file that `NAME_FILE` names.
    pub fn set_named_file(&mut self, variable: &Variable, file: SecretFile) {
        self.named_files.insert(variable.name, file);
    }

    /// Takes the file for `variable` in the credentials directory.
    pub fn set_credential(&mut self, variable: &Variable, file: SecretFile) {
        self.credentials.insert(variable.name, file);
    }

    pub(super) fn value(&self, name: &str) -> Option<&Given> {
        self.values.get(name)
    }

    pub(super) fn named_file(&self, variable: &Variable) -> Option<&SecretFile> {
        self.named_files.get(variable.name)
    }

    pub(super) fn credential(&self, variable: &Variable) -> Option<&SecretFile> {
        self.credentials.get(variable.name)
    }
}

impl fmt::Debug for Vars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vars")
            .field("values", &self.values.keys())
            .field("named_files", &self.named_files.keys())
            .field("credentials", &self.credentials.keys())
            .finish()
    }
}

impl fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretFile({})", self.path.display())
    }
}
