//! From a request to its handler: the route, the session, CSRF; then the page's files.

use std::sync::Arc;

use hyper::Method;
use hyper::header;
use hyper::header::HeaderName;

use crate::api::call::Call;
use crate::api::{self, Access, Route};
use crate::app::App;
use crate::auth::sessions::{self, Caller};
use crate::clock;
use crate::http::listener::Answer;
use crate::http::page;
use crate::http::problem::Problem;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::router::{Found, Params, RouteConflict, Router};

const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

/// Makes what answers every request.
///
/// # Errors
///
/// [`RouteConflict`] when the table contradicts itself.
pub fn answer(app: Arc<App>) -> Result<Answer, RouteConflict> {
    let router = Arc::new(Router::build(api::routes())?);
    Ok(Arc::new(move |request| {
        let (app, router) = (Arc::clone(&app), Arc::clone(&router));
        Box::pin(async move {
            let (method, path) = (request.method().clone(), request.path().to_owned());
            let (address, began) = (request.peer.address, clock::now());
            let response = match dispatch(app, &router, request).await {
                Ok(response) => response,
                Err(problem) => told(&method, &path, &problem),
            };
            let (status, took) = (response.status(), clock::now() - began);
            log::debug!(
                "{address} {method} {path} {} {} ms",
                status.as_u16(),
                took.as_millis()
            );
            response
        })
    }))
}

async fn dispatch(
    app: Arc<App>,
    router: &Router<Route>,
    request: Request,
) -> Result<Response, Problem> {
    match router.find(request.method(), request.path()) {
        Found::Route(route, params) if is_change(&request) => {
            change(app, *route, params, request).await
        }
        Found::Route(route, params) => call(app, *route, params, request).await,
        Found::OtherMethods(allow) => Err(Problem::MethodNotAllowed(allow)),
        Found::Nothing => page_file(&request),
    }
}

/// Has a change made in a task of its own: one who asks and goes away must not leave it half done or out of the audit.
async fn change(
    app: Arc<App>,
    route: Route,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    let (reply, answer) = async_channel::bounded(1);
    let executor = app.executor.clone();
    executor.spawn(async move {
        let answered = call(app, route, params, request).await;
        if reply.try_send(answered).is_err() {
            log::debug!("who asked for a change went away");
        }
    });
    let stopped = |_| Err(Problem::Internal("the server stops".to_owned()));
    answer.recv().await.unwrap_or_else(stopped)
}

async fn call(
    app: Arc<App>,
    route: Route,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    let caller = match route.access {
        Access::Open => {
            refuse_foreign_change(&request)?;
            None
        }
        Access::Session => {
            refuse_foreign_change(&request)?;
            let caller = caller(&app, &request).await?;
            if is_change(&request) {
                check_csrf(&caller, &request)?;
            }
            Some(caller)
        }
        Access::Page => {
            if request.is_same_origin() != Some(true) {
                return Err(Problem::Csrf);
            }
            Some(caller(&app, &request).await?)
        }
    };
    (route.handler)(Call {
        app,
        request,
        params,
        caller,
    })
    .await
}

/// Finds who asks by the cookie.
async fn caller(app: &App, request: &Request) -> Result<Caller, Problem> {
    // HTTP/1.1 allows one Cookie header (RFC 6265 §5.4); more are a fault of the sender.
    let secret = request
        .header(header::COOKIE)
        .and_then(sessions::read_cookie);
    let secret = secret.ok_or(Problem::Unauthenticated)?;
    sessions::find(app, &secret)
        .await?
        .ok_or(Problem::Unauthenticated)
}

fn is_change(request: &Request) -> bool {
    ![Method::GET, Method::HEAD].contains(request.method())
}

/// Refuses what another site's page makes a browser send; not a program, which sends no `Origin`.
fn refuse_foreign_change(request: &Request) -> Result<(), Problem> {
    if is_change(request) && request.is_same_origin() == Some(false) {
        return Err(Problem::Csrf);
    }
    Ok(())
}

fn check_csrf(caller: &Caller, request: &Request) -> Result<(), Problem> {
    let token = request.header(CSRF_TOKEN).ok_or(Problem::Csrf)?;
    if caller.csrf_token().is(token) {
        Ok(())
    } else {
        Err(Problem::Csrf)
    }
}

/// Answers with a file of the page; what is under `/api` is never one.
fn page_file(request: &Request) -> Result<Response, Problem> {
    let path = request.path();
    let file = page::find(path).filter(|_| path != "/api" && !path.starts_with("/api/"));
    let file = file.ok_or(Problem::NotFound("path"))?;
    if is_change(request) {
        return Err(Problem::MethodNotAllowed("GET, HEAD".to_owned()));
    }
    Ok(file.response(request.header(header::IF_NONE_MATCH)))
}

/// Makes a problem's answer, and logs what is the server's own fault.
fn told(method: &Method, path: &str, problem: &Problem) -> Response {
    if let Problem::Internal(cause) = problem {
        log::error!("{method} {path}: {cause}");
    }
    problem.response()
}
