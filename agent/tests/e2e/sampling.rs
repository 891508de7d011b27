//! Containers under load, read from the kernel's files and asked of a real Engine at the same time.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pilotfish_agent::clock;
use pilotfish_agent::engine::{Endpoint, Engine as Client};
use pilotfish_agent::roll::RunningContainer;
use pilotfish_agent::sample::containers::Sampler;
use pilotfish_agent::sample::roots::Roots;
use pilotfish_agent::sample::tick::ContainerSample;
use pilotfish_lab::{Container, Engine, Sample, shared_engine, until};
use pilotfish_protocol::extension::ContainerSource;
use pilotfish_protocol::{ContainerEvent, ContainerId, ContainerMetric as Metric};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(30);
/// Over which percentages are compared.
const SPAN: Duration = Duration::from_secs(30);
/// By how much they may differ, in points.
const POINTS: f64 = 2.0;
/// What passes between two moments, in KiB: processes come and go, and memory is counted in batches on each CPU.
const MOMENT_KIB: i64 = 512;
/// The same where a file is written and read back all the time.
const MOMENT_WITH_CACHE_KIB: i64 = 8192;

/// A network of the test's own, removed with it.
struct Network<'a> {
    engine: &'a Engine,
    name: &'static str,
}

impl<'a> Network<'a> {
    fn create(engine: &'a Engine, name: &'static str) -> Result<Self> {
        let body = json!({ "Name": name, "Driver": "bridge" });
        engine.post("/networks/create", Some(&body))?;
        Ok(Self { engine, name })
    }
}

impl Drop for Network<'_> {
    fn drop(&mut self) {
        let path = format!("/networks/{}", self.name);
        // The Engine ends with the test's process, its bridge would not.
        let _removed = self.engine.delete(&path);
    }
}

/// Containers that are removed with the test, before their network.
struct Load<'a> {
    engine: &'a Engine,
    containers: Vec<Container>,
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        for container in &self.containers {
            let _removed = self.engine.remove(&container.id);
        }
    }
}

impl Load<'_> {
    fn run(&mut self, sample: &Sample) -> Result<Container> {
        let container = self.engine.run(sample)?;
        self.containers.push(container.clone());
        Ok(container)
    }

    fn start(&mut self, network: &Network<'_>) -> Result<()> {
        self.run(&Sample::busy("load-cpu"))?;
        self.run(&Sample::busy("load-cpu-limited").millicores(300))?;
        self.run(&Sample::script(
            "load-memory",
            "while :; do head -c 200000 /dev/zero >>/dev/shm/grows; sleep 0.5; done",
        ))?;
        self.run(&Sample::script(
            "load-memory-limited",
            "x=$(head -c 9000000 /dev/zero | tr '\\0' x); while :; do sleep 3600 & wait $!; done",
        )
        .memory(64 << 20))?;
        self.run(&Sample::script(
            "load-disk",
            "while :; do dd if=/dev/zero of=/load bs=64k count=64 conv=fsync; cat /load >/dev/null; sleep 0.2; done 2>/dev/null",
        ))?;
        let receiver = self.run(
            &Sample::script("load-receiver", "while :; do nc -l -p 9 >/dev/null; done")
                .network(network.name),
        )?;
        let inspected = self.engine.inspect(&receiver.id)?;
        let address = inspected["NetworkSettings"]["Networks"][network.name]["IPAddress"]
            .as_str()
            .context("no address")?
            .to_owned();
        let send =
            format!("while :; do head -c 300000 /dev/zero | nc -w 1 {address} 9; sleep 0.3; done");
        self.run(&Sample::script("load-sender", &send).network(network.name))?;
        Ok(())
    }
}

fn sampler(engine: &Engine) -> (Sampler, Client) {
    let client = Client::new(Endpoint::Unix(engine.socket()));
    (Sampler::new(client.clone(), Roots::find()), client)
}

fn running(containers: &[Container]) -> Result<Vec<RunningContainer>> {
    let running = containers.iter().map(|container| {
        Ok(RunningContainer {
            id: ContainerId::new(container.id.clone())?,
            name: container.name.as_str().into(),
        })
    });
    running.collect()
}

/// One moment: what the Engine said before and after, and what was read between.
struct Moment {
    before: Vec<Value>,
    at: std::time::Instant,
    samples: Vec<ContainerSample>,
    after: Vec<Value>,
}

impl Moment {
    fn take(engine: &'static Engine, sampler: &Sampler, containers: &[Container]) -> Result<Self> {
        let before = stats(engine, containers)?;
        let at = clock::now();
        let samples = smol::block_on(sampler.sample());
        let after = stats(engine, containers)?;
        Ok(Self {
            before,
            at,
            samples,
            after,
        })
    }

    fn value(&self, container: &Container, metric: Metric) -> Result<i64> {
        let mut samples = self.samples.iter();
        let sample = samples.find(|sample| sample.id.as_str() == container.id);
        let value = sample.and_then(|sample| sample.reading.get(metric));
        value.with_context(|| format!("{} has no {metric:?}", container.name))
    }

    /// Checks that what was read is not less than what the Engine said before, and not more than what it said after.
    fn check(
        &self,
        index: usize,
        container: &Container,
        metric: Metric,
        told: impl Fn(&Value) -> Option<u64>,
    ) -> Result<()> {
        let value = self.value(container, metric)?;
        let kib = |stats: &Value| Some(i64::try_from(told(stats)? / 1024).unwrap_or(i64::MAX));
        let [before, after] = [&self.before[index], &self.after[index]].map(kib);
        let (before, after) = before.zip(after).with_context(|| format!("{metric:?}"))?;
        let moment = match &*container.name {
            "load-disk" => MOMENT_WITH_CACHE_KIB,
            // Nothing happens in it.
            "load-memory-limited" if before == after => 0,
            _ => MOMENT_KIB,
        };
        let (least, most) = (before.min(after) - moment, before.max(after) + moment);
        ensure!(
            (least..=most).contains(&value),
            "{}: {metric:?} is {value}, but {before} to {after} by the Engine",
            container.name
        );
        Ok(())
    }
}

fn stats(engine: &'static Engine, containers: &[Container]) -> Result<Vec<Value>> {
    // At once, for the Engine takes its time for each.
    let asked: Vec<JoinHandle<Result<Value>>> = containers
        .iter()
        .map(|container| {
            let path = format!(
                "/containers/{}/stats?stream=false&one-shot=true",
                container.id
            );
            thread::Builder::new().spawn(move || engine.get(&path))
        })
        .collect::<Result<_, _>>()?;
    let stats = asked.into_iter().map(|asked| match asked.join() {
        Ok(stats) => stats,
        Err(panic) => std::panic::resume_unwind(panic),
    });
    stats.collect()
}

/// `calculateMemUsageUnixNoCache` of the Docker CLI.
fn memory_bytes(stats: &Value) -> Option<u64> {
    let memory = &stats["memory_stats"];
    let usage = memory["usage"].as_u64()?;
    let inactive =
        ["total_inactive_file", "inactive_file"].map(|key| memory["stats"][key].as_u64());
    let inactive = inactive.into_iter().flatten().find(|bytes| *bytes < usage);
    Some(usage - inactive.unwrap_or_default())
}

/// `calculateCPUPercentUnix` of the Docker CLI.
fn cpu_percent(before: &Value, after: &Value) -> Option<f64> {
    let number = |stats: &Value, path| stats["cpu_stats"].pointer(path)?.as_f64();
    let passed = |path| Some(number(after, path)? - number(before, path)?);
    let cpus = number(after, "/online_cpus")?;
    Some(passed("/cpu_usage/total_usage")? / passed("/system_cpu_usage")? * cpus * 100.0)
}

fn network_bytes(key: &str) -> impl Fn(&Value) -> Option<u64> {
    move |stats| {
        let interfaces = stats["networks"].as_object()?;
        Some(interfaces.values().filter_map(|it| it[key].as_u64()).sum())
    }
}

fn block_bytes(op: &str) -> impl Fn(&Value) -> Option<u64> {
    move |stats| {
        let counters = stats["blkio_stats"]["io_service_bytes_recursive"].as_array();
        let counters = counters.into_iter().flatten();
        let of_op = counters.filter(|counter| {
            let counted = counter["op"].as_str();
            counted.is_some_and(|counted| counted.eq_ignore_ascii_case(op))
        });
        Some(of_op.filter_map(|counter| counter["value"].as_u64()).sum())
    }
}

#[test]
fn busy_containers_are_what_docker_stats_says_over_30_seconds() -> Result<()> {
    let engine = shared_engine()?;
    let network = Network::create(engine, "load-network")?;
    let mut load = Load {
        engine,
        containers: Vec::new(),
    };
    load.start(&network)?;
    let containers = &load.containers;
    let (sampler, _) = sampler(engine);
    sampler.keep_only(&running(containers)?);
    until("all containers found", DEADLINE, || {
        let found = smol::block_on(sampler.sample()).len();
        ensure!(found == containers.len(), "{found} of {}", containers.len());
        Ok(())
    })?;

    let first = Moment::take(engine, &sampler, containers)?;
    smol::block_on(async_io::Timer::at(first.at + SPAN));
    let last = Moment::take(engine, &sampler, containers)?;

    let span_ms = (last.at - first.at).as_secs_f64() * 1000.0;
    for (index, container) in containers.iter().enumerate() {
        let name = &container.name;
        let cpu_ms =
            last.value(container, Metric::CpuMs)? - first.value(container, Metric::CpuMs)?;
        let ours = f64::from(i32::try_from(cpu_ms)?) / span_ms * 100.0;
        let told = cpu_percent(&first.before[index], &last.before[index]).context("no CPU")?;
        ensure!(
            (ours - told).abs() <= POINTS,
            "{name}: CPU is {ours:.1} %, but {told:.1} % by the Engine"
        );
        for moment in [&first, &last] {
            moment.check(index, container, Metric::MemoryKib, memory_bytes)?;
            moment.check(index, container, Metric::ReadKib, block_bytes("read"))?;
            moment.check(index, container, Metric::WrittenKib, block_bytes("write"))?;
            if name == "load-receiver" || name == "load-sender" {
                moment.check(
                    index,
                    container,
                    Metric::ReceivedKib,
                    network_bytes("rx_bytes"),
                )?;
                moment.check(index, container, Metric::SentKib, network_bytes("tx_bytes"))?;
            }
        }
    }

    let named = |name: &str| {
        let mut named = containers.iter().filter(|it| it.name == name);
        named.next().context("not started")
    };
    let grown = |name, metric| {
        let container = named(name)?;
        let grown = last.value(container, metric)? - first.value(container, metric)?;
        anyhow::Ok(grown)
    };
    // 200 KB twice a second, 300 KB three times in four seconds or more often.
    assert!(grown("load-memory", Metric::MemoryKib)? > 5_000);
    assert!(grown("load-receiver", Metric::ReceivedKib)? > 3_000);
    assert!(grown("load-sender", Metric::SentKib)? > 3_000);
    assert!(grown("load-cpu-limited", Metric::ThrottledMs)? > 1_000);
    let limited = named("load-cpu-limited")?;
    assert_eq!(last.value(limited, Metric::CpuLimitMillicores)?, 300);
    let limited = named("load-memory-limited")?;
    assert_eq!(last.value(limited, Metric::MemoryLimitKib)?, 64 << 10);
    assert!(
        last.value(named("load-cpu")?, Metric::MemoryLimitKib)
            .is_err()
    );
    Ok(())
}

#[test]
fn what_was_found_is_read_without_the_engine_and_a_restart_is_noticed() -> Result<()> {
    let engine = Engine::start()?;
    let container = engine.run(&Sample::busy("kept"))?;
    let on_host = engine.run(&Sample::idle("on-host").network("host"))?;
    let (sampler, _) = sampler(&engine);
    let sample = |name: &str| {
        let samples = smol::block_on(sampler.sample());
        let mut named = samples.into_iter().filter(|it| &*it.name == name);
        named.next().context("no sample")
    };
    sampler.keep_only(&running(&[container.clone(), on_host])?);
    let on_host = sample("on-host")?;
    assert_eq!(on_host.reading.get(Metric::ReceivedKib), None);
    assert_eq!(sample("kept")?.reading.get(Metric::ReceivedKib), Some(0));
    let report = sampler.report();
    ensure!(
        [ContainerSource::CgroupV1, ContainerSource::CgroupV2].contains(&report.source),
        "{report:?}"
    );
    let missing = report.missing.iter();
    let missing: Vec<&str> = missing.map(|missing| missing.value.as_str()).collect();
    assert_eq!(missing, ["container.network"], "{report:?}");

    engine.freeze()?;
    let before = sample("kept")?;
    let grew = until("CPU time", DEADLINE, || {
        let now = sample("kept")?.reading.get(Metric::CpuMs);
        ensure!(now > before.reading.get(Metric::CpuMs), "{now:?}");
        Ok(())
    });
    engine.thaw()?;
    grew?;

    // Nobody tells of the restart: the files themselves do.
    let cpu_ms = |sample: &ContainerSample| sample.reading.get(Metric::CpuMs).context("no CPU");
    until("a second of CPU time", DEADLINE, || {
        let used = cpu_ms(&sample("kept")?)?;
        ensure!(used > 1000, "{used}");
        Ok(())
    })?;
    engine.post(&format!("/containers/{}/restart?t=0", container.id), None)?;
    until("the new start", DEADLINE, || {
        let used = cpu_ms(&sample("kept")?)?;
        ensure!(used < 1000, "{used}");
        Ok(())
    })?;

    let event = |action: &str| -> Result<ContainerEvent> {
        Ok(ContainerEvent {
            container_id: ContainerId::new(container.id.clone())?,
            container_name: "renamed".to_owned(),
            image: String::new(),
            action: action.to_owned(),
            timestamp: None,
            attributes: std::collections::BTreeMap::new(),
        })
    };
    sampler.note(&event("rename")?);
    sample("renamed")?;
    sampler.note(&event("kill")?);
    sample("renamed")?;
    sampler.note(&event("die")?);
    assert!(sample("renamed").is_err());
    sampler.note(&event("start")?);
    sample("renamed")?;
    Ok(())
}

#[test]
fn what_cannot_be_seen_is_asked_of_the_engine() -> Result<()> {
    let mut engine = Engine::start()?;
    let container = engine.run(&Sample::busy("asked").memory(64 << 20))?;
    // A host that shows nothing.
    let nothing = tempfile::tempdir()?;
    let client = Client::new(Endpoint::Unix(engine.socket()));
    let sampler = Sampler::new(client, Roots::below(nothing.path()));
    sampler.keep_only(&running(std::slice::from_ref(&container))?);
    let sample = || {
        let samples = smol::block_on(sampler.sample());
        samples.into_iter().next().context("no sample")
    };
    let first = sample()?.reading;
    assert_eq!(first.get(Metric::MemoryLimitKib), Some(64 << 10));
    ensure!(first.get(Metric::MemoryKib) > Some(0), "{first:?}");
    until("CPU time", DEADLINE, || {
        let now = sample()?.reading.get(Metric::CpuMs);
        ensure!(now > first.get(Metric::CpuMs), "{now:?}");
        Ok(())
    })?;
    let report = sampler.report();
    assert_eq!(report.source, ContainerSource::Engine);
    let why = report.why.unwrap_or_default();
    ensure!(
        why.starts_with("no cgroup file system is mounted here"),
        "{why}"
    );

    // One that does not answer costs no more than its part of the interval, and the last word stays.
    engine.freeze()?;
    let began = clock::now();
    let kept = sample();
    let took = clock::now() - began;
    engine.thaw()?;
    kept?;
    ensure!(took < Duration::from_secs(6), "{took:?}");
    engine.stop()?;
    sample()?;
    assert_eq!(sampler.report().source, ContainerSource::Nothing);
    Ok(())
}
