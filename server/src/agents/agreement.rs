//! What this server agrees to with an agent, beyond the base dialect.

use pilotfish_protocol::extension::Spooled;
use pilotfish_protocol::{Extension, HostId, extension};

use crate::agents::Times;
use crate::agents::session::exchange::Dialect;
use crate::agents::session::rhythm::Rhythm;
use crate::app::App;
use crate::chain::chain;
use crate::clock::{self, millis};
use crate::store::agents::AgentRecord;
use crate::store::marks;
use crate::telemetry::fleet::SessionId;

/// Gives the rhythm of an agent's session; `None` when it does not offer the extension.
fn rhythm(times: &Times, agent: &AgentRecord) -> Option<Rhythm> {
    agent.offers_extension().then(|| {
        if agent.is_metered() {
            times.metered_rhythm
        } else {
            times.rhythm
        }
    })
}

/// Tells an agent that offers the extension what this server agrees to; `None` when it offers none.
///
/// What is told of the last tick and event holds because nothing of an earlier session counts from here on.
pub async fn extension(
    app: &App,
    agent: &AgentRecord,
    host: &HostId,
    session: SessionId,
) -> Option<Extension> {
    app.board.supersede(host, session);
    let rhythm = rhythm(&app.agents.times, agent)?;
    let spooled = spooled(app, agent).await;
    let last_event_ns = app.board.look(|fleet| {
        let last_event = fleet.find(host)?.told.last_event.as_ref()?;
        Some(last_event.stamped_ns())
    });
    Some(Extension {
        version: extension::VERSION,
        session: session.0,
        server_time_ms: clock::unix_ms(),
        stats_interval_ms: millis(rhythm.stats),
        heartbeat_ms: millis(rhythm.heartbeat),
        silence_ms: millis(rhythm.silence),
        containers: app.board.held(host),
        spooled,
        last_tick: app.history.last_tick(host),
        last_event_ns,
    })
}

/// Gives how far an agent's spool is durable: both as events and in the history, each of which has its own file and marks.
async fn spooled(app: &App, agent: &AgentRecord) -> Vec<Spooled> {
    let id = agent.id.clone();
    let events = app.with_store(move |store| marks::list(store, &id)).await;
    let events = events.unwrap_or_else(|error| {
        log::error!("{}", chain(&error));
        Vec::new()
    });
    // Entries that come again for want of a mark are recognised one by one.
    let history = app.history.spooled(&agent.id).await.unwrap_or_default();
    let in_both = events.into_iter().filter_map(|Spooled { run, seq }| {
        let other = history.iter().find(|other| other.run == run)?;
        Some(Spooled {
            run,
            seq: seq.min(other.seq),
        })
    });
    in_both.collect()
}

/// Tells which protocol a session with this agent speaks.
pub fn dialect(app: &App, agent: &AgentRecord) -> Dialect {
    match rhythm(&app.agents.times, agent) {
        Some(rhythm) => Dialect::Extension {
            rhythm,
            held: app.board.held(&agent.host_id),
        },
        None if agent.is_ours() => Dialect::Heartbeats,
        None => Dialect::DockMon,
    }
}
