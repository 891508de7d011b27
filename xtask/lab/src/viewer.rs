//! Somebody who looks at a host on the page, and reads all that is told.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::wire::Peer;
use crate::{Stack, clock};

const DEADLINE: Duration = Duration::from_secs(10);
/// How soon it notices that it is to leave.
const LOOK_UP: Duration = Duration::from_millis(200);

/// Watches until it is dropped.
#[derive(Debug)]
pub struct Viewer {
    seen: Arc<Seen>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Seen {
    leaves: AtomicBool,
    ticks: AtomicUsize,
    /// The last tick told.
    newest: Mutex<Value>,
}

impl Viewer {
    /// Opens the host of `stack`, which is measured more often for it.
    ///
    /// # Errors
    ///
    /// The server does not let it in.
    pub fn watch(stack: &Stack) -> Result<Self> {
        Self::open(stack, json!(stack.host))
    }

    /// Looks at the list of hosts.
    ///
    /// # Errors
    ///
    /// The server does not let it in.
    pub fn glance(stack: &Stack) -> Result<Self> {
        Self::open(stack, Value::Null)
    }

    fn open(stack: &Stack, watched: Value) -> Result<Self> {
        let mut live = stack.api.live()?;
        live.find("hosts", DEADLINE, |message| message["kind"] == "hosts")?;
        live.send(&json!({ "kind": "watch", "host_id": watched }))?;
        let seen = Arc::<Seen>::default();
        let reader = thread::Builder::new()
            .name("viewer".to_owned())
            .spawn({
                let (seen, host) = (Arc::clone(&seen), stack.host.clone());
                move || seen.read(&mut live, &host)
            })
            .context("cannot start a thread")?;
        Ok(Self {
            seen,
            reader: Some(reader),
        })
    }

    /// How many ticks of the host it has seen.
    pub fn ticks(&self) -> usize {
        self.seen.ticks.load(Ordering::Relaxed)
    }

    /// How old the last tick is, when it shows at least `containers` containers at work.
    ///
    /// # Errors
    ///
    /// It does not, or there was none.
    pub fn age(&self, containers: usize) -> Result<Duration> {
        let tick = self.newest();
        let at_ms = tick["at_unix_ms"].as_u64().context("no tick")?;
        let shown = tick["containers"].as_object().context("no containers")?;
        let is_fresh = |stats: &&Value| {
            stats["cpu_percent"].is_number() && stats["at_unix_ms"].as_u64() == Some(at_ms)
        };
        let fresh = shown.values().filter(is_fresh).count();
        ensure!(fresh >= containers, "{fresh} containers: {tick}");
        Ok(Duration::from_millis(
            clock::unix_ms().saturating_sub(at_ms),
        ))
    }

    /// The last tick it has seen; `null` before the first.
    pub fn newest(&self) -> Value {
        let newest = self.seen.newest.lock();
        newest.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Seen {
    fn read(&self, live: &mut Peer, host: &str) {
        while !self.leaves.load(Ordering::Relaxed) {
            // Nothing for a while, or the server has ended.
            let Ok(message) = live.json(LOOK_UP) else {
                continue;
            };
            if message["kind"] == "stats" && message["host_id"] == host {
                *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = message;
                self.ticks.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.seen.leaves.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            drop(reader.join());
        }
    }
}
