//! Pure: what the agent does with its spool: what goes in, when it is sent, when it is written to the disk.

use std::time::{Duration, Instant};

use pilotfish_protocol::Extension;
use pilotfish_protocol::extension::RunId;

use super::{Action, Agent, Message, Now};
use crate::spool::{Key, Next, Row};

/// The spool is not looked at more often than this, whatever it says: a fault in it must not make the loop turn without pause.
const LEAST_PAUSE: Duration = Duration::from_millis(200);

impl Agent {
    /// A session began.
    pub(super) fn open_spool(&mut self, agreed: Option<&Extension>, now: Now) {
        match agreed {
            Some(agreed) => {
                self.spool.opened(agreed, now.run_ms);
                // The spool has them.
                self.outbox.forget_events();
            }
            None => self.spool.unwanted(),
        }
        self.is_spool_known = agreed.is_some();
    }

    /// What waits in the spool is sent when nothing else waits.
    pub(super) fn next_batch(&mut self, now: Now) -> Option<Message> {
        match self.spool.next(now.run_ms) {
            Next::Nothing => None,
            Next::Read(keys) => {
                self.actions.push_back(Action::ReadSpool(keys));
                None
            }
            Next::Send(batch) => Some(Message::Binary(batch)),
        }
    }

    /// Rows of the spool were read from the disk.
    pub(super) fn spool_read(&mut self, rows: Vec<(Key, Option<Row>)>) {
        self.spool.restore(rows);
    }

    /// The server has all of `run` up to `seq`.
    pub(super) fn spool_acknowledged(&mut self, run: RunId, seq: u64, now: Now) {
        self.spool.acknowledged(run, seq, now.run_ms);
    }

    /// Has the disk written when it is time.
    pub(super) fn commit_spool(&mut self, now: Now) {
        if let Some(commit) = self.spool.commit(now.run_ms) {
            self.actions.push_back(Action::KeepSpool(commit));
        }
    }

    /// When the spool has something to do; nothing while a message is under way, after which it is asked anyway.
    pub(super) fn spool_deadline(&self) -> Option<Instant> {
        if self.is_sending {
            return None;
        }
        let wait_ms = self
            .spool
            .deadline_ms()?
            .saturating_sub(self.handled.run_ms);
        Some(self.handled.at + Duration::from_millis(wait_ms).max(LEAST_PAUSE))
    }
}
