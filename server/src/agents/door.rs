//! `GET /api/agent/ws`: where agents knock. Few may wait here at a time, none for long, and none says more than a
//! registration before it has shown a token.
//!
//! Close codes, which a DockMon agent does not look at: 1008 after an `auth_error`, 1003 for a binary frame, 1007 for text that is
//! no JSON object, 1009 for too much, 1013 when the server itself cannot decide.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_io::Timer;
use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::error::CapacityError;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use async_tungstenite::tungstenite::{Error as WsError, Message};
use futures_lite::{AsyncRead, AsyncReadExt as _, AsyncWrite, FutureExt as _, StreamExt as _};
use pilotfish_protocol::{
    AgentMessage, AuthAnswer, AuthSuccess, DecodeError, Refusal, Register, Token, limits,
};

use crate::agents::agreement;
use crate::agents::enrolment::{self, Admitted, EnrolmentError};
use crate::agents::live;
use crate::agents::meter::{Meter, Metered, TooMuch};
use crate::agents::roster::REPLACED;
use crate::api::call::{Call, Doer};
use crate::app::App;
use crate::clock;
use crate::http::admission::Permit;
use crate::http::problem::{Problem, chain};
use crate::http::response::Response;
use crate::http::websocket;
use crate::store::audit::Outcome;

/// Bytes beyond the message that framing, pings and the like may take before authentication.
const FRAMING_BYTES: u64 = 1024;

/// How long a last word may take to get to the agent.
const LAST_WORD: Duration = Duration::from_secs(2);

/// A pause after which a peer is taken to have said all it will.
const PAUSE: Duration = Duration::from_millis(250);

/// A socket whose other end has not shown who it is, or is leaving.
pub type Socket<S> = WebSocketStream<Metered<S>>;

/// What the first message was.
enum First {
    Register(Box<Register>),
    Refused(Refusal, Option<String>),
    Closed(CloseCode, &'static str),
    Gone,
}

/// Opens the door, when there is room.
///
/// # Errors
///
/// [`Problem::TooManyRequests`] when too many wait here already; [`Problem::BadRequest`] when it is no WebSocket;
/// [`Problem::Csrf`] when another site's page sent a browser here, to take the places of the agents behind its address.
pub async fn knock(call: Call) -> Result<Response, Problem> {
    if call.request.is_same_origin() == Some(false) {
        return Err(Problem::Csrf);
    }
    let address = call.request.address();
    let waiting = call.app.agents.waiting.admit(address);
    let permit = waiting.map_err(|full| {
        log::debug!("agent from {address}: {full} at the door");
        Problem::TooManyRequests(Duration::from_secs(5))
    })?;
    let app = Arc::clone(&call.app);
    let executor = app.executor.clone();
    websocket::upgrade_raw(call.request, &executor, move |stream, read| {
        greet(app, stream, read, address, permit)
    })
}

/// Hears who it is, and lets it in or not; returns when the connection is over.
pub async fn greet<S>(app: Arc<App>, stream: S, read: Vec<u8>, address: IpAddr, permit: Permit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let most = limits::UNAUTHENTICATED_MESSAGE_BYTES;
    let allowed = u64::try_from(most).unwrap_or(u64::MAX) + FRAMING_BYTES;
    let meter = Arc::new(Meter::new(allowed));
    let mut stream = Metered::new(stream, Arc::clone(&meter));
    // What is too much is told by the first reading.
    let read = stream.look_at(&read).map_or_else(|_| Vec::new(), |()| read);
    let config = WebSocketConfig::default()
        .read_buffer_size(8 << 10)
        .write_buffer_size(0)
        .max_message_size(Some(limits::MESSAGE_BYTES))
        .max_frame_size(Some(limits::MESSAGE_BYTES));
    let mut socket =
        WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config)).await;
    let wait = app.agents.times.register_wait;
    let late = async {
        Timer::after(wait).await;
        First::Refused(Refusal::TooLate, None)
    };
    let stopping = async {
        app.shutdown.wait().await;
        First::Closed(CloseCode::Away, "Server stops")
    };
    let first = first_message(&mut socket).or(stopping).or(late).await;
    let register = match first {
        First::Register(register) => register,
        First::Refused(refusal, detail) => {
            refuse(&app, &mut socket, address, refusal, detail, None).await;
            return;
        }
        First::Closed(code, reason) => return farewell(&mut socket, code, reason).await,
        First::Gone => return,
    };
    let (now, asked) = (clock::unix_ms(), register.clone());
    let admitted = app
        .with_store(move |store| enrolment::admit(store, &asked, now))
        .await;
    match admitted {
        Ok(admitted) => {
            meter.allow_all();
            drop(permit);
            welcome(&app, socket, meter, admitted, address).await;
        }
        Err(EnrolmentError::Refused(refusal)) => {
            let who = Some(register.engine_id.as_str().to_owned());
            refuse(&app, &mut socket, address, refusal, None, who).await;
        }
        Err(error @ (EnrolmentError::Store(_) | EnrolmentError::NoRandomness(_))) => {
            log::error!("agent from {address}: {}", chain(&error));
            farewell(&mut socket, CloseCode::Again, "Server cannot decide").await;
        }
    }
}

async fn first_message<S>(socket: &mut Socket<S>) -> First
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(received) = socket.next().await {
        let text = match received {
            Ok(Message::Text(text)) => text,
            Ok(Message::Binary(_)) => {
                return First::Closed(CloseCode::Unsupported, "Binary frames are not spoken here");
            }
            Ok(Message::Ping(_) | Message::Pong(_)) => continue,
            Ok(Message::Close(_) | Message::Frame(_)) => return First::Gone,
            Err(error) => return fault(&error),
        };
        if text.len() > limits::UNAUTHENTICATED_MESSAGE_BYTES {
            return First::Closed(CloseCode::Size, "Too large before authentication");
        }
        return match AgentMessage::decode(&text) {
            Ok(AgentMessage::Register(register)) => First::Register(register),
            Ok(_) => First::Refused(Refusal::WrongType, None),
            Err(DecodeError::NotAnObject(_)) => {
                First::Closed(CloseCode::Invalid, "Not a JSON object")
            }
            Err(DecodeError::NoType) => First::Refused(Refusal::WrongType, None),
            Err(error @ (DecodeError::Content { .. } | DecodeError::Missing { .. })) => {
                // The reason tells the field; serde repeats wrong values only to the one who sent them.
                First::Refused(Refusal::InvalidRegistration, Some(chain(&error)))
            }
        };
    }
    First::Gone
}

/// Gives the close code for what is wrong with the peer's frames.
fn fault(error: &WsError) -> First {
    match close_code(error) {
        Some((code, reason)) => First::Closed(code, reason),
        None => First::Gone,
    }
}

/// Gives the close code for what is wrong with the peer's frames; `None` when the connection is gone.
pub fn close_code(error: &WsError) -> Option<(CloseCode, &'static str)> {
    match error {
        WsError::Capacity(CapacityError::MessageTooLong { .. }) => {
            Some((CloseCode::Size, "Message too large"))
        }
        WsError::Io(io) if io.get_ref().is_some_and(|inner| inner.is::<TooMuch>()) => {
            Some((CloseCode::Size, "Too large before authentication"))
        }
        WsError::Utf8(_) => Some((CloseCode::Invalid, "Text is not UTF-8")),
        WsError::Protocol(_) => Some((CloseCode::Protocol, "Not RFC 6455")),
        WsError::ConnectionClosed
        | WsError::AlreadyClosed
        | WsError::Io(_)
        | WsError::Tls(_)
        | WsError::Capacity(_)
        | WsError::WriteBufferFull(_)
        | WsError::AttackAttempt
        | WsError::Url(_)
        | WsError::Http(_)
        | WsError::HttpFormat(_) => None,
    }
}

async fn welcome<S>(
    app: &Arc<App>,
    mut socket: Socket<S>,
    meter: Arc<Meter>,
    admitted: Admitted,
    address: IpAddr,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Admitted {
        agent,
        host,
        enrolled,
    } = admitted;
    let mut permanent_token = None;
    match enrolled {
        Some(enrolled) => {
            let (again, why) = if enrolled.is_again {
                app.board.learn(&host, &agent);
                (" again", ", again: its answer was lost")
            } else {
                app.board.enrolled(&host, &agent);
                ("", "")
            };
            let (name, id) = (&host.name, &host.id);
            log::info!("host {name} ({id}) enrolled{again} from {address}");
            let by = format!("token {} of {}{why}", enrolled.token_id, enrolled.token_by);
            let target = Some(host.name.clone());
            audit(app, address, "agent.enrol", target, Outcome::Ok, Some(by)).await;
            permanent_token = Token::new(enrolled.permanent_token.expose()).ok();
        }
        None => app.board.learn(&host, &agent),
    }
    let session = app.agents.roster.number();
    let success = AuthAnswer::Success(AuthSuccess {
        agent_id: agent.id.clone(),
        host_id: host.id.clone(),
        permanent_token,
        pilotfish: agreement::extension(app, &agent, &host.id, session).await,
    });
    if !say(&mut socket, Message::text(success.encode())).await {
        log::info!(
            "host {} ({}) went away while it was let in",
            host.name,
            host.id
        );
        // What it tells does not count any more.
        let link = app.agents.roster.find(&host.id);
        if let Some(older) = link.filter(|link| link.session < session) {
            older.dismiss(REPLACED);
        }
        return;
    }
    live::run(app, socket, &meter, &agent, &host, session).await;
}

/// Notes, on its first message, that an agent which was just enrolled has its permanent token.
///
/// In a task of its own: a slow disk must not hold up the session.
pub fn answered(app: &Arc<App>, token_hash: [u8; 32]) {
    let noting = Arc::clone(app);
    app.executor.spawn(async move {
        let note = move |store: &_| enrolment::answered(store, &token_hash);
        if let Err(error) = noting.with_store(note).await {
            // Its registration token lets it in again until it shows its permanent one.
            log::error!("an answered enrolment: {}", chain(&error));
        }
    });
}

async fn refuse<S>(
    app: &App,
    socket: &mut Socket<S>,
    address: IpAddr,
    refusal: Refusal,
    detail: Option<String>,
    engine: Option<String>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let error = match detail {
        Some(detail) => format!("{}: {detail}", refusal.text()),
        None => refusal.text().to_owned(),
    };
    if app.agents.is_worth_noting(address, refusal) {
        log::info!("agent from {address} refused: {}", refusal.text());
        let why = Some(refusal.text().to_owned());
        audit(app, address, "agent.refuse", engine, Outcome::Denied, why).await;
    }
    let answer = AuthAnswer::Refused { refusal, error };
    if say(socket, Message::text(answer.encode())).await {
        let reason = match refusal {
            Refusal::TooLate => "Authentication timeout",
            Refusal::InvalidRegistration
            | Refusal::WrongType
            | Refusal::TokenUnknown
            | Refusal::TokenUsedUp
            | Refusal::TokenExpired
            | Refusal::EngineMismatch
            | Refusal::EngineTaken
            | Refusal::ForceNeedsName
            | Refusal::Other => "Authentication failed",
        };
        farewell(socket, CloseCode::Policy, reason).await;
    }
}

async fn audit(
    app: &App,
    address: IpAddr,
    action: &'static str,
    target: Option<String>,
    outcome: Outcome,
    detail: Option<String>,
) {
    let doer = Doer {
        user: None,
        address: address.to_string(),
    };
    if let Err(error) = doer.audit(app, action, target, outcome, detail).await {
        log::error!("{action} is not in the audit: {}", chain(&error));
    }
}

/// Sends one message; `false` when it did not get away in time.
async fn say<S>(socket: &mut Socket<S>, message: Message) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let late = async {
        Timer::after(LAST_WORD * 5).await;
        false
    };
    async { socket.send(message).await.is_ok() }.or(late).await
}

/// Closes with a code that arrives: what the peer still sends is read for a moment, because unread bytes make the system
/// reset the connection and the peer lose the close frame.
pub async fn farewell<S>(socket: &mut Socket<S>, code: CloseCode, reason: &'static str)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let talk = async {
        if socket.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        let stream = socket.get_mut();
        stream.allow_scrap();
        let mut is_answered = false;
        while let Some(received) = socket.next().await {
            is_answered = received.is_ok();
        }
        // After a frame that was at fault nothing can be told apart any more: read until the peer pauses.
        while !is_answered && scrap(socket.get_mut()).await {}
    };
    let late = async {
        Timer::after(LAST_WORD).await;
    };
    talk.or(late).await;
}

/// Throws away what comes; `false` when nothing does for a while.
async fn scrap(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut bytes = [0; 4096];
    let pause = async {
        Timer::after(PAUSE).await;
        false
    };
    async { matches!(stream.read(&mut bytes).await, Ok(1..)) }
        .or(pause)
        .await
}

#[cfg(test)]
mod tests;
