//! Secrets: made of the system's randomness, wiped when dropped, never shown by `Debug`.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Letters and digits that nobody confuses on paper: no 0 O, 1 l I.
const CLEAR_LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A secret text: a password, a session's secret, a token.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

/// What is stored of a secret with 256 random bits: its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; 32]);

/// The system gives no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness(#[from] getrandom::Error);

impl Secret {
    /// Makes a secret of 256 random bits, 43 characters of `A-Za-z0-9-_`.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn generate() -> Result<Secret, NoRandomness> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut_slice())?;
        Ok(Secret::from(Base64UrlUnpadded::encode_string(
            bytes.as_slice(),
        )))
    }

    /// Makes a password of 120 random bits for people to type: six groups of four characters.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn generate_password() -> Result<Secret, NoRandomness> {
        let mut bytes = Zeroizing::new([0; 24]);
        getrandom::fill(bytes.as_mut_slice())?;
        let mut text = String::with_capacity(29);
        for (index, byte) in bytes.iter().enumerate() {
            if index > 0 && index % 4 == 0 {
                text.push('-');
            }
            text.push(char::from(CLEAR_LETTERS[usize::from(byte % 32)]));
        }
        Ok(Secret::from(text))
    }

    /// Gives the text, for the one who must see it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Gives what is stored of it.
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.0.as_bytes()).into())
    }

    /// Derives another secret that tells nothing of this one.
    pub fn derive(&self, purpose: &str) -> Secret {
        let digest = Sha256::new()
            .chain_update(purpose.as_bytes())
            .chain_update([0])
            .chain_update(self.0.as_bytes())
            .finalize();
        Secret::from(Base64UrlUnpadded::encode_string(&digest))
    }

    /// Compares with a text from outside, in a time that tells nothing of where they differ: what
    /// is compared are hashes, of which a guesser controls no byte.
    pub fn is(&self, text: &str) -> bool {
        self.hash() == SecretHash(Sha256::digest(text.as_bytes()).into())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(Zeroizing::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl SecretHash {
    /// Gives the bytes as they are stored.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_is_43_url_safe_characters_and_never_the_same() {
        let secret = Secret::generate().unwrap();
        assert_eq!(secret.expose().len(), 43);
        let is_url_safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(secret.expose().chars().all(is_url_safe));
        assert_ne!(secret.expose(), Secret::generate().unwrap().expose());
    }

    #[test]
    fn a_generated_password_has_24_unambiguous_characters() {
        let password = Secret::generate_password().unwrap();
        let letters: Vec<char> = password.expose().chars().filter(|c| *c != '-').collect();
        assert_eq!(letters.len(), 24);
        assert!(letters.iter().all(|c| !"0O1lIo".contains(*c)));
    }

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::from("hunter2".to_owned());
        assert_eq!(
            format!("{secret:?} {:?}", secret.hash()),
            "Secret(…) SecretHash(…)"
        );
    }

    #[test]
    fn compares_the_whole_text() {
        let secret = Secret::from("hunter2".to_owned());
        assert!(secret.is("hunter2"));
        for other in ["", "hunter", "hunter22", "Hunter2"] {
            assert!(!secret.is(other), "{other}");
        }
    }

    #[test]
    fn a_derived_secret_depends_on_both_purpose_and_secret() {
        let secret = Secret::from("a".to_owned());
        let derived = secret.derive("csrf");
        assert!(derived.is(secret.derive("csrf").expose()));
        assert!(!derived.is(secret.derive("other").expose()));
        assert!(!derived.is(Secret::from("b".to_owned()).derive("csrf").expose()));
    }

    #[test]
    fn the_hash_is_sha_256() {
        let hash = Secret::from("abc".to_owned()).hash();
        assert_eq!(hash.bytes()[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
