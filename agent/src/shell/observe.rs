//! Tasks that look and tell: the Engine, the samplers, the signals.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use async_channel::Sender;
use async_io::Timer;
use async_signal::Signals;
use futures_lite::{FutureExt as _, StreamExt as _};
use pilotfish_protocol::ContainerId;

use crate::agent::Event;
use crate::clock;
use crate::engine::follow::{self, EngineNews};
use crate::engine::{Endpoint, Engine, EngineError};
use crate::identity::container_id::who_it_may_be;
use crate::identity::registration::Known;
use crate::sample::host::HostMeter;
use crate::sample::host_files::HostFiles;
use crate::sample::sampler::Sampler;

/// News of the Engine that wait while its facts are read.
const NEWS: usize = 16;
/// How often the host is sampled. A DockMon backend takes a host's own numbers only when they are younger than 10 s.
const HOST_SAMPLE_EVERY: Duration = Duration::from_secs(5);
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

/// Follows the Engine: up, with what it says of itself, down, and what happens to containers.
pub(super) async fn engine(
    engine: Engine,
    sampler: Sampler,
    known: Rc<RefCell<Known>>,
    ambiguous_own: Option<ContainerId>,
    events: Sender<Event>,
) {
    let (sender, news) = async_channel::bounded(NEWS);
    let pass_on = async {
        // The Engine came up and has not said yet what it is.
        let mut is_unknown = false;
        let mut has_complained = false;
        loop {
            if is_unknown {
                match learn(&engine, &known, &events).await {
                    Ok(()) => {
                        (is_unknown, has_complained) = (false, false);
                        refresh(&engine, &sampler).await;
                        if let Some(found) = &ambiguous_own {
                            settle_own(&engine, found, &events).await;
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
                    sampler.keep_only(std::iter::empty());
                    tell(&events, Event::EngineDown { why }).await;
                }
                Some(EngineNews::Event(event)) => {
                    sampler.note(&event);
                    tell(&events, Event::Container(event)).await;
                }
                Some(EngineNews::Rewired(_)) => {}
                Some(EngineNews::Gap(_)) => refresh(&engine, &sampler).await,
                None => {}
            }
        }
    };
    follow::follow(&engine, &sender).or(pass_on).await;
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
async fn learn(
    engine: &Engine,
    known: &RefCell<Known>,
    events: &Sender<Event>,
) -> Result<(), EngineError> {
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
    {
        let mut known = known.borrow_mut();
        known.engine = Some(facts);
        known.bridge_created_at = bridge_created_at;
    }
    tell(events, Event::EngineUp { id, version }).await;
    Ok(())
}

/// Takes samples of host and containers, for as long as it is polled.
pub(super) async fn samples(
    engine: Engine,
    sampler: Sampler,
    files: HostFiles,
    events: Sender<Event>,
) {
    let (sender, taken) = async_channel::bounded(1);
    let containers = async {
        refresh(&engine, &sampler).await;
        sampler.run(&engine, &sender).await;
    };
    let pass_on = async {
        while let Ok(sample) = taken.recv().await {
            tell(&events, Event::ContainerSample(sample)).await;
        }
    };
    let host = async {
        let mut meter = HostMeter::default();
        loop {
            let sample = meter.take(files.read(), clock::now());
            tell(&events, Event::HostSample(sample)).await;
            Timer::after(HOST_SAMPLE_EVERY).await;
        }
    };
    containers.or(pass_on).or(host).await;
}

/// Tells the sampler which containers run; those it missed the start of as well.
async fn refresh(engine: &Engine, sampler: &Sampler) {
    match engine.running_containers().await {
        Ok(running) => sampler.keep_only(running.iter()),
        Err(error) => log::debug!("no list of containers to sample: {}", error.reason()),
    }
}
