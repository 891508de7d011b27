//! The agent's loop and its tasks: events in, actions carried out. Everything that is decided is decided in [`Agent`].

mod link;
mod observe;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use async_channel::{Receiver, Sender};
use async_io::Timer;
use async_signal::{Signal, Signals};
use futures_lite::FutureExt as _;
use pilotfish_protocol::{AgentMessage, EngineId, Timestamp};
use smol::lock::Mutex;
use smol::{LocalExecutor, Task};

use crate::agent::{Action, Agent, ConnectionNumber, Event, Now};
use crate::chain::Chain;
use crate::clock;
use crate::command::{self, Call};
use crate::config::Config;
use crate::engine::{Endpoint, Engine};
use crate::identity::addresses::interfaces::read_host_addresses;
use crate::identity::container_id::OwnContainer;
use crate::identity::registration::{self, Known};
use crate::sample::host_files::HostFiles;
use crate::sample::sampler::Sampler;
use crate::store::{Enrolment, Store, StoreError};
use crate::uplink::backoff::Backoff;
use crate::uplink::credentials::Credentials;
use crate::uplink::dial::Dialer;
use crate::uplink::machine::Uplink;
use crate::uplink::socket::Outgoing;
use link::Link;

/// Events that wait for the loop; a task that has more to tell waits with it.
const EVENTS: usize = 64;

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
    /// Locked while it is at work, so that a second write waits for the first; left out when it failed, to be opened anew.
    store: Rc<Mutex<Option<Store>>>,
    config: Config,
    link: Option<Link>,
    sampler: Sampler,
    /// The task that takes samples, while they are wanted.
    samplers: Option<Task<()>>,
    is_in_container: bool,
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
    let engine = Engine::new(endpoint);
    let known = Rc::new(RefCell::new(known));

    let sampler = Sampler::new();
    let is_in_container = own_container.is_some();
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
        now(),
    );
    if is_engine_optional {
        agent = agent.without_engine(EngineId::stand_in(fastrand::u64(..)), now());
    }
    let mut shell = Shell {
        executor: Rc::clone(&executor),
        events: sender.clone(),
        dialer: Rc::new(Dialer {
            server: config.server.clone(),
            ca_file: config.ca_file.clone(),
            meter: Rc::default(),
        }),
        engine: engine.clone(),
        known: Rc::clone(&known),
        store: Rc::new(Mutex::new(Some(store))),
        config,
        link: None,
        sampler: sampler.clone(),
        samplers: None,
        is_in_container,
    };
    executor
        .spawn(observe::engine(
            engine,
            sampler,
            known,
            ambiguous_own,
            sender.clone(),
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
        agent.handle(event, now());
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
                    self.events.clone(),
                ));
            }
            Action::Register { token, engine_id } => {
                self.look_at_addresses();
                let register = registration::register(token, engine_id, &self.known.borrow());
                let message = AgentMessage::Register(Box::new(register));
                self.write(Outgoing::Text(message.encode(now().wall)));
            }
            Action::Send(text) => self.write(Outgoing::Text(text)),
            Action::Ping => self.write(Outgoing::Ping),
            Action::Hangup(code) => self.write(Outgoing::Close(code)),
            Action::Drop => {
                if let Some(link) = self.link.take() {
                    link.leave(&self.executor);
                }
            }
            Action::Keep { number, enrolment } => self.keep(number, enrolment),
            Action::Run(call) => self.run(call),
            Action::Sample(is_wanted) => self.samplers = is_wanted.then(|| self.sample()),
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

    fn sample(&self) -> Task<()> {
        let files = HostFiles::find(self.is_in_container);
        let samples = observe::samples(
            self.engine.clone(),
            self.sampler.clone(),
            files,
            self.events.clone(),
        );
        self.executor.spawn(samples)
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

    fn keep(&self, number: ConnectionNumber, enrolment: Enrolment) {
        let (store, events) = (Rc::clone(&self.store), self.events.clone());
        let directory = self.config.data_path.clone();
        let work = async move {
            let mut store = store.lock().await;
            let open = store.take();
            let kept = blocking::unblock(move || {
                let open = open.map_or_else(|| Store::open(&directory), Ok)?;
                open.keep_enrolment(&enrolment)?;
                Ok::<_, StoreError>(open)
            });
            let outcome = match kept.await {
                Ok(open) => {
                    *store = Some(open);
                    Ok(())
                }
                Err(error) => Err(Chain(&error).to_string()),
            };
            observe::tell(&events, Event::Kept { number, outcome }).await;
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

fn now() -> Now {
    Now {
        at: clock::now(),
        wall: Timestamp::from_unix_ms(clock::unix_ms()),
    }
}
