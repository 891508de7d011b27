//! Passwords: hashed with Argon2id on the pool for blocking work, few at a time.

use std::fmt;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use smol::lock::Semaphore;

use crate::auth::secret::Secret;

/// How many are hashed at once; each takes 19 MiB.
const AT_ONCE: usize = 2;

/// How many more wait for their turn; the next is refused.
const WAITING: usize = 16;

/// The shortest password that is taken, in characters.
pub const SHORTEST: usize = 8;

/// A hash of no password in use, verified for unknown names so that they take as long as known
/// ones; of the parameters that [`hash`] uses.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5LW5vYm9keQ$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Verifies passwords.
pub struct Passwords {
    turns: Semaphore,
    places: Semaphore,
}

/// A password cannot be hashed.
#[derive(Debug, thiserror::Error)]
#[error("cannot hash a password")]
pub struct HashError(#[source] argon2::password_hash::Error);

/// Too many passwords wait to be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

impl Default for Passwords {
    fn default() -> Passwords {
        Passwords {
            turns: Semaphore::new(AT_ONCE),
            places: Semaphore::new(AT_ONCE + WAITING),
        }
    }
}

impl Passwords {
    /// Tells whether `password` is the one hashed in `phc`; `None` stands for a user who does not
    /// exist, takes as long, and is never right.
    ///
    /// # Errors
    ///
    /// [`Busy`] when too many are being verified.
    pub async fn verify(&self, password: Secret, phc: Option<String>) -> Result<bool, Busy> {
        let _place = self.places.try_acquire().ok_or(Busy)?;
        let _turn = self.turns.acquire().await;
        Ok(blocking::unblock(move || is_right(&password, phc.as_deref())).await)
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

/// Hashes a password with a random salt; gives a PHC string. Takes tens of milliseconds.
///
/// # Errors
///
/// [`HashError`] when the system gives no randomness or the password is longer than 4 GiB.
pub fn hash(password: &Secret) -> Result<String, HashError> {
    let hash: PasswordHash = Argon2::default()
        .hash_password(password.expose().as_bytes())
        .map_err(HashError)?;
    Ok(hash.to_string())
}

fn is_right(password: &Secret, phc: Option<&str>) -> bool {
    let text = phc.unwrap_or(NOBODY);
    let Ok(hash) = PasswordHash::new(text) else {
        return false;
    };
    let verified = Argon2::default().verify_password(password.expose().as_bytes(), &hash);
    verified.is_ok() && phc.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::from(text.to_owned())
    }

    fn verify(password: &str, phc: Option<&str>) -> Result<bool, Busy> {
        let passwords = Passwords::default();
        smol::block_on(passwords.verify(secret(password), phc.map(str::to_owned)))
    }

    #[test]
    fn only_the_hashed_password_is_right() {
        let phc = hash(&secret("correct horse")).unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert_eq!(verify("correct horse", Some(&phc)), Ok(true));
        assert_eq!(verify("correct hors", Some(&phc)), Ok(false));
        assert_eq!(verify("", Some(&phc)), Ok(false));
    }

    #[test]
    fn an_unknown_user_costs_a_real_verification_and_is_never_right() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let real = PasswordHash::new(&hash(&secret("x")).unwrap())
            .unwrap()
            .params
            .to_string();
        assert_eq!(nobody.params.to_string(), real);
        assert_eq!(verify("anything", None), Ok(false));
    }

    #[test]
    fn a_damaged_hash_is_never_right() {
        assert_eq!(verify("x", Some("")), Ok(false));
        assert_eq!(verify("x", Some("$argon2id$")), Ok(false));
    }

    #[test]
    fn one_more_than_may_wait_is_refused() {
        let passwords = Passwords::default();
        let places: Vec<_> = (0..AT_ONCE + WAITING)
            .map(|_| passwords.places.try_acquire().unwrap())
            .collect();
        let refused = smol::block_on(passwords.verify(secret("x"), None));
        assert_eq!(refused, Err(Busy));
        drop(places);
        assert_eq!(
            smol::block_on(passwords.verify(secret("x"), None)),
            Ok(false)
        );
    }
}
