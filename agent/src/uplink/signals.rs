//! Pure: what the link's machine is told, and what it asks for.

use std::fmt;
use std::time::Duration;

use pilotfish_protocol::{AuthSuccess, Refusal};

/// A text message of the server. Its `Debug` shows the length only: the answer to a registration holds a token.
#[derive(PartialEq, Eq)]
pub struct Message(pub String);

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({} bytes)", self.0.len())
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// What happened to the link.
#[derive(Debug)]
pub enum Input {
    /// Everything needed to register is known: begin to dial.
    Enable,
    /// What was needed is no longer valid (another Engine answers now): hang up and wait for [`Input::Enable`].
    Disable,
    /// The WebSocket stands.
    Dialed,
    /// It could not be made to stand.
    DialFailed {
        /// Why, for the log.
        why: String,
    },
    /// A text message came in.
    Received(Message),
    /// A sign of life that is no message: a pong, a ping, bytes of a message under way.
    Heard,
    /// The enrolment of an [`Output::Keep`] is durable.
    Kept,
    /// The peer closed the connection.
    Closed {
        /// Its code, when it gave one.
        code: Option<u16>,
        /// Its reason.
        reason: String,
    },
    /// The connection broke.
    Broken {
        /// Why, for the log.
        why: String,
    },
    /// The peer broke its rules; the connection still stands.
    Rejected {
        /// The close code that tells it so.
        code: u16,
        /// What it did, for the log.
        why: String,
    },
    /// The program ends.
    Stop,
    /// The deadline passed.
    Timeout,
}

/// What the shell has to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Open a WebSocket to the server.
    Dial,
    /// Send the `register` message; it goes before everything else.
    Register,
    /// Make the enrolment durable, then say [`Input::Kept`].
    Keep(AuthSuccess),
    /// The session stands: what waits may be sent.
    Opened,
    /// Hand a message of the server to whom it concerns.
    Deliver(String),
    /// Send a heartbeat message.
    Heartbeat,
    /// Send a WebSocket ping.
    Ping,
    /// The server refused the registration; tokens may have to be changed.
    Refused {
        /// What kind of refusal.
        refusal: Refusal,
        /// The server's words.
        error: String,
    },
    /// The link was lost, or not made; it is dialed again after `redial_after`.
    Lost {
        /// Why.
        why: String,
        /// Whether a session had stood.
        was_open: bool,
        /// When the next dial is due.
        redial_after: Duration,
    },
    /// Close the connection with this code; nothing more is sent.
    Hangup {
        /// WebSocket close code.
        code: u16,
    },
    /// The link has ended for good.
    Ended,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_character_of_a_message() {
        let input = Input::Received(r#"{"permanent_token":"s3cret"}"#.into());
        assert_eq!(format!("{input:?}"), "Received(Message(28 bytes))");
    }
}
