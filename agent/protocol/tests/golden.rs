//! Every message against its golden files: what is written, what is read back, and what others write for it.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use pilotfish_protocol::listing::{Endpoint, HostConfig, Mount, NetworkSettings, Port};
use pilotfish_protocol::{
    AgentId, AgentMessage, Answer, AnswerForm, AuthAnswer, AuthSuccess, CallId, Capabilities,
    Command, ContainerEvent, ContainerId, ContainerListing, ContainerStats, CpuCount, EngineId,
    EngineState, Failure, FailureKind, Heartbeat, HostId, HostStats, HostnameSource, MemoryBytes,
    Operation, OperationDone, OperationKind, Percent, Refusal, Register, ServerMessage, Text,
    Timestamp, Token,
};
use pilotfish_protocol::{answer, heartbeat};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// 2026-11-23T21:05:00.123Z.
const AT_MS: i64 = 1_795_467_900_123;
const CALL: &str = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
const SHORT: &str = "0123456789ab";

#[test]
fn what_an_agent_says_is_written_and_read_as_its_golden_files() {
    let at = Timestamp::from_unix_ms(AT_MS);
    let rows = agent_rows();
    for (name, message) in &rows {
        let golden = Golden::read("agent", name);
        let is_written = !matches!(message, AgentMessage::Unknown { .. });
        let encoded = is_written.then(|| message.encode(at));
        assert_eq!(encoded, golden.ours, "agent/{name}.json");
        for text in golden.all() {
            let decoded = AgentMessage::decode(text);
            let decoded = decoded.unwrap_or_else(|error| panic!("{name}: {error:?}: {text}"));
            assert_eq!(plain(&decoded), plain(message), "{name}: {text}");
        }
    }
    check_names("agent", rows.iter().map(|row| row.0));
}

#[test]
fn what_a_server_says_is_written_and_read_as_its_golden_files() {
    let answers = auth_rows();
    for (name, message) in &answers {
        let golden = Golden::read("server", name);
        assert_eq!(Some(message.encode()), golden.ours, "server/{name}.json");
        for text in golden.all() {
            assert_eq!(
                &AuthAnswer::decode(text).unwrap(),
                message,
                "{name}: {text}"
            );
        }
    }
    let messages = server_rows();
    for (name, message) in &messages {
        let golden = Golden::read("server", name);
        assert_eq!(message.encode(), golden.ours, "server/{name}.json");
        for text in golden.all() {
            assert_eq!(
                &ServerMessage::decode(text).unwrap(),
                message,
                "{name}: {text}"
            );
        }
    }
    let names = answers.iter().map(|row| row.0);
    check_names("server", names.chain(messages.iter().map(|row| row.0)));
}

#[test]
fn every_prefix_of_a_message_is_refused() {
    for side in ["agent", "server"] {
        for name in names(side) {
            let golden = Golden::read(side, &name);
            for text in golden.all() {
                let prefixes = text.char_indices().map(|(end, _)| &text[..end]);
                for prefix in prefixes {
                    assert!(AgentMessage::decode(prefix).is_err(), "{name}: {prefix}");
                    assert!(ServerMessage::decode(prefix).is_err(), "{name}: {prefix}");
                    assert!(AuthAnswer::decode(prefix).is_err(), "{name}: {prefix}");
                }
            }
        }
    }
}

fn agent_rows() -> Vec<(&'static str, AgentMessage)> {
    use AgentMessage as M;
    vec![
        ("register", M::Register(Box::new(register()))),
        ("register_least", M::Register(Box::new(register_least()))),
        ("heartbeat", M::Heartbeat(Heartbeat::default())),
        (
            "heartbeat_engine_up",
            engine(EngineState::Up {
                version: Some(Text::cut("28.0.1")),
            }),
        ),
        (
            "heartbeat_engine_down",
            engine(EngineState::Down {
                why: Text::cut("no answer in 5 s"),
            }),
        ),
        (
            "response",
            response(CALL, to_raw_value(&[listing()]).unwrap()),
        ),
        ("response_null", response("1", RawValue::NULL.to_owned())),
        (
            "response_error",
            M::Answer(Answer::failed(
                AnswerForm::Response,
                call(CALL),
                Failure::new(
                    "unknown command: prune_images",
                    Some(FailureKind::NotSupported),
                ),
            )),
        ),
        (
            "operation_started",
            done(OperationDone::status(container(SHORT), "started")),
        ),
        (
            "operation_removed",
            done(OperationDone::removed(container(SHORT))),
        ),
        (
            "operation_logs",
            done(OperationDone::logs(
                "2026-11-23T21:04:59.000000001Z <hello> & \"ü\"\n\
                 2026-11-23T21:05:00.000000002Z \u{1b}[31mred\n"
                    .to_owned(),
                true,
            )),
        ),
        ("operation_inspect", done(inspected())),
        (
            "operation_error",
            failed(
                CALL,
                "failed to stop container: No such container: 0123456789ab",
                Some(FailureKind::DockerError),
            ),
        ),
        (
            "operation_error_plain",
            failed("1", "unknown action: pull_image", None),
        ),
        ("container_event", M::ContainerEvent(event())),
        ("container_event_least", M::ContainerEvent(event_least())),
        ("container_stats", M::ContainerStats(stats())),
        ("container_stats_least", M::ContainerStats(stats_least())),
        (
            "host_stats",
            M::HostStats(HostStats {
                cpu_percent: Some(Percent::from_tenths(71)),
                mem_percent: Some(Percent::from_tenths(419)),
                net_bytes_per_sec: Some(20480),
            }),
        ),
        ("host_stats_least", M::HostStats(HostStats::default())),
        (
            "error",
            M::Trouble(heartbeat::Trouble {
                error: Text::cut("update failed"),
                details: Some(Text::cut("exit code 1")),
                container_id: Some(container(SHORT)),
            }),
        ),
        (
            "error_least",
            M::Trouble(heartbeat::Trouble {
                error: Text::cut("update failed"),
                details: None,
                container_id: None,
            }),
        ),
        ("unknown_type", unknown("progress")),
        ("unknown_event", unknown("shell_data")),
    ]
}

fn auth_rows() -> Vec<(&'static str, AuthAnswer)> {
    let agent_id = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
    vec![
        (
            "auth_success",
            AuthAnswer::Success(AuthSuccess {
                agent_id: AgentId::new(agent_id).unwrap(),
                host_id: HostId::new("f47ac10b-58cc-4372-a567-0e02b2c3d479").unwrap(),
                permanent_token: Some(Token::new(agent_id).unwrap()),
                pilotfish: None,
            }),
        ),
        (
            "auth_success_known",
            AuthAnswer::Success(AuthSuccess {
                agent_id: AgentId::new("a-1").unwrap(),
                host_id: HostId::new("h-1").unwrap(),
                permanent_token: None,
                pilotfish: None,
            }),
        ),
        ("auth_error", AuthAnswer::refuse(Refusal::TokenExpired)),
    ]
}

fn server_rows() -> Vec<(&'static str, ServerMessage)> {
    use OperationKind as Kind;
    let seconds = |n| Some(Duration::from_secs(n));
    let operations = [
        ("start", Kind::Start),
        ("stop", Kind::Stop { timeout: None }),
        (
            "stop_in_time",
            Kind::Stop {
                timeout: seconds(60),
            },
        ),
        ("restart", Kind::Restart { timeout: None }),
        (
            "restart_in_time",
            Kind::Restart {
                timeout: seconds(5),
            },
        ),
        ("kill", Kind::Kill),
        ("pause", Kind::Pause),
        ("unpause", Kind::Unpause),
        ("remove", Kind::Remove { force: false }),
        ("remove_force", Kind::Remove { force: true }),
        (
            "rename",
            Kind::Rename {
                new_name: "web-2".to_owned(),
            },
        ),
        ("get_logs", Kind::GetLogs { tail: 500 }),
        ("get_logs_default", Kind::GetLogs { tail: 100 }),
        ("inspect", Kind::Inspect),
    ];
    let operations = operations.map(|(name, kind)| {
        let container_id = container(SHORT);
        let operation = Operation { container_id, kind };
        let id = call(CALL);
        (name, ServerMessage::Operation { id, operation })
    });
    let unusable = |form, why: &str, is_unknown| ServerMessage::Unusable {
        id: call(CALL),
        form,
        why: why.to_owned(),
        is_unknown,
    };
    let others = [
        (
            "list_containers",
            ServerMessage::Command {
                id: call(CALL),
                command: Command::ListContainers,
            },
        ),
        (
            "unknown_action",
            unusable(AnswerForm::Flat, "unknown action: pull_image", true),
        ),
        (
            "unknown_command",
            unusable(AnswerForm::Response, "unknown command: list_images", true),
        ),
        (
            "payload_without_container",
            unusable(AnswerForm::Flat, "payload lacks container_id", false),
        ),
        (
            "unknown_type",
            ServerMessage::Unknown {
                kind: Text::cut("health_check_configs_sync"),
            },
        ),
        (
            "call_without_id",
            ServerMessage::Unknown {
                kind: Text::cut("command"),
            },
        ),
    ];
    operations.into_iter().chain(others).collect()
}

fn register() -> Register {
    let token = Token::new("0b7e5c1a-6f0e-4f0c-9a57-0123456789ab").unwrap();
    let engine_id = EngineId::new("ABCD:EF23:4567").unwrap();
    let addresses = ["192.168.1.20", "2001:db8::20"].map(|address| address.parse().unwrap());
    let mut register = Register::new(token, engine_id, "0.1.0", "1.1").with_addresses(addresses);
    register.capabilities = Capabilities::new([
        ("container_operations", true),
        ("event_streaming", true),
        ("self_update", false),
    ]);
    register.hostname = Some(Text::cut("küche & co"));
    register.hostname_source = Some(HostnameSource::Daemon);
    register.os_type = Some(Text::cut("linux"));
    register.os_version = Some(Text::cut("Debian GNU/Linux 12 (bookworm)"));
    register.kernel_version = Some(Text::cut("6.12.25+rpt-rpi-v8"));
    register.docker_version = Some(Text::cut("28.0.1"));
    register.daemon_started_at = Some(Text::cut("2026-11-23T20:00:00.5Z"));
    register.total_memory = MemoryBytes::new(8_201_056_256);
    register.num_cpus = CpuCount::new(4);
    register.agent_os = Some(Text::cut("linux"));
    register.agent_arch = Some(Text::cut("arm64"));
    register
}

fn register_least() -> Register {
    let token = Token::new("t").unwrap();
    Register::new(token, EngineId::new("e").unwrap(), "dev", "1.1")
}

fn listing() -> ContainerListing {
    let endpoint = Endpoint {
        network_id: "n1".to_owned(),
        ip_address: "172.17.0.2".to_owned(),
        gateway: "172.17.0.1".to_owned(),
        global_ipv6_address: String::new(),
        mac_address: "02:42:ac:11:00:02".to_owned(),
    };
    ContainerListing {
        id: container(&full()),
        names: vec!["/web".to_owned()],
        image: "nginx:1.27".to_owned(),
        image_id: "sha256:ab".to_owned(),
        command: "nginx -g 'daemon off;'".to_owned(),
        created: 1_795_460_000,
        ports: vec![
            Port {
                ip: "0.0.0.0".to_owned(),
                private_port: 80,
                public_port: Some(8080),
                r#type: "tcp".to_owned(),
            },
            Port {
                private_port: 443,
                r#type: "tcp".to_owned(),
                ..Port::default()
            },
        ],
        labels: [("a", "1"), ("b", "<x>")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        state: "running".to_owned(),
        status: "Up 3 minutes".to_owned(),
        host_config: HostConfig {
            network_mode: "bridge".to_owned(),
        },
        network_settings: NetworkSettings {
            networks: [("bridge".to_owned(), endpoint)].into(),
        },
        mounts: vec![Mount {
            r#type: "volume".to_owned(),
            name: "site".to_owned(),
            source: "/var/lib/docker/volumes/site/_data".to_owned(),
            destination: "/srv".to_owned(),
            mode: "z".to_owned(),
            is_writable: true,
        }],
        repo_digests: vec!["nginx@sha256:cd".to_owned()],
        started_at: Timestamp::parse("2026-11-23T21:00:00.25Z"),
    }
}

fn inspected() -> OperationDone {
    let id = full();
    let json = format!(r#"{{"Id":"{id}","State":{{"Running":true,"Pid":4711}}}}"#);
    OperationDone::inspected(RawValue::from_string(json).unwrap())
}

fn event() -> ContainerEvent {
    ContainerEvent {
        container_id: container(&full()),
        container_name: "web".to_owned(),
        image: "nginx:1.27".to_owned(),
        action: "die".to_owned(),
        timestamp: Timestamp::parse("2026-11-23T21:05:00Z"),
        attributes: [("exitCode", "137"), ("note", "a <b>")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
    }
}

fn event_least() -> ContainerEvent {
    ContainerEvent {
        container_id: container(SHORT),
        container_name: String::new(),
        image: String::new(),
        action: "health_status: healthy".to_owned(),
        timestamp: None,
        attributes: [].into(),
    }
}

fn stats() -> ContainerStats {
    ContainerStats {
        container_name: "web".to_owned(),
        container_id: container(&full()),
        cpu_percent: Some(Percent::from_tenths(125)),
        memory_usage: Some(10 * 1024 * 1024),
        memory_limit: Some(u64::MAX),
        memory_percent: Some(Percent::from_tenths(30)),
        network_rx: Some(1),
        network_tx: Some(2),
        disk_read: Some(0),
        disk_write: Some(4096),
        timestamp: Timestamp::parse("2026-11-23T21:05:00Z"),
    }
}

fn stats_least() -> ContainerStats {
    ContainerStats {
        container_id: container(SHORT),
        container_name: "/web".to_owned(),
        cpu_percent: None,
        memory_usage: None,
        memory_limit: None,
        memory_percent: None,
        network_rx: None,
        network_tx: None,
        disk_read: None,
        disk_write: None,
        timestamp: None,
    }
}

fn engine(state: EngineState) -> AgentMessage {
    AgentMessage::Heartbeat(Heartbeat {
        containers: None,
        engine: Some(state),
    })
}

fn response(id: &str, payload: Box<RawValue>) -> AgentMessage {
    AgentMessage::Answer(Answer::Response {
        id: call(id),
        outcome: Ok(payload),
    })
}

fn done(done: answer::OperationDone) -> AgentMessage {
    AgentMessage::Answer(Answer::Operation {
        id: call(CALL),
        outcome: Ok(done),
    })
}

fn failed(id: &str, error: &str, kind: Option<FailureKind>) -> AgentMessage {
    let failure = Failure::new(error, kind);
    AgentMessage::Answer(Answer::failed(AnswerForm::Flat, call(id), failure))
}

fn unknown(kind: &str) -> AgentMessage {
    AgentMessage::Unknown {
        kind: Text::cut(kind),
    }
}

fn call(id: &str) -> CallId {
    CallId::new(id).unwrap()
}

fn container(id: &str) -> ContainerId {
    ContainerId::new(id).unwrap()
}

fn full() -> String {
    format!("{SHORT}{}", "c".repeat(52))
}

/// A message as a tree that can be compared: JSON kept as it came may differ in order and escapes, and a container list in fields
/// that are not kept.
fn plain(message: &AgentMessage) -> (Value, String) {
    let encoded = message.encode(Timestamp::from_unix_ms(AT_MS));
    let mut tree: Value = serde_json::from_str(&encoded).unwrap();
    if let Some(payload) = tree.get_mut("payload").filter(|payload| payload.is_array()) {
        let list: Vec<ContainerListing> = serde_json::from_value(payload.take()).unwrap();
        *payload = serde_json::to_value(list).unwrap();
    }
    let kind = format!("{:?}", std::mem::discriminant(message));
    (tree, kind)
}

/// The files of one message.
struct Golden {
    ours: Option<String>,
    theirs: Vec<String>,
}

impl Golden {
    fn read(side: &str, name: &str) -> Self {
        let read = |end: &str| fs::read_to_string(folder(side).join(format!("{name}{end}")));
        let ours = read(".json").ok();
        let ours = ours.map(|text| text.strip_suffix('\n').expect("a line").to_owned());
        let theirs = read(".dockmon.json").unwrap_or_default();
        let theirs: Vec<String> = theirs.lines().map(str::to_owned).collect();
        assert!(!theirs.is_empty(), "{side}/{name} has no variant");
        Self { ours, theirs }
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        self.ours.iter().chain(&self.theirs).map(String::as_str)
    }
}

fn folder(side: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(side)
}

/// The messages that have files.
fn names(side: &str) -> BTreeSet<String> {
    let files = fs::read_dir(folder(side)).unwrap();
    files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .map(|file| file.split('.').next().unwrap().to_owned())
        .collect()
}

/// Checks that every file has a row.
#[track_caller]
fn check_names<'a>(side: &str, rows: impl Iterator<Item = &'a str>) {
    let rows: BTreeSet<String> = rows.map(str::to_owned).collect();
    assert_eq!(rows, names(side), "{side}");
}
