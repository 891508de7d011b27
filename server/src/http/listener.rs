//! Accepts connections, and serves each until it ends, is too slow, or the server stops.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use async_channel::{Receiver, Sender};
use async_io::Timer;
use futures_lite::FutureExt as _;
use futures_rustls::TlsAcceptor;
use futures_rustls::server::TlsStream;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use smol::net::{TcpListener, TcpStream};
use smol_hyper::rt::{FuturesIo, SmolTimer};

use crate::chain::chain;
use crate::executor::Executor;
use crate::http::admission::{Admission, Permit};
use crate::http::connection::{Connection, Counted, Stream};
use crate::http::request::{Peer, Request};
use crate::http::response::{self, Response};
use crate::shutdown::Shutdown;

/// The longest request line with all headers.
pub const HEAD_BYTES: usize = 16 << 10;

/// How long to wait when the system cannot accept, e.g. for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// How long a peer may take for what it has to do.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// The TLS handshake.
    pub handshake: Duration,
    /// A request's head, counted from when the connection became ready for it: this also ends a
    /// connection that is kept alive and idle.
    pub head: Duration,
    /// A request's body.
    pub body: Duration,
    /// Taking nothing of what is written to it.
    pub write: Duration,
}

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
    /// Ends those that are too slow.
    pub deadlines: Deadlines,
    /// Wraps them, when TLS is configured.
    pub tls: Option<TlsAcceptor>,
    /// Answers their requests.
    pub answer: Answer,
    /// Held by each connection while it is open.
    pub open: Sender<Infallible>,
}

impl Default for Deadlines {
    fn default() -> Deadlines {
        Deadlines {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            write: Duration::from_secs(30),
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

/// Makes the two ends of the count of open connections: what a [`Service`] and its connections
/// hold, and what closes when all of those are dropped.
pub fn open_connections() -> (Sender<Infallible>, Receiver<Infallible>) {
    async_channel::bounded(1)
}

/// Accepts connections until the server stops.
pub async fn accept(listener: TcpListener, service: Service) {
    let shutdown = service.shutdown.clone();
    let accepting = async {
        let mut is_failing = false;
        loop {
            match listener.accept().await {
                Ok((stream, address)) => {
                    is_failing = false;
                    admit(stream, address, &service);
                }
                Err(error) => {
                    // Descriptors may be short; the loop must not spin, nor fill the log.
                    if !is_failing {
                        log::warn!("accept: {}", chain(&error));
                    }
                    is_failing = true;
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
            let service = service.clone();
            let executor = service.executor.clone();
            executor.spawn(async move {
                if let Err(error) = service.serve(stream, address, permit).await {
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
        permit: Permit,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        stream.set_nodelay(true)?;
        let stream = match &self.tls {
            None => Stream::Plain(stream),
            Some(tls) => Stream::Tls(Box::new(self.handshake(tls, stream).await?)),
        };
        let peer = Peer {
            address,
            is_tls: self.tls.is_some(),
        };
        let counted = Counted {
            permit,
            open: self.open.clone(),
        };
        let io = FuturesIo::new(Connection::new(stream, counted, self.deadlines.write));
        let answer = service_fn(|request| {
            let answering = (self.answer)(Request::new(request, peer, self.deadlines.body));
            async {
                let mut answered = answering.await;
                response::secure(&mut answered);
                Ok::<_, Infallible>(answered)
            }
        });
        let serving = http1::Builder::new()
            .timer(SmolTimer::new())
            .header_read_timeout(self.deadlines.head)
            .max_header_size(HEAD_BYTES)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(io, answer)
            .with_upgrades();
        let mut serving = pin!(serving);
        let stopped = async {
            self.shutdown.wait().await;
            None
        };
        let ended = async { Some(serving.as_mut().await) }.or(stopped).await;
        if let Some(ended) = ended {
            return Ok(ended?);
        }
        // Requests in hand are answered; the caller ends the process if they take too long.
        serving.as_mut().graceful_shutdown();
        Ok(serving.await?)
    }

    async fn handshake(
        &self,
        tls: &TlsAcceptor,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let late = async {
            Timer::after(self.deadlines.handshake).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        let stopped = async {
            self.shutdown.wait().await;
            Err(io::ErrorKind::Interrupted.into())
        };
        tls.accept(stream).or(late).or(stopped).await
    }
}
