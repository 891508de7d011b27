//! What is done regularly: events are written, old samples dropped, viewers told the time.

use std::sync::Arc;
use std::time::Duration;

use async_io::Timer;
use futures_lite::FutureExt as _;

use crate::app::App;
use crate::store::StoreError;

/// How often events are written; after a power cut, what happened since is lost.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// How many writes are between two ticks of the board: it ticks every 5 s.
const WRITES_A_TICK: u32 = 5;

/// Loads what the store knows of the hosts, and starts the task that keeps it up to date.
///
/// # Errors
///
/// The store's.
pub fn start(app: &Arc<App>) -> Result<(), StoreError> {
    app.board.load(&app.store)?;
    app.executor.spawn(keep(Arc::clone(app)));
    Ok(())
}

/// Writes what waits, also "last heard": the server stops.
pub async fn finish(app: &App) {
    app.board.hurry();
    app.board.flush(app).await;
}

async fn keep(app: Arc<App>) {
    let mut writes = 0;
    while !app.shutdown.is_fired() {
        let pause = async {
            Timer::after(WRITE_EVERY).await;
        };
        pause.or(app.shutdown.wait()).await;
        app.board.flush(&app).await;
        writes += 1;
        if writes % WRITES_A_TICK == 0 {
            app.board.tick();
        }
    }
}
