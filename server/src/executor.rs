//! The server's executor: one smol executor, run by a named thread for each core.

use std::future::Future;
use std::io;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};

use crate::shutdown::{self, Trigger};

/// Starts tasks. Does not keep the [`Runtime`] alive: what the tasks hold is dropped with it.
#[derive(Debug, Clone)]
pub struct Executor(Weak<async_executor::Executor<'static>>);

/// The executor with its threads; dropping it ends every task where it waits.
#[derive(Debug)]
pub struct Runtime {
    executor: Arc<async_executor::Executor<'static>>,
    trigger: Trigger,
    threads: Vec<JoinHandle<()>>,
}

impl Executor {
    /// Starts a task that runs to its end without anyone waiting for it; once the [`Runtime`] is
    /// gone the task is dropped instead.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(executor) = self.0.upgrade() {
            executor.spawn(task).detach();
        }
    }
}

impl Runtime {
    /// Starts a thread for each core.
    ///
    /// # Errors
    ///
    /// The system's, when it gives no more threads.
    pub fn start() -> io::Result<Runtime> {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let (trigger, shutdown) = shutdown::pair();
        let executor = Arc::new(async_executor::Executor::new());
        let mut runtime = Runtime {
            executor,
            trigger,
            threads: Vec::new(),
        };
        for index in 0..count {
            let executor = Arc::clone(&runtime.executor);
            let shutdown = shutdown.clone();
            let run = move || async_io::block_on(executor.run(shutdown.wait()));
            runtime.threads.push(
                thread::Builder::new()
                    .name(format!("worker-{index}"))
                    .spawn(run)?,
            );
        }
        Ok(runtime)
    }

    /// Gives what starts tasks.
    pub fn executor(&self) -> Executor {
        Executor(Arc::downgrade(&self.executor))
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.trigger.fire();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                log::error!("a worker thread panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_waiting_task_holds_is_dropped_with_the_runtime() {
        let runtime = Runtime::start().unwrap();
        let executor = runtime.executor();
        let held = Arc::new(());
        let (started, is_started) = async_channel::bounded(1);
        let (task_held, task_executor) = (Arc::clone(&held), executor.clone());
        executor.spawn(async move {
            started.send(()).await.unwrap();
            std::future::pending::<()>().await;
            drop((task_held, task_executor));
        });
        smol::block_on(is_started.recv()).unwrap();
        drop(runtime);
        assert_eq!(Arc::strong_count(&held), 1);
        executor.spawn(async { unreachable!("nothing runs it") });
    }
}
