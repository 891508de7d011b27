//! A TCP relay between an agent and a server that can let bytes pass, hold them, and cut the connections.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::net::sockopt::{set_socket_linger, set_socket_recv_buffer_size};

use crate::wait::pause;

/// How often a pump looks up from a quiet connection.
const POLL: Duration = Duration::from_millis(20);
/// Most bytes moved at once.
const PIECE_BYTES: usize = 16 * 1024;
/// Pieces per second in which a limited line moves its bytes.
const THROTTLED_PIECES: u32 = 20;
/// What the kernel may hold for a limited line.
const THROTTLED_BUFFER: usize = 2 * 1024;

/// A relay on a free port of 127.0.0.1.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    door: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    up_bytes: AtomicU64,
    down_bytes: AtomicU64,
    pieces: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct State {
    mode: Mode,
    /// Connections of an older generation end.
    generation: u64,
    /// How fast bytes pass in each direction, when that is limited.
    bytes_per_sec: Option<u32>,
    /// Connections that were taken since the start.
    taken: u64,
    target: SocketAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Pass,
    Stall,
    Refuse,
    End,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().fmt(f)
    }
}

impl Shared {
    fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits until bytes may pass; `false` when the connection of this generation is to end.
    fn may_pass(&self, generation: u64) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.mode == Mode::Stall && state.generation == generation {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.generation == generation && state.mode != Mode::End
    }
}

impl Relay {
    /// Relays to `target`.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                mode: Mode::Pass,
                generation: 0,
                bytes_per_sec: None,
                taken: 0,
                target,
            }),
            changed: Condvar::new(),
            up_bytes: AtomicU64::new(0),
            down_bytes: AtomicU64::new(0),
            pieces: AtomicU64::new(0),
        });
        let door = thread::Builder::new()
            .name("relay".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || take_connections(&listener, &shared)
            })
            .context("cannot start a thread")?;
        Ok(Self {
            address,
            shared,
            door: Some(door),
        })
    }

    /// Where to connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends later connections elsewhere, as when a server comes back on another port.
    pub fn retarget(&self, target: SocketAddr) {
        self.shared.change(|state| state.target = target);
    }

    /// Lets bytes pass, those that were held first.
    pub fn pass(&self) {
        self.shared.change(|state| state.mode = Mode::Pass);
    }

    /// Holds all bytes in both directions, as a link that died without telling; connections are still taken.
    pub fn stall(&self) {
        self.shared.change(|state| state.mode = Mode::Stall);
    }

    /// Lets at most so many bytes a second pass in each direction; `None` lets them pass as they come.
    ///
    /// Connections taken from now on have small buffers, so that their ends feel it soon.
    pub fn throttle(&self, bytes_per_sec: Option<u32>) {
        self.shared
            .change(|state| state.bytes_per_sec = bytes_per_sec);
    }

    /// Cuts every open connection with a reset; new ones are taken as before.
    pub fn cut(&self) {
        self.shared.change(|state| state.generation += 1);
    }

    /// Cuts every open connection and resets new ones at once.
    pub fn refuse(&self) {
        self.shared.change(|state| {
            state.generation += 1;
            state.mode = Mode::Refuse;
        });
    }

    /// In how many pieces bytes came, both ways: nearly the segments of a real line, since each end writes a message at once.
    pub fn pieces(&self) -> u64 {
        self.shared.pieces.load(Ordering::Relaxed)
    }

    /// How many connections were taken since the start.
    pub fn taken(&self) -> u64 {
        self.shared.state().taken
    }

    /// Bytes that went from the client to the target since the start.
    pub fn up_bytes(&self) -> u64 {
        self.shared.up_bytes.load(Ordering::Relaxed)
    }

    /// Bytes that went from the target to the client since the start.
    pub fn down_bytes(&self) -> u64 {
        self.shared.down_bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.change(|state| {
            state.generation += 1;
            state.mode = Mode::End;
        });
        // A connection wakes the thread at the door, which then sees that it is over.
        drop(TcpStream::connect(self.address));
        if let Some(door) = self.door.take() {
            drop(door.join());
        }
    }
}

fn take_connections(listener: &TcpListener, shared: &Arc<Shared>) {
    thread::scope(|scope| {
        for client in listener.incoming() {
            let state = shared.state();
            match state.mode {
                Mode::End => break,
                Mode::Refuse => {
                    shared.change(|state| state.taken += 1);
                    if let Ok(client) = client {
                        reset_on_close(&client);
                    }
                }
                Mode::Pass | Mode::Stall => {
                    shared.change(|state| state.taken += 1);
                    if let Ok(client) = client {
                        scope.spawn(move || relay(client, shared, state.generation));
                    }
                }
            }
        }
    });
}

fn relay(client: TcpStream, shared: &Shared, generation: u64) {
    if !shared.may_pass(generation) {
        reset_on_close(&client);
        return;
    }
    let state = shared.state();
    if state.bytes_per_sec.is_some() {
        // Else megabytes would wait before the limit.
        set_socket_recv_buffer_size(&client, THROTTLED_BUFFER).ok();
    }
    let Ok(server) = TcpStream::connect(state.target) else {
        reset_on_close(&client);
        return;
    };
    thread::scope(|scope| {
        scope.spawn(|| pump(&client, &server, shared, generation, &shared.up_bytes));
        pump(&server, &client, shared, generation, &shared.down_bytes);
    });
    if shared.state().generation != generation {
        reset_on_close(&client);
        reset_on_close(&server);
    }
}

/// Moves bytes until one side ends, then lets the other know.
fn pump(from: &TcpStream, to: &TcpStream, shared: &Shared, generation: u64, moved: &AtomicU64) {
    let mut buffer = [0; PIECE_BYTES];
    let mut from = from;
    if from.set_read_timeout(Some(POLL)).is_err() || from.set_nodelay(true).is_err() {
        return;
    }
    while shared.may_pass(generation) {
        match from.read(&mut buffer[..readable(shared)]) {
            Ok(0) => break,
            Ok(length) => {
                // A stall that began during the read holds these bytes too.
                if !shared.may_pass(generation) {
                    break;
                }
                // Counted before they arrive, so that whoever has received them finds them counted.
                moved.fetch_add(length as u64, Ordering::Relaxed);
                shared.pieces.fetch_add(1, Ordering::Relaxed);
                if !pass_on(&buffer[..length], to, shared) {
                    break;
                }
            }
            Err(error) if is_quiet(&error) => {}
            Err(_) => break,
        }
    }
    if shared.state().generation == generation {
        drop(to.shutdown(std::net::Shutdown::Write));
    }
}

/// How much is read at once: of a limited line no more than it moves soon, so that the rest waits with its sender.
fn readable(shared: &Shared) -> usize {
    let limit = shared.state().bytes_per_sec;
    limit.map_or(PIECE_BYTES, |limit| piece_bytes(limit).min(PIECE_BYTES))
}

fn piece_bytes(bytes_per_sec: u32) -> usize {
    usize::try_from(bytes_per_sec / THROTTLED_PIECES)
        .unwrap_or(PIECE_BYTES)
        .max(1)
}

/// Writes all of `bytes`, no faster than the limit; `false` when nobody takes them.
fn pass_on(mut bytes: &[u8], mut to: &TcpStream, shared: &Shared) -> bool {
    while !bytes.is_empty() {
        let limit = shared.state().bytes_per_sec;
        let most = limit.map_or(bytes.len(), piece_bytes).min(bytes.len());
        let (piece, rest) = bytes.split_at(most);
        if to.write_all(piece).is_err() {
            return false;
        }
        if let Some(limit) = limit {
            let piece_bytes = u32::try_from(piece.len()).unwrap_or(u32::MAX);
            pause(Duration::from_secs(1) * piece_bytes / limit.max(1));
        }
        bytes = rest;
    }
    true
}

fn is_quiet(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::WouldBlock || kind == io::ErrorKind::TimedOut
}

fn reset_on_close(stream: &TcpStream) {
    // A connection that has ended already needs no reset.
    set_socket_linger(stream, Some(Duration::ZERO)).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(5);

    struct Ends {
        relay: Relay,
        client: TcpStream,
        server: TcpStream,
    }

    fn connected() -> Ends {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Relay::start(listener.local_addr().unwrap()).unwrap();
        let client = TcpStream::connect(relay.address()).unwrap();
        let (server, _) = listener.accept().unwrap();
        server.set_read_timeout(Some(DEADLINE)).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        Ends {
            relay,
            client,
            server,
        }
    }

    #[test]
    fn passes_and_counts_both_ways() {
        let mut ends = connected();
        ends.client.write_all(b"hello").unwrap();
        let mut buffer = [0; 5];
        ends.server.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"hello");
        ends.server.write_all(b"yes").unwrap();
        ends.client.read_exact(&mut buffer[..3]).unwrap();
        drop(ends.server);
        assert_eq!(ends.client.read(&mut buffer).unwrap(), 0);
        assert_eq!((ends.relay.up_bytes(), ends.relay.down_bytes()), (5, 3));
    }

    #[test]
    fn holds_bytes_while_stalled_and_then_delivers_them() {
        let mut ends = connected();
        ends.relay.stall();
        ends.client.write_all(b"held").unwrap();
        let mut buffer = [0; 4];
        ends.server
            .set_read_timeout(Some(Duration::from_millis(60)))
            .unwrap();
        assert!(is_quiet(&ends.server.read(&mut buffer).unwrap_err()));
        ends.relay.pass();
        ends.server.set_read_timeout(Some(DEADLINE)).unwrap();
        ends.server.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"held");
    }

    #[test]
    fn lets_no_more_pass_than_its_limit() {
        let mut ends = connected();
        ends.relay.throttle(Some(2000));
        let started_at = crate::clock::now();
        ends.client.write_all(&[7; 1000]).unwrap();
        ends.server.read_exact(&mut [0; 1000]).unwrap();
        assert!(started_at.elapsed() >= Duration::from_millis(400));
    }

    #[test]
    fn cuts_with_a_reset_even_while_stalled() {
        let mut ends = connected();
        ends.relay.stall();
        ends.relay.cut();
        let error = ends.client.read(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
