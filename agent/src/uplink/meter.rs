//! Counts the bytes of all connections to the server, TLS included: what the line is paid for.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_lite::{AsyncRead, AsyncWrite};
use smol::net::TcpStream;

use super::budget::Traffic;

/// What went over all connections since the program began.
#[derive(Debug, Default)]
pub struct Meter {
    traffic: Cell<Traffic>,
}

impl Meter {
    /// What it shows.
    #[must_use]
    pub fn read(&self) -> Traffic {
        self.traffic.get()
    }

    fn count(&self, sent_bytes: usize, received_bytes: usize) {
        let mut traffic = self.traffic.get();
        traffic.sent_bytes += sent_bytes as u64;
        traffic.received_bytes += received_bytes as u64;
        self.traffic.set(traffic);
    }
}

/// A TCP stream whose bytes are counted; those of a large message under way are a sign of life.
#[derive(Debug)]
pub struct Metered {
    inner: TcpStream,
    meter: Rc<Meter>,
}

impl Metered {
    /// Counts the bytes of `inner` from now on.
    #[must_use]
    pub fn new(inner: TcpStream, meter: Rc<Meter>) -> Self {
        Self { inner, meter }
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if let Poll::Ready(Ok(bytes)) = &polled {
            self.meter.count(0, *bytes);
        }
        polled
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if let Poll::Ready(Ok(bytes)) = &polled {
            self.meter.count(*bytes, 0);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
    use smol::net::TcpListener;

    use super::*;

    #[test]
    fn both_ways_of_all_connections_are_counted() {
        smol::block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let meter = Rc::new(Meter::default());
            for _ in 0..2 {
                let tcp = TcpStream::connect(address).await.unwrap();
                let mut metered = Metered::new(tcp, Rc::clone(&meter));
                let (mut peer, _) = listener.accept().await.unwrap();
                metered.write_all(b"abc").await.unwrap();
                peer.write_all(b"defgh").await.unwrap();
                metered.read_exact(&mut [0; 5]).await.unwrap();
            }
            let expected = Traffic {
                sent_bytes: 6,
                received_bytes: 10,
            };
            assert_eq!(meter.read(), expected);
        });
    }
}
