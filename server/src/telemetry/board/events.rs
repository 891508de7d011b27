//! What happens to containers: told live, or afterwards out of a spool.

use pilotfish_protocol::extension::RunId;
use pilotfish_protocol::spool::Lost;
use pilotfish_protocol::{AgentId, ContainerEvent, HostId};

use crate::app::App;
use crate::clock;
use crate::store::events::{EventRecord, Subject as About};
use crate::store::last_events::LastEvent;
use crate::store::{Store, StoreError, events, hosts, marks};
use crate::telemetry::board::records::host_event;
use crate::telemetry::board::{Board, Noted};
use crate::telemetry::fleet::SessionId;
use crate::telemetry::notable::{self, Notable};

/// What an agent had spooled of what happened.
#[derive(Debug)]
pub struct LateEvents {
    /// Of which host.
    pub host: HostId,
    /// Of which agent.
    pub agent: AgentId,
    /// Of which run.
    pub run: RunId,
    /// Up to which entry.
    pub seq: u64,
    /// What happened: the entry's number, when by this server's clock, and what.
    pub events: Vec<(u64, u64, ContainerEvent)>,
    /// How much found no room in the spool, by the entry's number.
    pub lost: Vec<(u64, Lost)>,
    /// The newest live event before the session, which is not taken again.
    pub last_event: Option<LastEvent>,
}

impl Board {
    /// Gives the newest event of a host that was told live.
    pub fn last_event(&self, id: &HostId) -> Option<LastEvent> {
        self.look(|fleet| fleet.find(id)?.told.last_event.clone())
    }

    /// Takes an event of a container.
    pub fn container_event(
        &self,
        id: &HostId,
        session: SessionId,
        event: &ContainerEvent,
    ) -> Noted {
        let unix_ms = clock::unix_ms();
        let mut state = self.lock();
        let notable = notable::notable(event);
        let noted = Noted {
            is_list_old: notable.is_some(),
        };
        let Some((notable, host)) = notable.zip(state.fleet.live(id, session)) else {
            return noted;
        };
        let at_unix_ms = notable::at_unix_ms(event, unix_ms);
        let record = container_record(id, &host.facts.name, event, notable, at_unix_ms);
        LastEvent::take(&mut host.told.last_event, &record);
        state.event(record);
        noted
    }

    /// Keeps what an agent had spooled, exactly once: when this answers, it is on the disk together with the mark of the last entry. What the
    /// mark already covers is passed over. Viewers are shown the events.
    ///
    /// # Errors
    ///
    /// The store's: nothing of it was kept, and it may be sent again.
    pub async fn keep_late(&self, app: &App, late: LateEvents) -> Result<(), StoreError> {
        let host = late.host.clone();
        let records = |name: &str| late.records(name);
        let Some(records) = self.look(|fleet| Some(records(&fleet.find(&host)?.facts.name))) else {
            return Ok(());
        };
        let first_id = self.lock().journal.reserve(records.len());
        let kept = app
            .with_store(move |store| late.write(store, first_id, records))
            .await?;
        let mut state = self.lock();
        for (id, record) in &kept.events {
            state.show(*id, record);
        }
        if kept.lost != Lost::default()
            && let Some(told) = state.fleet.told_of(&host)
        {
            told.miss(None, kept.lost);
            state.tell_host(&host);
        }
        Ok(())
    }
}

/// What of a batch was new.
#[derive(Debug, Default)]
struct Kept {
    /// With their ids.
    events: Vec<(u64, EventRecord)>,
    lost: Lost,
}

fn plus(sum: Lost, one: Lost) -> Lost {
    Lost {
        ticks: sum.ticks.saturating_add(one.ticks),
        events: sum.events.saturating_add(one.events),
    }
}

impl LateEvents {
    /// What is kept of it, by the entries' numbers.
    fn records(&self, host_name: &str) -> Vec<(u64, EventRecord)> {
        let events = self.events.iter().filter_map(|(seq, at_unix_ms, event)| {
            let notable = notable::notable(event)?;
            let record = container_record(&self.host, host_name, event, notable, *at_unix_ms);
            let last_event = self.last_event.as_ref();
            let is_told = last_event.is_some_and(|last_event| last_event.has(&record));
            (!is_told).then_some((*seq, record))
        });
        let lost = self.lost.iter().map(|(seq, lost)| {
            let Lost { ticks, events } = lost;
            let detail =
                format!("the agent's spool was full: {events} events and {ticks} ticks are lost");
            let record = host_event(&self.host, host_name, "gap", Some(detail));
            (*seq, record)
        });
        let mut records: Vec<_> = events.chain(lost).collect();
        records.sort_by_key(|(seq, _)| *seq);
        for (_, record) in &mut records {
            record.is_late = true;
        }
        records
    }

    /// Writes what is new, and moves the mark.
    fn write(
        &self,
        store: &Store,
        first_id: u64,
        records: Vec<(u64, EventRecord)>,
    ) -> Result<Kept, StoreError> {
        store.write(|transaction| {
            let before = marks::find_in(transaction, &self.agent, self.run)?;
            // A host that was removed meanwhile must not leave a mark behind.
            if hosts::find_in(transaction, &self.host)?.is_none()
                || !marks::advance_in(transaction, &self.agent, self.run, self.seq)?
            {
                return Ok(Kept::default());
            }
            let is_new = |seq: u64| before.is_none_or(|before| seq > before);
            let records = records.into_iter().filter(|(seq, _)| is_new(*seq));
            let events: Vec<_> = (first_id..)
                .zip(records.map(|(_, record)| record))
                .collect();
            events::append_in(transaction, &events)?;
            let lost = self.lost.iter().filter(|(seq, _)| is_new(*seq));
            let lost = lost.fold(Lost::default(), |sum, (_, lost)| plus(sum, *lost));
            Ok(Kept { events, lost })
        })
    }
}

fn container_record(
    id: &HostId,
    host_name: &str,
    event: &ContainerEvent,
    notable: Notable,
    at_unix_ms: u64,
) -> EventRecord {
    let text = |text: &str| {
        let text = crate::telemetry::container::cut(text, 512);
        (!text.is_empty()).then_some(text)
    };
    EventRecord {
        at_unix_ms,
        host_id: Some(id.clone()),
        host_name: host_name.to_owned(),
        subject: About::Container,
        action: notable.action.to_owned(),
        container_id: Some(event.container_id.short().to_owned()),
        container_name: text(event.container_name.trim_start_matches('/')),
        image: text(&event.image),
        detail: notable.detail,
        stamped_unix_ms: notable::stamped_unix_ms(event),
        is_late: false,
    }
}
