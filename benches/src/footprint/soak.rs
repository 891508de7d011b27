//! An agent while containers come and go for long: what it holds must not grow.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use pilotfish_lab::{Agent, Engine, Sample, clock, pause};

use super::run::{Subject, bring_online};
use super::stage::Stage;
use crate::budget::Figure;

/// How long an agent may take to reach its level; a third of the run when that is shorter.
const SETTLE: Duration = Duration::from_secs(300);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// One container starts and goes in each of these.
const TURN: Duration = Duration::from_secs(1);

/// What an agent held at one moment.
#[derive(Debug, Clone, Copy)]
struct Look {
    anonymous_kib: u64,
    descriptors: u64,
    threads: u64,
}

/// Watches for `duration` while containers come and go.
pub(super) fn soak(
    stage: &Stage,
    subject: &Subject<'_>,
    duration: Duration,
) -> Result<Vec<Figure>> {
    let (mut agent, _) = bring_online(stage, subject)?;
    let is_over = AtomicBool::new(false);
    let turns = AtomicU64::new(0);
    let (looks, churned) = thread::scope(|scope| {
        let churn = scope.spawn(|| churn(&stage.engine, &turns, &is_over));
        let looks = watch(&mut agent, duration, &turns);
        is_over.store(true, Ordering::Relaxed);
        (looks, churn.join())
    });
    churned.map_err(|_| anyhow!("starting and removing panicked"))??;
    figures(&looks?, turns.into_inner())
}

/// Starts and removes one container per turn until it is over, and counts the turns.
fn churn(engine: &Engine, turns: &AtomicU64, is_over: &AtomicBool) -> Result<()> {
    while !is_over.load(Ordering::Relaxed) {
        let turn_ends_at = clock::now() + TURN;
        let number = turns.fetch_add(1, Ordering::Relaxed);
        let container = engine.run(&Sample::idle(&format!("churn-{number:05}")))?;
        engine.remove(&container.id)?;
        pause(turn_ends_at.saturating_duration_since(clock::now()));
    }
    Ok(())
}

/// Looks until `duration` is over; what is seen while the agent settles is printed only.
fn watch(agent: &mut Agent, duration: Duration, turns: &AtomicU64) -> Result<Vec<Look>> {
    let started_at = clock::now();
    let mut looks = Vec::new();
    while clock::now() < started_at + duration {
        pause(LOOK_EVERY);
        agent.program().ensure_runs()?;
        let look = Look {
            anonymous_kib: agent.program().memory_kib("Anonymous")?,
            descriptors: descriptors(agent.pid())?,
            threads: agent.threads()?,
        };
        let passed = clock::now() - started_at;
        println!(
            "{:>5} s: {:>4} KiB anonymous, {:>3} descriptors, {} threads, {} containers so far",
            passed.as_secs(),
            look.anonymous_kib,
            look.descriptors,
            look.threads,
            turns.load(Ordering::Relaxed)
        );
        if passed > SETTLE.min(duration / 3) {
            looks.push(look);
        }
    }
    Ok(looks)
}

fn descriptors(pid: u32) -> Result<u64> {
    let open = fs::read_dir(format!("/proc/{pid}/fd"))
        .with_context(|| format!("process {pid} has ended"))?;
    Ok(u64::try_from(open.count())?)
}

/// Holds the second half against the first: the level of memory is its median; that of descriptors is the lowest, since
/// a container that is just there holds some.
fn figures(looks: &[Look], turns: u64) -> Result<Vec<Figure>> {
    ensure!(looks.len() >= 2, "too short to see anything");
    let (first, second) = looks.split_at(looks.len() / 2);
    let anonymous = |looks: &[Look]| median(looks.iter().map(|look| look.anonymous_kib).collect());
    let lowest = |looks: &[Look]| looks.iter().map(|look| look.descriptors).min().unwrap_or(0);
    let highest = |of: fn(&Look) -> u64| looks.iter().map(of).max().unwrap_or(0);
    let figure = |name, value| Figure { name, value };
    Ok(vec![
        figure("containers_started", turns),
        figure("anonymous_first_half_kib", anonymous(first)),
        figure("anonymous_second_half_kib", anonymous(second)),
        figure(
            "anonymous_growth_kib",
            anonymous(second).saturating_sub(anonymous(first)),
        ),
        figure("anonymous_kib", highest(|look| look.anonymous_kib)),
        figure(
            "descriptors_growth",
            lowest(second).saturating_sub(lowest(first)),
        ),
        figure("descriptors", highest(|look| look.descriptors)),
        figure("threads", highest(|look| look.threads)),
    ])
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(anonymous_kib: &[u64], expected: u64) {
        let looks: Vec<Look> = anonymous_kib
            .iter()
            .map(|&anonymous_kib| Look {
                anonymous_kib,
                descriptors: 9,
                threads: 2,
            })
            .collect();
        let figures = figures(&looks, 1).unwrap();
        let growth = figures
            .iter()
            .find(|figure| figure.name == "anonymous_growth_kib");
        assert_eq!(growth.unwrap().value, expected);
    }

    #[test]
    fn growth_is_between_the_halves_and_a_peak_is_none() {
        check(&[500, 500, 900, 500, 500, 500, 900, 500], 0);
        check(&[500, 510, 520, 530, 540, 550, 560, 570], 40);
        check(&[600, 600, 500, 500], 0);
    }
}
