//! What this server agrees to with an agent, beyond the base dialect.

use pilotfish_protocol::{Extension, HostId, extension};

use crate::agents::Times;
use crate::agents::session::exchange::{Dialect, Rhythm};
use crate::app::App;
use crate::clock::{self, millis};
use crate::store::agents::AgentRecord;
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
pub fn extension(
    app: &App,
    agent: &AgentRecord,
    host: &HostId,
    session: SessionId,
) -> Option<Extension> {
    let rhythm = rhythm(&app.agents.times, agent)?;
    Some(Extension {
        version: extension::VERSION,
        session: session.0,
        server_time_ms: clock::unix_ms(),
        stats_interval_ms: millis(rhythm.stats),
        heartbeat_ms: millis(rhythm.heartbeat),
        silence_ms: millis(rhythm.silence),
        containers: app.board.held(host),
        spooled: Vec::new(),
        last_tick: app.board.look(|fleet| fleet.find(host)?.told.last_tick),
        last_event_ns: None,
    })
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
