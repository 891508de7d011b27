//! Tasks that look and tell: the Engine, the samplers, the signals.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use async_io::Timer;
use async_signal::Signals;
use futures_lite::{FutureExt as _, StreamExt as _};
use pilotfish_protocol::ContainerId;

use crate::agent::Event;
use crate::engine::follow::{self, EngineNews};
use crate::engine::{Endpoint, Engine, EngineError};
use crate::identity::container_id::who_it_may_be;
use crate::identity::registration::Known;
use crate::roll;
use crate::sample::containers::Sampler;
use crate::sample::host_sampler::HostSampler;

/// News of the Engine that wait while its facts are read.
const NEWS: usize = 16;
/// How long to wait before the facts of an Engine that has just come up are asked again.
const FACTS_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Tells the loop; waits while it is busy.
pub(super) async fn tell(events: &Sender<Event>, event: Event) {
    // The loop outlives all tasks: its executor drops them when it ends.
    drop(events.send(event).await);
}

/// Tells of signals that end the program.
pub(super) async fn signals(mut signals: Signals, events: Sender<Event>) {
    while let Some(signal) = signals.next().await {
        match signal {
            Ok(signal) => {
                log::info!("ending on {signal:?}");
                tell(&events, Event::Stop).await;
            }
            Err(error) => log::warn!("cannot read signals: {error}"),
        }
    }
}

/// Who is told what the Engine does.
#[derive(Debug)]
pub(super) struct Audience {
    /// What the registration says of the Engine.
    pub(super) known: Rc<RefCell<Known>>,
    /// Measures containers.
    pub(super) containers: Sampler,
    /// Measures the host, and with it the file system of the Engine's data.
    pub(super) host: Rc<RefCell<HostSampler>>,
    /// Keeps the roll of containers.
    pub(super) roll: Sender<roll::Input>,
    /// The loop.
    pub(super) events: Sender<Event>,
}

/// Follows the Engine from the program's start on: up, with what it says of itself, down, and what happens to containers.
pub(super) async fn engine(
    engine: Engine,
    start_nano: i64,
    ambiguous_own: Option<ContainerId>,
    audience: Audience,
) {
    let events = &audience.events;
    let (sender, news) = async_channel::bounded(NEWS);
    let pass_on = async {
        // The Engine came up and has not said yet what it is.
        let mut is_unknown = false;
        let mut has_complained = false;
        loop {
            if is_unknown {
                match learn(&engine, &audience).await {
                    Ok(()) => {
                        (is_unknown, has_complained) = (false, false);
                        audience.tell_roll(roll::Input::EngineUp).await;
                        if let Some(found) = &ambiguous_own {
                            settle_own(&engine, found, events).await;
                        }
                    }
                    // A proxy before the Engine may refuse this for good: without the answer nobody is told that the Engine is up.
                    Err(error) if !has_complained && !error.is_unreachable() => {
                        has_complained = true;
                        log::warn!(
                            "Engine does not say what it is: {}; asking again every {FACTS_AGAIN_AFTER:?}",
                            error.reason()
                        );
                    }
                    Err(error) => {
                        log::debug!("Engine does not say what it is: {}", error.reason());
                    }
                }
            }
            let told = async { news.recv().await.ok() };
            let ask_again = async {
                if is_unknown {
                    Timer::after(FACTS_AGAIN_AFTER).await;
                    None
                } else {
                    std::future::pending().await
                }
            };
            match told.or(ask_again).await {
                Some(EngineNews::Up) => is_unknown = true,
                Some(EngineNews::Down { why }) => {
                    (is_unknown, has_complained) = (false, false);
                    audience.containers.keep_only(&[]);
                    audience.tell_roll(roll::Input::EngineDown).await;
                    tell(events, Event::EngineDown { why }).await;
                }
                Some(EngineNews::Event(event)) => {
                    audience.containers.note(&event);
                    let for_roll = roll::Input::Event(event.clone());
                    audience.tell_roll(for_roll).await;
                    tell(events, Event::Container(event)).await;
                }
                Some(EngineNews::Rewired(id)) => {
                    audience.tell_roll(roll::Input::Rewired(id)).await;
                }
                Some(EngineNews::Gap(gap)) => {
                    audience.tell_roll(roll::Input::Gap).await;
                    tell(events, Event::EventsMissing(gap)).await;
                }
                None => {}
            }
        }
    };
    follow::follow(&engine, start_nano, &sender)
        .or(pass_on)
        .await;
}

impl Audience {
    async fn tell_roll(&self, input: roll::Input) {
        // The roll is kept as long as there is an Engine to follow.
        drop(self.roll.send(input).await);
    }
}

/// Keeps the roll of containers, and tells what is new in it to who measures them and to the loop.
pub(super) async fn roll(
    engine: Engine,
    inputs: Receiver<roll::Input>,
    containers: Sampler,
    events: Sender<Event>,
) {
    let (sender, news) = async_channel::bounded(1);
    let pass_on = async {
        while let Ok(listed) = news.recv().await {
            let roll::Listed {
                hash,
                change,
                running,
            } = listed;
            if let Some(running) = running {
                containers.keep_only(&running);
            }
            tell(&events, Event::Listed { hash, change }).await;
        }
    };
    roll::run(&engine, inputs, sender).or(pass_on).await;
}

/// Asks the Engine which container the agent runs in, when what was `found` may be the one whose network it shares.
async fn settle_own(engine: &Engine, found: &ContainerId, events: &Sender<Event>) {
    let neighbours = match engine.neighbours().await {
        Ok(neighbours) => neighbours,
        Err(error) => {
            log::debug!("guarding container {found}: {}", error.reason());
            return;
        }
    };
    let Endpoint::Unix(socket) = engine.endpoint();
    let own = who_it_may_be(found, &neighbours, &socket.to_string_lossy());
    let is_as_found = matches!(&own[..], [own] if own.is_same_container(found));
    if !is_as_found {
        let ids: Vec<&str> = own.iter().map(ContainerId::short).collect();
        log::info!(
            "sharing the network of container {}, running in {}",
            found.short(),
            ids.join(" or ")
        );
    }
    tell(events, Event::OwnContainers(own)).await;
}

/// Asks the Engine what it is and tells the loop.
async fn learn(engine: &Engine, audience: &Audience) -> Result<(), EngineError> {
    let facts = engine.facts().await?;
    let bridge_created_at = match engine.bridge_created_at().await {
        Ok(at) => at,
        Err(error) if error.is_unreachable() => return Err(error),
        // Nothing depends on it.
        Err(error) => {
            log::debug!("no age of the bridge network: {}", error.reason());
            None
        }
    };
    let Some(id) = facts.id.clone() else {
        log::error!("Engine has no id: without one no agent can be registered");
        return Ok(());
    };
    let version = facts.server_version.clone();
    let data_root = Some(facts.docker_root_dir.clone());
    let data_root = data_root.filter(|path| path.is_absolute());
    audience.host.borrow_mut().set_data_root(data_root);
    {
        let mut known = audience.known.borrow_mut();
        known.engine = Some(facts);
        known.bridge_created_at = bridge_created_at;
    }
    tell(&audience.events, Event::EngineUp { id, version }).await;
    Ok(())
}
