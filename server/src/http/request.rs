//! A request with its limits: who sent it, its head, and a body that is read under a cap.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_io::Timer;
use futures_lite::FutureExt as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderName};
use hyper::{HeaderMap, Method};
use serde::de::DeserializeOwned;

use crate::http::origin;
use crate::http::problem::Problem;

/// The longest body.
pub const BODY_BYTES: usize = 64 << 10;

/// Who is at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The address the connection comes from.
    pub address: SocketAddr,
    /// Whether the connection is TLS.
    pub is_tls: bool,
}

/// One request.
pub struct Request {
    /// Who sent it.
    pub peer: Peer,
    pub(super) inner: hyper::Request<Incoming>,
    body_deadline: Duration,
}

impl Request {
    /// Takes a request off a connection; its body must arrive within `body_deadline`.
    pub fn new(inner: hyper::Request<Incoming>, peer: Peer, body_deadline: Duration) -> Request {
        Request {
            peer,
            inner,
            body_deadline,
        }
    }

    /// Gives the method.
    pub fn method(&self) -> &Method {
        self.inner.method()
    }

    /// Gives the path, still percent-encoded.
    pub fn path(&self) -> &str {
        self.inner.uri().path()
    }

    /// Gives the query, still percent-encoded, without the question mark; empty when there is none.
    pub fn query(&self) -> &str {
        self.inner.uri().query().unwrap_or_default()
    }

    /// Gives all headers.
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// Gives the first header of this name, when it is plain text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// Gives the address the connection comes from.
    pub fn address(&self) -> IpAddr {
        self.peer.address.ip().to_canonical()
    }

    /// Tells whether the request's `Origin` is this server; `None` when it has none.
    pub fn is_same_origin(&self) -> Option<bool> {
        // One that cannot be read is still there, and foreign.
        self.headers().get(header::ORIGIN).map(|origin| {
            let origin = origin.to_str().unwrap_or_default();
            origin::is_same(origin, self.header(header::HOST).unwrap_or_default())
        })
    }

    /// Reads the whole body.
    ///
    /// # Errors
    ///
    /// [`Problem::TooLarge`] over [`BODY_BYTES`]; [`Problem::BadRequest`] when it breaks off or
    /// takes longer than its deadline.
    pub async fn body(self) -> Result<Bytes, Problem> {
        let deadline = self.body_deadline;
        let read = async {
            match Limited::new(self.inner.into_body(), BODY_BYTES)
                .collect()
                .await
            {
                Ok(body) => Ok(body.to_bytes()),
                Err(error) if error.is::<LengthLimitError>() => Err(Problem::TooLarge),
                Err(_) => Err(Problem::BadRequest("body: it broke off".to_owned())),
            }
        };
        let late = async {
            Timer::after(deadline).await;
            Err(Problem::BadRequest(format!(
                "body: not whole after {deadline:?}"
            )))
        };
        read.or(late).await
    }

    /// Reads the body as JSON; an empty body stands for `{}`.
    ///
    /// # Errors
    ///
    /// As [`Request::body`], and [`Problem::BadRequest`] when it is not such JSON.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Problem> {
        let body = self.body().await?;
        let body: &[u8] = if body.is_empty() { b"{}" } else { &body };
        // serde_json's message names the field and the place; it repeats short values of the
        // wrong type, never a text of the right one, so a password is not told back.
        serde_json::from_slice(body).map_err(|error| Problem::BadRequest(format!("body: {error}")))
    }
}

impl fmt::Debug for Request {
    /// Shows no header and no query: they may carry secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("peer", &self.peer)
            .field("method", self.method())
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}
