//! The server's executor: one smol executor, run by a named thread for each core.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::thread;

use crate::shutdown::{self, Trigger};

/// Runs the server's tasks; clones share one executor.
#[derive(Debug, Clone, Default)]
pub struct Executor(Arc<async_executor::Executor<'static>>);

/// Keeps the executor's threads running until it is dropped.
#[derive(Debug)]
pub struct Threads {
    _trigger: Trigger,
}

impl Executor {
    /// Starts a task that runs to its end without anyone waiting for it.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task).detach();
    }

    /// Starts a thread for each core to run the tasks.
    ///
    /// # Errors
    ///
    /// The system's, when it gives no more threads.
    pub fn start_threads(&self) -> io::Result<Threads> {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let (trigger, shutdown) = shutdown::pair();
        for index in 0..count {
            let executor = Arc::clone(&self.0);
            let shutdown = shutdown.clone();
            thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || {
                    // async-io's reactor is driven by whichever worker blocks on it.
                    async_io::block_on(executor.run(shutdown.wait()));
                })?;
        }
        Ok(Threads { _trigger: trigger })
    }
}
