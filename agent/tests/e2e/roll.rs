//! The roll of containers against a real Engine: a server that applies the changes holds what the Engine lists.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use async_channel::{Receiver, Sender};
use async_io::Timer;
use futures_lite::FutureExt as _;
use pilotfish_agent::clock;
use pilotfish_agent::engine::follow::{EngineNews, follow};
use pilotfish_agent::engine::{Endpoint, Engine};
use pilotfish_agent::roll::pacer::PAUSE;
use pilotfish_agent::roll::{self, Input, Listed, Roll};
use pilotfish_lab::Sample;
use pilotfish_protocol::extension::{ListChange, ListHash};
use pilotfish_protocol::{ContainerId, ContainerListing};
use serde_json::json;

const DEADLINE: Duration = Duration::from_secs(20);

/// What a server holds.
#[derive(Default)]
struct Held {
    listings: BTreeMap<ContainerId, String>,
    changes: usize,
}

impl Held {
    fn apply(&mut self, change: &ListChange) -> Result<()> {
        self.changes += 1;
        if change.is_full {
            self.listings.clear();
        }
        for listing in &change.set {
            let read: ContainerListing = serde_json::from_str(listing.get())?;
            self.listings.insert(read.id, listing.get().to_owned());
        }
        for id in &change.gone {
            self.listings
                .remove(id)
                .context("gone without being there")?;
        }
        ensure!(self.hash() == change.hash, "another list than the agent's");
        Ok(())
    }

    fn hash(&self) -> ListHash {
        let texts = self.listings.values();
        texts
            .map(|text| ListHash::of(text.as_bytes()))
            .fold(ListHash::default(), ListHash::plus)
    }

    fn find(&self, name: &str) -> Option<ContainerListing> {
        let all = self.listings.values();
        all.filter_map(|text| serde_json::from_str(text).ok())
            .find(|listing: &ContainerListing| listing.name() == name)
    }
}

/// Takes what the roll tells until `is_it` holds.
async fn until(
    what: &str,
    news: &Receiver<Listed>,
    held: &mut Held,
    is_it: impl Fn(&Held, &Listed) -> bool,
) -> Result<Listed> {
    let late = async {
        Timer::after(DEADLINE).await;
        bail!("no {what} within {DEADLINE:?}")
    };
    let told = async {
        loop {
            let listed = news.recv().await?;
            if let Some(change) = &listed.change {
                held.apply(change)?;
            }
            ensure!(
                held.hash() == listed.hash,
                "the hash is not that of the list"
            );
            if is_it(held, &listed) {
                return Ok(listed);
            }
        }
    };
    told.or(late).await
}

/// Passes on what the Engine tells, as the agent does.
async fn pass_on(news: Receiver<EngineNews>, inputs: Sender<Input>) -> Result<()> {
    while let Ok(news) = news.recv().await {
        inputs.send(Input::from(&news)).await?;
    }
    bail!("nobody follows the Engine")
}

fn with_roll(
    lab: &pilotfish_lab::Engine,
    script: impl AsyncFnOnce(&Engine, &Sender<Input>, &Receiver<Listed>) -> Result<()>,
) -> Result<()> {
    with_roll_at(&lab.socket(), script)
}

fn with_roll_at(
    socket: &Path,
    script: impl AsyncFnOnce(&Engine, &Sender<Input>, &Receiver<Listed>) -> Result<()>,
) -> Result<()> {
    smol::block_on(async {
        let engine = Engine::new(Endpoint::Unix(socket.to_owned()));
        let (to_pass_on, told) = async_channel::bounded(16);
        let (inputs, taken) = async_channel::bounded(16);
        let (listed, news) = async_channel::bounded(16);
        let follow = async {
            follow(&engine, clock::unix_ms() * 1_000_000, &to_pass_on).await;
            bail!("nobody listens")
        };
        let roll = async {
            roll::run(&engine, taken, listed).await;
            bail!("nobody listens")
        };
        script(&engine, &inputs, &news)
            .or(follow)
            .or(pass_on(told, inputs.clone()))
            .or(roll)
            .await
    })
}

#[test]
fn a_server_that_applies_the_changes_holds_what_the_engine_lists() -> Result<()> {
    let lab = pilotfish_lab::Engine::start()?;
    lab.run(&Sample::idle("first").label("a", "b"))?;
    with_roll(&lab, async |engine, inputs, news| {
        let mut held = Held::default();
        // Its start may be told once more, within the millisecond in which following begins.
        let listed = until("first list", news, &mut held, |held, listed| {
            held.find("first").is_some() && listed.running.is_some()
        });
        let running = listed.await?.running.context("settled")?;
        ensure!(running.len() == 1 && &*running[0].name == "first");
        ensure!(held.find("first").is_some_and(|first| first.status == "Up"));
        ensure!(
            held.find("first")
                .is_some_and(|first| first.started_at.is_some())
        );

        let second = lab.run(&Sample::idle("second"))?;
        let listed = until("second container", news, &mut held, |held, listed| {
            held.find("second").is_some_and(|c| c.state == "running") && listed.running.is_some()
        });
        ensure!(listed.await?.running.is_some_and(|all| all.len() == 2));

        lab.post(
            &format!("/containers/{}/rename?name=other", second.id),
            None,
        )?;
        until("new name", news, &mut held, |held, _| {
            held.find("other").is_some()
        })
        .await?;
        lab.post(&format!("/containers/{}/pause", second.id), None)?;
        until("pause", news, &mut held, |held, _| {
            held.find("other")
                .is_some_and(|c| c.status == "Up (Paused)")
        })
        .await?;
        let third = lab.create(&Sample::idle("third"))?;
        until("third container", news, &mut held, |held, _| {
            held.find("third").is_some()
        })
        .await?;
        let body = json!({"Container": &third.id});
        lab.post("/networks/none/disconnect", Some(&body))?;
        until("container without a network", news, &mut held, |held, _| {
            held.find("third")
                .is_some_and(|c| c.network_settings.networks.is_empty())
        })
        .await?;
        lab.remove(&second.id)?;
        until("end", news, &mut held, |held, _| {
            held.find("other").is_none()
        })
        .await?;

        inputs.send(Input::Restate).await?;
        until("whole list", news, &mut held, |_, listed| {
            listed.change.as_ref().is_some_and(|change| change.is_full)
        })
        .await?;
        let mut fresh = Roll::default();
        let whole = fresh.restate(engine.list_containers().await?);
        ensure!(whole.hash == held.hash());
        Ok(())
    })
}

#[test]
fn a_container_that_flaps_costs_at_most_a_change_a_second() -> Result<()> {
    let lab = pilotfish_lab::Engine::start()?;
    // Docker starts it again after 100, 200, 400, 800 ms: ten events within the first second.
    let script = Sample::new("flaps", &["true"]).restart("always");
    with_roll(&lab, async |_, _, news| {
        let mut held = Held::default();
        until("first list", news, &mut held, |_, _| true).await?;
        let began = clock::now();
        held.changes = 0;
        lab.run(&script)?;
        until("fourth change", news, &mut held, |held, _| {
            held.changes == 4
        })
        .await?;
        let took = clock::now() - began;
        ensure!(took >= PAUSE * 3, "{took:?}");
        Ok(())
    })
}

#[test]
fn an_engine_that_was_restarted_leaves_a_gap_and_the_list_is_whole_again() -> Result<()> {
    let mut lab = pilotfish_lab::Engine::start()?;
    let socket = lab.socket();
    lab.run(&Sample::idle("always").restart("always"))?;
    with_roll_at(&socket, async |engine, _, news| {
        let mut held = Held::default();
        let first = until("first list", news, &mut held, |held, _| {
            held.find("always").is_some()
        });
        first.await?;
        let started_at = held.find("always").and_then(|c| c.started_at);
        let now_nano = || clock::unix_ms() * 1_000_000;
        let known_nano = now_nano();
        lab.run(&Sample::new("short", &["true"]))?;
        let recalled = engine.recall(known_nano, known_nano, now_nano()).await?;
        let actions: Vec<_> = recalled.events.iter().map(|e| &*e.action).collect();
        ensure!(actions.starts_with(&["create"]), "{actions:?}");
        ensure!(
            recalled.gap.is_some(),
            "the event known last is older than the Engine's memory"
        );
        let last_nano = recalled.events[0].timestamp.context("a time")?.unix_ms() * 1_000_000;
        let recalled = engine.recall(last_nano, last_nano, now_nano()).await?;
        ensure!(recalled.gap.is_none(), "{recalled:?}");

        lab.restart()?;
        let again = until("new start", news, &mut held, |held, _| {
            held.find("always")
                .is_some_and(|c| c.state == "running" && c.started_at > started_at)
        });
        again.await?;
        let recalled = engine.recall(last_nano, last_nano, now_nano()).await?;
        ensure!(recalled.gap.is_some(), "{recalled:?}");
        Ok(())
    })
}
