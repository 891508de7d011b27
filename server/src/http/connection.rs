//! One accepted socket, plain or TLS, that counts as open until it is dropped and cannot be held
//! open by a peer who stops reading.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_channel::Sender;
use async_io::Timer;
use futures_lite::future::Future as _;
use futures_lite::{AsyncRead, AsyncWrite};
use futures_rustls::server::TlsStream;
use smol::net::TcpStream;

use crate::http::admission::Permit;

/// An accepted socket.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    /// Runs while a write waits for the peer.
    stall: Option<Timer>,
    write_deadline: Duration,
    _counted: Counted,
}

/// What counts a connection as open until it is dropped.
#[derive(Debug)]
pub struct Counted {
    /// Its place among all.
    pub permit: Permit,
    /// Tells who waits for the end of all that there is still one.
    pub open: Sender<Infallible>,
}

/// The socket as it was accepted.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection {
    /// Takes an accepted socket, of which the peer must take something each `write_deadline`.
    pub fn new(stream: Stream, counted: Counted, write_deadline: Duration) -> Connection {
        Connection {
            stream,
            stall: None,
            write_deadline,
            _counted: counted,
        }
    }

    /// Fails a write that has made no progress for the write deadline.
    fn guard<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let deadline = self.write_deadline;
        let stall = self.stall.get_or_insert_with(|| Timer::after(deadline));
        ready!(Pin::new(stall).poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        };
        self.guard(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        };
        self.guard(cx, flushed)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_close(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_close(cx),
        };
        self.guard(cx, closed)
    }
}
