//! `GET /api/v1/live`: a WebSocket that tells a page what changes.

use std::sync::Arc;
use std::time::Duration;

use async_io::Timer;
use async_tungstenite::WebSocketReceiver;
use async_tungstenite::tungstenite::Message;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use futures_lite::{FutureExt as _, StreamExt as _};
use pilotfish_protocol::HostId;
use serde::Deserialize;

use crate::api::call::Call;
use crate::app::App;
use crate::auth::sessions::{self, Caller};
use crate::http::connection::Connection;
use crate::http::problem::{Problem, chain};
use crate::http::response::Response;
use crate::http::websocket::{self, Socket};
use crate::telemetry::fanout::ViewerId;

/// Largest message of a page; its only one is short.
const MESSAGE_BYTES: usize = 4096;

/// How often it is checked that the log-in has not ended.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// How long the page may take to read one message.
const SEND_WAIT: Duration = Duration::from_secs(30);

/// How long the last word may take.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// The close code for a log-in that ended; of the range for applications (RFC 6455 §7.4.2).
const SESSION_ENDED: u16 = 4401;

/// What a page may say.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Said {
    Watch { host_id: Option<String> },
}

/// Upgrades, and tells what changes until the page goes or the log-in ends.
///
/// # Errors
///
/// [`Problem::BadRequest`] when it is no WebSocket.
pub async fn open(call: Call) -> Result<Response, Problem> {
    let caller = call.caller()?.clone();
    let config = WebSocketConfig::default()
        .read_buffer_size(MESSAGE_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES));
    let app = Arc::clone(&call.app);
    let executor = app.executor.clone();
    websocket::upgrade(call.request, config, &executor, move |socket| {
        talk(app, socket, caller)
    })
}

async fn talk(app: Arc<App>, mut socket: Socket, caller: Caller) {
    let (wake, woken) = async_channel::bounded(1);
    let wake = Box::new(move || {
        // A full channel holds a wake already.
        wake.try_send(()).ok();
    });
    let Some(viewer) = app.board.add_viewer(wake) else {
        return close(&mut socket, CloseCode::Again, "Too many viewers").await;
    };
    let mut watched = None;
    let (mut sender, mut receiver) = socket.split();
    let (code, reason) = {
        let write = async {
            while woken.recv().await.is_ok() {
                while let Some(message) = app.board.next(viewer) {
                    let late = async {
                        Timer::after(SEND_WAIT).await;
                        false
                    };
                    let message = Message::text(&*message);
                    if !async { sender.send(message).await.is_ok() }.or(late).await {
                        return (CloseCode::Away, "Gone");
                    }
                }
            }
            (CloseCode::Away, "Gone")
        };
        let read = read(&app, viewer, &mut receiver, &mut watched);
        let ended = log_in_ends(&app, &caller);
        let stopping = async {
            app.shutdown.wait().await;
            (CloseCode::Away, "Server stops")
        };
        stopping.or(ended).or(read).or(write).await
    };
    app.board.remove_viewer(viewer);
    if let Some(host) = watched {
        app.agents.look_again(&host);
    }
    if let Ok(mut socket) = Socket::reunite(sender, receiver) {
        close(&mut socket, code, reason).await;
    }
}

async fn read(
    app: &App,
    viewer: ViewerId,
    receiver: &mut WebSocketReceiver<Connection>,
    watched: &mut Option<HostId>,
) -> (CloseCode, &'static str) {
    while let Some(Ok(message)) = receiver.next().await {
        let text = match message {
            Message::Text(text) => text,
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            Message::Binary(_) => return (CloseCode::Unsupported, "Text only"),
            Message::Close(_) => break,
        };
        // What a newer page says is passed over.
        let Ok(Said::Watch { host_id }) = serde_json::from_str(&text) else {
            continue;
        };
        let host = host_id.and_then(|id| HostId::new(id).ok());
        app.board.watch(viewer, host.clone());
        let before = std::mem::replace(watched, host);
        for host in [&before, &*watched].into_iter().flatten() {
            app.agents.look_again(host);
        }
    }
    (CloseCode::Normal, "")
}

/// Waits until the log-in has ended.
async fn log_in_ends(app: &App, caller: &Caller) -> (CloseCode, &'static str) {
    loop {
        Timer::after(CHECK_EVERY).await;
        match sessions::is_live(app, caller.session).await {
            Ok(true) => {}
            Ok(false) => return (CloseCode::from(SESSION_ENDED), "Log in again"),
            Err(error) => log::error!("live: {}", chain(&error)),
        }
    }
}

async fn close(socket: &mut Socket, code: CloseCode, reason: &'static str) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let late = async {
        Timer::after(CLOSE_WAIT).await;
    };
    let say = async {
        // A peer that is gone needs no last word.
        socket.send(Message::Close(Some(frame))).await.ok();
    };
    say.or(late).await;
}

#[cfg(test)]
pub(crate) mod tests;
