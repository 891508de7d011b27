//! Holds one WebSocket: reads messages with a cap and a deadline, writes one message at a time.
//!
//! Whatever happens is told as an [`Input`] of the machine; the machine's word comes as an [`Outgoing`].

use std::fmt;
use std::future::Future;
use std::time::Duration;

use async_channel::Receiver;
use async_io::Timer;
use async_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::{self, Bytes, Message};
use async_tungstenite::{WebSocketReceiver, WebSocketSender};
use futures_lite::{FutureExt as _, StreamExt as _};

use super::dial::{Connection, Stream};
use super::meter::Meter;
use super::signals::Input;
use crate::chain::Chain;

/// How often the bytes of a message under way are looked at: sooner than the shortest silence after which a peer is given up.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// For so long bytes may come in without a whole message: the backstop against a peer that drips them.
const READ_DEADLINE: Duration = Duration::from_secs(300);
/// Within this time a message must have been taken by the network.
const WRITE_DEADLINE: Duration = Duration::from_secs(300);
/// Within this time a close frame must have been taken and answered.
const CLOSE_DEADLINE: Duration = Duration::from_millis(900);

/// What to write. `Debug` keeps the text to itself: a registration holds a token.
pub enum Outgoing {
    /// A message; [`Told::Sent`] follows when the network has taken it.
    Text(String),
    /// A binary message; [`Told::Sent`] follows as well.
    Binary(Vec<u8>),
    /// A ping.
    Ping,
    /// A close frame; nothing is written after it.
    Close(u16),
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
            Self::Ping => f.write_str("Ping"),
            Self::Close(code) => write!(f, "Close({code})"),
        }
    }
}

/// What a socket tells.
#[derive(Debug)]
pub enum Told {
    /// Something for the machine.
    Input(Input),
    /// The network has taken a message.
    Sent,
}

/// Holds the connection until it ends. `tell` is called for everything that happens and may wait.
pub async fn hold<F>(connection: Connection, outgoing: Receiver<Outgoing>, tell: impl Fn(Told) -> F)
where
    F: Future<Output = ()>,
{
    let Connection { socket, meter } = connection;
    let (sender, receiver) = socket.split();
    read(receiver, &meter, &tell)
        .or(write(sender, outgoing, &tell))
        .await;
}

/// Reads until the connection ends. A peer that breaks the rules is told, and the reader waits for the machine's word to hang up.
async fn read<F>(mut receiver: WebSocketReceiver<Stream>, meter: &Meter, tell: &impl Fn(Told) -> F)
where
    F: Future<Output = ()>,
{
    loop {
        let next = with_deadline(&mut receiver, meter, tell).await;
        let input = match next {
            Next::Message(Message::Text(text)) => Input::Received(text.as_str().into()),
            Next::Message(Message::Ping(_) | Message::Pong(_)) => Input::Heard,
            Next::Message(Message::Close(frame)) => {
                let code = frame.as_ref().map(|frame| u16::from(frame.code));
                let reason = frame
                    .map(|frame| frame.reason.as_str().to_owned())
                    .unwrap_or_default();
                Input::Closed { code, reason }
            }
            Next::Message(Message::Binary(_) | Message::Frame(_)) => Input::Rejected {
                code: u16::from(CloseCode::Unsupported),
                why: "server sent a binary message".to_owned(),
            },
            Next::Failed(tungstenite::Error::Capacity(CapacityError::MessageTooLong {
                size,
                max_size,
            })) => {
                let why =
                    format!("server sent a message of {size} bytes, at most {max_size} are taken");
                Input::Rejected {
                    code: u16::from(CloseCode::Size),
                    why,
                }
            }
            Next::Failed(tungstenite::Error::Utf8(_)) => Input::Rejected {
                code: u16::from(CloseCode::Invalid),
                why: "server sent text that is no UTF-8".to_owned(),
            },
            // Nobody is there to be told.
            Next::Failed(
                error @ tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake),
            ) => Input::Broken {
                why: Chain(&error).to_string(),
            },
            Next::Failed(tungstenite::Error::Protocol(error)) => Input::Rejected {
                code: u16::from(CloseCode::Protocol),
                why: format!("server broke the WebSocket protocol: {error}"),
            },
            Next::Failed(error) => Input::Broken {
                why: Chain(&error).to_string(),
            },
            Next::Ended => Input::Broken {
                why: "connection ended without a close frame".to_owned(),
            },
            Next::Dripping => Input::Broken {
                why: format!("bytes came for {READ_DEADLINE:?}, and no whole message"),
            },
        };
        let after = After::of(&input);
        tell(Told::Input(input)).await;
        match after {
            After::Read => {}
            // The machine answers with a close frame, and the writer ends the socket.
            After::AwaitHangup => return std::future::pending().await,
            // The answer to the peer's close frame leaves with the next read.
            After::Flush => {
                let flushed = async { drop(receiver.next().await) };
                return flushed.or(late(CLOSE_DEADLINE)).await;
            }
            After::Leave => return,
        }
    }
}

/// What the reader does after it told something.
enum After {
    Read,
    AwaitHangup,
    Flush,
    Leave,
}

impl After {
    fn of(input: &Input) -> Self {
        match input {
            Input::Rejected { .. } => Self::AwaitHangup,
            Input::Closed { .. } => Self::Flush,
            Input::Broken { .. } => Self::Leave,
            Input::Received(_)
            | Input::Heard
            | Input::Enable
            | Input::Disable
            | Input::Dialed
            | Input::DialFailed { .. }
            | Input::Kept
            | Input::Stop
            | Input::Timeout => Self::Read,
        }
    }
}

async fn late(deadline: Duration) {
    Timer::after(deadline).await;
}

enum Next {
    Message(Message),
    Failed(tungstenite::Error),
    Ended,
    Dripping,
}

/// Waits for the next message, telling of bytes that come in meanwhile.
async fn with_deadline<F>(
    receiver: &mut WebSocketReceiver<Stream>,
    meter: &Meter,
    tell: &impl Fn(Told) -> F,
) -> Next
where
    F: Future<Output = ()>,
{
    let mut drip = Drip::new(meter.read().received_bytes);
    loop {
        let message = async {
            Some(match receiver.next().await {
                Some(Ok(message)) => Next::Message(message),
                Some(Err(error)) => Next::Failed(error),
                None => Next::Ended,
            })
        };
        let look = async {
            late(LOOK_EVERY).await;
            None
        };
        if let Some(next) = message.or(look).await {
            return next;
        }
        match drip.look(meter.read().received_bytes) {
            Seen::Nothing => {}
            Seen::Bytes => tell(Told::Input(Input::Heard)).await,
            Seen::TooLong => return Next::Dripping,
        }
    }
}

/// Watches the bytes of a message under way. A peer that sends none is left to the machine, which knows how long it may be silent.
#[derive(Debug)]
struct Drip {
    seen_bytes: u64,
    /// For how long bytes have come in, and no message.
    lasted: Duration,
}

/// What came in since the last look.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Nothing,
    Bytes,
    /// Bytes again, and still no message.
    TooLong,
}

impl Drip {
    fn new(seen_bytes: u64) -> Self {
        Self {
            seen_bytes,
            lasted: Duration::ZERO,
        }
    }

    /// Looks after [`LOOK_EVERY`]; `received_bytes` is what has come in in all.
    fn look(&mut self, received_bytes: u64) -> Seen {
        if std::mem::replace(&mut self.seen_bytes, received_bytes) == received_bytes {
            return Seen::Nothing;
        }
        self.lasted += LOOK_EVERY;
        if self.lasted >= READ_DEADLINE {
            Seen::TooLong
        } else {
            Seen::Bytes
        }
    }
}

/// Writes what it is given until told to close, or until the network does not take it.
async fn write<F>(
    mut sender: WebSocketSender<Stream>,
    outgoing: Receiver<Outgoing>,
    tell: &impl Fn(Told) -> F,
) where
    F: Future<Output = ()>,
{
    while let Ok(next) = outgoing.recv().await {
        let (message, is_told) = match next {
            Outgoing::Text(text) => (Message::text(text), true),
            Outgoing::Binary(bytes) => (Message::binary(bytes), true),
            Outgoing::Ping => (Message::Ping(Bytes::new()), false),
            Outgoing::Close(code) => return close(sender, code).await,
        };
        let sent = async {
            sender
                .send(message)
                .await
                .map_err(|error| Chain(&error).to_string())
        };
        let stuck = async {
            late(WRITE_DEADLINE).await;
            Err(format!(
                "the network took no message within {WRITE_DEADLINE:?}"
            ))
        };
        match sent.or(stuck).await {
            Ok(()) if is_told => tell(Told::Sent).await,
            Ok(()) => {}
            Err(why) => tell(Told::Input(Input::Broken { why })).await,
        }
    }
    // The machine let go of the connection without a word.
}

/// Sends a close frame and leaves the reader time to see its answer.
async fn close(mut sender: WebSocketSender<Stream>, code: u16) {
    let closed = async {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: "".into(),
        };
        if let Err(error) = sender.close(Some(frame)).await {
            log::debug!("cannot send a close frame: {}", Chain(&error));
        }
        std::future::pending::<()>().await;
    };
    closed.or(late(CLOSE_DEADLINE)).await;
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures_lite::AsyncWriteExt as _;
    use smol::net::{TcpListener, TcpStream};

    use super::*;

    /// What is told first of a peer that sends `bytes` and hangs up.
    fn told_of(bytes: &[u8]) -> Input {
        smol::block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let tcp = TcpStream::connect(listener.local_addr().unwrap()).await;
            let (mut peer, _) = listener.accept().await.unwrap();
            peer.write_all(bytes).await.unwrap();
            drop(peer);
            let (_outgoing, to_write) = async_channel::bounded(1);
            let first = RefCell::new(None);
            let (heard, first_came) = async_channel::bounded::<()>(1);
            let tell = |told| {
                let is_first = first.borrow().is_none();
                if let (Told::Input(input), true) = (told, is_first) {
                    first.replace(Some(input));
                    heard.close();
                }
                std::future::ready(())
            };
            let held = hold(Connection::shaken(tcp.unwrap()).await, to_write, tell);
            let came = async { assert!(first_came.recv().await.is_err(), "only closed") };
            came.or(held).await;
            first.into_inner().unwrap()
        })
    }

    #[track_caller]
    fn check_rejected(bytes: &[u8], expected: CloseCode) {
        let told = told_of(bytes);
        let Input::Rejected { code, .. } = told else {
            panic!("{told:?}");
        };
        assert_eq!(code, u16::from(expected));
    }

    #[test]
    fn a_peer_may_be_silent_for_as_long_as_was_agreed_but_not_drip_for_ever() {
        let mut drip = Drip::new(7);
        let hour = 3600 / LOOK_EVERY.as_secs();
        for _ in 0..hour {
            assert_eq!(drip.look(7), Seen::Nothing);
        }
        let most = READ_DEADLINE.as_secs() / LOOK_EVERY.as_secs();
        for bytes in 1..most {
            assert_eq!(drip.look(7 + bytes), Seen::Bytes);
        }
        assert_eq!(drip.look(7), Seen::TooLong);
    }

    #[test]
    fn each_broken_rule_has_its_close_code() {
        check_rejected(b"\x82\x01x", CloseCode::Unsupported);
        check_rejected(b"\x81\x01\xff", CloseCode::Invalid);
        check_rejected(b"\x83\x00", CloseCode::Protocol);
        check_rejected(b"\x81\x81\0\0\0\0x", CloseCode::Protocol);
        let over_cap = b"\x81\x7f\x00\x00\x00\x01\x00\x00\x00\x00";
        check_rejected(over_cap, CloseCode::Size);
    }

    #[test]
    fn a_peer_that_is_gone_is_not_told_anything() {
        for bytes in [b"".as_slice(), b"\x81", b"\x81\x05abc"] {
            let told = told_of(bytes);
            assert!(matches!(told, Input::Broken { .. }), "{told:?}");
        }
    }

    #[test]
    fn what_is_to_be_written_is_not_shown() {
        let text = Outgoing::Text("s3cret".to_owned());
        assert_eq!(format!("{text:?}"), "Text(6 bytes)");
    }
}
