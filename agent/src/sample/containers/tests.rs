//! Which containers are read, and what is said of how.

use std::path::PathBuf;

use pilotfish_protocol::ContainerMetric as Metric;
use pilotfish_protocol::extension::ContainerSource;

use super::*;
use crate::engine::Endpoint;

/// A sampler of a recorded host, whose Engine does not answer.
fn sampler(tree: &str) -> Sampler {
    let roots = Roots::below(
        &PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(tree)
            .join("first"),
    );
    let engine = Engine::new(Endpoint::Unix("/nonexistent/docker.sock".into()));
    Sampler::new(engine, roots)
}

fn id(number: u32) -> ContainerId {
    ContainerId::new(&format!("c{number}").repeat(32)[..64]).unwrap()
}

fn running(numbers: &[u32]) -> Vec<RunningContainer> {
    let running = numbers.iter().map(|&number| RunningContainer {
        id: id(number),
        name: Rc::from(format!("name{number}")),
    });
    running.collect()
}

impl Sampler {
    /// What an inspect of the recorded container would do.
    fn find_recorded(&self, number: u32) {
        let process = ContainerProcess {
            pid: 1000 + number,
            has_hosts_network: false,
        };
        self.shared.borrow_mut().found(&id(number), &process);
    }

    fn names(&self) -> Vec<String> {
        let samples = self.shared.borrow_mut().read();
        samples.iter().map(|it| it.name.to_string()).collect()
    }

    fn turns(&self, now: Instant) -> Option<(Vec<ContainerId>, Duration)> {
        self.shared.borrow_mut().turns(now)
    }
}

fn event(action: &str, number: u32, name: &str) -> ContainerEvent {
    ContainerEvent {
        container_id: id(number),
        container_name: name.to_owned(),
        image: String::new(),
        action: action.to_owned(),
        timestamp: None,
        attributes: BTreeMap::new(),
    }
}

#[test]
fn a_list_keeps_the_files_of_those_that_stay() {
    let sampler = sampler("cgroup_v1/cgroupfs");
    sampler.keep_only(&running(&[1, 2]));
    assert!(sampler.names().is_empty());
    sampler.find_recorded(1);
    sampler.find_recorded(2);
    assert_eq!(sampler.names(), ["name1", "name2"]);
    sampler.keep_only(&running(&[2, 3]));
    assert_eq!(sampler.names(), ["name2"]);
    sampler.keep_only(&running(&[2, 3]));
    assert_eq!(sampler.names(), ["name2"]);
    sampler.keep_only(&[]);
    assert!(sampler.names().is_empty());
}

#[test]
fn events_add_drop_and_rename() {
    let sampler = sampler("cgroup_v1/cgroupfs");
    sampler.note(&event("create", 1, "name1"));
    sampler.find_recorded(1);
    assert!(sampler.names().is_empty());
    sampler.note(&event("start", 1, "name1"));
    sampler.find_recorded(1);
    assert_eq!(sampler.names(), ["name1"]);
    for nothing in [
        "kill",
        "pause",
        "unpause",
        "exec_start: sh",
        "health_status: healthy",
    ] {
        sampler.note(&event(nothing, 1, "name1"));
        assert_eq!(sampler.names(), ["name1"], "{nothing}");
    }
    sampler.note(&event("rename", 1, "other"));
    assert_eq!(sampler.names(), ["other"]);
    // A new start has new files.
    sampler.note(&event("restart", 1, "other"));
    assert!(sampler.names().is_empty());
    sampler.find_recorded(1);
    sampler.note(&event("die", 1, "other"));
    assert!(sampler.names().is_empty());
}

#[test]
fn more_containers_than_the_limit_are_left_out() {
    let sampler = sampler("cgroup_v1/cgroupfs");
    let many: Vec<RunningContainer> = (0..=CONTAINERS)
        .map(|number| RunningContainer {
            id: ContainerId::new(format!("{number:064x}")).unwrap(),
            name: Rc::from("many"),
        })
        .collect();
    sampler.keep_only(&many);
    assert_eq!(sampler.shared.borrow().containers.len(), CONTAINERS);
    sampler.note(&event("start", 1, "one more"));
    assert_eq!(sampler.shared.borrow().containers.len(), CONTAINERS);
}

#[test]
fn each_new_container_is_asked_for_in_its_turn() {
    let sampler = sampler("cgroup_v1/cgroupfs");
    let one_too_many: Vec<u32> = (1..=33).collect();
    sampler.keep_only(&running(&one_too_many));
    let shared = &mut *sampler.shared.borrow_mut();
    let now = clock::now();
    let mut new = |now| {
        let new = shared.new_containers(now);
        shared.asked_about = new.last().map(|(id, _)| id.clone());
        new.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    let mut all: Vec<ContainerId> = one_too_many.iter().map(|number| id(*number)).collect();
    all.sort();
    assert_eq!(new(now), all[..32]);
    assert_eq!(new(now), [&all[32..], &all[..31]].concat());
}

#[test]
fn an_engine_that_does_not_answer_is_left_alone_for_a_while() {
    let sampler = sampler("cgroup_v1/cgroupfs");
    sampler.keep_only(&running(&[1]));
    let now = clock::now();
    assert_eq!(sampler.shared.borrow_mut().new_containers(now).len(), 1);
    // Its socket is not there.
    assert!(smol::block_on(sampler.sample()).is_empty());
    let mut shared = sampler.shared.borrow_mut();
    assert!(shared.new_containers(clock::now()).is_empty());
    assert_eq!(
        shared.new_containers(clock::now() + FIND_AGAIN_AFTER).len(),
        1
    );
}

#[test]
fn each_container_of_the_engines_has_its_turn() {
    let sampler = sampler("cgroup_v1/cgroupfs");
    let now = clock::now();
    assert_eq!(sampler.turns(now), None);
    // Of these the recorded host knows nothing.
    sampler.keep_only(&running(&[6, 7, 8]));
    for number in [6, 7, 8] {
        sampler.find_recorded(number);
    }
    let (ids, wait) = sampler.turns(now).unwrap();
    assert_eq!(
        (ids, wait),
        (vec![id(6), id(7), id(8)], Duration::from_millis(2500))
    );
    let answer = || Ok(br#"{"pids_stats":{"current":3}}"#.to_vec());
    for number in [6, 7] {
        assert!(sampler.shared.borrow_mut().answered(&id(number), answer()));
    }
    assert_eq!(sampler.names(), ["name6", "name7"]);
    // Half of the time between two passes.
    let (ids, wait) = sampler.turns(now + Duration::from_secs(6)).unwrap();
    assert_eq!(
        (ids, wait),
        (vec![id(8), id(6), id(7)], Duration::from_secs(3))
    );
    let samples = sampler.shared.borrow_mut().read();
    assert_eq!(samples[0].reading.get(Metric::Pids), Some(3));
    // However often is measured, the Engine is left alone for about as long as it was asked.
    let asked = Duration::from_secs(4);
    let ended_at = now + Duration::from_secs(10);
    sampler.shared.borrow_mut().asked.rest(asked, ended_at);
    assert_eq!(sampler.turns(ended_at + Duration::from_secs(1)), None);
    assert_eq!(sampler.names(), ["name6", "name7"]);
    assert!(sampler.turns(ended_at + asked).is_some());
    let report = sampler.report();
    assert_eq!(report.source, ContainerSource::Engine);
    let why = report.why.unwrap();
    let expected = "neither process 1006 of the host nor its cgroup can be seen from here; mount the host's /proc and /sys";
    assert!(why.starts_with(expected), "{why}");
}

#[track_caller]
fn check(
    tree: &str,
    source: ContainerSource,
    driver: &str,
    missing: &[&str],
) -> ContainerCollector {
    let sampler = sampler(tree);
    sampler.keep_only(&running(&[1]));
    sampler.find_recorded(1);
    assert_eq!(sampler.names(), ["name1"]);
    let report = sampler.report();
    assert_eq!((report.source, report.why.as_deref()), (source, None));
    assert_eq!(report.cgroup_driver, Some(driver));
    let values: Vec<&str> = report.missing.iter().map(|it| it.value.as_str()).collect();
    assert_eq!(values, missing);
    assert_eq!(sampler.report(), report);
    report
}

#[test]
fn a_recorded_host_is_reported_with_what_it_lacks() {
    check(
        "cgroup_v1/cgroupfs",
        ContainerSource::CgroupV1,
        "cgroupfs",
        &[],
    );
    check("cgroup_v2/made", ContainerSource::CgroupV2, "systemd", &[]);
    let report = check(
        "cgroup_v2/no_memory",
        ContainerSource::CgroupV2,
        "systemd",
        &["container.memory", "container.oom_kills"],
    );
    let memory = &report.missing[0];
    let why = memory.why.as_str();
    assert!(
        why.starts_with("the kernel's memory controller is off"),
        "{why}"
    );
    let remedy = memory.remedy.as_ref().unwrap().as_str();
    assert!(
        remedy.starts_with("remove cgroup_disable=memory"),
        "{remedy}"
    );
}

#[test]
fn nothing_is_asked_of_an_engine_that_is_gone() {
    let sampler = sampler("cgroup_v1/cgroupfs");
    sampler.keep_only(&running(&[1, 6]));
    sampler.find_recorded(1);
    sampler.find_recorded(6);
    let samples = smol::block_on(sampler.sample());
    assert_eq!(samples.len(), 1);
    sampler.keep_only(&running(&[6]));
    assert_eq!(sampler.report().source, ContainerSource::Nothing);
}
