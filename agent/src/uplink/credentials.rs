//! Pure: which of its tokens the agent presents.

use pilotfish_protocol::{Refusal, Token};

/// The tokens at hand and whose turn it is.
#[derive(Debug)]
pub struct Credentials {
    permanent: Option<Token>,
    registration: Option<Token>,
    /// The registration token is presented although there is a permanent one, because that was rejected.
    is_re_registering: bool,
}

impl Credentials {
    /// Takes the tokens at hand; the permanent one goes first.
    #[must_use]
    pub fn new(permanent: Option<Token>, registration: Option<Token>) -> Self {
        Self {
            permanent,
            registration,
            is_re_registering: false,
        }
    }

    /// The token to present now; `None` when there is none at all.
    #[must_use]
    pub fn token(&self) -> Option<&Token> {
        match (&self.permanent, &self.registration) {
            (Some(_), Some(registration)) if self.is_re_registering => Some(registration),
            (Some(permanent), _) => Some(permanent),
            (None, registration) => registration.as_ref(),
        }
    }

    /// Takes note of a refusal. Returns `true` when another token is worth trying at once.
    ///
    /// With both tokens at hand their turns alternate, so that a server which lost its store and one which is only
    /// confused for a while both let the agent back in.
    pub fn refused(&mut self, refusal: Refusal) -> bool {
        let has_both = self.permanent.is_some() && self.registration.is_some();
        if !has_both || !(refusal.is_token_rejected() || self.is_re_registering) {
            return false;
        }
        self.is_re_registering = !self.is_re_registering;
        self.is_re_registering
    }

    /// Takes the permanent token of a successful registration.
    pub fn accepted(&mut self, permanent: Option<Token>) {
        if permanent.is_some() {
            self.permanent = permanent;
        }
        self.is_re_registering = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Option<Token> {
        Some(Token::new(text).unwrap())
    }

    #[track_caller]
    fn check(credentials: &Credentials, expected: Option<&str>) {
        assert_eq!(credentials.token().map(Token::expose), expected);
    }

    #[test]
    fn the_permanent_token_goes_before_the_registration_token() {
        check(&Credentials::new(token("perm"), token("reg")), Some("perm"));
        check(&Credentials::new(None, token("reg")), Some("reg"));
        check(&Credentials::new(None, None), None);
    }

    #[test]
    fn a_rejected_permanent_token_gives_way_to_a_fresh_registration_token() {
        let mut credentials = Credentials::new(token("perm"), token("reg"));
        assert!(credentials.refused(Refusal::TokenUnknown));
        check(&credentials, Some("reg"));
        credentials.accepted(token("perm-2"));
        check(&credentials, Some("perm-2"));
    }

    #[test]
    fn a_registration_token_that_is_refused_too_gives_the_turn_back() {
        let mut credentials = Credentials::new(token("perm"), token("reg"));
        credentials.refused(Refusal::TokenUnknown);
        assert!(!credentials.refused(Refusal::TokenUsedUp));
        check(&credentials, Some("perm"));
    }

    #[test]
    fn a_refusal_that_is_not_about_the_token_changes_nothing() {
        let mut credentials = Credentials::new(token("perm"), token("reg"));
        assert!(!credentials.refused(Refusal::TooLate));
        check(&credentials, Some("perm"));
        let mut alone = Credentials::new(token("perm"), None);
        assert!(!alone.refused(Refusal::TokenUnknown));
        check(&alone, Some("perm"));
    }
}
