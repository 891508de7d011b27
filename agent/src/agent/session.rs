//! Pure: what the agent does when the link changes: registering, enrolling, opening and losing a session.

use std::time::Duration;

use pilotfish_protocol::{AgentMessage, AuthSuccess, Heartbeat, Refusal, Text, Token, heartbeat};

use super::{Action, Agent, Engine, Now};
use crate::store::Enrolment;
use crate::uplink::signals::{Input, Output};

/// How long to wait before an enrolment that could not be made durable is tried again.
const KEEP_AGAIN_AFTER: Duration = Duration::from_secs(10);

impl Agent {
    /// Hands `input` to the link's machine and does what that gives back.
    pub(super) fn drive_uplink(&mut self, input: Input, now: Now) {
        self.uplink.handle(input, now.at);
        while let Some(output) = self.uplink.poll_output() {
            self.follow_uplink(output, now);
        }
    }

    fn follow_uplink(&mut self, output: Output, now: Now) {
        match output {
            Output::Dial => {
                self.number += 1;
                self.is_sending = false;
                self.actions.push_back(Action::Dial {
                    number: self.number,
                });
            }
            Output::Register => self.register(),
            Output::Keep(success) => self.keep(success, now),
            Output::Opened => self.opened(now),
            Output::Deliver(text) => self.deliver(&text, now),
            // A server that agreed to the extension heard the version when it was news.
            Output::Heartbeat => self.beat(!self.stats.is_extended(), now),
            Output::Ping => self.actions.push_back(Action::Ping),
            Output::Refused { refusal, error } => self.refused(refusal, &error, now),
            Output::Lost {
                why,
                was_open,
                redial_after,
            } => self.lost(&why, was_open, redial_after, now),
            Output::Hangup { code } => self.actions.push_back(Action::Hangup(code)),
            Output::Ended => self.actions.push_back(Action::Exit),
        }
    }

    fn register(&mut self) {
        // The link is enabled only when both are known.
        if let (Some(token), Some(engine_id)) = (self.credentials.token(), &self.engine_id) {
            let (token, engine_id) = (token.clone(), engine_id.clone());
            self.actions
                .push_back(Action::Register { token, engine_id });
        }
    }

    /// Makes what the server gave durable, unless it is what is stored already.
    fn keep(&mut self, success: AuthSuccess, now: Now) {
        let AuthSuccess {
            agent_id,
            host_id,
            permanent_token,
            pilotfish,
        } = success;
        self.stats.agree(pilotfish);
        let presented = self.credentials.token().cloned();
        let known: Option<Token> = self
            .enrolment
            .as_ref()
            .map(|enrolment| enrolment.permanent_token.clone());
        // A server may leave the token out when an agent came with it.
        let token =
            permanent_token.or_else(|| presented.filter(|token| Some(token) == known.as_ref()));
        self.credentials.accepted(token.clone());
        let (Some(permanent_token), Some(engine_id)) = (token, self.engine_id.clone()) else {
            log::warn!(
                "server gave no permanent token: this agent has to be registered anew after a restart"
            );
            return self.drive_uplink(Input::Kept, now);
        };
        let enrolment = Enrolment {
            agent_id,
            host_id,
            engine_id,
            permanent_token,
        };
        if self.enrolment.as_ref() == Some(&enrolment) {
            // While it is being written, or waits to be tried again, this session waits for it too.
            if self.unkept.is_none() {
                self.drive_uplink(Input::Kept, now);
            }
            return;
        }
        self.enrolment = Some(enrolment.clone());
        self.unkept = Some(self.number);
        self.keep_again_at = None;
        self.actions.push_back(Action::Keep {
            number: self.number,
            enrolment,
        });
    }

    /// The enrolment that was kept last is durable, or could not be made so and why.
    pub(super) fn kept(&mut self, outcome: Result<(), String>, now: Now) {
        match outcome {
            Ok(()) => {
                self.unkept = None;
                self.drive_uplink(Input::Kept, now);
            }
            Err(why) => {
                log::error!(
                    "cannot keep the permanent token: {why}; trying again in {KEEP_AGAIN_AFTER:?}"
                );
                self.keep_again_at = Some(now.at + KEEP_AGAIN_AFTER);
            }
        }
    }

    fn opened(&mut self, now: Now) {
        match &self.enrolment {
            Some(enrolment) => {
                log::info!(
                    "registered as agent {} of host {}",
                    enrolment.agent_id,
                    enrolment.host_id
                );
            }
            None => log::info!("registered"),
        }
        self.beat(true, now);
        self.begin_stats(now);
    }

    fn lost(&mut self, why: &str, was_open: bool, redial_after: Duration, now: Now) {
        let redial_after =
            Duration::from_millis(u64::try_from(redial_after.as_millis()).unwrap_or(u64::MAX));
        if was_open {
            log::warn!("session lost: {why}; dialing again in {redial_after:?}");
        } else {
            log::warn!("no session: {why}; dialing again in {redial_after:?}");
        }
        // Nothing of this connection counts from here on.
        self.number += 1;
        self.is_sending = false;
        self.desk.drop_waiting();
        self.outbox.session_ended();
        self.actions.push_back(Action::Drop);
        self.end_stats(now);
    }

    fn refused(&mut self, refusal: Refusal, error: &str, now: Now) {
        log::error!("server refuses this agent: {}", Text::<300>::cut(error));
        if self.credentials.refused(refusal) {
            log::warn!(
                "the permanent token was rejected: registering again with the registration token"
            );
            self.uplink.redial_now(now.at);
        }
    }

    /// Puts a heartbeat in front of everything that waits; with the Engine's version when it `has_detail`.
    pub(super) fn beat(&mut self, has_detail: bool, now: Now) {
        let heartbeat = Heartbeat {
            engine: self.engine_state(has_detail),
            containers: self.outbox.told_list(self.list),
        };
        self.outbox
            .put_heartbeat(AgentMessage::Heartbeat(heartbeat).encode(now.wall));
    }

    /// Tells the server how the Engine is, now instead of with the next heartbeat.
    pub(super) fn tell_engine(&mut self, now: Now) {
        if self.uplink.is_open() {
            self.beat(true, now);
        }
    }

    /// Tells a DockMon backend, which does not read heartbeats, that the Engine is down.
    pub(super) fn tell_trouble(&mut self, now: Now) {
        let Engine::Down { why } = &self.engine else {
            return;
        };
        if self.uplink.is_open() {
            let error = Text::cut(&format!("Docker Engine does not answer: {why}"));
            let trouble = heartbeat::Trouble {
                error,
                details: None,
                container_id: None,
            };
            self.outbox
                .push_event(AgentMessage::Trouble(trouble).encode(now.wall));
        }
    }
}
