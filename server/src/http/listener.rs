//! Accepts connections, and serves each until it ends, is too slow, or the server stops.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use async_io::Timer;
use futures_lite::FutureExt as _;
use futures_rustls::TlsAcceptor;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use smol::net::{TcpListener, TcpStream};
use smol_hyper::rt::{FuturesIo, SmolTimer};

use crate::executor::Executor;
use crate::http::admission::Admission;
use crate::http::connection::{Connection, Stream};
use crate::http::problem::chain;
use crate::http::request::{Peer, Request};
use crate::http::response::{self, Response};
use crate::shutdown::Shutdown;

/// How long a request's head may take, counted from when the connection became ready for it: this
/// also ends a connection that is kept alive and idle.
pub const HEAD_DEADLINE: Duration = Duration::from_secs(10);

/// The longest request line with all headers.
pub const HEAD_BYTES: usize = 16 << 10;

/// How long a TLS handshake may take.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// How long to wait when the system cannot accept, e.g. for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// What answers requests.
pub type Answer =
    Arc<dyn Fn(Request) -> Pin<Box<dyn Future<Output = Response> + Send>> + Send + Sync>;

/// Everything a connection is served with.
#[derive(Clone)]
pub struct Service {
    /// Runs the connections.
    pub executor: Executor,
    /// Ends them.
    pub shutdown: Shutdown,
    /// Counts them.
    pub admission: Admission,
    /// Wraps them, when TLS is configured.
    pub tls: Option<TlsAcceptor>,
    /// Answers their requests.
    pub answer: Answer,
    /// Held by each connection while it is open.
    pub open: Sender<Infallible>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

/// Makes the count of open connections: what a [`Service`] holds, and what ends when all of those
/// are dropped.
pub fn open_connections() -> (Sender<Infallible>, Receiver<Infallible>) {
    async_channel::bounded(1)
}

/// Accepts connections until the server stops.
pub async fn accept(listener: TcpListener, service: Service) {
    let shutdown = service.shutdown.clone();
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((stream, address)) => admit(stream, address, &service),
                Err(error) => {
                    // Descriptors may be short; the loop must not spin, nor fill the log.
                    log::warn!("accept: {}", chain(&error));
                    Timer::after(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    accepting.or(shutdown.wait()).await;
}

fn admit(stream: TcpStream, address: SocketAddr, service: &Service) {
    match service.admission.admit(address.ip()) {
        Ok(permit) => {
            let connection = service.clone();
            service.executor.spawn(async move {
                if let Err(error) = connection.serve(stream, address, permit).await {
                    log::debug!("connection from {address}: {}", chain(&*error));
                }
            });
        }
        Err(full) => log::debug!("connection from {address} refused: {full}"),
    }
}

impl Service {
    async fn serve(
        self,
        stream: TcpStream,
        address: SocketAddr,
        permit: crate::http::admission::Permit,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        stream.set_nodelay(true)?;
        let stream = match &self.tls {
            None => Stream::Plain(stream),
            Some(tls) => {
                let late = async {
                    Timer::after(HANDSHAKE_DEADLINE).await;
                    Err(io::Error::from(io::ErrorKind::TimedOut))
                };
                Stream::Tls(Box::new(tls.accept(stream).or(late).await?))
            }
        };
        let peer = Peer {
            address,
            is_tls: self.tls.is_some(),
        };
        let io = FuturesIo::new(Connection::new(stream, permit));
        let answer = service_fn(|request| {
            let request = Request::new(request, peer);
            let answering = (self.answer)(request);
            async {
                let mut answered = answering.await;
                response::secure(&mut answered);
                Ok::<_, Infallible>(answered)
            }
        });
        let serving = http1::Builder::new()
            .timer(SmolTimer::new())
            .header_read_timeout(HEAD_DEADLINE)
            .max_header_size(HEAD_BYTES)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(io, answer)
            .with_upgrades();
        let mut serving = pin!(serving);
        let ended = async { Some(serving.as_mut().await) }
            .or(async {
                self.shutdown.wait().await;
                None
            })
            .await;
        match ended {
            Some(result) => result?,
            // Requests in hand are answered; the caller ends the process if they take too long.
            None => {
                serving.as_mut().graceful_shutdown();
                serving.await?;
            }
        }
        Ok(())
    }
}
