//! One pass of the agent's samplers: CPU time, reads, allocations and descriptors per sample, beside the same from the Engine.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context as _, Result, ensure};
use lexopt::{Arg, Parser, ValueExt as _};
use pilotfish_agent::engine::{Endpoint, Engine};
use pilotfish_agent::roll::RunningContainer;
use pilotfish_agent::sample::cgroup::budget;
use pilotfish_agent::sample::cgroup::files::{ContainerFiles, Reader};
use pilotfish_agent::sample::cgroup::place::Finder;
use pilotfish_agent::sample::containers::Sampler;
use pilotfish_agent::sample::host_sampler::{HostRoots, HostSampler};
use pilotfish_agent::sample::roots::Roots;
use pilotfish_lab::Sample;
use pilotfish_protocol::ContainerId;
use rustix::time::{ClockId, clock_gettime};

use crate::budget::{Budget, Figure};
use crate::footprint::process::Meter;

/// How often the Engine is asked: each answer waits up to a second for the Engine's own next round.
const ASKED: u64 = 40;

/// Understands `--budgets PATH [--containers N] [--passes N]`.
pub(crate) fn run(mut parser: Parser) -> Result<()> {
    let mut budgets = PathBuf::new();
    let mut containers = 20_usize;
    let mut passes = 500_u64;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("budgets") => budgets = parser.value()?.into(),
            Arg::Long("containers") => containers = parser.value()?.parse()?,
            Arg::Long("passes") => passes = parser.value()?.parse()?,
            Arg::Value(_) | Arg::Long(_) | Arg::Short(_) => {
                return Err(argument.unexpected().into());
            }
        }
    }
    ensure!(containers > 0 && passes > 0, "nothing to measure");
    let budget = Budget::read(&budgets, "sampler")?;
    let mut figures = host(passes)?;
    figures.extend(recorded(passes)?);
    figures.extend(real(containers, passes)?);
    println!("\nper sample; {containers} containers, a quarter of them at work, {passes} passes\n");
    ensure!(budget.print(&figures), "over budget");
    Ok(())
}

/// What some passes cost.
#[derive(Clone, Copy, Debug)]
struct Cost {
    cpu_ns: u64,
    reads: u64,
    allocations: u64,
}

/// The host's own pass, on this machine.
fn host(passes: u64) -> Result<Vec<Figure>> {
    let before = descriptors()?;
    let mut sampler = HostSampler::new(HostRoots::find(false));
    sampler.set_data_root(Some("/var/lib/docker".into()));
    let subjects = sampler.sample().len();
    let held = descriptors()?.saturating_sub(before);
    let cost = measure(passes, || {
        sampler.sample();
        Ok(())
    })?;
    Ok(vec![
        figure("host_ns", cost.cpu_ns / passes),
        figure("host_reads", cost.reads / passes),
        figure("host_allocations", cost.allocations / passes),
        figure("host_subjects", subjects as u64),
        figure("host_descriptors", held),
    ])
}

/// Containers of cgroup v2 as they were recorded: plain files, so that only our own part is measured.
fn recorded(passes: u64) -> Result<Vec<Figure>> {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent/tests/fixtures/cgroup_v2/made");
    let list = fs::read_to_string(tree.join("containers.tsv"))?;
    let finder = Finder::new(Roots::below(&tree.join("first")));
    let mut files = Vec::new();
    for line in list.lines() {
        let mut fields = line.split('\t').skip(1);
        let id = ContainerId::new(fields.next().context("no id")?).context("a bad id")?;
        let pid = fields.next().context("no process")?.parse()?;
        let process = pilotfish_agent::engine::process::ContainerProcess {
            pid,
            has_hosts_network: false,
        };
        let place = finder.find(&id, &process).ok().context("not found")?;
        files.push(ContainerFiles::new(place, 0));
    }
    let mut reader = Reader::new(budget::Budget::of_process());
    let mut pass = || {
        for files in &mut files {
            files.read(&mut reader).ok().context("gone")?;
        }
        Ok(files.len() as u64)
    };
    let containers = pass()?;
    let cost = measure(passes, || pass().map(drop))?;
    let samples = passes * containers;
    Ok(vec![
        figure("recorded_v2_ns", cost.cpu_ns / samples),
        figure("recorded_v2_reads", cost.reads / samples),
    ])
}

/// Real containers of a private Engine, from their files and from the Engine.
fn real(containers: usize, passes: u64) -> Result<Vec<Figure>> {
    let lab = pilotfish_lab::Engine::start()?;
    let mut running = Vec::new();
    for number in 0..containers {
        let name = format!("c{number:03}");
        let sample = if number % 4 == 0 {
            // Not a whole core: the measurement needs one.
            Sample::script(
                &name,
                "while :; do i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; sleep 0.2; done",
            )
        } else {
            Sample::idle(&name)
        };
        running.push(RunningContainer {
            id: ContainerId::new(&lab.run(&sample)?.id).context("a bad id")?,
            name: Rc::from(name),
        });
    }
    let engine = Engine::new(Endpoint::parse(&lab.docker_host())?);
    let before = descriptors()?;
    let sampler = Sampler::new(engine.clone(), Roots::find());
    sampler.keep_only(&running);
    let mut found = 0;
    for _ in 0..containers {
        found = smol::block_on(sampler.sample()).len();
        if found == containers {
            break;
        }
    }
    ensure!(
        found == containers,
        "{found} of {containers} containers are sampled"
    );
    let held = descriptors()?.saturating_sub(before);

    let samples = passes * containers as u64;
    let pids = engine_pids(&lab)?;
    let mut meter = Meter::start(&pids)?;
    let files = measure(passes, || {
        smol::block_on(sampler.sample());
        Ok(())
    })?;
    let engine_during_files_ns = meter.counts()?.cpu_ns;

    let asked_passes = ASKED.div_ceil(containers as u64);
    let asked_samples = asked_passes * containers as u64;
    let mut meter = Meter::start(&pids)?;
    let asked = measure(asked_passes, || {
        for container in &running {
            smol::block_on(engine.stats(&container.id))?;
        }
        Ok(())
    })?;
    let engine_during_asked_ns = meter.counts()?.cpu_ns;
    Ok(vec![
        figure("container_ns", files.cpu_ns / samples),
        figure("container_reads", files.reads / samples),
        figure("container_allocations_per_pass", files.allocations / passes),
        figure("container_descriptors", held / containers as u64),
        figure("engine_ns_while_reading", engine_during_files_ns / samples),
        figure("asked_ns", asked.cpu_ns / asked_samples),
        figure("asked_engine_ns", engine_during_asked_ns / asked_samples),
    ])
}

/// Makes passes and counts what this thread, and in them this process, did.
fn measure(passes: u64, mut pass: impl FnMut() -> Result<()>) -> Result<Cost> {
    // Once more before: what is made once is not part of a pass.
    pass()?;
    let mut done = Ok(());
    let (reads_before, cpu_before) = (reads()?, cpu_ns());
    let allocated = allocation_counter::measure(|| {
        done = (0..passes).try_for_each(|_| pass());
    });
    let cpu_ns = cpu_ns().saturating_sub(cpu_before);
    done?;
    let reads = reads()?.saturating_sub(reads_before);
    Ok(Cost {
        cpu_ns,
        reads,
        allocations: allocated.count_total,
    })
}

/// CPU time of this thread.
pub(crate) fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).unwrap_or_default()
}

/// Reads that this process made so far (proc_pid_io(5)).
fn reads() -> Result<u64> {
    let io = fs::read_to_string("/proc/self/io")?;
    let count = io.lines().find_map(|line| line.strip_prefix("syscr: "));
    Ok(count.context("io has no syscr")?.parse()?)
}

fn descriptors() -> Result<u64> {
    Ok(fs::read_dir("/proc/self/fd")?.count() as u64)
}

/// dockerd, and containerd which it starts.
fn engine_pids(engine: &pilotfish_lab::Engine) -> Result<Vec<u32>> {
    let dockerd = engine.pid()?;
    let children = fs::read_to_string(format!("/proc/{dockerd}/task/{dockerd}/children"))?;
    let children = children.split_whitespace().map(str::parse);
    let mut pids = vec![dockerd];
    for child in children {
        pids.push(child?);
    }
    Ok(pids)
}

fn figure(name: &'static str, value: u64) -> Figure {
    Figure { name, value }
}
