//! A connection that knows when its peer was last heard, and that reads no more than is allowed before the peer has shown
//! who it is.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_lite::{AsyncRead, AsyncWrite};

use crate::agents::frames::Frames;
use crate::clock;

/// A metered connection.
#[derive(Debug)]
pub struct Metered<S> {
    stream: S,
    meter: Arc<Meter>,
    frames: Frames,
}

/// What is measured of a connection.
#[derive(Debug)]
pub struct Meter {
    opened_at: Instant,
    /// Milliseconds after `opened_at`.
    heard_ms: AtomicU64,
    allowed_bytes: AtomicU64,
}

/// The peer sent more than is allowed.
#[derive(Debug, thiserror::Error)]
#[error("more bytes than are allowed before authentication")]
pub struct TooMuch;

impl Meter {
    /// Starts with a number of bytes that may be read.
    pub fn new(allowed_bytes: u64) -> Self {
        Self {
            opened_at: clock::now(),
            heard_ms: AtomicU64::new(0),
            allowed_bytes: AtomicU64::new(allowed_bytes),
        }
    }

    /// Lifts the limit.
    pub fn allow_all(&self) {
        self.allowed_bytes.store(u64::MAX, Ordering::Relaxed);
    }

    /// Tells when the last bytes came; also those of a message that is not whole yet.
    pub fn heard_at(&self) -> Instant {
        self.opened_at + Duration::from_millis(self.heard_ms.load(Ordering::Relaxed))
    }
}

impl<S> Metered<S> {
    /// Measures `stream` with `meter`.
    pub fn new(stream: S, meter: Arc<Meter>) -> Self {
        let frames = Frames::default();
        Self {
            stream,
            meter,
            frames,
        }
    }

    /// Looks at bytes that were read of the stream already.
    ///
    /// # Errors
    ///
    /// [`TooMuch`] when a frame begins in them that is longer than what may be read; then nothing may be read any more.
    pub fn look_at(&mut self, read: &[u8]) -> Result<(), TooMuch> {
        if self.frames.feed(read) <= self.meter.allowed_bytes.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.meter.allowed_bytes.store(0, Ordering::Relaxed);
        Err(TooMuch)
    }

    /// Lifts the limit for bytes that are thrown away.
    pub fn allow_scrap(&self) {
        self.meter.allow_all();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let allowed = self.meter.allowed_bytes.load(Ordering::Relaxed);
        if allowed == 0 {
            return Poll::Ready(Err(io::Error::other(TooMuch)));
        }
        let most = usize::try_from(allowed)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut buffer[..most]);
        if let Poll::Ready(Ok(read)) = polled
            && read > 0
        {
            let heard_ms = clock::millis(clock::now() - self.meter.opened_at);
            self.meter.heard_ms.store(heard_ms, Ordering::Relaxed);
            if allowed != u64::MAX {
                self.look_at(&buffer[..read]).map_err(io::Error::other)?;
                let left = allowed - u64::try_from(read).unwrap_or(allowed).min(allowed);
                self.meter.allowed_bytes.store(left, Ordering::Relaxed);
            }
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::AsyncReadExt as _;

    use super::*;

    #[test]
    fn reads_what_is_allowed_and_all_after_the_limit_is_lifted() {
        let meter = Arc::new(Meter::new(4));
        // Two frames of one byte, and a bit of a third.
        let bytes = b"\x81\x01x\x81\x01y\x81\x01";
        let mut stream = Metered::new(&bytes[..], Arc::clone(&meter));
        let mut buffer = [0; 8];
        smol::block_on(async {
            assert_eq!(stream.read(&mut buffer).await.unwrap(), 4);
            let error = stream.read(&mut buffer).await.unwrap_err();
            assert!(error.get_ref().is_some_and(|error| error.is::<TooMuch>()));
            meter.allow_all();
            assert_eq!(stream.read(&mut buffer).await.unwrap(), 4);
            assert_eq!(&buffer[..4], b"\x01y\x81\x01");
        });
    }

    #[test]
    fn a_frame_longer_than_what_is_allowed_is_too_much_from_its_header_on() {
        smol::block_on(async {
            for (header, is_too_much) in [(b"\x81\x04", false), (b"\x81\x05", true)] {
                let meter = Arc::new(Meter::new(4));
                let mut stream = Metered::new(&header[..], meter);
                assert_eq!(stream.read(&mut [0; 4]).await.is_err(), is_too_much);
            }
        });
    }
}
