//! The messages of the extension against their golden files: what is written, what is read back, and what is read as the same.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pilotfish_protocol::extension::from_agent::Span;
use pilotfish_protocol::extension::{
    Cadence, CollectorReport, ContainerSource, Coverage, LastTick, ListChange, ListHash, Missing,
    RunId, Slowed, Spending, Spooled, VERSION,
};
use pilotfish_protocol::{
    AgentExtra, AgentId, AgentMessage, AuthAnswer, AuthSuccess, ContainerId, EngineState,
    Extension, Heartbeat, HostId, ServerExtra, ServerMessage, Text, Timestamp, limits,
};
use serde_json::value::RawValue;

const RUN: RunId = RunId(0x9f86_d081_884c_7d65);

#[test]
fn what_an_agent_says_is_written_and_read_as_its_golden_files() {
    let at = Timestamp::from_unix_ms(0);
    let rows = agent_rows();
    for (name, message) in &rows {
        let (ours, theirs) = golden("agent", name);
        assert_eq!(message.encode(at), ours, "{name}");
        for text in theirs.lines().chain([ours.as_str()]) {
            let read = AgentMessage::decode(text).unwrap();
            // Both together are the whole value: raw listings have no other way to be compared.
            assert_eq!(read.encode(at), ours, "{name}: {text}");
            assert_eq!(
                format!("{read:?}"),
                format!("{message:?}"),
                "{name}: {text}"
            );
        }
        check_prefixes(&ours);
    }
    check_names("agent", &rows.map(|row| row.0));
}

#[test]
fn what_a_server_says_is_written_and_read_as_its_golden_files() {
    let rows = server_rows();
    for (name, extra) in &rows {
        let (ours, theirs) = golden("server", name);
        let message = ServerMessage::Extra(extra.clone());
        assert_eq!(message.encode(), Some(ours.clone()), "{name}");
        for text in theirs.lines().chain([ours.as_str()]) {
            assert_eq!(ServerMessage::decode(text).unwrap(), message, "{text}");
        }
        check_prefixes(&ours);
    }
    let (ours, theirs) = golden("server", "auth_success");
    assert_eq!(agreed().encode(), ours);
    for text in theirs.lines().chain([ours.as_str()]) {
        assert_eq!(AuthAnswer::decode(text).unwrap(), agreed(), "{text}");
    }
    let names: Vec<&str> = rows
        .iter()
        .map(|row| row.0)
        .chain(["auth_success"])
        .collect();
    check_names("server", &names);
}

#[test]
fn what_cannot_be_read_as_agreed_is_not_agreed() {
    let (ours, _) = golden("server", "auth_success");
    for (from, to) in [
        (r#""version":1"#, r#""version":2"#),
        (r#""version":1"#, r#""version":null"#),
        (r#""heartbeat_ms":30000,"#, ""),
        (r#""spooled":["#, r#""spooled":7,"x":["#),
    ] {
        let text = ours.replacen(from, to, 1);
        assert_ne!(text, ours);
        let AuthAnswer::Success(success) = AuthAnswer::decode(&text).unwrap() else {
            panic!("{text}")
        };
        assert_eq!(success.pilotfish, None, "{text}");
    }
}

#[test]
fn a_message_without_what_it_is_about_is_refused() {
    for text in [
        r#"{"type":"containers","set":[]}"#,
        r#"{"type":"containers","hash":"x"}"#,
        r#"{"type":"containers","set":{},"hash":"00"}"#,
        r#"{"type":"collector","containers":"telepathy"}"#,
        r#"{"type":"cadence","asked_ms":1}"#,
    ] {
        assert!(AgentMessage::decode(text).is_err(), "{text}");
    }
    for text in [
        r#"{"type":"cadence"}"#,
        r#"{"type":"spooled","run":"00"}"#,
        r#"{"type":"spooled","run":7,"seq":1}"#,
    ] {
        assert!(ServerMessage::decode(text).is_err(), "{text}");
    }
}

#[test]
fn a_list_of_more_than_a_receiver_keeps_is_cut() {
    let text = |count: usize| {
        let set = vec!["{}"; count].join(",");
        let missing = vec![r#"{"value":"v","why":"w"}"#; count].join(",");
        [
            format!(r#"{{"type":"containers","set":[{set}],"hash":"00"}}"#),
            format!(r#"{{"type":"collector","containers":"engine","missing":[{missing}]}}"#),
        ]
    };
    let [list, _] = text(limits::CHANGED_CONTAINERS + 1);
    let [_, report] = text(limits::MISSING_VALUES + 1);
    let AgentMessage::Extra(list) = AgentMessage::decode(&list).unwrap() else {
        panic!("no list")
    };
    let AgentMessage::Extra(report) = AgentMessage::decode(&report).unwrap() else {
        panic!("no report")
    };
    let (AgentExtra::Containers(list), AgentExtra::Collector(report)) = (*list, *report) else {
        panic!("of another kind")
    };
    assert_eq!(list.set.len(), limits::CHANGED_CONTAINERS);
    assert_eq!(report.missing.len(), limits::MISSING_VALUES);
}

fn agent_rows() -> [(&'static str, AgentMessage); 12] {
    let extra = |extra| AgentMessage::Extra(Box::new(extra));
    let listing = r#"{"Id":"0123456789ab", "Names":["/w\u00e9b"],"State":"running"}"#;
    let change = ListChange {
        is_full: false,
        set: vec![RawValue::from_string(listing.to_owned()).unwrap()],
        gone: vec![container("aaaaaaaaaaaa")],
        hash: ListHash(0x00c0_ffee),
    };
    let full = ListChange {
        is_full: true,
        set: Vec::new(),
        gone: Vec::new(),
        hash: ListHash::default(),
    };
    let report = CollectorReport {
        containers: ContainerSource::CgroupV2,
        why: None,
        cgroup_driver: Some(Text::cut("systemd")),
        missing: vec![Missing {
            value: Text::cut("container.memory"),
            why: Text::cut("the memory controller is off"),
            remedy: Some(Text::cut(
                "add cgroup_enable=memory to /boot/firmware/cmdline.txt and restart",
            )),
        }],
        boot_id: Some(Text::cut("a5d0a1a6-2f6b-4d6e-8d6a-5a5f3a9f0b11")),
        run: Some(RUN),
        uptime_ms: Some(86_400_000),
    };
    let report_least = CollectorReport {
        containers: ContainerSource::Nothing,
        why: None,
        cgroup_driver: None,
        missing: Vec::new(),
        boot_id: None,
        run: None,
        uptime_ms: None,
    };
    let report_engine = CollectorReport {
        containers: ContainerSource::Engine,
        why: Some(Text::cut("/sys/fs/cgroup is not mounted")),
        ..report_least.clone()
    };
    let cadence = Cadence {
        stats_interval_ms: 1000,
        asked_ms: 1000,
        slowed: None,
    };
    let spending = Spending {
        budget_bytes: Some(3_000_000),
        since_ms: 3_600_000,
        stats_bytes: 40_000,
        events_bytes: 500,
        answers_bytes: 2000,
        lists_bytes: 9000,
        spool_bytes: 0,
        upkeep_bytes: 7000,
        received_bytes: 6000,
    };
    let coverage = Coverage {
        events_gap: Some(Span {
            from_ms: 1_795_467_900_000,
            to_ms: 1_795_468_200_000,
        }),
        lost_events: 2,
        lost_ticks: 300,
    };
    [
        ("containers", extra(AgentExtra::Containers(change))),
        ("containers_full", extra(AgentExtra::Containers(full))),
        ("collector", extra(AgentExtra::Collector(report))),
        (
            "collector_engine",
            extra(AgentExtra::Collector(report_engine)),
        ),
        (
            "collector_least",
            extra(AgentExtra::Collector(report_least)),
        ),
        ("cadence", extra(AgentExtra::Cadence(cadence.clone()))),
        (
            "cadence_slowed",
            extra(AgentExtra::Cadence(Cadence {
                stats_interval_ms: 30_000,
                slowed: Some(Slowed::Budget),
                ..cadence
            })),
        ),
        ("spent", extra(AgentExtra::Spent(spending))),
        ("spent_least", extra(AgentExtra::Spent(Spending::default()))),
        ("coverage", extra(AgentExtra::Coverage(coverage))),
        (
            "coverage_whole",
            extra(AgentExtra::Coverage(Coverage::default())),
        ),
        (
            "heartbeat",
            AgentMessage::Heartbeat(Heartbeat {
                engine: Some(EngineState::Up { version: None }),
                containers: Some(ListHash(0xab)),
            }),
        ),
    ]
}

fn server_rows() -> [(&'static str, ServerExtra); 4] {
    let cadence = ServerExtra::Cadence {
        stats_interval_ms: 1000,
    };
    [
        ("cadence", cadence),
        ("keyframe", ServerExtra::Keyframe {}),
        ("list", ServerExtra::List {}),
        ("spooled", ServerExtra::Spooled { run: RUN, seq: 41 }),
    ]
}

fn agreed() -> AuthAnswer {
    AuthAnswer::Success(AuthSuccess {
        agent_id: AgentId::new("a-1").unwrap(),
        host_id: HostId::new("h-1").unwrap(),
        permanent_token: None,
        pilotfish: Some(Extension {
            version: VERSION,
            session: 7,
            server_time_ms: 1_795_467_900_123,
            stats_interval_ms: 10_000,
            heartbeat_ms: 30_000,
            silence_ms: 45_000,
            containers: Some(ListHash(0xab)),
            spooled: vec![Spooled { run: RUN, seq: 41 }],
            last_tick: Some(LastTick {
                run: RUN,
                at_ms: 1_795_467_890_000,
            }),
            last_event_ns: Some(1_795_467_880_123_456_789),
        }),
    })
}

fn container(id: &str) -> ContainerId {
    ContainerId::new(id).unwrap()
}

#[track_caller]
fn check_prefixes(text: &str) {
    for (end, _) in text.char_indices() {
        assert!(AgentMessage::decode(&text[..end]).is_err(), "{end}");
        assert!(ServerMessage::decode(&text[..end]).is_err(), "{end}");
    }
}

/// What this crate writes, and a line for each other way to say the same.
fn golden(side: &str, name: &str) -> (String, String) {
    let read = |end| fs::read_to_string(folder(side).join(format!("{name}{end}")));
    let ours = read(".json").unwrap();
    let ours = ours.strip_suffix('\n').expect("a line").to_owned();
    (ours, read(".lenient.json").unwrap_or_default())
}

fn folder(side: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/extension")
        .join(side)
}

/// Checks that every file has a row.
#[track_caller]
fn check_names(side: &str, rows: &[&str]) {
    let files = fs::read_dir(folder(side)).unwrap();
    let names: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .map(|file| file.split('.').next().unwrap().to_owned())
        .collect();
    assert_eq!(names, rows.iter().map(|row| (*row).to_owned()).collect());
}
