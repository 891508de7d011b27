//! One connection to the server: dialed, held, left.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use async_channel::Sender;
use async_io::Timer;
use futures_lite::FutureExt as _;
use smol::{LocalExecutor, Task};

use super::observe::tell;
use crate::agent::{ConnectionNumber, Event};
use crate::chain::Chain;
use crate::uplink::dial::Dialer;
use crate::uplink::meter::Meter;
use crate::uplink::signals::Input;
use crate::uplink::socket::{self, Outgoing, Told};

/// Messages handed over and not written yet: one of the outbox, pings, a close frame.
const OUTGOING: usize = 4;
/// How long a connection that was left may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// The loop's end of a connection.
#[derive(Debug)]
pub(super) struct Link {
    outgoing: Sender<Outgoing>,
    /// The WebSocket stands; before that there is nobody to say goodbye to.
    is_dialed: Rc<Cell<bool>>,
    task: Task<()>,
}

impl Link {
    /// Dials and then holds the connection, telling everything under `number`.
    pub(super) fn dial(
        executor: &LocalExecutor<'_>,
        dialer: Rc<Dialer>,
        number: ConnectionNumber,
        meter: Rc<Meter>,
        events: Sender<Event>,
    ) -> Self {
        let (outgoing, to_write) = async_channel::bounded(OUTGOING);
        let is_dialed = Rc::new(Cell::new(false));
        let stands = Rc::clone(&is_dialed);
        let task = executor.spawn(async move {
            let input = |input| Event::Uplink { number, input };
            match dialer.dial().await {
                Ok(connection) => {
                    stands.set(true);
                    tell(&events, input(Input::Dialed)).await;
                    let told = |told| {
                        let event = match told {
                            Told::Input(told) => input(told),
                            Told::Sent => Event::Sent {
                                number,
                                traffic: meter.read(),
                            },
                        };
                        let events = events.clone();
                        async move { tell(&events, event).await }
                    };
                    socket::hold(connection, to_write, told).await;
                }
                Err(error) => {
                    let why = Chain(&error).to_string();
                    tell(&events, input(Input::DialFailed { why })).await;
                }
            }
        });
        Self {
            outgoing,
            is_dialed,
            task,
        }
    }

    /// Hands something to the writer. What finds no room is lost: the writer is stuck, and the machine will notice.
    pub(super) fn write(&self, outgoing: Outgoing) {
        if self.outgoing.try_send(outgoing).is_err() {
            log::debug!("the link takes nothing more");
        }
    }

    /// Lets go of the connection: a close frame that was handed over may still leave, a dial is given up.
    pub(super) fn leave(self, executor: &LocalExecutor<'_>) {
        let Self {
            outgoing,
            is_dialed,
            task,
        } = self;
        drop(outgoing);
        if is_dialed.get() {
            let late = async {
                Timer::after(GOODBYE).await;
            };
            executor.spawn(task.or(late)).detach();
        }
    }
}
