//! The shell of the roll: asks the Engine for what may have changed, and tells what did.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use async_channel::{Receiver, Sender};
use async_io::Timer;
use futures_lite::future::or;
use pilotfish_protocol::extension::{ListChange, ListHash};
use pilotfish_protocol::{ContainerEvent, ContainerId, ContainerListing};

use super::pacer::{Pacer, Question};
use super::sheet::{Roll, RunningContainer};
use crate::clock;
use crate::engine::follow::EngineNews;
use crate::engine::{Engine, EngineError};

/// What the roll is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The Engine is up, maybe another one than before.
    EngineUp,
    /// The Engine is down.
    EngineDown,
    /// Something happened to a container.
    Event(ContainerEvent),
    /// A container was connected to a network or disconnected from one.
    Rewired(ContainerId),
    /// Events may have been missed.
    Gap,
    /// The server wants all containers.
    Restate,
}

impl From<&EngineNews> for Input {
    fn from(news: &EngineNews) -> Self {
        match news {
            EngineNews::Up => Self::EngineUp,
            EngineNews::Down { .. } => Self::EngineDown,
            EngineNews::Event(event) => Self::Event(event.clone()),
            EngineNews::Rewired(id) => Self::Rewired(id.clone()),
            EngineNews::Gap(_) => Self::Gap,
        }
    }
}

/// What an answer of the Engine made of the roll.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What both ends hold once the server took the change; for the heartbeat.
    pub hash: ListHash,
    /// What is to be sent while there is a session that knows changes; of no use otherwise.
    pub change: Option<ListChange>,
    /// All containers that run; `None` while more is to be asked, since one that has just started may not be among them.
    pub running: Option<Vec<RunningContainer>>,
}

/// Keeps the roll of `engine`'s containers, until the sender of `inputs` or the receiver of `news` is gone.
///
/// Takes inputs also while the Engine is slow to answer; waits only for room in `news`. Whoever takes the news must not wait for room in
/// `inputs`. Nothing is asked before [`Input::EngineUp`].
pub async fn run(engine: &Engine, inputs: Receiver<Input>, news: Sender<Listed>) {
    let mut roll = Roll::default();
    let mut pacer = Pacer::new();
    let mut asking: Option<Asking<'_>> = None;
    loop {
        if asking.is_none()
            && let Some(question) = pacer.take(clock::now())
        {
            asking = Some(Box::pin(ask(engine, question)));
        }
        match wait(&inputs, &mut asking, pacer.deadline()).await {
            Woken::Input(input) => {
                if matches!(input, Input::EngineUp | Input::EngineDown) {
                    // Asked of an Engine that may not be there any more.
                    asking = None;
                }
                take(&mut pacer, input, clock::now());
            }
            Woken::Answer(question, answer) => {
                asking = None;
                let listings = match answer {
                    Ok(listings) => listings,
                    Err(error) => {
                        log::debug!("no list of containers: {}", error.reason());
                        pacer.done(question, false, clock::now());
                        continue;
                    }
                };
                let change = enter(&mut roll, &question, listings);
                pacer.done(question, true, clock::now());
                let is_settled = inputs.is_empty() && pacer.is_settled();
                let listed = Listed {
                    hash: roll.hash(),
                    change,
                    running: is_settled.then(|| roll.running()),
                };
                if news.send(listed).await.is_err() {
                    return;
                }
            }
            Woken::Deadline => {}
            Woken::Left => return,
        }
    }
}

/// Tells whether an event of this action leaves a container's listing as it was.
///
/// What is not known may change it.
fn leaves_listing(action: &str) -> bool {
    let copies = ["archive-path", "extract-to-dir", "copy", "export", "commit"];
    let streams = ["attach", "detach", "resize", "top"];
    action.starts_with("exec_") || copies.contains(&action) || streams.contains(&action)
}

fn take(pacer: &mut Pacer, input: Input, now: Instant) {
    match input {
        Input::EngineUp => pacer.engine_up(now),
        Input::EngineDown => pacer.engine_down(),
        Input::Event(event) if leaves_listing(&event.action) => {}
        Input::Event(event) => pacer.changed(&event.container_id, now),
        Input::Rewired(id) => pacer.changed(&id, now),
        Input::Gap => pacer.all_changed(now),
        Input::Restate => pacer.restate(now),
    }
}

fn enter(
    roll: &mut Roll,
    question: &Question,
    listings: Vec<ContainerListing>,
) -> Option<ListChange> {
    match question {
        Question::All {
            is_to_restate: true,
        } => Some(roll.restate(listings)),
        Question::All {
            is_to_restate: false,
        } => roll.replace(listings),
        Question::Only(ids) => roll.update(ids, listings),
    }
}

type Asking<'a> =
    Pin<Box<dyn Future<Output = (Question, Result<Vec<ContainerListing>, EngineError>)> + 'a>>;

async fn ask(
    engine: &Engine,
    question: Question,
) -> (Question, Result<Vec<ContainerListing>, EngineError>) {
    let answer = match &question {
        Question::All { .. } => engine.list_containers().await,
        Question::Only(ids) => engine.list_only(ids).await,
    };
    (question, answer)
}

/// What ended a wait.
enum Woken {
    Input(Input),
    Answer(Question, Result<Vec<ContainerListing>, EngineError>),
    Deadline,
    /// Nobody tells anything any more.
    Left,
}

async fn wait(
    inputs: &Receiver<Input>,
    asking: &mut Option<Asking<'_>>,
    deadline: Option<Instant>,
) -> Woken {
    let input = async {
        match inputs.recv().await {
            Ok(input) => Woken::Input(input),
            Err(_) => Woken::Left,
        }
    };
    let answer = async {
        match asking {
            Some(asking) => {
                let (question, answer) = asking.await;
                Woken::Answer(question, answer)
            }
            None => std::future::pending().await,
        }
    };
    let due = async {
        match deadline {
            Some(deadline) => Timer::at(deadline).await,
            None => std::future::pending().await,
        };
        Woken::Deadline
    };
    or(input, or(answer, due)).await
}

#[cfg(test)]
mod tests;
