//! The server's history: bytes and CPU time for each value recorded, time for each query, on numbers that walk as real ones do.

mod walk;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use lexopt::{Arg, Parser, ValueExt as _};
use pilotfish_protocol::{HostId, ShortId};
use pilotfish_server::telemetry::history::answer::Answer;
use pilotfish_server::telemetry::history::tier::Retention;
use pilotfish_server::telemetry::history::{History, Query};
use pilotfish_server::telemetry::measure::Row;
use rustix::time::{ClockId, clock_gettime};

use crate::budget::{Budget, Figure};
use walk::{CONTAINERS, Host};

/// When the recording begins; no clock is read.
const BEGIN: u64 = 1_800_000_000_000;

const HOUR_MS: u64 = 3_600_000;

const DAY_MS: u64 = 24 * HOUR_MS;

/// Understands `--budgets PATH [--hosts N] [--hours N]`.
pub(crate) fn run(mut parser: Parser) -> Result<()> {
    let mut budgets = PathBuf::new();
    let mut hosts = 20_u64;
    let mut hours = 6_u64;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("budgets") => budgets = parser.value()?.into(),
            Arg::Long("hosts") => hosts = parser.value()?.parse()?,
            Arg::Long("hours") => hours = parser.value()?.parse()?,
            Arg::Value(_) | Arg::Long(_) | Arg::Short(_) => {
                return Err(argument.unexpected().into());
            }
        }
    }
    ensure!(hosts > 0 && hours > 0, "nothing to measure");
    let budget = Budget::read(&budgets, "history")?;
    let mut figures = recorded(hosts, hours)?;
    figures.extend(asked()?);
    println!("\n{hosts} hosts of {CONTAINERS} containers, {hours} h at 10 s\n");
    ensure!(budget.print(&figures), "over budget");
    Ok(())
}

/// Records hours of all hosts, with a commit a minute, and seals everything.
fn recorded(hosts: u64, hours: u64) -> Result<Vec<Figure>> {
    let directory = tempfile::tempdir()?;
    let history = History::open(directory.path(), Retention::default())?;
    let mut walks: Vec<(HostId, Host)> = (0..hosts)
        .map(|number| Ok((HostId::new(format!("host-{number}"))?, Host::new(number))))
        .collect::<Result<_>>()?;
    let (mut record_ns, mut write_ns, mut values, mut samples) = (0, 0, 0, 0);
    let ticks = hours * 360;
    for tick in 1..=ticks {
        for (id, host) in &mut walks {
            let (at_unix_ms, span_ms) = host.step(BEGIN + tick * 10_000);
            let kept = host.rows();
            let rows: Vec<Row<'_>> = kept
                .iter()
                .map(|(subject, values)| Row { subject, values })
                .collect();
            values += rows.iter().map(|row| row.values.len() as u64).sum::<u64>();
            samples += CONTAINERS;
            let before = cpu_ns();
            history.record(id, at_unix_ms, span_ms, &rows);
            record_ns += cpu_ns() - before;
        }
        if tick % 6 == 0 {
            let before = cpu_ns();
            history.write_as_of(BEGIN + tick * 10_000)?;
            write_ns += cpu_ns() - before;
        }
    }
    // An hour later every host is due.
    let end = BEGIN + ticks * 10_000;
    let before = cpu_ns();
    history.write_as_of(end + HOUR_MS)?;
    write_ns += cpu_ns() - before;
    let figure = |name, value| Figure { name, value };
    let (id, _) = walks.first().context("no host")?;
    let range_ms = (hours * HOUR_MS).min(6 * HOUR_MS);
    let (query_us, answer) = ask(&history, id, None, end, range_ms)?;
    ensure!(answer.gaps.is_empty(), "a gap: {:?}", answer.gaps);
    let container = Some(Host::container_id(0));
    let (container_us, _) = ask(&history, id, container, end, range_ms)?;
    Ok(vec![
        figure("values", values),
        figure(
            "bytes_per_1000_values",
            history.used_bytes()? * 1000 / values,
        ),
        figure(
            "stored_per_1000_values",
            history.stored_bytes()? * 1000 / values,
        ),
        figure(
            "record_ns_per_row",
            record_ns / (samples / CONTAINERS * Host::ROWS),
        ),
        figure("sealed_ns_per_value", write_ns / values),
        figure("recorded_and_sealed_ns", (record_ns + write_ns) / samples),
        figure("query_6h_host_us", query_us),
        figure("query_6h_container_us", container_us),
    ])
}

/// Asks a host with sixty days for the longer ranges.
fn asked() -> Result<Vec<Figure>> {
    let directory = tempfile::tempdir()?;
    let history = History::open(directory.path(), Retention::default())?;
    let id = HostId::new("host")?;
    let mut host = Host::new(0);
    let end = BEGIN + 60 * DAY_MS;
    let mut at = BEGIN;
    let mut minutes = 0_u64;
    // Coarse long ago, as it is kept.
    while at < end {
        let span_ms = if at < end - 3 * DAY_MS {
            600_000
        } else {
            60_000
        };
        at += span_ms;
        let (at_unix_ms, _) = host.step(at);
        let kept = host.rows();
        let rows: Vec<Row<'_>> = kept
            .iter()
            .map(|(subject, values)| Row { subject, values })
            .collect();
        history.record(&id, at_unix_ms, span_ms, &rows);
        minutes += span_ms / 60_000;
        if minutes >= 60 {
            minutes = 0;
            history.write_as_of(at)?;
        }
    }
    history.write_as_of(end + HOUR_MS)?;
    let mut figures = Vec::new();
    for (name, range_ms, width_s) in [
        ("query_3d_host_us", 3 * DAY_MS, 600),
        ("query_60d_host_us", 60 * DAY_MS - HOUR_MS, 3600),
    ] {
        let (value, answer) = ask(&history, &id, None, end, range_ms)?;
        ensure!(
            answer.tier_seconds == width_s,
            "the tier of {} s answered",
            answer.tier_seconds
        );
        figures.push(Figure { name, value });
    }
    Ok(figures)
}

/// Asks for 300 points, some times; gives the time of one, and an answer.
fn ask(
    history: &History,
    host: &HostId,
    container: Option<ShortId>,
    end: u64,
    range_ms: u64,
) -> Result<(u64, Answer)> {
    const TIMES: u64 = 20;
    let query = Query {
        host: host.clone(),
        container,
        from_unix_ms: end - range_ms,
        to_unix_ms: end,
        points: 300,
        measures: Vec::new(),
    };
    let before = cpu_ns();
    for _ in 1..TIMES {
        history.answer(&query, end)?;
    }
    let answer = history.answer(&query, end)?;
    let took_us = (cpu_ns() - before) / TIMES / 1000;
    ensure!(!answer.series.is_empty(), "nothing was found");
    Ok((took_us, answer))
}

/// The CPU time of this thread, on which the history does all its work here.
fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).unwrap_or_default()
}
