//! Stats frames: bytes and time per container sample at either end, allocations per tick, and the same ticks in the base dialect.

pub(crate) mod workload;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use lexopt::{Arg, Parser, ValueExt as _};
use pilotfish_protocol::frame::{Decoder, Encoder, FRAME_BYTES, Slot};
use pilotfish_protocol::{AgentMessage, Timestamp};

use crate::budget::{Budget, Figure};
use crate::sampler::cpu_ns;
use workload::Workload;

/// The hosts that are measured, by their containers.
const SIZES: [usize; 3] = [20, 100, 300];
/// What goes over the line with a frame: WebSocket header with mask, TLS 1.3 record, TCP and IP headers, and those of the answer.
const AROUND_BYTES: u64 = 6 + 22 + 52 + 52;
/// Ticks of a month of 30 days, one every 10 s.
const MONTH_TICKS: u64 = 30 * 24 * 360;

/// Understands `--budgets PATH [--ticks N] [--busy PERCENT]`.
pub(crate) fn run(mut parser: Parser) -> Result<()> {
    let mut budgets = PathBuf::new();
    let mut ticks = 500_usize;
    let mut busy_percent = 25_usize;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("budgets") => budgets = parser.value()?.into(),
            Arg::Long("ticks") => ticks = parser.value()?.parse()?,
            Arg::Long("busy") => busy_percent = parser.value()?.parse()?,
            Arg::Value(_) | Arg::Long(_) | Arg::Short(_) => {
                return Err(argument.unexpected().into());
            }
        }
    }
    ensure!(ticks > 1, "nothing to measure");
    ensure!((1..=100).contains(&busy_percent), "--busy is a percentage");
    let budget = Budget::read(&budgets, "codec")?;
    println!(
        "\n{ticks} ticks of 10 s; a sample is a container in a tick, * of the busy ones only\n"
    );
    println!(
        "  containers  busy  frame B  sample B*  encode ns  decode ns  |  JSON B  encode ns  decode ns"
    );
    let mut worst: Option<Cost> = None;
    for containers in SIZES {
        let busy = (containers * busy_percent).div_ceil(100);
        let cost = frames(&mut Workload::new(containers, busy), ticks)?;
        let text = base_dialect(&mut Workload::new(containers, busy), ticks.min(100))?;
        println!(
            "  {containers:>10}  {busy:>4}  {:>7}  {:>6}.{:02}  {:>9}  {:>9}  |  {:>6}  {:>9}  {:>9}",
            cost.bytes / ticks as u64,
            cost.busy_centibytes() / 100,
            cost.busy_centibytes() % 100,
            cost.encode_ns / cost.samples,
            cost.decode_ns / cost.samples,
            text.bytes / text.samples,
            text.encode_ns / text.samples,
            text.decode_ns / text.samples,
        );
        worst = Some(worst.map_or(cost, |worst| worst.or_higher(cost)));
    }
    let worst = worst.unwrap_or_default();
    let idle = frames(&mut Workload::new(20, 0), ticks)?;
    let small = frames(&mut Workload::new(20, 5).with_host(), ticks)?;
    let host = frames(&mut Workload::new(0, 0).with_host(), ticks)?;
    let month = (small.bytes / ticks as u64 + AROUND_BYTES) * MONTH_TICKS;
    println!("\nhighest of these\n");
    let figure = |name, value| Figure { name, value };
    let figures = [
        figure("header_bytes", worst.header_bytes),
        figure("busy_centibytes", worst.busy_centibytes()),
        figure("idle_bytes", idle.record_bytes()),
        figure("host_bytes", host.record_bytes() / ticks as u64),
        figure("encode_allocations", worst.encode_allocations),
        figure("decode_allocations", worst.decode_allocations),
        figure("month_kb_20_containers_5_busy", month / 1000),
    ];
    ensure!(budget.print(&figures), "over budget");
    Ok(())
}

/// What some ticks cost.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    /// Of containers, idle ones too.
    samples: u64,
    /// Those with news.
    busy_samples: u64,
    bytes: u64,
    frames: u64,
    /// A frame without news.
    header_bytes: u64,
    encode_ns: u64,
    decode_ns: u64,
    encode_allocations: u64,
    decode_allocations: u64,
}

impl Cost {
    /// What is not header.
    fn record_bytes(&self) -> u64 {
        self.bytes - self.frames * self.header_bytes
    }

    /// Hundredths of a byte per sample with news, rounded up.
    fn busy_centibytes(&self) -> u64 {
        (self.record_bytes() * 100).div_ceil(self.busy_samples.max(1))
    }

    /// The one that takes more bytes per sample, with the higher count of each kind of allocation.
    fn or_higher(self, other: Self) -> Self {
        let is_larger = self.busy_centibytes() > other.busy_centibytes();
        let larger = if is_larger { self } else { other };
        Self {
            encode_allocations: self.encode_allocations.max(other.encode_allocations),
            decode_allocations: self.decode_allocations.max(other.decode_allocations),
            ..larger
        }
    }
}

/// Encodes and decodes as an agent and a server do. Two ticks are not counted: the keyframe, and the one after it, in which buffers get
/// the size they keep.
fn frames(workload: &mut Workload, ticks: usize) -> Result<Cost> {
    let mut encoder = Encoder::new();
    let mut decoder = Decoder::new();
    let mut slots: Vec<Slot> = Vec::new();
    for (subject, _) in workload.samples() {
        slots.push(encoder.announce(subject.clone()).context("no slot")?);
    }
    let mut out = Vec::with_capacity(FRAME_BYTES);
    let mut cost = Cost::default();
    for tick in 0..ticks + 2 {
        if tick == 2 {
            cost = Cost::default();
        }
        workload.step();
        let begin_ns = cpu_ns();
        let taking = allocation_counter::measure(|| {
            for (slot, (_, reading)) in slots.iter().zip(workload.samples()) {
                encoder.take(*slot, reading);
            }
            encoder.begin(workload.at_ms());
        });
        cost.encode_ns += cpu_ns() - begin_ns;
        cost.encode_allocations += taking.count_total;
        while encoder.is_under_way() {
            out.clear();
            let begin_ns = cpu_ns();
            let encoding = allocation_counter::measure(|| {
                encoder.encode(&mut out);
            });
            let encoded_ns = cpu_ns();
            let mut decoded = None;
            let decoding = allocation_counter::measure(|| decoded = Some(decoder.decode(&out)));
            cost.decode_ns += cpu_ns() - encoded_ns;
            cost.encode_ns += encoded_ns - begin_ns;
            cost.encode_allocations += encoding.count_total;
            cost.decode_allocations += decoding.count_total;
            cost.bytes += out.len() as u64;
            cost.frames += 1;
            ensure!(matches!(decoded, Some(Ok(_))), "cannot decode: {decoded:?}");
        }
        for (slot, (_, reading)) in slots.iter().zip(workload.samples()) {
            let is_same = decoder
                .slot(*slot)
                .is_some_and(|live| live.reading == *reading);
            ensure!(is_same, "the ends differ in slot {slot}");
        }
        let changed = decoder.touched().iter().filter(|slot| **slot > 0);
        cost.busy_samples += changed.count() as u64;
        cost.samples += workload.containers() as u64;
    }
    out.clear();
    encoder.begin(workload.at_ms() + workload::INTERVAL_MS);
    encoder.encode(&mut out);
    cost.header_bytes = out.len() as u64;
    Ok(cost)
}

/// The same ticks as messages of the base dialect, one per container.
fn base_dialect(workload: &mut Workload, ticks: usize) -> Result<Cost> {
    let mut cost = Cost::default();
    for _ in 0..ticks {
        workload.step();
        for stats in workload.base_dialect() {
            let message = AgentMessage::ContainerStats(stats);
            let begin_ns = cpu_ns();
            let text = message.encode(Timestamp::from_unix_ms(0));
            let encoded_ns = cpu_ns();
            let decoded = AgentMessage::decode(&text);
            cost.decode_ns += cpu_ns() - encoded_ns;
            cost.encode_ns += encoded_ns - begin_ns;
            cost.bytes += text.len() as u64;
            cost.samples += 1;
            decoded.context("cannot decode")?;
        }
    }
    Ok(cost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_change_costs_nothing_but_the_header() {
        let idle = frames(&mut Workload::new(20, 0), 5).unwrap();
        assert_eq!((idle.record_bytes(), idle.busy_samples), (0, 0));
        assert_eq!((idle.frames, idle.header_bytes), (5, 4));
    }

    #[test]
    fn containers_at_work_are_told_of_in_each_tick() {
        let busy = frames(&mut Workload::new(20, 5), 50).unwrap();
        assert_eq!((busy.samples, busy.busy_samples), (1000, 250));
        assert!((200..1200).contains(&busy.busy_centibytes()), "{busy:?}");
        assert_eq!(busy.encode_allocations + busy.decode_allocations, 0);
    }
}
