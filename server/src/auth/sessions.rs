//! Sessions: a cookie with a random secret, of which the server keeps only the hash.
//!
//! The CSRF token is derived from the secret, so that it lasts as long and needs no room.

use std::time::Duration;

use crate::app::App;
use crate::auth::secret::{NoRandomness, Secret, SecretHash};
use crate::clock;
use crate::store::StoreError;
use crate::store::sessions::{self, SessionRecord};

/// The cookie's name.
pub const COOKIE: &str = "pilotfish_session";

/// How long a session lasts.
pub const LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// Who asks, as a session says.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user's name.
    pub user: String,
    /// Stands for the session; ask [`is_live`] with it.
    pub session: SecretHash,
    /// When the session ends by itself.
    pub expires_unix_ms: u64,
    csrf_token: Secret,
}

/// A session that has just begun.
#[derive(Debug)]
pub struct Begun {
    /// Who it is.
    pub caller: Caller,
    /// What the cookie carries.
    pub secret: Secret,
}

/// Why no session can begin or be found.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The system gives no random numbers.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Caller {
    /// Gives the token that requests which change something must carry.
    pub fn csrf_token(&self) -> &Secret {
        &self.csrf_token
    }

    fn new(secret: &Secret, session: SessionRecord) -> Caller {
        Caller {
            user: session.user,
            session: secret.hash(),
            expires_unix_ms: session.expires_unix_ms,
            csrf_token: secret.derive("pilotfish csrf"),
        }
    }
}

/// Begins a session for a user who has shown the password.
///
/// # Errors
///
/// [`SessionError`].
pub async fn begin(app: &App, user: &str) -> Result<Begun, SessionError> {
    let secret = Secret::generate()?;
    let created_unix_ms = clock::unix_ms();
    let session = SessionRecord {
        user: user.to_owned(),
        created_unix_ms,
        expires_unix_ms: created_unix_ms.saturating_add(clock::millis(LIFETIME)),
    };
    let caller = Caller::new(&secret, session.clone());
    let hash = secret.hash();
    app.with_store(move |store| sessions::put(store, &hash, &session))
        .await?;
    Ok(Begun { caller, secret })
}

/// Finds who a cookie's secret stands for; `None` when the session ended or never was.
///
/// # Errors
///
/// The store's.
pub async fn find(app: &App, secret: &Secret) -> Result<Option<Caller>, StoreError> {
    let (hash, now) = (secret.hash(), clock::unix_ms());
    let found = app
        .with_store(move |store| sessions::find(store, &hash, now))
        .await?;
    Ok(found.map(|session| Caller::new(secret, session)))
}

/// Tells whether a session has not ended, for those who keep a connection open on its behalf.
///
/// # Errors
///
/// The store's.
pub async fn is_live(app: &App, session: SecretHash) -> Result<bool, StoreError> {
    let now = clock::unix_ms();
    let found = app
        .with_store(move |store| sessions::find(store, &session, now))
        .await?;
    Ok(found.is_some())
}

/// Ends a session at once.
///
/// # Errors
///
/// The store's.
pub async fn end(app: &App, session: SecretHash) -> Result<(), StoreError> {
    app.with_store(move |store| sessions::remove(store, &session))
        .await
}

/// Writes the `Set-Cookie` of a session (RFC 6265).
pub fn cookie(secret: &Secret, is_tls: bool) -> Secret {
    let (value, age) = (secret.expose(), LIFETIME.as_secs());
    Secret::from(set_cookie(value, age, is_tls))
}

/// Writes the `Set-Cookie` that makes a browser forget the session.
pub fn no_cookie(is_tls: bool) -> String {
    set_cookie("", 0, is_tls)
}

fn set_cookie(value: &str, age_seconds: u64, is_tls: bool) -> String {
    let secure = if is_tls { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age_seconds}{secure}")
}

/// Finds the session's secret in a `Cookie` header.
pub fn read_cookie(header: &str) -> Option<Secret> {
    let mut pairs = header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == COOKIE)?;
    Some(Secret::from(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(header: &str, secret: Option<&str>) {
        let read = read_cookie(header);
        assert_eq!(read.as_ref().map(Secret::expose), secret);
    }

    #[test]
    fn finds_its_cookie_among_others() {
        check("pilotfish_session=abc", Some("abc"));
        check("a=b; pilotfish_session=abc; c=d", Some("abc"));
        check("a=b;pilotfish_session=abc", Some("abc"));
        check("pilotfish_session=", Some(""));
        check("xpilotfish_session=abc", None);
        check("pilotfish_session", None);
        check("", None);
    }

    #[test]
    fn a_cookie_is_for_this_server_alone_and_not_for_scripts() {
        let secret = Secret::from("abc".to_owned());
        assert_eq!(
            cookie(&secret, false).expose(),
            "pilotfish_session=abc; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200"
        );
        assert!(cookie(&secret, true).expose().ends_with("; Secure"));
        assert!(no_cookie(false).contains("=; Path=/") && no_cookie(false).contains("Max-Age=0"));
    }

    proptest! {
        #[test]
        fn finds_its_cookie_behind_any_other(other in "[^;]*", value in "[^;\\s]*") {
            prop_assume!(!other.trim().starts_with(COOKIE));
            check(&format!("{other}; {COOKIE}={value}"), Some(&value));
        }
    }
}
