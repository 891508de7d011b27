//! One call of the API as a handler sees it: the request, its parameters, and who asks.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use crate::app::App;
use crate::auth::sessions::Caller;
use crate::clock;
use crate::http::problem::Problem;
use crate::http::request::Request;
use crate::http::router::Params;
use crate::store::StoreError;
use crate::store::audit::{self, AuditRecord, Outcome};

/// One call.
#[derive(Debug)]
pub struct Call {
    /// The server's parts.
    pub app: Arc<App>,
    /// The request.
    pub request: Request,
    /// The path's parameters.
    pub params: Params,
    /// Who asks; set on every route but the open ones.
    pub caller: Option<Caller>,
}

/// Who does something and from where, for the audit, also after the request is used up.
#[derive(Debug, Clone)]
pub struct Doer {
    /// The user, as far as one is known.
    pub user: Option<String>,
    /// Where the request came from.
    pub address: String,
}

impl Call {
    /// Gives who asks.
    ///
    /// # Errors
    ///
    /// [`Problem::Unauthenticated`] on an open route.
    pub fn caller(&self) -> Result<&Caller, Problem> {
        self.caller.as_ref().ok_or(Problem::Unauthenticated)
    }

    /// Gives a parameter of the path, decoded.
    ///
    /// # Errors
    ///
    /// [`Problem::BadRequest`] when it is not well encoded, or not in the route's pattern.
    pub fn param(&self, name: &str) -> Result<String, Problem> {
        let found = self.params.find(name).and_then(percent_decoded);
        found.ok_or_else(|| Problem::BadRequest(format!("path: {name}")))
    }

    /// Gives a parameter of the query as `T`; `None` when it is missing.
    ///
    /// # Errors
    ///
    /// [`Problem::BadRequest`] names a parameter that is no `T`.
    pub fn query<T>(&self, name: &str) -> Result<Option<T>, Problem>
    where
        T: FromStr<Err: Display>,
    {
        find_in_query(self.request.query(), name)
    }

    /// Tells who does something, for the audit.
    pub fn doer(&self) -> Doer {
        Doer {
            user: self.caller.as_ref().map(|caller| caller.user.clone()),
            address: self.request.address().to_string(),
        }
    }
}

impl Doer {
    /// Writes an entry into the audit.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn audit(
        self,
        app: &App,
        action: &'static str,
        target: Option<String>,
        outcome: Outcome,
        detail: Option<String>,
    ) -> Result<(), StoreError> {
        let record = AuditRecord {
            at_unix_ms: clock::unix_ms(),
            user: self.user,
            action: action.to_owned(),
            target,
            outcome,
            detail,
            address: self.address,
        };
        app.with_store(move |store| audit::append(store, &record))
            .await?;
        Ok(())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        Problem::internal(&error)
    }
}

fn find_in_query<T>(query: &str, name: &str) -> Result<Option<T>, Problem>
where
    T: FromStr<Err: Display>,
{
    let mut pairs = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let Some((_, value)) = pairs.find(|(found, _)| *found == name) else {
        return Ok(None);
    };
    let wrong = |why: String| Problem::BadRequest(format!("query: {name}: {why}"));
    let value = percent_decoded(value).ok_or_else(|| wrong("not well encoded".to_owned()))?;
    value
        .parse()
        .map(Some)
        .map_err(|error: T::Err| wrong(error.to_string()))
}

/// Decodes `%41` to `A`; `None` when that is not well formed or no UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = tail;
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2)?;
        let digit = |byte: u8| {
            char::from(byte)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        bytes.push(digit(digits[0])? << 4 | digit(digits[1])?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_decoded(text: &str, decoded: Option<&str>) {
        assert_eq!(percent_decoded(text).as_deref(), decoded, "{text}");
    }

    #[test]
    fn decodes_percent_escapes_and_refuses_broken_ones() {
        check_decoded("", Some(""));
        check_decoded("a-b_c.d~e+f", Some("a-b_c.d~e+f"));
        check_decoded("a%2Fb%2fc", Some("a/b/c"));
        check_decoded("%C3%A4", Some("ä"));
        for broken in ["%", "%4", "a%", "%g1", "%+1", "%ff", "%C3"] {
            check_decoded(broken, None);
        }
    }

    #[track_caller]
    fn check_query(query: &str, found: Result<Option<u32>, &str>) {
        let expected = found.map_err(|text| Problem::BadRequest(text.to_owned()));
        assert_eq!(find_in_query(query, "limit"), expected, "{query}");
    }

    #[test]
    fn finds_a_number_in_the_query() {
        check_query("", Ok(None));
        check_query("before=3", Ok(None));
        check_query("limit=7", Ok(Some(7)));
        check_query("before=3&limit=%37", Ok(Some(7)));
        check_query("xlimit=3", Ok(None));
    }

    #[test]
    fn names_the_parameter_that_is_no_number() {
        check_query(
            "limit=x",
            Err("query: limit: invalid digit found in string"),
        );
        check_query(
            "limit",
            Err("query: limit: cannot parse integer from empty string"),
        );
        check_query(
            "limit=-1",
            Err("query: limit: invalid digit found in string"),
        );
        check_query("limit=%", Err("query: limit: not well encoded"));
    }

    proptest! {
        #[test]
        fn every_text_survives_its_encoding(text: String) {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(percent_decoded(&encoded), Some(text));
        }

        #[test]
        fn any_query_is_read_or_refused(query: String) {
            let found: Result<Option<String>, Problem> = find_in_query(&query, "a");
            prop_assert!(found.is_ok() || query.contains('%'));
        }
    }
}
