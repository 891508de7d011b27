//! What is known now, shared by all sessions and viewers: one lock around the pure parts, never held while waiting.
//!
//! Every change goes the same way: the fleet takes it, viewers are told, and what is worth keeping goes into the journal, which
//! [`Board::flush`] writes to the store.

pub mod events;
mod lists;
mod measured;
mod records;
mod viewers;

use std::sync::{Mutex, MutexGuard, PoisonError};

use pilotfish_protocol::{EngineState, HostId, Trouble};

use crate::app::App;
use crate::clock;
use crate::store::agents::AgentRecord;
use crate::store::events::{EventRecord, Subject as About};
use crate::store::hosts::HostRecord;
use crate::store::{Store, StoreError, agents, events as stored_events, hosts, last_events};
use crate::telemetry::board::records::{facts, host_event};
use crate::telemetry::board::viewers::containers_message;
use crate::telemetry::fanout::{Fanout, Subject};
use crate::telemetry::fleet::{EngineChange, Fleet, SessionId};
use crate::telemetry::journal::Journal;
use crate::telemetry::view::{EventView, HostView, Live};

/// What is known now.
#[derive(Debug, Default)]
pub struct Board {
    state: Mutex<State>,
    /// One flush at a time, so that who waits for it sees all events before written.
    flushing: smol::lock::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    fleet: Fleet,
    fanout: Fanout,
    journal: Journal,
}

/// What a session's report led to, as far as the session must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noted {
    /// The container list is not up to date any more.
    pub is_list_old: bool,
}

impl Board {
    /// Loads every host, offline, and goes on with the numbers of the events.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn load(&self, store: &Store) -> Result<(), StoreError> {
        let all_hosts = hosts::list(store)?;
        let mut all_agents: std::collections::BTreeMap<_, _> = agents::list(store)?
            .into_iter()
            .map(|(agent, heard)| (agent.host_id.clone(), (agent, heard)))
            .collect();
        let last_id = stored_events::last_id(store)?;
        let last_events = last_events::list(store)?;
        let mut state = self.lock();
        state.journal.continue_after(last_id);
        for host in all_hosts {
            if let Some((agent, heard)) = all_agents.remove(&host.id) {
                state.fleet.learn(&host.id, facts(&host, &agent, heard));
            }
        }
        for (host, last_event) in last_events {
            let told = HostId::new(host)
                .ok()
                .and_then(|id| state.fleet.told_of(&id));
            if let Some(told) = told {
                told.last_event = Some(last_event);
            }
        }
        Ok(())
    }

    /// Adds a host that was just enrolled.
    pub fn enrolled(&self, host: &HostRecord, agent: &AgentRecord) {
        let mut state = self.lock();
        state.fleet.learn(&host.id, facts(host, agent, None));
        state.event(host_event(&host.id, &host.name, "enrolled", None));
        state.tell_host(&host.id);
    }

    /// Takes what a returning agent told of itself and its host; not when the host is no more.
    pub fn learn(&self, host: &HostRecord, agent: &AgentRecord) {
        let mut state = self.lock();
        let Some(known) = state.fleet.find(&host.id) else {
            return;
        };
        let old_name = known.facts.name.clone();
        let heard = known.facts.heard_unix_ms;
        if state.fleet.learn(&host.id, facts(host, agent, heard)) {
            state.tell_host(&host.id);
        }
        if old_name != host.name {
            let was = Some(format!("was {old_name}"));
            state.event(host_event(&host.id, &host.name, "renamed", was));
        }
    }

    /// Forgets a host; answers whether there was one.
    pub fn remove(&self, id: &HostId) -> bool {
        let mut state = self.lock();
        let Some(host) = state.fleet.remove(id) else {
            return false;
        };
        state.fanout.forget(id);
        let message = Live::HostRemoved { id }.encode();
        state.fanout.queue(&message);
        state.event(host_event(id, &host.facts.name, "removed", None));
        true
    }

    /// Makes `session` the host's present one; `false` when the host is no more, or a later session is there.
    pub fn attach(&self, id: &HostId, session: SessionId) -> bool {
        let now = clock::unix_ms();
        let mut state = self.lock();
        let Some(was_offline) = state.fleet.attach(id, session, now) else {
            return false;
        };
        if was_offline {
            state.happened(id, About::Host, "online", None);
        }
        state.note_heard(id, now);
        state.tell_host(id);
        true
    }

    /// From here on nothing that an earlier session of the host tells counts.
    pub fn supersede(&self, id: &HostId, session: SessionId) {
        self.lock().fleet.supersede(id, session);
    }

    /// Takes the link down, if `session` is the present one.
    pub fn detach(&self, id: &HostId, session: SessionId, why: &str) {
        let now = clock::unix_ms();
        let mut state = self.lock();
        if state.fleet.detach(id, session, now) {
            state.happened(id, About::Host, "offline", Some(why.to_owned()));
            state.tell_host(id);
        }
    }

    /// Notes that the agent was heard.
    pub fn heard(&self, id: &HostId, session: SessionId) {
        let now = clock::unix_ms();
        let mut state = self.lock();
        state.fleet.heard(id, session, now);
        state.note_heard(id, now);
    }

    /// Takes what the agent says of its Engine.
    pub fn engine(&self, id: &HostId, session: SessionId, told: &EngineState) {
        let now = clock::unix_ms();
        let mut state = self.lock();
        match state.fleet.engine(id, session, told, now) {
            EngineChange::Nothing => return,
            EngineChange::Detail | EngineChange::Up { was_down: false } => {}
            EngineChange::Up { was_down: true } => state.happened(id, About::Engine, "up", None),
            EngineChange::Down(why) => state.happened(id, About::Engine, "down", Some(why)),
        }
        state.tell_host(id);
    }

    /// Takes trouble that the agent reports.
    pub fn trouble(&self, id: &HostId, session: SessionId, trouble: &Trouble) {
        let mut state = self.lock();
        let is_present = state
            .fleet
            .find(id)
            .is_some_and(|host| host.session == Some(session));
        if is_present {
            let detail = match &trouble.details {
                Some(details) => format!("{}: {details}", trouble.error),
                None => trouble.error.to_string(),
            };
            state.happened(id, About::Host, "trouble", Some(detail));
        }
    }

    /// Looks at the fleet; `look` must be quick.
    pub fn look<T>(&self, look: impl FnOnce(&Fleet) -> T) -> T {
        look(&self.lock().fleet)
    }

    /// Tells viewers the time, and drops samples that are too old.
    pub fn tick(&self) {
        let now = clock::unix_ms();
        let mut state = self.lock();
        for host in state.fleet.sweep(now) {
            state.tell_host(&host);
            state.tell_containers(&host);
        }
        if !state.fanout.is_empty() {
            let online = state
                .fleet
                .iter()
                .filter(|(_, host)| host.session.is_some());
            let heard = online.filter_map(|(id, host)| Some((id.as_str(), host.heard_unix_ms?)));
            let message = Live::Time {
                server_unix_ms: now,
                heard: heard.collect(),
            }
            .encode();
            state.fanout.tell(&Subject::Time, &message);
        }
    }

    /// Writes all that waits; what cannot be written is logged and lost.
    pub async fn flush(&self, app: &App) {
        let _one = self.flushing.lock().await;
        loop {
            let batch = self.lock().journal.take(clock::unix_ms());
            if batch.lost > 0 {
                log::warn!(
                    "{} events lost: they came faster than they can be written",
                    batch.lost
                );
            }
            if batch.is_empty() {
                return;
            }
            let write = app.with_store(move |store| {
                store.write(|transaction| {
                    stored_events::append_in(transaction, &batch.events)?;
                    for (agent, at_unix_ms) in &batch.heard {
                        agents::put_heard_in(transaction, agent, *at_unix_ms)?;
                    }
                    Ok::<(), StoreError>(())
                })
            });
            if let Err(error) = write.await {
                log::error!("events lost: {}", crate::http::problem::chain(&error));
            }
        }
    }

    /// Makes the next [`Board::flush`] write "last heard", too.
    pub fn hurry(&self) {
        self.lock().journal.hurry();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn event(&mut self, record: EventRecord) {
        // The id is the one that `add` gives on the next line.
        self.show(self.journal.next_id(), &record);
        self.journal.add(record);
    }

    fn show(&mut self, id: u64, record: &EventRecord) {
        if !self.fanout.is_empty() {
            let event = EventView::of(id, record);
            let message = Live::Event { event }.encode();
            self.fanout.queue(&message);
        }
    }

    fn happened(&mut self, id: &HostId, about: About, action: &str, detail: Option<String>) {
        if let Some(host) = self.fleet.find(id) {
            let mut record = host_event(id, &host.facts.name, action, detail);
            record.subject = about;
            self.event(record);
        }
    }

    fn note_heard(&mut self, id: &HostId, at_unix_ms: u64) {
        if let Some(host) = self.fleet.find(id) {
            self.journal.heard(&host.facts.agent.id, at_unix_ms);
        }
    }

    fn tell_host(&mut self, id: &HostId) {
        if self.fanout.is_empty() {
            return;
        }
        if let Some(host) = self.fleet.find(id) {
            let host = Box::new(HostView::of(id, host));
            let message = Live::Host { host }.encode();
            self.fanout.tell(&Subject::Host(id.clone()), &message);
        }
    }

    fn tell_containers(&mut self, id: &HostId) {
        if self.fanout.watching(id) == 0 {
            return;
        }
        if let Some(message) = containers_message(&self.fleet, id) {
            let subject = Subject::Containers(id.clone());
            self.fanout.tell_watchers(id, &subject, &message);
        }
    }
}
