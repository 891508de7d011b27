//! Opens the WebSocket to the server: name, TCP, TLS, handshake. The machine's deadline ends a dial by dropping it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_io::Timer;
use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::http::StatusCode;
use async_tungstenite::tungstenite::protocol::WebSocketConfig;
use async_tungstenite::tungstenite::{self, client::IntoClientRequest as _};
use futures_lite::{AsyncRead, AsyncWrite, FutureExt as _};
use pilotfish_protocol::limits;
use rustix::net::sockopt::set_socket_send_buffer_size;
use rustls::pki_types::ServerName;
use smol::net::TcpStream;

use super::meter::{Meter, Metered};
use super::tls::{self, TrustError};
use crate::config::ServerUrl;

/// Read buffer of the WebSocket: commands are small.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// Most addresses of the server that are tried.
const ADDRESSES: usize = 8;
/// How long all addresses together may take to connect: less than the machine gives a dial, so that the last one gets its turn
/// although the others (IPv6 without a way out, most often) never answer.
const CONNECT_WAIT: Duration = Duration::from_secs(20);

/// Why the WebSocket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("cannot look up {host}")]
    Resolve {
        /// The name.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// No address of the server takes a connection.
    #[error("cannot connect to {host} port {port}")]
    Connect {
        /// The name.
        host: String,
        /// The port.
        port: u16,
        /// Why, of the last address tried.
        source: io::Error,
    },
    /// There is nothing to check the server's certificate with.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The server could not be trusted, or does not speak TLS.
    #[error("no TLS with {host}")]
    Tls {
        /// The name the certificate was checked for.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// The server answered, but not with a WebSocket.
    #[error(
        "server answers {status} to the WebSocket request for {path}; is it the right address?"
    )]
    NotWebSocket {
        /// HTTP status.
        status: StatusCode,
        /// Path of the request.
        path: String,
    },
    /// The handshake failed otherwise.
    #[error("WebSocket handshake failed")]
    Handshake(#[source] Box<tungstenite::Error>),
}

/// Where and how to dial.
#[derive(Clone, Debug)]
pub struct Dialer {
    /// The server.
    pub server: ServerUrl,
    /// Roots to trust in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Counts what goes over the line.
    pub meter: Rc<Meter>,
}

/// An open WebSocket and the meter of its bytes.
pub struct Connection {
    /// The socket.
    pub socket: WebSocketStream<Stream>,
    /// Shared with all connections of the dialer.
    pub meter: Rc<Meter>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("meter", &self.meter)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Connection {
    /// A WebSocket over `tcp` whose handshake is taken for done.
    pub(super) async fn shaken(tcp: TcpStream) -> Self {
        let meter = Rc::new(Meter::default());
        let stream = Stream::Plain(Metered::new(tcp, Rc::clone(&meter)));
        let role = tungstenite::protocol::Role::Client;
        Self {
            socket: WebSocketStream::from_raw_socket(stream, role, None).await,
            meter,
        }
    }
}

impl Dialer {
    /// Opens the WebSocket. Has no deadline of its own; dropping the future gives up.
    ///
    /// # Errors
    ///
    /// [`DialError`]; dialing again later may succeed whatever it is.
    pub async fn dial(&self) -> Result<Connection, DialError> {
        let ServerUrl {
            secure,
            host,
            port,
            path,
        } = &self.server;
        let tcp = self.connect().await?;
        let tcp = Metered::new(tcp, Rc::clone(&self.meter));
        let stream = if *secure {
            Stream::Tls(Box::new(self.secure(tcp).await?))
        } else {
            Stream::Plain(tcp)
        };

        let authority = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        let scheme = if *secure { "wss" } else { "ws" };
        let handshake = |source| DialError::Handshake(Box::new(source));
        let mut request = format!("{scheme}://{authority}{path}")
            .into_client_request()
            .map_err(handshake)?;
        let agent = tungstenite::http::HeaderValue::from_static(concat!(
            "pilotfish-agent/",
            env!("CARGO_PKG_VERSION")
        ));
        request.headers_mut().insert("user-agent", agent);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(limits::SERVER_MESSAGE_BYTES))
            .max_frame_size(Some(limits::SERVER_MESSAGE_BYTES));
        match async_tungstenite::client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _)) => Ok(Connection {
                socket,
                meter: Rc::clone(&self.meter),
            }),
            Err(tungstenite::Error::Http(response)) => Err(DialError::NotWebSocket {
                status: response.status(),
                path: path.clone(),
            }),
            Err(error) => Err(handshake(error)),
        }
    }

    async fn connect(&self) -> Result<TcpStream, DialError> {
        let ServerUrl { host, port, .. } = &self.server;
        let resolve = |source| DialError::Resolve {
            host: host.clone(),
            source,
        };
        let addresses = smol::net::resolve((host.as_str(), *port))
            .await
            .map_err(resolve)?;
        let mut last_error = io::Error::from(io::ErrorKind::AddrNotAvailable);
        let wait = wait_for_each(addresses.len());
        for address in addresses.into_iter().take(ADDRESSES) {
            let late = async {
                Timer::after(wait).await;
                Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("no answer within {wait:?}"),
                ))
            };
            match TcpStream::connect(address).or(late).await {
                Ok(stream) => {
                    // Messages are whole when they are handed over: nothing is gained by waiting for more.
                    if let Err(error) = stream.set_nodelay(true) {
                        log::debug!("cannot set TCP_NODELAY: {error}");
                    }
                    if let Err(error) = set_socket_send_buffer_size(&stream, SEND_BUFFER) {
                        log::debug!("cannot set SO_SNDBUF: {error}");
                    }
                    return Ok(stream);
                }
                Err(error) => last_error = error,
            }
        }
        Err(DialError::Connect {
            host: host.clone(),
            port: *port,
            source: last_error,
        })
    }

    async fn secure(&self, tcp: Metered) -> Result<TlsStream, DialError> {
        let host = &self.server.host;
        let tls = |source| DialError::Tls {
            host: host.clone(),
            source,
        };
        let ca_file = self.ca_file.clone();
        let config = blocking::unblock(move || tls::client_config(ca_file.as_deref())).await?;
        let name =
            ServerName::try_from(host.clone()).map_err(|error| tls(io::Error::other(error)))?;
        futures_rustls::TlsConnector::from(Arc::new(config))
            .connect(name, tcp)
            .await
            .map_err(tls)
    }
}

/// How long each of `addresses` may take to connect.
fn wait_for_each(addresses: usize) -> Duration {
    let tried = u32::try_from(addresses.clamp(1, ADDRESSES)).unwrap_or(1);
    CONNECT_WAIT / tried
}

/// Bytes that the kernel may hold for a slow link (it doubles the number for its own needs). What it holds goes before an answer that
/// somebody waits for, and is old when it arrives: left to itself the kernel takes megabytes.
const SEND_BUFFER: usize = 16 * 1024;

type TlsStream = futures_rustls::client::TlsStream<Metered>;

/// The bytes under the WebSocket.
pub enum Stream {
    /// As they are.
    Plain(Metered),
    /// Within TLS.
    Tls(Box<TlsStream>),
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Stream::Plain",
            Self::Tls(_) => "Stream::Tls",
        })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_close(cx),
            Self::Tls(stream) => Pin::new(stream).poll_close(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_address_gets_its_turn_although_the_others_never_answer() {
        for addresses in [1, 2, 4, 8, 100] {
            let tried = u32::try_from(addresses.min(ADDRESSES)).unwrap();
            let wait = wait_for_each(addresses);
            assert!(wait * tried <= CONNECT_WAIT, "{addresses}: {wait:?}");
            // Three attempts of the kernel: after 0, 1 and 3 s, or two.
            assert!(wait >= Duration::from_secs(2), "{addresses}: {wait:?}");
        }
        assert_eq!(wait_for_each(0), CONNECT_WAIT);
    }
}
