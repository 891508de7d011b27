//! The change from HTTP to a WebSocket (RFC 6455 §4.2), and the task that then has the socket.

use std::future::Future;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::handshake::derive_accept_key;
use async_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use smol_hyper::rt::FuturesIo;

use crate::executor::Executor;
use crate::http::connection::Connection;
use crate::http::problem::Problem;
use crate::http::request::Request;
use crate::http::response::{self, Response};

/// A WebSocket whose other end asked for it; counts as one of the listener's connections.
pub type Socket = WebSocketStream<Connection>;

/// Answers a request for a WebSocket with 101 and starts a task that runs `talk` with the socket.
///
/// The task ends with `talk`; when the peer is gone before the socket exists, `talk` never runs.
/// Checks nothing of who asks: see [`Request::is_same_origin`].
///
/// # Errors
///
/// [`Problem::BadRequest`] when it is no such request; then nothing is started.
pub fn upgrade<T>(
    request: Request,
    config: WebSocketConfig,
    executor: &Executor,
    talk: impl FnOnce(Socket) -> T + Send + 'static,
) -> Result<Response, Problem>
where
    T: Future<Output = ()> + Send + 'static,
{
    upgrade_raw(request, executor, move |stream, read| async move {
        let socket =
            WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config)).await;
        talk(socket).await;
    })
}

/// As [`upgrade`], for one who makes the socket: `talk` gets the connection and what was read of it already.
///
/// # Errors
///
/// As [`upgrade`].
pub fn upgrade_raw<T>(
    mut request: Request,
    executor: &Executor,
    talk: impl FnOnce(Connection, Vec<u8>) -> T + Send + 'static,
) -> Result<Response, Problem>
where
    T: Future<Output = ()> + Send + 'static,
{
    let key = check(&request)?;
    let address = request.peer.address;
    let upgrading = hyper::upgrade::on(&mut request.inner);
    executor.spawn(async move {
        let upgraded = match upgrading.await {
            Ok(upgraded) => upgraded,
            Err(error) => {
                log::debug!("websocket from {address}: {error}");
                return;
            }
        };
        let Ok(parts) = upgraded.downcast::<FuturesIo<Connection>>() else {
            log::error!("websocket from {address}: the connection is of another type");
            return;
        };
        talk(parts.io.into_inner(), parts.read_buf.to_vec()).await;
    });
    let mut response = response::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, key);
    Ok(response)
}

/// Checks the handshake; gives the value of `Sec-WebSocket-Accept`.
fn check(request: &Request) -> Result<HeaderValue, Problem> {
    let wrong = |what: &str| Problem::BadRequest(format!("websocket: {what}"));
    // A `GET` route is asked with `HEAD`, too.
    if request.method() != Method::GET {
        return Err(wrong("the method is not GET"));
    }
    if !has_token(request, header::UPGRADE, "websocket") {
        return Err(wrong("no Upgrade: websocket"));
    }
    if !has_token(request, header::CONNECTION, "upgrade") {
        return Err(wrong("no Connection: Upgrade"));
    }
    if request.header(header::SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(wrong("Sec-WebSocket-Version is not 13"));
    }
    let key = request
        .header(header::SEC_WEBSOCKET_KEY)
        .filter(|key| key.len() == 24);
    let key = key.ok_or_else(|| wrong("no Sec-WebSocket-Key"))?;
    HeaderValue::try_from(derive_accept_key(key.as_bytes()))
        .map_err(|error| Problem::internal(&error))
}

/// Tells whether a header with a list of tokens holds this one, in whatever case.
fn has_token(request: &Request, name: HeaderName, token: &str) -> bool {
    let values = request.headers().get_all(name);
    let mut tokens = values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|v| v.split(','));
    tokens.any(|found| found.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests;
