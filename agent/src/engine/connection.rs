//! The shell of the Engine client: one HTTP/1.1 request on one connection, with a deadline and a cap.
//!
//! A connection per request costs under half a millisecond on a Unix socket (a debug build's `/_ping`, answer included) and nothing while
//! idle: no pool, no buffers kept, and an Engine that was restarted is simply the next connection.

use std::cell::{Cell, RefCell, RefMut};
use std::future::{self, Future};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use async_io::Timer;
use futures_lite::future::or;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, header};
use serde::de::DeserializeOwned;
use smol::net::unix::UnixStream;
use smol_hyper::rt::FuturesIo;

use super::endpoint::Endpoint;
use super::error::EngineError;
use super::listing::Additions;
use super::op::Op;
use super::version::{ApiVersion, EngineVersion};

/// Most bytes hyper buffers of one connection, and the largest head of an answer.
const BUFFER_BYTES: usize = 16 * 1024;
/// Most bytes read of an answer that reports an error.
const ERROR_BYTES: usize = 16 * 1024;

type Connection = http1::Connection<FuturesIo<UnixStream>, Empty<Bytes>>;

/// A handle to the Engine; clones share what was negotiated.
#[derive(Clone, Debug)]
pub struct Engine {
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Shared {
    endpoint: Endpoint,
    /// What was agreed on with the Engine that answered last; `None` before the first answer and after a connection failed.
    api: Cell<Option<ApiVersion>>,
    /// Told after each call whether the Engine was there; `None` when nobody follows.
    heard: RefCell<Option<async_channel::Sender<Heard>>>,
    /// What completes the container list.
    additions: RefCell<Additions>,
}

/// What a call taught about the Engine's being there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It answered.
    Answer,
    /// It could not be reached or did not answer.
    Nothing,
}

/// An answer's body, as much of it as the cap allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether the answer was longer.
    pub is_cut: bool,
}

/// An open answer whose body is read piece by piece.
pub(super) struct Answer {
    /// Drives the socket while the body is read; `None` once it has ended.
    connection: Option<Connection>,
    response: Response<Incoming>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.response.status())
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// The next piece of the body, at most [`BUFFER_BYTES`] long; `None` at its end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, hyper::Error> {
        loop {
            let body = self.response.body_mut();
            let frame = drive(&mut self.connection, body.frame()).await;
            match frame.transpose()?.map(hyper::body::Frame::into_data) {
                None => return Ok(None),
                Some(Ok(bytes)) => return Ok(Some(bytes)),
                // Trailers.
                Some(Err(_)) => {}
            }
        }
    }

    async fn read(&mut self, limit_bytes: usize) -> Result<Body, hyper::Error> {
        let mut body = Body::default();
        while let Some(piece) = self.next().await? {
            let room = limit_bytes - body.bytes.len();
            body.bytes
                .extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.len() > room {
                body.is_cut = true;
                break;
            }
        }
        Ok(body)
    }
}

/// Polls the connection beside `wanted`, which can only be ready when the connection has done its part.
async fn drive<F: Future>(connection: &mut Option<Connection>, wanted: F) -> F::Output {
    let turn = async {
        if let Some(running) = connection {
            // What went wrong reaches `wanted` as well.
            let _ended = running.await;
            *connection = None;
        }
        future::pending().await
    };
    // `turn` first: it is what makes `wanted` ready.
    or(turn, wanted).await
}

/// Gives up on `work` after `wait`.
pub(super) async fn within<T>(
    op: Op,
    wait: Duration,
    work: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    let give_up = async {
        Timer::after(wait).await;
        Err(EngineError::Timeout { op, waited: wait })
    };
    or(pin!(work), give_up).await
}

impl Engine {
    /// A handle to the Engine at `endpoint`. Nothing is sent before the first call.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            shared: Rc::new(Shared {
                endpoint,
                api: Cell::new(None),
                heard: RefCell::new(None),
                additions: RefCell::default(),
            }),
        }
    }

    /// Reads the Engine's version and agrees on the API version that calls use from now on.
    ///
    /// Calls do this by themselves when nothing is agreed on, which is so at first and after each failed connection.
    ///
    /// # Errors
    ///
    /// [`EngineError`], above all [`EngineError::Connect`] and [`EngineError::NoCommonVersion`].
    pub async fn negotiate(&self) -> Result<ApiVersion, EngineError> {
        let op = Op::ReadVersion;
        let engine: EngineVersion = parse(op, &self.call_unversioned(op, "/version").await?)?;
        let api = engine.negotiate()?;
        self.shared.api.set(Some(api));
        let name = if engine.is_podman() {
            "Podman"
        } else {
            "Docker"
        };
        let (version, endpoint) = (&engine.version, &self.shared.endpoint);
        log::debug!("{name} {version} at {endpoint}: API {api}");
        Ok(api)
    }

    /// Asks whether the Engine is there: `GET /_ping`.
    ///
    /// # Errors
    ///
    /// [`EngineError`] by what failed.
    pub async fn ping(&self) -> Result<(), EngineError> {
        self.call_unversioned(Op::Ping, "/_ping").await.map(drop)
    }

    /// From now on tells `heard` after each call whether the Engine was there. A full channel loses news: it only ever wakes somebody.
    pub(super) fn tell(&self, heard: async_channel::Sender<Heard>) {
        self.shared.heard.replace(Some(heard));
    }

    /// Where the Engine is.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    /// What completes the container list. Not to be held across an await.
    pub(super) fn additions(&self) -> RefMut<'_, Additions> {
        self.shared.additions.borrow_mut()
    }

    /// The API version agreed on, agreed on now if need be.
    pub(super) async fn api(&self) -> Result<ApiVersion, EngineError> {
        match self.shared.api.get() {
            Some(api) => Ok(api),
            None => self.negotiate().await,
        }
    }

    /// Makes one request and reads the answer as JSON.
    pub(super) async fn read_json<T: DeserializeOwned>(
        &self,
        op: Op,
        path: &str,
    ) -> Result<T, EngineError> {
        parse(op, &self.call(op, Method::GET, path, op.deadline()).await?)
    }

    /// Makes one request below `/vVERSION` and reads the whole answer; one that is cut is an error.
    pub(super) async fn call(
        &self,
        op: Op,
        method: Method,
        path: &str,
        deadline: Duration,
    ) -> Result<Vec<u8>, EngineError> {
        within(op, deadline, async {
            let mut answer = self.open(op, method, path).await?;
            self.read_whole(op, &mut answer).await
        })
        .await
        .inspect_err(|error| self.learn(Some(error)))
    }

    async fn call_unversioned(&self, op: Op, path: &str) -> Result<Vec<u8>, EngineError> {
        within(op, op.deadline(), async {
            let mut answer = self.exchange(op, Method::GET, path).await?;
            self.read_whole(op, &mut answer).await
        })
        .await
        .inspect_err(|error| self.learn(Some(error)))
    }

    async fn read_whole(&self, op: Op, answer: &mut Answer) -> Result<Vec<u8>, EngineError> {
        let limit_bytes = op.limit_bytes();
        let body = answer.read(limit_bytes).await;
        let body = body.map_err(|source| EngineError::Framing { op, source })?;
        self.learn(None);
        if body.is_cut {
            return Err(EngineError::TooLarge { op, limit_bytes });
        }
        Ok(body.bytes)
    }

    /// Makes one request below `/vVERSION` and returns the answer once its head is there; the caller sets the deadline and calls
    /// [`Engine::learn`] with an error.
    pub(super) async fn open(
        &self,
        op: Op,
        method: Method,
        path: &str,
    ) -> Result<Answer, EngineError> {
        let api = self.api().await?;
        let first = self
            .exchange(op, method.clone(), &format!("/v{api}{path}"))
            .await;
        // The Engine was exchanged for another one between two calls.
        if matches!(&first, Err(EngineError::Status { code: 400, message, .. }) if message.contains("client version"))
        {
            let api = self.negotiate().await?;
            return self.exchange(op, method, &format!("/v{api}{path}")).await;
        }
        first
    }

    /// Keeps what a call taught about the Engine: `None` is an answer.
    pub(super) fn learn(&self, failed: Option<&EngineError>) {
        let heard = match failed {
            Some(error) if error.is_unreachable() => {
                self.shared.api.set(None);
                Heard::Nothing
            }
            Some(_) | None => Heard::Answer,
        };
        if let Some(listener) = &*self.shared.heard.borrow() {
            // Full or closed: see `tell`.
            let _told = listener.try_send(heard);
        }
    }

    async fn exchange(&self, op: Op, method: Method, path: &str) -> Result<Answer, EngineError> {
        let framing = |source| EngineError::Framing { op, source };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "docker")
            .header(header::CONNECTION, "close")
            .body(Empty::new())
            .expect("the method is known and the path percent-encoded");
        let Endpoint::Unix(socket) = &self.shared.endpoint;
        let stream = UnixStream::connect(socket).await;
        let stream = stream.map_err(|source| EngineError::Connect {
            path: socket.clone(),
            source,
        })?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(BUFFER_BYTES)
            .handshake(FuturesIo::new(stream))
            .await
            .map_err(framing)?;
        let mut connection = Some(connection);
        let response = drive(&mut connection, sender.send_request(request))
            .await
            .map_err(framing)?;
        let status = response.status();
        let mut answer = Answer {
            connection,
            response,
        };
        // 304: the container is in the wished state already.
        if status.is_success() || status == hyper::StatusCode::NOT_MODIFIED {
            return Ok(answer);
        }
        let body = answer.read(ERROR_BYTES).await.map_err(framing)?;
        Err(EngineError::from_answer(op, status.as_u16(), &body.bytes))
    }
}

/// Reads `bytes` as the JSON that `op` answers.
pub(super) fn parse<T: DeserializeOwned>(op: Op, bytes: &[u8]) -> Result<T, EngineError> {
    serde_json::from_slice(bytes).map_err(|source| EngineError::Json { op, source })
}

#[cfg(test)]
mod tests;
