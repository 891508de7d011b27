//! The agent's loop and its tasks: events in, actions carried out. Everything that is decided is decided in [`Agent`].

mod disk;
mod link;
mod measure;
mod observe;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use async_io::Timer;
use async_signal::{Signal, Signals};
use futures_lite::FutureExt as _;
use pilotfish_protocol::extension::RunId;
use pilotfish_protocol::{AgentMessage, EngineId, Timestamp};
use smol::LocalExecutor;

use crate::agent::{Action, Agent, Event, Keeping, Message, Now};
use crate::chain::Chain;
use crate::clock::{self, RunClock};
use crate::command::{self, Call};
use crate::config::Config;
use crate::engine::events::recall::Recalled;
use crate::engine::{Endpoint, Engine};
use crate::identity::addresses::interfaces::read_host_addresses;
use crate::identity::container_id::OwnContainer;
use crate::identity::registration::{self, Known};
use crate::roll;
use crate::sample::containers::Sampler;
use crate::sample::host_sampler::{HostRoots, HostSampler};
use crate::sample::roots::Roots;
use crate::spool::{Spool, Stored};
use crate::store::{Enrolment, Store};
use crate::uplink::backoff::Backoff;
use crate::uplink::budget::Budget;
use crate::uplink::credentials::Credentials;
use crate::uplink::dial::Dialer;
use crate::uplink::machine::Uplink;
use crate::uplink::meter::Meter;
use crate::uplink::socket::Outgoing;
use disk::Disk;
use link::Link;
use measure::Instruments;
use observe::Audience;

/// Events that wait for the loop; a task that has more to tell waits with it.
const EVENTS: usize = 64;
/// Paces that wait to be taken by the task that measures; it takes them at once.
const PACES: usize = 4;
/// What happened to containers and waits to be looked into.
const CHANGES: usize = 64;

/// Everything the loop starts with.
#[derive(Debug)]
pub struct Setup {
    /// The configuration.
    pub config: Config,
    /// The open store.
    pub store: Store,
    /// What is stored of an earlier enrolment.
    pub enrolment: Option<Enrolment>,
    /// The container this agent runs in.
    pub own_container: Option<OwnContainer>,
    /// What is known of the host before the Engine says anything.
    pub known: Known,
    /// The Engine's socket.
    pub endpoint: Endpoint,
}

/// The loop's hands.
struct Shell<'a> {
    executor: Rc<LocalExecutor<'a>>,
    events: Sender<Event>,
    dialer: Rc<Dialer>,
    engine: Engine,
    known: Rc<RefCell<Known>>,
    store: Rc<Disk>,
    link: Option<Link>,
    /// Says how often to measure.
    pace: Sender<Duration>,
    /// Keeps the roll of containers.
    roll: Sender<roll::Input>,
    is_in_container: bool,
    clock: RunClock,
    /// Counts what goes to the server and comes from it.
    meter: Rc<Meter>,
}

/// Runs the agent until a signal ends it.
///
/// # Errors
///
/// When the signals cannot be listened to.
pub async fn run(setup: Setup) -> io::Result<()> {
    let executor = Rc::new(LocalExecutor::new());
    let (sender, events) = async_channel::bounded(EVENTS);
    let signals = Signals::new([Signal::Term, Signal::Int])?;
    let work = drive(setup, Rc::clone(&executor), sender, events, signals);
    executor.run(work).await;
    Ok(())
}

async fn drive(
    setup: Setup,
    executor: Rc<LocalExecutor<'_>>,
    sender: Sender<Event>,
    events: Receiver<Event>,
    signals: Signals,
) {
    let Setup {
        config,
        store,
        enrolment,
        own_container,
        known,
        endpoint,
    } = setup;
    let clock = RunClock::start();
    let run = RunId(fastrand::u64(..));
    let meter = Rc::new(Meter::default());
    let engine = Engine::new(endpoint);
    let known = Rc::new(RefCell::new(known));

    let containers = Sampler::new(engine.clone(), Roots::find());
    let is_in_container = own_container.is_some();
    let host = HostSampler::new(HostRoots::find(is_in_container));
    let host = Rc::new(RefCell::new(host));
    let ambiguous_own = own_container
        .as_ref()
        .filter(|own| own.evidence.is_ambiguous())
        .map(|own| own.id.clone());
    let is_engine_optional = config.engine_optional && enrolment.is_none();

    let mut agent = Agent::new(
        uplink(&config),
        credentials(&config, enrolment.as_ref()),
        enrolment,
        own_container.map(|own| own.id),
        keeping(&config, &store, run, now(clock)),
        now(clock),
    );
    if is_engine_optional {
        agent = agent.without_engine(EngineId::stand_in(fastrand::u64(..)), now(clock));
    }
    let (pace, paces) = async_channel::bounded(PACES);
    let (roll, changes) = async_channel::bounded(CHANGES);
    let mut shell = Shell {
        executor: Rc::clone(&executor),
        events: sender.clone(),
        dialer: Rc::new(Dialer {
            server: config.server.clone(),
            ca_file: config.ca_file.clone(),
            meter: Rc::clone(&meter),
        }),
        meter,
        engine: engine.clone(),
        known: Rc::clone(&known),
        store: Rc::new(Disk::new(config.data_path, store)),
        link: None,
        pace,
        roll: roll.clone(),
        is_in_container,
        clock,
    };
    let instruments = Instruments {
        run,
        clock,
        containers: containers.clone(),
        host: Rc::clone(&host),
    };
    let audience = Audience {
        known,
        containers: containers.clone(),
        host,
        roll,
        events: sender.clone(),
    };
    executor
        .spawn(observe::roll(
            engine.clone(),
            changes,
            containers,
            sender.clone(),
        ))
        .detach();
    executor
        .spawn(measure::measure(
            instruments,
            agent.measures_every(),
            paces,
            sender.clone(),
        ))
        .detach();
    executor
        .spawn(observe::engine(
            engine,
            clock.started_unix_nano(),
            ambiguous_own,
            audience,
        ))
        .detach();
    executor.spawn(observe::signals(signals, sender)).detach();

    loop {
        while let Some(action) = agent.poll_action() {
            if let Action::Exit = action {
                return;
            }
            shell.carry_out(action);
        }
        let event = next_event(&events, agent.deadline()).await;
        agent.handle(event, now(clock));
    }
}

async fn next_event(events: &Receiver<Event>, deadline: Option<Instant>) -> Event {
    let told = async {
        // The loop holds a sender itself, so the channel never closes.
        events.recv().await.unwrap_or(Event::Stop)
    };
    let timeout = async {
        match deadline {
            Some(deadline) => {
                Timer::at(deadline).await;
                Event::Timeout
            }
            None => std::future::pending().await,
        }
    };
    told.or(timeout).await
}

impl Shell<'_> {
    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Dial { number } => {
                self.link = Some(Link::dial(
                    &self.executor,
                    Rc::clone(&self.dialer),
                    number,
                    Rc::clone(&self.meter),
                    self.events.clone(),
                ));
            }
            Action::Register { token, engine_id } => {
                self.look_at_addresses();
                let register = registration::register(token, engine_id, &self.known.borrow());
                let message = AgentMessage::Register(Box::new(register));
                self.write(Outgoing::Text(message.encode(now(self.clock).wall)));
            }
            Action::Send(Message::Text(text)) => self.write(Outgoing::Text(text)),
            Action::Send(Message::Binary(bytes)) => self.write(Outgoing::Binary(bytes)),
            Action::Ping => self.write(Outgoing::Ping),
            Action::Hangup(code) => self.write(Outgoing::Close(code)),
            Action::Drop => {
                if let Some(link) = self.link.take() {
                    link.leave(&self.executor);
                }
            }
            Action::Keep { number, enrolment } => self.keep(number, enrolment),
            Action::Run(call) => self.run(call),
            Action::Measure(every) => self.measure_every(every),
            Action::ListAll => self.list_all(),
            Action::Recall { since_ns, heard_ns } => self.recall(since_ns, heard_ns),
            Action::ReadSpool(keys) => self.read_spool(keys),
            Action::KeepSpool(commit) => self.keep_spool(commit),
            // The loop ends before.
            Action::Exit => {}
        }
    }

    /// A board that booted before its network was there, or that moved to another one, has other addresses now.
    fn look_at_addresses(&self) {
        match read_host_addresses(self.is_in_container) {
            Ok(addresses) => self.known.borrow_mut().addresses = addresses,
            Err(error) => log::debug!("cannot read this host's addresses: {error}"),
        }
    }

    fn recall(&self, since_ns: u64, heard_ns: u64) {
        let (engine, events) = (self.engine.clone(), self.events.clone());
        let nano = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
        let (since_nano, heard_nano) = (nano(since_ns), nano(heard_ns));
        let until_nano = self.clock.started_unix_nano();
        let work = async move {
            let recalled = match engine.recall(since_nano, heard_nano, until_nano).await {
                Ok(recalled) => recalled,
                Err(error) => {
                    log::debug!("nothing recalled: {}", error.reason());
                    Recalled::nothing(since_nano, until_nano)
                }
            };
            let Recalled {
                events: happened,
                gap,
            } = recalled;
            let recalled = Event::Recalled {
                events: happened,
                gap,
            };
            observe::tell(&events, recalled).await;
        };
        self.executor.spawn(work).detach();
    }

    fn list_all(&self) {
        // Full: it is about to look at what happened, and the server asks again when its hash still differs.
        if self.roll.try_send(roll::Input::Restate).is_err() {
            log::debug!("the roll of containers has much to do");
        }
    }

    fn measure_every(&self, every: Duration) {
        if self.pace.force_send(every).is_err() {
            log::error!("nobody measures any more");
        }
    }

    fn write(&self, outgoing: Outgoing) {
        if let Some(link) = &self.link {
            link.write(outgoing);
        }
    }

    fn run(&self, call: Call) {
        let (engine, events) = (self.engine.clone(), self.events.clone());
        let work = async move {
            let Call { number, id, work } = call;
            let answer = command::carry_out(&engine, id, work).await;
            observe::tell(&events, Event::CallDone { number, answer }).await;
        };
        self.executor.spawn(work).detach();
    }
}

fn uplink(config: &Config) -> Uplink {
    let backoff = Backoff::new(
        config.reconnect_initial,
        config.reconnect_max,
        fastrand::u64(..),
    );
    Uplink::new(backoff, config.reconnect_max)
}

/// The permanent token given by the operator goes before the stored one.
fn credentials(config: &Config, enrolment: Option<&Enrolment>) -> Credentials {
    let stored = || enrolment.map(|enrolment| enrolment.permanent_token.clone());
    Credentials::new(
        config.permanent_token.clone().or_else(stored),
        config.registration_token.clone(),
    )
}

/// What earlier runs spooled, and what today may cost.
fn keeping(config: &Config, store: &Store, run: RunId, now: Now) -> Keeping {
    let stored = store.load_spool().unwrap_or_else(|error| {
        log::error!("what was spooled is lost: {}", Chain(&error));
        Stored::default()
    });
    Keeping {
        spool: Spool::new(run, stored, now.run_ms),
        budget: Budget::new(config.bytes_per_day, config.stats_interval_min, now.at),
    }
}

fn now(clock: RunClock) -> Now {
    let at = clock::now();
    Now {
        at,
        wall: Timestamp::from_unix_ms(clock::unix_ms()),
        run_ms: clock.ms(at),
    }
}
