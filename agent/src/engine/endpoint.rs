//! Where the Engine listens: what `DOCKER_HOST` may say, and where to look when it says nothing.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use smol::net::unix::UnixStream;

/// Sockets that are tried in this order when nothing is configured.
pub const DEFAULT_SOCKETS: [&str; 3] = [
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/podman/podman.sock",
];

/// How long a socket may take to accept when looking for a live one.
const LOOK_WAIT: Duration = Duration::from_secs(2);

/// Where an Engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket, by its absolute path.
    Unix(PathBuf),
}

/// Why a `DOCKER_HOST` cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// TCP, TLS or SSH.
    #[error("TCP and TLS to the Engine come in a later version; use unix:///path/to/socket")]
    NotYet,
    /// A Windows pipe.
    #[error("named pipes are for Windows; use unix:///path/to/socket")]
    NamedPipe,
    /// A path that depends on where the agent was started.
    #[error("needs an absolute path, e.g. unix:///var/run/docker.sock")]
    NotAbsolute,
    /// Something else.
    #[error("needs the form unix:///path/to/socket")]
    UnknownForm,
}

impl Endpoint {
    /// Reads a `DOCKER_HOST`: `unix:///path` or a bare absolute path.
    ///
    /// # Errors
    ///
    /// [`EndpointError`], by what is wrong with the text; it never repeats the text.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let text = text.trim();
        let path = match text.split_once("://") {
            None if text.starts_with('/') => text,
            Some(("unix", path)) => path,
            Some(("tcp" | "http" | "https" | "ssh", _)) => return Err(EndpointError::NotYet),
            Some(("npipe", _)) => return Err(EndpointError::NamedPipe),
            None | Some(_) => return Err(EndpointError::UnknownForm),
        };
        if path.len() > 1 && path.starts_with('/') {
            Ok(Self::Unix(PathBuf::from(path)))
        } else {
            Err(EndpointError::NotAbsolute)
        }
    }

    /// Looks for an Engine: the first of [`DEFAULT_SOCKETS`] that accepts, else the first that exists, else the first.
    pub async fn find() -> Self {
        Self::find_among(&DEFAULT_SOCKETS.map(Path::new)).await
    }

    /// `paths` holds at least one.
    async fn find_among(paths: &[&Path]) -> Self {
        for path in paths {
            if accepts(path).await {
                return Self::Unix(path.to_path_buf());
            }
        }
        let existing = paths.iter().find(|path| path.exists());
        let path = existing.unwrap_or(&paths[0]);
        Self::Unix(path.to_path_buf())
    }
}

impl fmt::Display for Endpoint {
    /// The form that `DOCKER_HOST` takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

async fn accepts(path: &Path) -> bool {
    let connect = async { UnixStream::connect(path).await.is_ok() };
    let give_up = async {
        async_io::Timer::after(LOOK_WAIT).await;
        false
    };
    futures_lite::future::or(connect, give_up).await
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, EndpointError>) {
        let expected = expected.map(|path| Endpoint::Unix(PathBuf::from(path)));
        assert_eq!(Endpoint::parse(text), expected, "{text}");
    }

    #[test]
    fn a_unix_address_or_an_absolute_path_is_a_socket() {
        check("unix:///run/docker.sock", Ok("/run/docker.sock"));
        check(
            "/run/user/1000/docker.sock",
            Ok("/run/user/1000/docker.sock"),
        );
        check(" unix:///a b\n", Ok("/a b"));
    }

    #[test]
    fn what_is_not_supported_is_said_plainly() {
        for text in [
            "tcp://10.0.0.1:2376",
            "http://localhost:2375",
            "https://h",
            "ssh://me@host",
        ] {
            check(text, Err(EndpointError::NotYet));
        }
        check(
            "npipe:////./pipe/docker_engine",
            Err(EndpointError::NamedPipe),
        );
        check("unix://run/docker.sock", Err(EndpointError::NotAbsolute));
        check("unix:///", Err(EndpointError::NotAbsolute));
        check("unix://", Err(EndpointError::NotAbsolute));
        for text in ["", "docker.sock", "localhost:2375", "ftp://x", "UNIX:///x"] {
            check(text, Err(EndpointError::UnknownForm));
        }
    }

    #[test]
    fn the_address_is_shown_as_it_is_configured() {
        let shown = "unix:///run/docker.sock";
        assert_eq!(Endpoint::parse(shown).unwrap().to_string(), shown);
    }

    #[test]
    fn a_live_socket_is_preferred_to_a_dead_one_and_a_dead_one_to_none() {
        let dir = tempfile::tempdir().unwrap();
        let [none, dead, live] = ["none", "dead", "live"].map(|name| dir.path().join(name));
        drop(UnixListener::bind(&dead).unwrap());
        let _listener = UnixListener::bind(&live).unwrap();
        let find = |paths: &[&Path]| smol::block_on(Endpoint::find_among(paths));
        assert_eq!(find(&[&none, &dead, &live]), Endpoint::Unix(live));
        assert_eq!(find(&[&none, &dead]), Endpoint::Unix(dead));
        assert_eq!(find(&[&none]), Endpoint::Unix(none));
    }
}
