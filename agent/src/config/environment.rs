//! Reads the environment and the secret files that it names, and understands neither.

use std::env;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::table::{VARIABLES, file_variable};
use super::vars::{SECRET_FILE_LIMIT_BYTES, SecretFile, SecretFileFault, Vars};

/// Where systemd puts the files of `LoadCredential=` (systemd.exec(5)).
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// Reads the variables of [`VARIABLES`] and, for secrets that no variable gives, their files. Blocks; a `NAME_FILE` of
/// `/dev/stdin` is read to its end.
pub fn read() -> Vars {
    let mut vars = Vars::default();
    let is_set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let credentials = is_set(CREDENTIALS_DIRECTORY).map(PathBuf::from);
    for variable in &VARIABLES {
        let value = is_set(variable.name);
        let has_value = value.is_some();
        vars.set(variable.name, value.unwrap_or_default());
        if !variable.is_secret {
            continue;
        }
        let file_variable = file_variable(variable.name);
        let path = is_set(&file_variable);
        match (has_value, path) {
            (true, path) => vars.set(file_variable, path.unwrap_or_default()),
            (false, Some(path)) => {
                vars.set_named_file(variable, read_secret(Path::new(&path)));
                vars.set(file_variable, path);
            }
            (false, None) => {
                let file = credentials
                    .as_deref()
                    .and_then(|directory| read_credential(directory, variable.name));
                if let Some(file) = file {
                    vars.set_credential(variable, file);
                }
            }
        }
    }
    vars
}

/// Reads the file named like the variable, in lower case or as it is; `None` when there is neither.
fn read_credential(directory: &Path, name: &str) -> Option<SecretFile> {
    [name.to_ascii_lowercase(), name.to_owned()]
        .into_iter()
        .map(|file| directory.join(file))
        .find(|path| path.exists())
        .map(|path| read_secret(&path))
}

fn read_secret(path: &Path) -> SecretFile {
    // As large as it can get, so that it never moves and leaves a copy behind.
    let limit = usize::try_from(SECRET_FILE_LIMIT_BYTES).expect("a few KiB");
    let mut content = Zeroizing::new(Vec::with_capacity(limit + 64));
    let mut read = || -> io::Result<usize> {
        File::open(path)?
            .take(SECRET_FILE_LIMIT_BYTES + 1)
            .read_to_end(&mut content)
    };
    let content = match read() {
        Ok(len) if len > limit => Err(SecretFileFault::TooLarge),
        Ok(_) => Ok(content),
        Err(error) => Err(SecretFileFault::Unreadable(error.to_string())),
    };
    SecretFile {
        path: path.to_owned(),
        content,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_secret_file_is_read_up_to_the_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let limit = usize::try_from(SECRET_FILE_LIMIT_BYTES).unwrap();
        for (len, is_taken) in [(0, true), (limit, true), (limit + 1, false)] {
            fs::write(&path, vec![b'x'; len]).unwrap();
            let content = read_secret(&path).content;
            let expected = if is_taken {
                Ok(len)
            } else {
                Err(SecretFileFault::TooLarge)
            };
            assert_eq!(content.map(|bytes| bytes.len()), expected);
        }
    }

    #[test]
    fn a_missing_secret_file_says_why() {
        let fault = read_secret(Path::new("/nonexistent/token"))
            .content
            .unwrap_err();
        assert!(fault.to_string().contains("No such file"), "{fault}");
    }

    #[test]
    fn an_endless_secret_file_is_not_read_to_its_end() {
        let content = read_secret(Path::new("/dev/zero")).content;
        assert_eq!(content.unwrap_err(), SecretFileFault::TooLarge);
    }

    #[test]
    fn a_credential_is_named_like_its_variable_in_either_case() {
        for name in ["registration_token", "REGISTRATION_TOKEN"] {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join(name), "abc").unwrap();
            let file = read_credential(directory.path(), "REGISTRATION_TOKEN").unwrap();
            assert_eq!(file.content.unwrap().as_slice(), b"abc");
            assert!(read_credential(directory.path(), "PERMANENT_TOKEN").is_none());
        }
    }
}
