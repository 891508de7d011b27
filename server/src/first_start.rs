//! Opens the store, and on the first start makes the user who may do everything.

use std::io::{self, Write};

use crate::auth::passwords::{self, HashError};
use crate::auth::secret::{NoRandomness, Secret};
use crate::clock;
use crate::config::{Config, PasswordFileError, read_password};
use crate::store::users::{self, UserRecord};
use crate::store::{self, Store, StoreError};

/// Why there is no store with a user in it.
#[derive(Debug, thiserror::Error)]
pub enum FirstStartError {
    /// The password file gives no password.
    #[error(transparent)]
    Password(#[from] PasswordFileError),
    /// The password cannot be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The system gives no random numbers.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The generated password cannot be shown, so nobody could log in.
    #[error("cannot print the first user's password")]
    Print(#[source] io::Error),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Opens the store in the data directory; makes the first user when there is none.
///
/// A generated password is written to `out` before the user is made, and is nowhere else.
///
/// # Errors
///
/// [`FirstStartError`]; when the password file is at fault, a missing store is not made.
pub fn open(config: &Config, out: &mut impl Write) -> Result<Store, FirstStartError> {
    let is_new = !config.data.join(store::FILE_NAME).exists();
    let from_file = || {
        config
            .admin_password_file
            .as_deref()
            .map(read_password)
            .transpose()
    };
    let read = if is_new { from_file()? } else { None };
    let store = Store::open(&config.data)?;
    if !users::is_empty(&store)? {
        return Ok(store);
    }
    let read = if is_new { read } else { from_file()? };
    let password = match read {
        Some(password) => password,
        None => {
            let password = Secret::generate_password()?;
            print(out, &config.admin_name, &password).map_err(FirstStartError::Print)?;
            password
        }
    };
    let user = UserRecord {
        password_phc: passwords::hash(&password)?,
        created_unix_ms: clock::unix_ms(),
    };
    users::put(&store, &config.admin_name, &user)?;
    log::info!("made the user {:?}", config.admin_name);
    Ok(store)
}

fn print(out: &mut impl Write, name: &str, password: &Secret) -> io::Result<()> {
    let line = "-".repeat(64);
    writeln!(out, "{line}")?;
    writeln!(out, "first start: log in with this, it is shown only once")?;
    writeln!(out, "  user:     {name}")?;
    writeln!(out, "  password: {}", password.expose())?;
    writeln!(out, "{line}")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::args::ServeArgs;

    fn config(directory: &Path, password_file: Option<&Path>) -> Config {
        let args = ServeArgs {
            data: Some(directory.join("data")),
            ..ServeArgs::default()
        };
        let mut config = Config::read(&args, &BTreeMap::new()).unwrap();
        config.admin_password_file = password_file.map(Path::to_owned);
        config
    }

    #[test]
    fn a_password_is_generated_on_the_first_start_only() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path(), None);
        let mut out = Vec::new();
        let store = open(&config, &mut out).unwrap();
        assert!(users::find(&store, "admin").unwrap().is_some());
        let printed = String::from_utf8(out).unwrap();
        assert!(
            printed.contains("user:     admin\n  password: "),
            "{printed}"
        );
        drop(store);
        let mut again = Vec::new();
        open(&config, &mut again).unwrap();
        assert!(again.is_empty());
    }

    #[test]
    fn a_password_that_cannot_be_shown_makes_no_user() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path(), None);
        let opened = open(&config, &mut [0; 80].as_mut_slice());
        assert!(
            matches!(opened, Err(FirstStartError::Print(_))),
            "{opened:?}"
        );
        let mut out = Vec::new();
        open(&config, &mut out).unwrap();
        assert!(!out.is_empty());
    }

    #[test]
    fn a_password_from_a_file_is_taken_once_and_not_printed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        fs::write(&file, "correct horse\n").unwrap();
        let config = config(directory.path(), Some(&file));
        let mut out = Vec::new();
        open(&config, &mut out).unwrap();
        fs::remove_file(&file).unwrap();
        open(&config, &mut out).expect("the file is needed on the first start only");
        assert!(out.is_empty());
    }

    #[test]
    fn a_bad_password_file_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        fs::write(&file, "short\n").unwrap();
        let config = config(directory.path(), Some(&file));
        let opened = open(&config, &mut Vec::new());
        assert!(
            matches!(opened, Err(FirstStartError::Password(_))),
            "{opened:?}"
        );
        assert!(!config.data.exists());
    }
}
