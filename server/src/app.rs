//! What every request and every agent session works on: the parts, wired once at the start.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::agents::Agents;
use crate::auth::limiter::Limiter;
use crate::auth::passwords::Passwords;
use crate::executor::Executor;
use crate::shutdown::Shutdown;
use crate::store::Store;
use crate::telemetry::board::Board;

/// The server's shared parts.
pub struct App {
    /// All that survives a restart; use [`App::with_store`] from a task.
    pub store: Arc<Store>,
    /// Runs tasks.
    pub executor: Executor,
    /// Tells when the server ends.
    pub shutdown: Shutdown,
    /// Hashes and verifies passwords, few at a time.
    pub passwords: Passwords,
    /// The agents that are connected, and those that knock.
    pub agents: Agents,
    /// What is known now.
    pub board: Board,
    log_ins: Mutex<Limiter>,
}

impl App {
    /// Wires the parts around an opened store.
    pub fn new(store: Store, executor: Executor, shutdown: Shutdown) -> App {
        App {
            store: Arc::new(store),
            executor,
            shutdown,
            passwords: Passwords::default(),
            agents: Agents::default(),
            board: Board::default(),
            log_ins: Mutex::new(Limiter::default()),
        }
    }

    /// Does `work` with the store on the pool for blocking work.
    pub async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> T {
        let store = Arc::clone(&self.store);
        blocking::unblock(move || work(&store)).await
    }

    /// Does `work` with the count of log-in attempts; it must be quick.
    pub fn limit_log_ins<T>(&self, work: impl FnOnce(&mut Limiter) -> T) -> T {
        work(&mut self.log_ins.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}
