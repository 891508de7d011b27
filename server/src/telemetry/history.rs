//! The history: what was measured of every host and container, kept in tiers that get coarser with age.

use pilotfish_protocol::extension::RunId;
use pilotfish_protocol::{AgentId, HostId};

use crate::telemetry::measure::Row;

/// The history of all hosts.
#[derive(Debug, Default)]
pub struct History {}

/// Rows that an agent had spooled, gathered to be recorded as one.
#[derive(Debug, Default)]
pub struct LateRows {}

/// Why late rows were not recorded: nothing of them was, and they may be sent again.
#[derive(Debug, thiserror::Error)]
#[error("the history takes nothing now")]
pub struct Refused;

impl History {
    /// Records a tick: `rows` were measured at `at_unix_ms` and stand for the `span_ms` before it. Quick; never waits for the disk.
    pub fn record(&self, _host: &HostId, _at_unix_ms: u64, _span_ms: u64, _rows: &[Row<'_>]) {}

    /// Records what an agent had spooled up to `(run, seq)`, exactly once: answers when it is on the disk, together with the mark.
    /// What the mark already covers is not recorded again; that is no error.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    #[expect(
        clippy::unused_async,
        reason = "waits for the commit once there is one"
    )]
    pub async fn record_late(
        &self,
        _host: &HostId,
        _agent: &AgentId,
        _run: RunId,
        _seq: u64,
        _rows: LateRows,
    ) -> Result<(), Refused> {
        Ok(())
    }

    /// Gives the last sequence number of an agent's run whose rows are on the disk.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    #[expect(clippy::unused_async, reason = "reads the disk once there is one")]
    pub async fn recorded(&self, _agent: &AgentId, _run: RunId) -> Result<Option<u64>, Refused> {
        Ok(None)
    }
}

impl LateRows {
    /// Adds a tick, in any order of times.
    pub fn add(&mut self, _at_unix_ms: u64, _span_ms: u64, _rows: &[Row<'_>]) {}
}
