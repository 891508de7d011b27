//! The shell of the Engine watch: asks, listens to events, and sends what is new to the agent's loop.

use std::time::Instant;

use async_channel::{Receiver, SendError, Sender};
use async_io::Timer;
use futures_lite::future::or;
use pilotfish_protocol::extension::from_agent::Span;
use pilotfish_protocol::{ContainerEvent, ContainerId};

use super::connection::{Engine, Heard};
use super::error::EngineError;
use super::event_stream::EventStream;
use super::events::cursor::EventCursor;
use super::events::recall::Resumed;
use super::events::{EngineEvent, Happened};
use super::watch::{Input, Output, Watch};
use crate::clock;

/// News of calls wait here until the watch looks; more of them would say nothing new.
const HEARD_QUEUE: usize = 4;

/// What is new about the Engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineNews {
    /// It is up: at the start, or after it was down. What was known of its containers may be old.
    Up,
    /// It is down, said once.
    Down {
        /// The reason, for a person.
        why: String,
    },
    /// Something happened to a container. Told once, in the Engine's order, also what happened while the stream was broken.
    Event(ContainerEvent),
    /// A container was connected to a network or disconnected from one. Told as events are.
    Rewired(ContainerId),
    /// Of this time there may be events that the Engine does not remember, for it was restarted or there were too many. What was known
    /// of its containers may be old. Told after the events that it does remember.
    Gap(Span),
}

impl From<Happened> for EngineNews {
    fn from(happened: Happened) -> Self {
        match happened {
            Happened::Event(event) => Self::Event(event),
            Happened::Rewired(id) => Self::Rewired(id),
        }
    }
}

/// What ended a wait.
enum Woken {
    Event(Result<Option<EngineEvent>, EngineError>),
    Heard(Heard),
    Deadline,
}

/// Watches `engine` and sends what is new, until the receiver of `news` is gone; what happens from `start_nano` on (nanoseconds since 1970)
/// is told.
///
/// Asks and waits by itself, for ever; other calls on `engine` help it to notice. A slow receiver slows only the reading of events.
pub async fn follow(engine: &Engine, start_nano: i64, news: &Sender<EngineNews>) {
    let (sender, heard) = async_channel::bounded(HEARD_QUEUE);
    engine.tell(sender);
    let mut watch = Watch::new();
    let mut cursor = EventCursor::new(start_nano);
    let mut stream: Option<EventStream> = None;
    // When the stream ended that was the last one.
    let mut ended_nano = None;
    let mut has_complained = false;
    loop {
        while let Some(output) = watch.poll_output() {
            match output {
                Output::Negotiate => {
                    answer(&mut watch, &heard, engine.negotiate().await.map(drop));
                }
                Output::Ping => answer(&mut watch, &heard, engine.ping().await),
                Output::OpenEvents => match open(engine, &mut cursor, ended_nano, news).await {
                    Ok(opened) => {
                        (stream, has_complained) = (Some(opened), false);
                        ended_nano = None;
                    }
                    Err(error) => {
                        // A proxy before the Engine may refuse this for good.
                        if !has_complained && !error.is_unreachable() {
                            has_complained = true;
                            log::warn!("Engine refuses to tell events: {}", error.reason());
                        }
                        log::debug!("follow events: {}", error.reason());
                        watch.handle(Input::EventsEnded, clock::now());
                    }
                },
                Output::CloseEvents => {
                    if stream.take().is_some() {
                        ended_nano = Some(unix_nano());
                    }
                }
                Output::ReportUp => {
                    if news.send(EngineNews::Up).await.is_err() {
                        return;
                    }
                }
                Output::ReportDown { why } => {
                    if news.send(EngineNews::Down { why }).await.is_err() {
                        return;
                    }
                }
            }
        }
        match wait(&mut stream, &heard, watch.deadline()).await {
            Woken::Event(Ok(Some(event))) => {
                watch.handle(Input::CallAnswered, clock::now());
                if !cursor.is_new(&event) {
                    continue;
                }
                if tell(engine, event, news).await.is_err() {
                    return;
                }
            }
            Woken::Event(ended) => {
                if let Err(error) = ended {
                    log::debug!("follow events: {}", error.reason());
                }
                stream = None;
                ended_nano = Some(unix_nano());
                watch.handle(Input::EventsEnded, clock::now());
            }
            Woken::Heard(Heard::Answer) => watch.handle(Input::CallAnswered, clock::now()),
            Woken::Heard(Heard::Nothing) => watch.handle(Input::CallFailed, clock::now()),
            Woken::Deadline => watch.handle(Input::Timeout, clock::now()),
        }
    }
}

/// Opens the stream of events. When one had ended before, first tells what the Engine remembers since, and whether that is all.
async fn open(
    engine: &Engine,
    cursor: &mut EventCursor,
    ended_nano: Option<i64>,
    news: &Sender<EngineNews>,
) -> Result<EventStream, EngineError> {
    if let Some(ended_nano) = ended_nano {
        let now_nano = unix_nano();
        // The Engine refuses to tell of a time that ends before it begins.
        cursor.come_back_to(now_nano);
        let remembered = engine.remembered_events(&cursor.since(), now_nano).await?;
        let resumed = Resumed::of(remembered, cursor, ended_nano, now_nano);
        if resumed.gap.is_some() {
            engine.additions().clear();
        }
        // When nobody takes them any more, the next one to be told says so.
        for event in resumed.new {
            drop(tell(engine, event, news).await);
        }
        if let Some(gap) = resumed.gap {
            drop(news.send(EngineNews::Gap(gap)).await);
        }
    }
    engine.events(&cursor.since()).await
}

async fn tell(
    engine: &Engine,
    event: EngineEvent,
    news: &Sender<EngineNews>,
) -> Result<(), SendError<EngineNews>> {
    if let Happened::Event(event) = &event.happened {
        engine.additions().note(event);
    }
    news.send(event.happened.into()).await
}

fn unix_nano() -> i64 {
    clock::unix_ms().saturating_mul(1_000_000)
}

/// Tells the watch the answer to its question. What the question itself left in `heard` is no news.
fn answer(watch: &mut Watch, heard: &Receiver<Heard>, asked: Result<(), EngineError>) {
    while heard.try_recv().is_ok() {}
    let input = match asked {
        Ok(()) => Input::Answered,
        Err(error) => Input::Failed {
            why: error.reason(),
        },
    };
    watch.handle(input, clock::now());
}

async fn wait(
    stream: &mut Option<EventStream>,
    heard: &Receiver<Heard>,
    deadline: Option<Instant>,
) -> Woken {
    let event = async {
        match stream {
            Some(stream) => Woken::Event(stream.next().await),
            None => std::future::pending().await,
        }
    };
    let call = async {
        match heard.recv().await {
            Ok(heard) => Woken::Heard(heard),
            Err(_) => std::future::pending().await,
        }
    };
    let timeout = async {
        match deadline {
            Some(deadline) => Timer::at(deadline).await,
            None => std::future::pending().await,
        };
        Woken::Deadline
    };
    or(event, or(call, timeout)).await
}
