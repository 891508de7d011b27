//! What every request and every agent session works on: the parts, wired once at the start.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use crate::agents::Agents;
use crate::auth::limiter::Limiter;
use crate::auth::passwords::Passwords;
use crate::executor::Executor;
use crate::shutdown::Shutdown;
use crate::store::Store;
use crate::telemetry::board::Board;
use crate::telemetry::history::History;

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
    /// What was measured before.
    pub history: Arc<History>,
    log_ins: Mutex<Limiter>,
}

impl App {
    /// Wires the parts around an opened store and its history.
    pub fn new(store: Store, history: History, executor: Executor, shutdown: Shutdown) -> App {
        App {
            store: Arc::new(store),
            executor,
            shutdown,
            passwords: Passwords::default(),
            agents: Agents::default(),
            board: Board::default(),
            history: Arc::new(history),
            log_ins: Mutex::new(Limiter::default()),
        }
    }

    /// Does `work` with the store on the pool for blocking work; also when who waits for it goes away before it has begun.
    pub async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> T {
        let store = Arc::clone(&self.store);
        Working(Some(blocking::unblock(move || work(&store)))).await
    }

    /// Does `work` with the count of log-in attempts; it must be quick.
    pub fn limit_log_ins<T>(&self, work: impl FnOnce(&mut Limiter) -> T) -> T {
        work(&mut self.log_ins.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Work on the pool that is not cancelled when this is dropped.
struct Working<T>(Option<blocking::Task<T>>);

impl<T> Future for Working<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match &mut self.0 {
            Some(task) => Pin::new(task).poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for Working<T> {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.detach();
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use crate::peer::until;
    use crate::rig::Rig;

    use super::*;

    #[test]
    fn work_is_done_although_who_waited_for_it_goes_away() {
        let rig = Rig::start();
        let done = Arc::new(AtomicU32::new(0));
        for _ in 0..200 {
            let done = Arc::clone(&done);
            let work = rig
                .app
                .with_store(move |_| done.fetch_add(1, Ordering::Relaxed));
            smol::block_on(async { smol::future::poll_once(work).await });
        }
        until("all is done", || done.load(Ordering::Relaxed) == 200);
    }
}
