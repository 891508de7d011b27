//! What a live session learns from its agent, on its way to the board.

use async_channel::Sender;
use pilotfish_protocol::frame;

use super::Talk;
use crate::agents::roster::Outcome;
use crate::agents::session::Session;
use crate::agents::session::exchange::{Input, Report};
use crate::clock;

impl Talk<'_> {
    pub(super) fn report(&self, report: Report, session: &mut Session<Sender<Outcome>>) {
        let (board, host, id) = (&self.app.board, self.host, self.id);
        match report {
            Report::Engine(engine) => board.engine(host, id, &engine),
            Report::List(listings) => board.list(host, id, &listings),
            Report::Change(change) => {
                session.holds(board.change(host, id, &change), change.hash, clock::now());
            }
            Report::ListConfirmed => board.confirm_list(host, id),
            Report::Event(event) => {
                if board.container_event(host, id, &event).is_list_old {
                    session.list_is_old(clock::now());
                }
            }
            Report::ContainerStats(stats) => board.container_stats(host, id, &stats),
            Report::HostStats(stats) => board.host_stats(host, id, stats),
            Report::Trouble(trouble) => board.trouble(host, id, &trouble),
            Report::Collector(_)
            | Report::Cadence(_)
            | Report::Spending(_)
            | Report::Coverage(_) => {}
        }
    }

    /// Takes a binary message of a session that agreed to the extension.
    pub(super) fn binary(&mut self, bytes: &[u8]) -> Option<Input<Sender<Outcome>>> {
        let decoder = self.decoder.as_mut()?;
        match bytes.first() {
            Some(&frame::KIND) => {
                let decoded = decoder.decode(bytes);
                if let Err(error) = decoded {
                    log::debug!("session {}: {error}", self.id.0);
                }
                Some(Input::Frame {
                    is_usable: decoded.is_ok(),
                })
            }
            // Of a later version.
            Some(_) | None => None,
        }
    }
}
