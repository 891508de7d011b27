//! Opens the store, and on the first start makes the user who may do everything.

use std::io::{self, Write as _};

use crate::auth::passwords::{self, HashError};
use crate::auth::secret::{NoRandomness, Secret};
use crate::clock;
use crate::config::{Config, PasswordFileError, read_password};
use crate::store::users::{self, UserRecord};
use crate::store::{self, Store, StoreError};

/// The store, ready to serve.
#[derive(Debug)]
pub struct Opened {
    /// The store; there is a user in it.
    pub store: Store,
    /// The new user's password, when it was generated; it is nowhere else.
    pub generated_password: Option<Secret>,
}

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
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Opens the store in the data directory; makes the first user when there is none.
///
/// # Errors
///
/// [`FirstStartError`]; when the password file is at fault, a missing store is not made.
pub fn open(config: &Config) -> Result<Opened, FirstStartError> {
    let mut from_file = None;
    if let Some(path) = &config.admin_password_file
        && !config.data.join(store::FILE_NAME).exists()
    {
        from_file = Some(read_password(path)?);
    }
    let store = Store::open(&config.data)?;
    if !users::is_empty(&store)? {
        return Ok(Opened {
            store,
            generated_password: None,
        });
    }
    if let (None, Some(path)) = (&from_file, &config.admin_password_file) {
        from_file = Some(read_password(path)?);
    }
    let (password, is_generated) = match from_file {
        Some(password) => (password, false),
        None => (Secret::generate_password()?, true),
    };
    let user = UserRecord {
        password_phc: passwords::hash(&password)?,
        created_unix_ms: clock::unix_ms(),
    };
    users::put(&store, &config.admin_name, &user)?;
    log::info!("made the user {:?}", config.admin_name);
    Ok(Opened {
        store,
        generated_password: is_generated.then_some(password),
    })
}

/// Prints the generated password on stdout, once.
///
/// # Errors
///
/// Standard output's.
pub fn print(name: &str, password: &Secret) -> io::Result<()> {
    let line = "-".repeat(64);
    let mut out = io::stdout().lock();
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
        let first = open(&config).unwrap();
        assert!(first.generated_password.is_some());
        assert!(users::find(&first.store, "admin").unwrap().is_some());
        drop(first);
        assert!(open(&config).unwrap().generated_password.is_none());
    }

    #[test]
    fn a_password_from_a_file_is_taken_once_and_not_printed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        fs::write(&file, "correct horse\n").unwrap();
        let config = config(directory.path(), Some(&file));
        assert!(open(&config).unwrap().generated_password.is_none());
        fs::remove_file(&file).unwrap();
        assert!(
            open(&config).is_ok(),
            "the file is needed on the first start only"
        );
    }

    #[test]
    fn a_bad_password_file_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        fs::write(&file, "short\n").unwrap();
        let config = config(directory.path(), Some(&file));
        assert!(matches!(open(&config), Err(FirstStartError::Password(_))));
        assert!(!config.data.exists());
    }
}
