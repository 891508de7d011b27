//! The signal that tells every part to end: anyone may wait for it, one hand gives it.

use std::convert::Infallible;

use async_channel::{Receiver, Sender};

/// Tells a task when to end; clones see the same signal.
#[derive(Debug, Clone)]
pub struct Shutdown(Receiver<Infallible>);

/// Gives the signal, at the latest when it is dropped.
#[derive(Debug)]
pub struct Trigger(Sender<Infallible>);

/// Makes a signal and the hand that gives it.
pub fn pair() -> (Trigger, Shutdown) {
    let (sender, receiver) = async_channel::bounded(1);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// Gives the signal; again means nothing more.
    pub fn fire(&self) {
        self.0.close();
    }
}

impl Shutdown {
    /// Waits until the signal is given.
    pub async fn wait(&self) {
        if let Ok(never) = self.0.recv().await {
            match never {}
        }
    }

    /// Tells whether the signal was given.
    pub fn is_fired(&self) -> bool {
        self.0.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clone_wakes_when_the_signal_is_given() {
        let (trigger, shutdown) = pair();
        let other = shutdown.clone();
        assert!(!other.is_fired());
        trigger.fire();
        smol::block_on(async {
            shutdown.wait().await;
            other.wait().await;
        });
        assert!(other.is_fired());
    }
}
