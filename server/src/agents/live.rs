//! One live session: carries what [`Session`] wants to the socket, the board and those who wait, and tells it what happens.

mod spool;
#[cfg(test)]
mod tests;
mod told;

use std::sync::Arc;
use std::time::Duration;

use async_channel::{Receiver, Sender, TrySendError};
use async_io::Timer;
use async_tungstenite::WebSocketSender;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::{Error as WsError, Message};
use futures_lite::{AsyncRead, AsyncWrite, FutureExt as _, StreamExt as _, future};
use pilotfish_protocol::HostId;
use pilotfish_protocol::extension::Coverage;

use crate::agents::agreement;
use crate::agents::calls;
use crate::agents::door::{self, Socket, close_code};
use crate::agents::live::spool::Spooling;
use crate::agents::meter::{Meter, Metered};
use crate::agents::roster::{Goodbye, Order, Outcome, Place, REMOVED, REPLACED};
use crate::agents::session::Session;
use crate::agents::session::allowance::Allowance;
use crate::agents::session::exchange::{CallError, Dialect, Ending, Input, Output};
use crate::app::App;
use crate::clock;
use crate::store::agents::AgentRecord;
use crate::store::hosts::HostRecord;
use crate::telemetry::fleet::SessionId;
use crate::telemetry::ticks::Ticks;

/// Most messages that wait for the socket; with one more the agent is too slow to be spoken to.
const OUTGOING: usize = 128;

/// How long the peer may take to read one message.
const SEND_WAIT: Duration = Duration::from_secs(30);

/// How often the board is told that the agent was heard.
const HEARD_EVERY: Duration = Duration::from_secs(5);

/// After how many messages without a pause other tasks have their turn.
const TURN: u32 = 32;

/// Why a session ended.
struct End {
    /// What is said to the peer, when it can still hear.
    close: Option<(CloseCode, &'static str)>,
    /// For the event log.
    why: &'static str,
}

/// What wakes a session.
enum Wake {
    Frame(Option<Result<Message, WsError>>),
    Order(Order),
    Goodbye(Goodbye),
    Stopping,
    Time,
}

/// What is known of who talks.
struct Talk<'a> {
    app: &'a Arc<App>,
    host: &'a HostId,
    id: SessionId,
    meter: &'a Meter,
    outgoing: Sender<Message>,
    unreadable: u32,
    /// What its stats frames add up to, in a session that agreed to the extension.
    ticks: Option<Ticks>,
    /// What was told before its first tick, which says how its clock stands to ours.
    early: Vec<Coverage>,
    /// What it brings out of its spool.
    spooling: Spooling,
    /// How many ticks it may tell.
    tick_allowance: Allowance,
    /// The hash of the permanent token, until the agent is known to have that.
    unanswered: Option<[u8; 32]>,
}

/// Lives until the connection is over; the host is offline afterwards, unless a newer session is there.
pub async fn run<S>(
    app: &Arc<App>,
    socket: Socket<S>,
    meter: &Meter,
    agent: &AgentRecord,
    host: &HostRecord,
    id: SessionId,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let place = app.agents.roster.enter(&host.id, id);
    let (mut sender, mut receiver) = socket.split();
    let is_attached = app.board.attach(&host.id, id);
    if let Some(replaced) = &place.replaced {
        replaced.dismiss(REPLACED);
    }
    if !is_attached {
        let newest = app.agents.roster.find(&host.id);
        let is_replaced = newest.is_some_and(|link| link.session > id);
        let goodbye = if is_replaced { REPLACED } else { REMOVED };
        app.agents.roster.leave(&host.id, id);
        if let Ok(mut socket) = Socket::reunite(sender, receiver) {
            let code = CloseCode::from(goodbye.code);
            door::farewell(&mut socket, code, goodbye.reason).await;
        }
        return;
    }
    log::info!("host {} ({}) online, session {}", host.name, host.id, id.0);
    let now = clock::now();
    let mut random = [0; 16];
    if let Err(error) = getrandom::fill(&mut random) {
        log::error!("session {}: no random numbers: {error}", id.0);
    }
    let dialect = agreement::dialect(app, agent);
    let is_extended = matches!(dialect, Dialect::Extension { .. });
    let not_before = place.reconnect_not_before.unwrap_or(now);
    let mut session = Session::new(app.agents.times.pace, dialect, random, not_before, now);
    let (outgoing, queue) = async_channel::bounded(OUTGOING);
    let end = {
        let mut talk = Talk {
            app,
            host: &host.id,
            id,
            meter,
            outgoing,
            unreadable: 0,
            ticks: is_extended.then(Ticks::default),
            early: Vec::new(),
            spooling: Spooling::new(app.board.last_event(&host.id), now),
            tick_allowance: Allowance::new(now),
            unanswered: agent.unanswered.map(|_| agent.token_hash),
        };
        let end = {
            let reader = talk.hold(&mut session, &place, &mut receiver);
            let writer = write(&mut sender, queue);
            reader.or(writer).await
        };
        talk.note_early();
        end
    };
    // In this order: nobody finds the link any more, then its calls fail, then the host is shown offline.
    app.agents.roster.leave(&host.id, id);
    for reply in session.end() {
        tell(&reply, Err(CallError::Disconnected));
    }
    place.orders.close();
    while let Ok(order) = place.orders.try_recv() {
        match order {
            Order::Call { reply, .. } => tell(&reply, Err(CallError::Disconnected)),
            Order::LookAgain => {}
        }
    }
    if !app.shutdown.is_fired() {
        // When the server stops, no host went away.
        app.board.detach(&host.id, id, end.why);
    }
    log::info!(
        "session {} of host {} ({}) ended: {}",
        id.0,
        host.name,
        host.id,
        end.why
    );
    if let Some((code, reason)) = end.close
        && let Ok(mut socket) = Socket::reunite(sender, receiver)
    {
        door::farewell(&mut socket, code, reason).await;
    }
}

impl Talk<'_> {
    async fn hold<S>(
        &mut self,
        session: &mut Session<Sender<Outcome>>,
        place: &Place,
        receiver: &mut async_tungstenite::WebSocketReceiver<Metered<S>>,
    ) -> End
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut told_heard_at = clock::now();
        let mut without_pause = 0;
        session.handle(
            Input::Watched(self.app.board.is_watched(self.host)),
            clock::now(),
        );
        loop {
            if let Some(end) = self.carry_out(session) {
                return end;
            }
            let deadline = session.deadline();
            let stopping = async {
                self.app.shutdown.wait().await;
                Wake::Stopping
            };
            let goodbye = async {
                match place.goodbye.recv().await {
                    Ok(goodbye) => Wake::Goodbye(goodbye),
                    Err(_) => future::pending().await,
                }
            };
            let order = async {
                match place.orders.recv().await {
                    Ok(order) => Wake::Order(order),
                    Err(_) => future::pending().await,
                }
            };
            let time = async {
                Timer::at(deadline).await;
                Wake::Time
            };
            let frame = async { Wake::Frame(receiver.next().await) };
            let wake = stopping.or(goodbye).or(order).or(time).or(frame).await;
            let now = clock::now();
            let heard_at = self.meter.heard_at();
            session.handle(Input::Heard(heard_at), now);
            if heard_at >= told_heard_at + HEARD_EVERY {
                told_heard_at = heard_at;
                self.app.board.heard(self.host, self.id);
            }
            match wake {
                Wake::Frame(frame) => {
                    match self.message(frame) {
                        Ok(Some(input)) => {
                            let is_message = matches!(input, Input::Message(_));
                            if let Some(token_hash) = self.unanswered.take_if(|_| is_message) {
                                door::answered(self.app, token_hash);
                            }
                            session.handle(input, now);
                        }
                        Ok(None) => {}
                        Err(end) => return end,
                    }
                    without_pause += 1;
                    if without_pause >= TURN {
                        without_pause = 0;
                        future::yield_now().await;
                    }
                }
                Wake::Order(Order::Call { operation, reply }) => {
                    let mut random = [0; 16];
                    if getrandom::fill(&mut random).is_err() {
                        tell(&reply, Err(CallError::Busy));
                        continue;
                    }
                    let call = Input::Call {
                        id: calls::call_id(random),
                        operation,
                        waiter: reply,
                    };
                    session.handle(call, now);
                }
                Wake::Order(Order::LookAgain) => {
                    let is_watched = self.app.board.is_watched(self.host);
                    session.handle(Input::Watched(is_watched), now);
                }
                Wake::Goodbye(goodbye) => {
                    return End {
                        close: Some((CloseCode::from(goodbye.code), goodbye.reason)),
                        why: goodbye.reason,
                    };
                }
                Wake::Stopping => {
                    return End {
                        close: Some((CloseCode::Away, "Server stops")),
                        why: "the server stopped",
                    };
                }
                Wake::Time => {
                    without_pause = 0;
                    let is_watched = self.app.board.is_watched(self.host);
                    session.handle(Input::Watched(is_watched), now);
                }
            }
        }
    }

    /// Does what the session wants; gives the end, when it wants that.
    fn carry_out(&mut self, session: &mut Session<Sender<Outcome>>) -> Option<End> {
        while let Some(output) = session.poll_output() {
            match output {
                Output::Send(text) => {
                    if let Some(end) = self.send(Message::text(text)) {
                        return Some(end);
                    }
                }
                Output::Ping => {
                    if let Some(end) = self.send(Message::Ping(Vec::new().into())) {
                        return Some(end);
                    }
                }
                Output::Done(reply, outcome) => tell(&reply, outcome),
                Output::Report(report) => self.report(report, session),
                Output::Close(Ending::Silent) => {
                    return Some(End {
                        close: Some((CloseCode::Away, "Nothing heard")),
                        why: "nothing heard in time",
                    });
                }
                Output::Close(Ending::StreamsLost) => {
                    self.app.agents.roster.reconnected(self.host, clock::now());
                    return Some(End {
                        close: Some((CloseCode::Restart, "Reconnect to follow the Engine again")),
                        why: "made to reconnect: no container stats",
                    });
                }
            }
        }
        None
    }

    fn send(&self, message: Message) -> Option<End> {
        match self.outgoing.try_send(message) {
            Ok(()) => None,
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => Some(End {
                close: Some((CloseCode::Policy, "Too slow")),
                why: "it does not read what it is told",
            }),
        }
    }

    fn message(
        &mut self,
        frame: Option<Result<Message, WsError>>,
    ) -> Result<Option<Input<Sender<Outcome>>>, End> {
        let lost = |close| End {
            close,
            why: "the connection was lost",
        };
        match frame {
            Some(Ok(Message::Text(text))) => Ok(self.text(&text)?.map(Input::Message)),
            Some(Ok(Message::Ping(_))) => Ok(Some(Input::Pinged)),
            Some(Ok(Message::Pong(_) | Message::Frame(_))) => Ok(None),
            Some(Ok(Message::Binary(bytes))) if self.ticks.is_some() => Ok(self.binary(&bytes)),
            Some(Ok(Message::Binary(_))) => Err(End {
                close: Some((CloseCode::Unsupported, "Binary frames are not spoken here")),
                why: "it sent a binary frame",
            }),
            Some(Ok(Message::Close(_))) => Err(End {
                close: None,
                why: "the agent closed the connection",
            }),
            Some(Err(error)) => {
                log::debug!("session {}: {error}", self.id.0);
                Err(lost(close_code(&error)))
            }
            None => Err(lost(None)),
        }
    }
}

/// Tells how a call ended; who does not wait any more is not told.
fn tell(reply: &Sender<Outcome>, outcome: Outcome) {
    if reply.try_send(outcome).is_err() {
        log::trace!("nobody waits for the answer any more");
    }
}

/// Writes what waits, in order; ends when the peer does not read it.
async fn write<S>(sender: &mut WebSocketSender<Metered<S>>, queue: Receiver<Message>) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Ok(message) = queue.recv().await {
        let late = async {
            Timer::after(SEND_WAIT).await;
            false
        };
        let sent = async { sender.send(message).await.is_ok() }.or(late).await;
        if !sent {
            return End {
                close: None,
                why: "it could not be written to",
            };
        }
    }
    future::pending().await
}
