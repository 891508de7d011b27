//! Waiting for Ctrl-C, for SIGTERM, for the time given, or for the death of what was started.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use async_signal::{Signal, Signals};
use futures_lite::{StreamExt as _, future};
use pilotfish_lab::clock;

use super::Demo;

/// How often the demo looks after what it started.
const LOOK: Duration = Duration::from_millis(250);

/// Returns when the demo is to be stopped.
pub(super) fn until_stopped(demo: &mut Demo, duration: Option<Duration>) -> Result<()> {
    let stop = stop_signals()?;
    let end_at = duration.map(|duration| clock::now() + duration);
    loop {
        match stop.recv_timeout(LOOK) {
            Ok(()) => {
                println!("stopping");
                return Ok(());
            }
            Err(RecvTimeoutError::Timeout) => demo.ensure_runs()?,
            Err(RecvTimeoutError::Disconnected) => bail!("the demo can no longer hear signals"),
        }
        if end_at.is_some_and(|end_at| clock::now() >= end_at) {
            return demo.verify();
        }
    }
}

fn stop_signals() -> Result<Receiver<()>> {
    let mut signals = Signals::new([Signal::Int, Signal::Term, Signal::Hup])
        .context("cannot listen for signals")?;
    let (heard, stop) = mpsc::channel();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            future::block_on(signals.next());
            // The receiver is gone only when the demo ends anyway.
            heard.send(()).ok();
        })
        .context("cannot start a thread")?;
    Ok(stop)
}
