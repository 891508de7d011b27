//! Logging in and out, and who is logged in.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::api::call::Call;
use crate::auth::secret::Secret;
use crate::auth::sessions::{self, Caller, SessionError};
use crate::clock;
use crate::http::problem::Problem;
use crate::http::response::{self, Response};
use crate::store::audit::Outcome;
use crate::store::users;

/// The longest user name that is looked for; the audit repeats it.
const NAME_BYTES: usize = 64;

#[derive(Deserialize)]
struct LogIn {
    username: String,
    password: String,
}

#[derive(Serialize)]
struct LoggedIn<'a> {
    user: User<'a>,
    csrf_token: &'a str,
}

#[derive(Serialize)]
struct User<'a> {
    name: &'a str,
}

/// `POST /api/v1/session`: begins a session for whoever shows the right password.
///
/// # Errors
///
/// [`Problem::Unauthenticated`] for a wrong name or password, alike; [`Problem::TooManyRequests`]
/// after too many of them.
pub async fn log_in(call: Call) -> Result<Response, Problem> {
    let (app, address) = (call.app.clone(), call.request.address());
    let (is_tls, mut doer) = (call.request.peer.is_tls, call.doer());
    let LogIn { username, password } = call.request.json().await?;
    let password = Secret::from(password);
    if username.len() > NAME_BYTES {
        return Err(Problem::Unauthenticated);
    }
    let attempt = app.limit_log_ins(|limiter| limiter.attempt(address, &username, clock::now()));
    if let Err(locked) = attempt {
        log::debug!(
            "log-in from {address} refused: locked for {:?}",
            locked.retry_after
        );
        return Err(Problem::TooManyRequests(locked.retry_after));
    }
    let name = username.clone();
    let user = app
        .with_store(move |store| users::find(store, &name))
        .await?;
    // What was typed into the wrong field may be a password: only known names are written down.
    doer.user = user.is_some().then(|| username.clone());
    let verified = app
        .passwords
        .verify(password, user.map(|user| user.password_phc))
        .await;
    let is_right = verified.map_err(|_busy| Problem::TooManyRequests(Duration::from_secs(2)))?;
    if !is_right {
        let why = if doer.user.is_some() {
            "wrong password"
        } else {
            "unknown user"
        };
        let why = Some(why.to_owned());
        doer.audit(&app, "session.log_in", None, Outcome::Denied, why)
            .await?;
        return Err(Problem::Unauthenticated);
    }
    app.limit_log_ins(|limiter| limiter.succeed(address, &username));
    let begun = sessions::begin(&app, &username)
        .await
        .map_err(|error| match error {
            SessionError::NoRandomness(error) => Problem::internal(&error),
            SessionError::Store(error) => Problem::internal(&error),
        })?;
    doer.audit(&app, "session.log_in", None, Outcome::Ok, None)
        .await?;
    let mut response = logged_in(&begun.caller)?;
    set_cookie(
        &mut response,
        sessions::cookie(&begun.secret, is_tls).expose(),
    )?;
    Ok(response)
}

/// `GET /api/v1/session`: tells who is logged in.
///
/// # Errors
///
/// [`Problem::Unauthenticated`].
pub async fn show(call: Call) -> Result<Response, Problem> {
    logged_in(call.caller()?)
}

/// `DELETE /api/v1/session`: ends the session.
///
/// # Errors
///
/// [`Problem::Unauthenticated`].
pub async fn log_out(call: Call) -> Result<Response, Problem> {
    let caller = call.caller()?;
    sessions::end(&call.app, caller.session).await?;
    call.doer()
        .audit(&call.app, "session.log_out", None, Outcome::Ok, None)
        .await?;
    let mut response = response::empty(StatusCode::NO_CONTENT);
    set_cookie(
        &mut response,
        &sessions::no_cookie(call.request.peer.is_tls),
    )?;
    Ok(response)
}

fn logged_in(caller: &Caller) -> Result<Response, Problem> {
    response::ok(&LoggedIn {
        user: User { name: &caller.user },
        csrf_token: caller.csrf_token().expose(),
    })
}

fn set_cookie(response: &mut Response, cookie: &str) -> Result<(), Problem> {
    let mut value = HeaderValue::try_from(cookie).map_err(|error| Problem::internal(&error))?;
    value.set_sensitive(true);
    response.headers_mut().insert(header::SET_COOKIE, value);
    Ok(())
}
