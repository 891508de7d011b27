//! Registration tokens: made, listed and revoked by an operator.

use std::time::Duration;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use crate::api::call::Call;
use crate::auth::secret::Secret;
use crate::clock;
use crate::http::problem::Problem;
use crate::http::response::{self, Response};
use crate::store::audit::Outcome;
use crate::store::registration_tokens::{self, TokenRecord};

/// How long a token lets agents in.
pub const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// How many characters of random text name a token: 72 bits.
const ID_CHARS: usize = 12;

#[derive(Deserialize)]
struct Create {
    #[serde(default)]
    multi_use: bool,
}

#[derive(Serialize)]
struct Tokens {
    tokens: Vec<Token>,
}

#[derive(Serialize)]
struct Token {
    id: String,
    created_unix_ms: u64,
    expires_unix_ms: u64,
    multi_use: bool,
    uses: u32,
    created_by: String,
}

#[derive(Serialize)]
struct Created<'a> {
    #[serde(flatten)]
    description: Token,
    token: &'a str,
}

impl From<TokenRecord> for Token {
    fn from(record: TokenRecord) -> Token {
        let TokenRecord {
            id,
            created_unix_ms,
            expires_unix_ms,
            multi_use,
            uses,
            created_by,
        } = record;
        Token {
            id,
            created_unix_ms,
            expires_unix_ms,
            multi_use,
            uses,
            created_by,
        }
    }
}

/// `GET /api/v1/registration-tokens`: lists those that have not ended, newest first.
///
/// # Errors
///
/// The store's, as [`Problem::Internal`].
pub async fn list(call: Call) -> Result<Response, Problem> {
    let now = clock::unix_ms();
    let tokens = call
        .app
        .with_store(move |store| registration_tokens::list(store, now))
        .await?;
    response::ok(&Tokens {
        tokens: tokens.into_iter().map(Token::from).collect(),
    })
}

/// `POST /api/v1/registration-tokens`: makes one, and shows it this once.
///
/// # Errors
///
/// [`Problem::BadRequest`] for a body that is not as described.
pub async fn create(call: Call) -> Result<Response, Problem> {
    let (app, doer) = (call.app.clone(), call.doer());
    let created_by = call.caller()?.user.clone();
    let Create { multi_use } = call.request.json().await?;
    let token = Secret::generate().map_err(|error| Problem::internal(&error))?;
    let name = Secret::generate().map_err(|error| Problem::internal(&error))?;
    let created_unix_ms = clock::unix_ms();
    let record = TokenRecord {
        id: name.expose().chars().take(ID_CHARS).collect(),
        created_unix_ms,
        expires_unix_ms: created_unix_ms.saturating_add(clock::millis(LIFETIME)),
        multi_use,
        uses: 0,
        created_by,
    };
    let (hash, stored) = (token.hash(), record.clone());
    app.with_store(move |store| registration_tokens::put(store, &hash, &stored))
        .await?;
    let target = Some(record.id.clone());
    doer.audit(&app, "registration_token.create", target, Outcome::Ok, None)
        .await?;
    let created = Created {
        description: record.into(),
        token: token.expose(),
    };
    response::json(StatusCode::CREATED, &created)
}

/// `DELETE /api/v1/registration-tokens/{id}`: revokes one.
///
/// # Errors
///
/// [`Problem::NotFound`] when there is no such token.
pub async fn revoke(call: Call) -> Result<Response, Problem> {
    let id = call.param("id")?;
    let target = id.clone();
    let is_found = call
        .app
        .with_store(move |store| registration_tokens::revoke(store, &id))
        .await?;
    if !is_found {
        return Err(Problem::NotFound("registration token"));
    }
    let action = "registration_token.revoke";
    call.doer()
        .audit(&call.app, action, Some(target), Outcome::Ok, None)
        .await?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}
