//! The server from its configuration to its end: open, listen, serve, drain.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use async_io::{Async, Timer};
use async_signal::{Signal, Signals};
use futures_lite::{FutureExt as _, StreamExt as _};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use smol::net::TcpListener;

use crate::agents::{Agents, TIMES};
use crate::api::dispatch;
use crate::app::App;
use crate::config::Config;
use crate::executor::Runtime;
use crate::first_start::{self, FirstStartError};
use crate::http::admission::{Admission, Limits};
use crate::http::listener::{self, Deadlines, Service};
use crate::http::router::RouteConflict;
use crate::shutdown;
use crate::store::StoreError;
use crate::telemetry::history::{History, keeping};
use crate::telemetry::keeper;

/// How long requests and sockets may take to end after the signal.
const DRAIN: Duration = Duration::from_millis(1500);

/// Why the server does not run, or stops by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store or the first user cannot be made.
    #[error(transparent)]
    FirstStart(#[from] FirstStartError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's word.
        source: io::Error,
    },
    /// The route table contradicts itself.
    #[error(transparent)]
    Routes(#[from] RouteConflict),
    /// The system refuses threads, signals or standard output.
    #[error("cannot start")]
    System(#[from] io::Error),
}

impl RunError {
    /// Gives the program's exit code (sysexits.h): 78 for what the configuration names wrongly.
    pub fn exit_code(&self) -> u8 {
        match self {
            RunError::FirstStart(FirstStartError::Password(_)) => 78,
            RunError::FirstStart(FirstStartError::Store(error)) => match error {
                StoreError::Create { .. } => 78,
                StoreError::InUse { .. }
                | StoreError::Open { .. }
                | StoreError::Newer { .. }
                | StoreError::Closed
                | StoreError::Redb(_)
                | StoreError::Record { .. }
                | StoreError::History(_) => 1,
            },
            RunError::FirstStart(
                FirstStartError::Hash(_)
                | FirstStartError::NoRandomness(_)
                | FirstStartError::Print(_),
            ) => 1,
            RunError::Listen { .. } | RunError::Routes(_) | RunError::System(_) => 1,
        }
    }
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
///
/// [`RunError`] when it cannot start.
pub fn run(config: Config) -> Result<(), RunError> {
    // Bound first: a port in use must not leave a new store and a password nobody noted.
    let listeners = bind(&config.listen)?;
    raise_descriptor_limit();
    let mut signals = Signals::new([Signal::Term, Signal::Int])?;
    let store = first_start::open(&config, &mut io::stdout().lock())?;
    let history = History::open(&config.data, config.retention).map_err(FirstStartError::from)?;
    let runtime = Runtime::start()?;
    let executor = runtime.executor();
    let (trigger, shutdown) = shutdown::pair();
    let mut app = App::new(store, history, executor.clone(), shutdown.clone());
    app.agents = Agents::new(TIMES.with(config.stats));
    let app = Arc::new(app);
    keeper::start(&app).map_err(FirstStartError::from)?;
    keeping::start(&app);
    let (open, all_closed) = listener::open_connections();
    let service = Service {
        executor: executor.clone(),
        shutdown,
        admission: Admission::new(Limits::default()),
        deadlines: Deadlines::default(),
        tls: config.tls.clone(),
        answer: dispatch::answer(Arc::clone(&app))?,
        open,
    };
    for (listener, address) in listeners {
        announce(address, config.tls.is_some());
        executor.spawn(listener::accept(listener, service.clone()));
    }
    drop(service);
    async_io::block_on(async {
        if let Some(Ok(signal)) = signals.next().await {
            log::info!("stopping on {signal:?}");
        }
        trigger.fire();
        // Nothing is ever sent: this ends when the last connection has dropped its sender.
        let closed = async { all_closed.recv().await.is_err() };
        let late = async {
            Timer::after(DRAIN).await;
            false
        };
        if !closed.or(late).await {
            log::warn!("stopping with connections open after {DRAIN:?}");
        }
        keeper::finish(&app).await;
        keeping::finish(&app).await;
    });
    // Ends what is left, so that the store is closed and not only abandoned.
    drop(runtime);
    log::info!("stopped");
    Ok(())
}

/// Allows as many sockets as the system lets: each agent and each viewer takes one.
fn raise_descriptor_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    ) {
        log::warn!("descriptors stay limited to {current:?}: {error}");
    }
}

fn bind(addresses: &[SocketAddr]) -> Result<Vec<(TcpListener, SocketAddr)>, RunError> {
    let bound = addresses.iter().map(|&address| {
        let bind = || {
            let listener = StdListener::bind(address)?;
            let bound = listener.local_addr()?;
            Ok((TcpListener::from(Async::new(listener)?), bound))
        };
        bind().map_err(|source| RunError::Listen { address, source })
    });
    bound.collect()
}

/// Tells on stdout, and in the log, where the server listens.
fn announce(address: SocketAddr, is_tls: bool) {
    let scheme = if is_tls { "https" } else { "http" };
    let mut out = io::stdout().lock();
    let told = writeln!(out, "listening on {scheme}://{address}").and_then(|()| out.flush());
    if let Err(error) = told {
        // Whoever started it may read no more; that is no reason not to serve.
        log::debug!("stdout: {error}");
    }
    log::info!("listening on {scheme}://{address}");
    if !is_tls && !address.ip().is_loopback() {
        log::warn!(
            "PLAIN HTTP on {address}: passwords and tokens can be read on the way; \
             give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a TLS proxy"
        );
    }
}
