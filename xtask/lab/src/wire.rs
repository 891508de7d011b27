//! A raw WebSocket peer in both roles, for tests of the wire that must not trust our own types.
//!
//! Blocking, one thread: the test is the script. Pings are answered while it reads, so a peer that does not read is a
//! peer gone silent.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use async_tungstenite::tungstenite::client::IntoClientRequest as _;
use async_tungstenite::tungstenite::handshake::client::Request;
use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::{self, Message, WebSocket};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::{Value, json};

use crate::{clock, until};

/// The door that agents knock at.
pub const AGENT_PATH: &str = "/api/agent/ws";

const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// One open WebSocket.
pub struct Peer {
    socket: WebSocket<Box<dyn Stream>>,
    tcp: TcpStream,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("tcp", &self.tcp)
            .finish_non_exhaustive()
    }
}

/// How the other side ended a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// A close frame with this code and reason; 1005 when it carried none.
    Closed(u16, String),
    /// The connection ended without a close frame.
    Cut,
}

impl Peer {
    /// Dials `address` and asks for `path` with extra headers; over TLS when a client is given.
    ///
    /// # Errors
    ///
    /// The server is not there or does not upgrade; its status is in the message.
    pub fn dial(
        address: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<Self> {
        let scheme = if tls.is_some() { "wss" } else { "ws" };
        let mut request: Request = format!("{scheme}://{address}{path}").into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse()?);
        }
        let tcp = TcpStream::connect(address)?;
        tcp.set_read_timeout(Some(HANDSHAKE_DEADLINE))?;
        tcp.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match tls {
            None => Box::new(tcp.try_clone()?),
            Some(tls) => {
                let name = ServerName::from(address.ip());
                let session = ClientConnection::new(tls, name)?;
                Box::new(StreamOwned::new(session, tcp.try_clone()?))
            }
        };
        let (socket, _) = tungstenite::client(request, stream)
            .map_err(|error| anyhow!("{error}"))
            .with_context(|| format!("no WebSocket at {scheme}://{address}{path}"))?;
        Ok(Self { socket, tcp })
    }

    /// Sends one text frame.
    ///
    /// # Errors
    ///
    /// The connection has ended.
    pub fn send_text(&mut self, text: &str) -> Result<()> {
        Ok(self.socket.send(Message::text(text))?)
    }

    /// Sends one JSON value as a text frame.
    ///
    /// # Errors
    ///
    /// The connection has ended.
    pub fn send(&mut self, value: &Value) -> Result<()> {
        self.send_text(&value.to_string())
    }

    /// Sends one binary frame.
    ///
    /// # Errors
    ///
    /// The connection has ended.
    pub fn send_binary(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.socket.send(Message::binary(bytes.to_vec()))?)
    }

    /// Sends a ping.
    ///
    /// # Errors
    ///
    /// The connection has ended.
    pub fn ping(&mut self) -> Result<()> {
        Ok(self.socket.send(Message::Ping(Vec::new().into()))?)
    }

    /// Sends a close frame; the answer to it is read with [`Peer::end`].
    ///
    /// # Errors
    ///
    /// The connection has ended.
    pub fn close(&mut self, code: u16, reason: &str) -> Result<()> {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.to_owned().into(),
        };
        self.socket.close(Some(frame))?;
        Ok(self.socket.flush()?)
    }

    /// Ends the TCP connection without a close frame.
    ///
    /// # Errors
    ///
    /// It has ended already.
    pub fn cut(&self) -> Result<()> {
        Ok(self.tcp.shutdown(Shutdown::Both)?)
    }

    /// Reads the next frame of any kind.
    ///
    /// # Errors
    ///
    /// Nothing came within `deadline`, or the connection has ended.
    pub fn next(&mut self, deadline: Duration) -> Result<Message> {
        let give_up_at = clock::now() + deadline;
        loop {
            self.set_timeout(give_up_at)?;
            match self.socket.read() {
                Ok(message) => return Ok(message),
                Err(tungstenite::Error::Io(error)) if is_timeout(&error) => {
                    if clock::now() >= give_up_at {
                        bail!("no frame within {deadline:?}");
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads the next text or binary frame as JSON and passes over pings and pongs.
    ///
    /// # Errors
    ///
    /// Nothing came within `deadline`, or a close frame, or no JSON.
    pub fn json(&mut self, deadline: Duration) -> Result<Value> {
        let give_up_at = clock::now() + deadline;
        loop {
            match self.next(give_up_at.saturating_duration_since(clock::now()))? {
                Message::Text(text) => {
                    return serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"));
                }
                Message::Binary(bytes) => return Ok(serde_json::from_slice(&bytes)?),
                Message::Close(frame) => bail!("closed instead: {frame:?}"),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// Reads JSON frames until `wanted` accepts one, and answers that one.
    ///
    /// # Errors
    ///
    /// None was accepted within `deadline`; what came instead is in the message.
    pub fn find(
        &mut self,
        what: &str,
        deadline: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let give_up_at = clock::now() + deadline;
        let mut seen = Vec::new();
        loop {
            let left = give_up_at.saturating_duration_since(clock::now());
            let value = self
                .json(left)
                .with_context(|| format!("no {what} within {deadline:?}, only {seen:?}"))?;
            if wanted(&value) {
                return Ok(value);
            }
            seen.push(value.to_string().chars().take(200).collect::<String>());
        }
    }

    /// Reads until the other side ends the connection, and tells how.
    ///
    /// # Errors
    ///
    /// It is still open after `deadline`.
    pub fn end(&mut self, deadline: Duration) -> Result<End> {
        let give_up_at = clock::now() + deadline;
        loop {
            self.set_timeout(give_up_at)?;
            match self.socket.read() {
                Ok(Message::Close(frame)) => {
                    let (code, reason) = frame.map_or((1005, String::new()), |frame| {
                        (frame.code.into(), frame.reason.to_string())
                    });
                    // The answer to the close frame goes out; that the other side no longer takes it is no matter.
                    drop(self.socket.flush());
                    return Ok(End::Closed(code, reason));
                }
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if is_timeout(&error) => {}
                Err(_) => return Ok(End::Cut),
            }
            if clock::now() >= give_up_at {
                bail!("still open after {deadline:?}");
            }
        }
    }

    /// The TCP connection below, for bytes that are no WebSocket frames.
    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    fn set_timeout(&self, give_up_at: Instant) -> Result<()> {
        let left = give_up_at.saturating_duration_since(clock::now());
        let timeout = left.max(Duration::from_millis(1));
        self.tcp
            .set_read_timeout(Some(timeout))
            .context("the connection has ended")
    }
}

fn is_timeout(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::WouldBlock || kind == io::ErrorKind::TimedOut
}

/// A server of the base dialect with no mind of its own: the test says every word.
#[derive(Debug)]
pub struct FakeBackend {
    listener: TcpListener,
    address: SocketAddr,
}

impl FakeBackend {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// What an agent takes as `DOCKMON_URL`.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for an agent's TCP connection.
    ///
    /// # Errors
    ///
    /// None came within `deadline`.
    pub fn accept_tcp(&self, deadline: Duration) -> Result<TcpStream> {
        until("an agent's connection", deadline, || {
            let (tcp, _) = self.listener.accept()?;
            tcp.set_nonblocking(false)?;
            Ok(tcp)
        })
    }

    /// Waits for an agent and takes its WebSocket.
    ///
    /// # Errors
    ///
    /// None came within `deadline`, or it spoke something else.
    pub fn accept(&self, deadline: Duration) -> Result<Peer> {
        let tcp = self.accept_tcp(deadline)?;
        tcp.set_read_timeout(Some(HANDSHAKE_DEADLINE))?;
        let stream: Box<dyn Stream> = Box::new(tcp.try_clone()?);
        let socket = tungstenite::accept(stream).map_err(|error| anyhow!("{error}"))?;
        Ok(Peer { socket, tcp })
    }

    /// Waits for an agent, reads its `register` message and answers `auth_success` with `token`.
    ///
    /// # Errors
    ///
    /// None came within `deadline`, or its first frame was something else.
    pub fn register(&self, token: &str, deadline: Duration) -> Result<(Peer, Value)> {
        let mut peer = self.accept(deadline)?;
        let register = peer.json(deadline)?;
        if register["type"] != "register" {
            bail!("the first frame is {register}");
        }
        peer.send(&json!({
            "type": "auth_success",
            "agent_id": "5f2c1d9e-8a37-4c0b-9b1e-2f6a7d3c4e5f",
            "host_id": "0b9d8c7e-6f5a-4b3c-8d2e-1f0a9b8c7d6e",
            "permanent_token": token,
        }))?;
        Ok((peer, register))
    }
}

/// Dials a server as an agent would.
///
/// # Errors
///
/// The server does not upgrade.
pub fn dial_as_agent(address: SocketAddr, tls: Option<Arc<ClientConfig>>) -> Result<Peer> {
    Peer::dial(address, AGENT_PATH, &[], tls)
}

/// A `register` message that every server of the base dialect accepts.
pub fn register_message(token: &str, engine_id: &str, hostname: &str) -> Value {
    json!({
        "type": "register",
        "token": token,
        "engine_id": engine_id,
        "version": "2.4.5",
        "proto_version": "1.1",
        "capabilities": { "container_operations": true, "event_streaming": true, "stats_collection": true },
        "hostname": hostname,
        "hostname_source": "daemon",
        "force_unique_registration": false,
        "os_type": "linux",
        "os_version": "Debian GNU/Linux 12 (bookworm)",
        "kernel_version": "6.1.0",
        "docker_version": "28.5.1",
        "total_memory": 512_000_000,
        "num_cpus": 4,
        "agent_os": "linux",
        "agent_arch": "arm64",
    })
}

#[cfg(test)]
mod tests;
