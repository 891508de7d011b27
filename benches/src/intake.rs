//! What the server does with stats frames: CPU time per container sample from the frame's bytes to what is known now, and the memory of one host.

use std::hint::black_box;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use lexopt::{Arg, Parser, ValueExt as _};
use pilotfish_protocol::frame::{Encoder, FRAME_BYTES};
use pilotfish_protocol::{AgentId, HostId, ListHash, Subject};
use pilotfish_server::agents::session::Session;
use pilotfish_server::agents::session::exchange::{Change, Dialect, PACE};
use pilotfish_server::agents::session::rhythm::RHYTHM;
use pilotfish_server::clock;
use pilotfish_server::telemetry::fleet::{Agent, Facts, Fleet, SessionId, System};
use pilotfish_server::telemetry::ticks::Ticks;

use crate::budget::{Budget, Figure};
use crate::codec::workload::Workload;
use crate::sampler::cpu_ns;

/// The hosts that are measured, by their containers.
const SIZES: [usize; 3] = [20, 100, 300];

const SESSION: SessionId = SessionId(1);

/// One host's side of the server: everything that is kept of it but its socket and what waits for the disk.
#[derive(Debug)]
struct Host {
    id: HostId,
    fleet: Fleet,
    ticks: Ticks,
    session: Session<()>,
}

/// Understands `--budgets PATH [--ticks N]`.
pub(crate) fn run(mut parser: Parser) -> Result<()> {
    let mut budgets = PathBuf::new();
    let mut ticks = 2000_usize;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("budgets") => budgets = parser.value()?.into(),
            Arg::Long("ticks") => ticks = parser.value()?.parse()?,
            Arg::Value(_) | Arg::Long(_) | Arg::Short(_) => {
                return Err(argument.unexpected().into());
            }
        }
    }
    ensure!(ticks > 0, "nothing to measure");
    let budget = Budget::read(&budgets, "intake")?;
    println!("\n{ticks} ticks; a sample is a container in a tick, a quarter of them at work\n");
    println!("  containers  ns a sample  bytes a host");
    let (mut sample_ns, mut session_bytes) = (0, 0);
    for containers in SIZES {
        let mut workload = Workload::new(containers, containers.div_ceil(4)).with_host();
        let frames = frames(&mut workload, ticks)?;
        let mut host = None;
        let kept = allocation_counter::measure(|| {
            host = Host::new(&workload).ok();
            if let Some(host) = &mut host {
                // The first tick's readings, the second's rates.
                for tick in &frames[..2] {
                    host.take(tick, 1_795_467_900_000);
                }
            }
        });
        let mut host = host.context("no host")?;
        let mut kept_samples = 0;
        let begin_ns = cpu_ns();
        for tick in &frames[2..] {
            kept_samples += host.take(tick, 1_795_467_900_000);
        }
        let took_ns = cpu_ns() - begin_ns;
        ensure!(kept_samples == ticks * containers, "{kept_samples} samples");
        let ns = took_ns / kept_samples as u64;
        let bytes = u64::try_from(kept.bytes_current)? + size_of::<Host>() as u64;
        println!("  {containers:>10}  {ns:>11}  {bytes:>12}");
        sample_ns = sample_ns.max(ns);
        if containers == SIZES[0] {
            session_bytes = bytes;
        }
        black_box(&host);
    }
    println!(
        "\nthe slowest of these, and a host of {} containers\n",
        SIZES[0]
    );
    let figure = |name, value| Figure { name, value };
    let figures = [
        figure("sample_ns", sample_ns),
        figure("session_bytes", session_bytes),
    ];
    ensure!(budget.print(&figures), "over budget");
    Ok(())
}

/// The frames of some ticks and two before them, a tick each.
fn frames(workload: &mut Workload, ticks: usize) -> Result<Vec<Vec<Vec<u8>>>> {
    let mut encoder = Encoder::new();
    // The host has slot 0.
    let mut order: Vec<usize> = (0..workload.samples().len()).collect();
    order.rotate_right(1);
    for place in &order {
        let (subject, _) = &workload.samples()[*place];
        encoder.announce(subject.clone()).context("no slot")?;
    }
    let mut told = Vec::with_capacity(ticks + 2);
    for _ in 0..ticks + 2 {
        workload.step();
        for (slot, place) in (0..).zip(&order) {
            encoder.take(slot, &workload.samples()[*place].1);
        }
        encoder.begin(workload.at_ms());
        let mut tick = Vec::new();
        while encoder.is_under_way() {
            let mut frame = Vec::with_capacity(FRAME_BYTES);
            encoder.encode(&mut frame);
            frame.shrink_to_fit();
            tick.push(frame);
        }
        told.push(tick);
    }
    Ok(told)
}

impl Host {
    /// A host online, whose containers are all listed and run.
    fn new(workload: &Workload) -> Result<Host> {
        let id = HostId::new("h").context("no host id")?;
        let mut fleet = Fleet::default();
        let facts = Facts {
            name: "pi".to_owned(),
            agent: Agent {
                id: AgentId::new("a").context("no agent id")?,
                version: "1".to_owned(),
                os: None,
                arch: None,
                protocol: "1.1".to_owned(),
                is_ours: true,
            },
            system: System::default(),
            engine_version: None,
            enrolled_unix_ms: 1,
            heard_unix_ms: None,
        };
        fleet.learn(&id, facts);
        fleet.attach(&id, SESSION, 1);
        let mut set = Vec::new();
        for (subject, _) in workload.samples() {
            if let Subject::Container { id, name } = subject {
                let text = format!(
                    r#"{{"Id":"{id}{}","Names":["/{name}"],"Image":"registry.example/{name}:1","State":"running","Status":"Up","Ports":["8080:80/tcp"],"Labels":{{"com.docker.compose.project":"project"}}}}"#,
                    "0".repeat(52)
                );
                set.push((ListHash::of(text.as_bytes()), serde_json::from_str(&text)?));
            }
        }
        let change = Change {
            is_full: true,
            set,
            gone: Vec::new(),
            hash: ListHash::default(),
        };
        fleet.change(&id, SESSION, &change, 1);
        let now = clock::now();
        let dialect = Dialect::Extension {
            rhythm: RHYTHM,
            held: None,
        };
        Ok(Host {
            id,
            fleet,
            ticks: Ticks::default(),
            session: Session::new(PACE, dialect, [0; 16], now, now),
        })
    }

    /// Takes one tick's frames; gives how many containers' samples are kept.
    fn take(&mut self, frames: &[Vec<u8>], now_unix_ms: u64) -> usize {
        let mut kept = 0;
        for frame in frames {
            let Ok(Some(tick)) = self.ticks.take(frame, now_unix_ms) else {
                continue;
            };
            let mut measured = self.ticks.measured(&tick, now_unix_ms);
            self.fleet.measure(&self.id, SESSION, &mut measured);
            kept += measured.containers.len();
            black_box(measured.rows());
        }
        black_box(&self.session);
        kept
    }
}
