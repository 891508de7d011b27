//! What may be asked: the table of every route; docs/api.md describes them.
//!
//! [`dispatch`] finds the route and checks the session and CSRF before a handler runs.

pub mod audit;
pub mod call;
pub mod containers;
pub mod dispatch;
pub mod events;
pub mod failure;
pub mod health;
pub mod history;
pub mod hosts;
pub mod inspected;
pub mod live;
pub mod log_lines;
pub mod session;
pub mod tokens;

use std::future::Future;
use std::pin::Pin;

use hyper::Method;

use crate::agents::door;
use crate::api::call::Call;
use crate::http::problem::Problem;
use crate::http::response::Response;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everyone; the handler looks for itself.
    Open,
    /// Whoever is logged in; what changes something needs the CSRF token.
    Session,
    /// Whoever is logged in, from this server's page: `Origin` must be there and this server.
    Page,
}

/// Answers one call.
pub type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

/// What a route leads to.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Who may use it.
    pub access: Access,
    /// Who answers.
    pub handler: Handler,
}

/// Writes the table: `METHOD "pattern" Access handler` a line.
macro_rules! routes {
    ($($method:ident $pattern:literal $access:ident $handler:path;)*) => {
        [$((
            Method::$method,
            $pattern,
            Route { access: Access::$access, handler: |call| Box::pin($handler(call)) },
        )),*]
    };
}

/// Lists every route. A `GET` route also serves `HEAD`.
pub fn routes() -> impl IntoIterator<Item = (Method, &'static str, Route)> {
    routes! {
        GET    "/healthz"                          Open     health::show;
        POST   "/api/v1/session"                   Open     session::log_in;
        GET    "/api/v1/session"                   Session  session::show;
        DELETE "/api/v1/session"                   Session  session::log_out;
        GET    "/api/v1/registration-tokens"       Session  tokens::list;
        POST   "/api/v1/registration-tokens"       Session  tokens::create;
        DELETE "/api/v1/registration-tokens/{id}"  Session  tokens::revoke;
        GET    "/api/v1/audit"                     Session  audit::list;
        GET    "/api/v1/events"                    Session  events::list;
        GET    "/api/v1/live"                      Page     live::open;
        GET    "/api/v1/hosts"                     Session  hosts::list;
        GET    "/api/v1/hosts/{host}"              Session  hosts::show;
        DELETE "/api/v1/hosts/{host}"              Session  hosts::remove;
        GET    "/api/v1/hosts/{host}/history"                   Session  history::of_host;
        GET    "/api/v1/hosts/{host}/containers"                Session  containers::list;
        GET    "/api/v1/hosts/{host}/containers/{id}"           Session  containers::inspect;
        DELETE "/api/v1/hosts/{host}/containers/{id}"           Session  containers::remove;
        GET    "/api/v1/hosts/{host}/containers/{id}/logs"      Session  containers::logs;
        GET    "/api/v1/hosts/{host}/containers/{id}/history"   Session  history::of_container;
        POST   "/api/v1/hosts/{host}/containers/{id}/start"     Session  containers::start;
        POST   "/api/v1/hosts/{host}/containers/{id}/stop"      Session  containers::stop;
        POST   "/api/v1/hosts/{host}/containers/{id}/restart"   Session  containers::restart;
        POST   "/api/v1/hosts/{host}/containers/{id}/kill"      Session  containers::kill;
        POST   "/api/v1/hosts/{host}/containers/{id}/pause"     Session  containers::pause;
        POST   "/api/v1/hosts/{host}/containers/{id}/unpause"   Session  containers::unpause;
        POST   "/api/v1/hosts/{host}/containers/{id}/rename"    Session  containers::rename;
        GET    "/api/agent/ws"                     Open     door::knock;
    }
}

#[cfg(test)]
mod tests;
