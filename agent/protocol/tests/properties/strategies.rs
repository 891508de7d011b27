//! Arbitrary values of every message, the odd ones often.

use std::net::IpAddr;
use std::time::Duration;

use pilotfish_protocol::heartbeat::Trouble;
use pilotfish_protocol::listing::{Endpoint, HostConfig, Mount, NetworkSettings, Port};
use pilotfish_protocol::{
    AgentId, AgentMessage, Answer, AuthAnswer, AuthSuccess, CallId, Capabilities, Command,
    ContainerEvent, ContainerId, ContainerListing, ContainerStats, CpuCount, EngineId, EngineState,
    Failure, FailureKind, Heartbeat, HostId, HostStats, HostnameSource, MemoryBytes, Operation,
    OperationDone, OperationKind, Percent, Refusal, Register, ServerMessage, Text, Timestamp,
    Token, limits,
};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use serde_json::value::to_raw_value;

use crate::extension;

/// Anything an agent may say.
pub(crate) fn agent_message() -> impl Strategy<Value = AgentMessage> {
    prop_oneof![
        register().prop_map(|register| AgentMessage::Register(Box::new(register))),
        (of(engine_state()), of(extension::hash())).prop_map(|(engine, containers)| {
            AgentMessage::Heartbeat(Heartbeat { engine, containers })
        }),
        extension::agent_extra().prop_map(|extra| AgentMessage::Extra(Box::new(extra))),
        response().prop_map(AgentMessage::Answer),
        operation_answer().prop_map(AgentMessage::Answer),
        container_event().prop_map(AgentMessage::ContainerEvent),
        container_stats().prop_map(AgentMessage::ContainerStats),
        host_stats().prop_map(AgentMessage::HostStats),
        trouble().prop_map(AgentMessage::Trouble),
    ]
}

/// Anything a server may say after the registration was answered.
pub(crate) fn server_message() -> impl Strategy<Value = ServerMessage> {
    prop_oneof![
        9 => (call_id(), operation())
            .prop_map(|(id, operation)| ServerMessage::Operation { id, operation }),
        1 => call_id().prop_map(|id| ServerMessage::Command {
            id,
            command: Command::ListContainers,
        }),
        4 => extension::server_extra().prop_map(ServerMessage::Extra),
    ]
}

/// Any answer to a registration.
pub(crate) fn auth_answer() -> impl Strategy<Value = AuthAnswer> {
    let ids = (
        peer_id(),
        peer_id(),
        of(token()),
        of(extension::extension()),
    );
    prop_oneof![
        ids.prop_map(|(agent_id, host_id, permanent_token, pilotfish)| {
            AuthAnswer::Success(AuthSuccess {
                agent_id: AgentId::new(agent_id).unwrap(),
                host_id: HostId::new(host_id).unwrap(),
                permanent_token,
                pilotfish,
            })
        }),
        words().prop_filter_map("no words", |error| {
            let error = Text::<{ limits::ERROR_LEN }>::cut_if_any(&error)?.to_string();
            let refusal = Refusal::from_text(&error);
            Some(AuthAnswer::Refused { refusal, error })
        }),
    ]
}

/// Any registration, up to every limit.
pub(crate) fn register() -> impl Strategy<Value = Register> {
    let ids = (token(), engine_id(), words(), words());
    let host = (
        of(words()),
        of(select(vec![
            HostnameSource::AgentName,
            HostnameSource::Daemon,
            HostnameSource::Os,
            HostnameSource::EngineId,
        ])),
        any::<bool>(),
        vec(of(words()), 7),
    );
    let numbers = (of(number()), of(any::<u32>()), vec(any::<IpAddr>(), 0..60));
    let capabilities = vec((words(), any::<bool>()), 0..70);
    (ids, host, numbers, capabilities).prop_map(|(ids, host, numbers, capabilities)| {
        let (token, engine_id, version, proto_version) = ids;
        let register = Register::new(token, engine_id, &version, &proto_version);
        let mut register = register.with_addresses(numbers.2);
        register.capabilities = Capabilities::new(capabilities);
        register.hostname = text(host.0.as_ref());
        register.hostname_source = host.1;
        register.force_unique_registration = host.2;
        register.os_type = text(host.3[0].as_ref());
        register.os_version = text(host.3[1].as_ref());
        register.kernel_version = text(host.3[2].as_ref());
        register.docker_version = text(host.3[3].as_ref());
        register.daemon_started_at = text(host.3[4].as_ref());
        register.agent_os = text(host.3[5].as_ref());
        register.agent_arch = text(host.3[6].as_ref());
        register.total_memory = numbers.0.and_then(MemoryBytes::new);
        register.num_cpus = numbers.1.and_then(CpuCount::new);
        register
    })
}

/// Any container list's element.
pub(crate) fn listing() -> impl Strategy<Value = ContainerListing> {
    let texts = vec(words(), 5);
    let lists = (vec(words(), 0..3), vec(words(), 0..3));
    let labels = btree_map(words(), words(), 0..3);
    let networks = btree_map(words(), endpoint(), 0..3);
    (
        (container_id(), texts, lists, any::<i64>()),
        (labels, networks, words()),
        (vec(port(), 0..3), vec(mount(), 0..3), of(timestamp())),
    )
        .prop_map(|(first, maps, last)| {
            let (id, texts, (names, repo_digests), created) = first;
            let [image, image_id, command, state, status] = texts.try_into().unwrap();
            let (labels, networks, network_mode) = maps;
            let (ports, mounts, started_at) = last;
            ContainerListing {
                id,
                names,
                image,
                image_id,
                command,
                created,
                ports,
                labels,
                state,
                status,
                host_config: HostConfig { network_mode },
                network_settings: NetworkSettings { networks },
                mounts,
                repo_digests,
                started_at,
            }
        })
}

/// Any JSON value, some levels deep, with the keys and words of the wire among its texts.
pub(crate) fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words().prop_map(Value::from),
        wire_word().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 8, |inner| {
        let key = prop_oneof![9 => wire_word(), 1 => words()];
        prop_oneof![
            1 => vec(inner.clone(), 0..6).prop_map(Value::from),
            4 => btree_map(key, inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A word that means something to a decoder.
fn wire_word() -> impl Strategy<Value = String> {
    const WORDS: &str = "type command id correlation_id payload stats error error_type success \
        details container_id container_name action attributes timestamp engine engine_version \
        engine_error token engine_id version proto_version capabilities hostname total_memory \
        num_cpus host_ip host_ips cpu_percent memory_usage agent_id host_id permanent_token \
        container logs removed status truncated timeout force new_name tail register heartbeat \
        response event container_event container_stats container_operation command \
        list_containers start stop rename get_logs up down pilotfish spooled run seq last_tick \
        set gone hash is_full containers missing events_gap slowed 0123456789ab 2026-11-23T21:05:00Z";
    select(WORDS.split_whitespace().collect::<Vec<_>>()).prop_map(str::to_owned)
}

/// Text: empty, plain, any of Unicode, or long.
pub(crate) fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just(String::new()),
        4 => "[a-z0-9 ./:-]{1,20}",
        4 => "\\PC{0,20}",
        2 => vec(any::<char>(), 0..20).prop_map(String::from_iter),
        1 => "[ü\u{1f41f}<>\u{202e} a]{0,600}",
    ]
}

/// A number, the ends of its range often.
pub(crate) fn number() -> impl Strategy<Value = u64> {
    let edge = select(vec![
        0,
        1,
        limits::TOTAL_MEMORY_BYTES,
        limits::TOTAL_MEMORY_BYTES + 1,
        i64::MAX.unsigned_abs(),
        i64::MAX.unsigned_abs() + 1,
        u64::MAX,
    ]);
    prop_oneof![any::<u64>(), 0..10_000_u64, edge]
}

fn percent() -> impl Strategy<Value = Percent> {
    prop_oneof![any::<u32>(), 0..2000_u32, Just(u32::MAX)].prop_map(Percent::from_tenths)
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    prop_oneof![any::<i64>(), 0..4_102_444_800_000_i64].prop_map(Timestamp::from_unix_ms)
}

fn token_text(max: usize) -> impl Strategy<Value = String> {
    let chars = select(
        ('0'..='9')
            .chain('A'..='Z')
            .chain('a'..='z')
            .chain("-_:".chars())
            .collect::<Vec<_>>(),
    );
    let length = prop_oneof![Just(1), 1..40_usize, Just(max)];
    length.prop_flat_map(move |length| vec(chars.clone(), length).prop_map(String::from_iter))
}

fn token() -> impl Strategy<Value = Token> {
    token_text(limits::TOKEN_LEN).prop_map(|text| Token::new(text).unwrap())
}

fn engine_id() -> impl Strategy<Value = EngineId> {
    token_text(limits::ENGINE_ID_LEN).prop_map(|text| EngineId::new(text).unwrap())
}

fn peer_id() -> impl Strategy<Value = String> {
    token_text(limits::PEER_ID_LEN)
}

fn call_id() -> impl Strategy<Value = CallId> {
    let length = prop_oneof![Just(1), Just(36), Just(limits::CALL_ID_LEN)];
    let text = length.prop_flat_map(|length| {
        vec(proptest::char::range('!', '~'), length).prop_map(String::from_iter)
    });
    text.prop_map(|text| CallId::new(text).unwrap())
}

pub(crate) fn container_id() -> impl Strategy<Value = ContainerId> {
    let length = prop_oneof![
        Just(limits::SHORT_ID_LEN),
        limits::SHORT_ID_LEN..limits::FULL_ID_LEN,
        Just(limits::FULL_ID_LEN),
    ];
    let digits = select("0123456789abcdef".chars().collect::<Vec<_>>());
    let text =
        length.prop_flat_map(move |length| vec(digits.clone(), length).prop_map(String::from_iter));
    text.prop_map(|text| ContainerId::new(text).unwrap())
}

fn engine_state() -> impl Strategy<Value = EngineState> {
    prop_oneof![
        of(words()).prop_map(|version| EngineState::Up {
            version: text(version.as_ref())
        }),
        words().prop_map(|why| EngineState::Down {
            why: Text::cut(&why)
        }),
    ]
}

fn trouble() -> impl Strategy<Value = Trouble> {
    (words(), of(words()), of(container_id())).prop_map(|(error, details, container_id)| Trouble {
        error: Text::cut(&error),
        details: text(details.as_ref()),
        container_id,
    })
}

fn failure() -> impl Strategy<Value = Failure> {
    let kind = of(select(vec![
        FailureKind::PermissionDenied,
        FailureKind::DockerError,
        FailureKind::InvalidResponse,
        FailureKind::EngineDown,
        FailureKind::Busy,
        FailureKind::NotSupported,
    ]));
    (words(), kind).prop_map(|(error, kind)| Failure::new(&error, kind))
}

fn response() -> impl Strategy<Value = Answer> {
    let payload = prop_oneof![
        json().prop_map(|value| to_raw_value(&value).unwrap()),
        vec(listing(), 0..3).prop_map(|list| to_raw_value(&list).unwrap()),
    ];
    let outcome = prop_oneof![payload.prop_map(Ok), failure().prop_map(Err)];
    (call_id(), outcome).prop_map(|(id, outcome)| Answer::Response { id, outcome })
}

fn operation_answer() -> impl Strategy<Value = Answer> {
    let done = prop_oneof![
        (container_id(), words()).prop_map(|(id, word)| OperationDone::status(id, &word)),
        container_id().prop_map(OperationDone::removed),
        (words(), any::<bool>()).prop_map(|(logs, is_cut)| OperationDone::logs(logs, is_cut)),
        json().prop_filter_map("null is no object", |value| {
            (!value.is_null()).then(|| OperationDone::inspected(to_raw_value(&value).unwrap()))
        }),
    ];
    let outcome = prop_oneof![done.prop_map(Ok), failure().prop_map(Err)];
    (call_id(), outcome).prop_map(|(id, outcome)| Answer::Operation { id, outcome })
}

fn container_event() -> impl Strategy<Value = ContainerEvent> {
    let attributes = btree_map(words(), words(), 0..=limits::EVENT_ATTRIBUTES);
    (container_id(), vec(words(), 3), of(timestamp()), attributes).prop_map(
        |(container_id, texts, timestamp, attributes)| {
            let [container_name, image, action] = texts.try_into().unwrap();
            ContainerEvent {
                container_id,
                container_name,
                image,
                action,
                timestamp,
                attributes,
            }
        },
    )
}

fn container_stats() -> impl Strategy<Value = ContainerStats> {
    (
        (container_id(), words(), of(timestamp())),
        (of(percent()), of(percent())),
        vec(of(number()), 6),
    )
        .prop_map(|(about, percents, counts)| ContainerStats {
            container_id: about.0,
            container_name: about.1,
            cpu_percent: percents.0,
            memory_usage: counts[0],
            memory_limit: counts[1],
            memory_percent: percents.1,
            network_rx: counts[2],
            network_tx: counts[3],
            disk_read: counts[4],
            disk_write: counts[5],
            timestamp: about.2,
        })
}

fn host_stats() -> impl Strategy<Value = HostStats> {
    (of(percent()), of(percent()), of(number())).prop_map(|(cpu_percent, mem_percent, net)| {
        HostStats {
            cpu_percent,
            mem_percent,
            net_bytes_per_sec: net,
        }
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    let grace = of((0..=limits::STOP_TIMEOUT.as_secs()).prop_map(Duration::from_secs));
    let kind = prop_oneof![
        select(vec![
            OperationKind::Start,
            OperationKind::Kill,
            OperationKind::Pause,
            OperationKind::Unpause,
            OperationKind::Inspect,
        ]),
        grace
            .clone()
            .prop_map(|timeout| OperationKind::Stop { timeout }),
        grace.prop_map(|timeout| OperationKind::Restart { timeout }),
        any::<bool>().prop_map(|force| OperationKind::Remove { force }),
        "[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}".prop_map(|new_name| OperationKind::Rename { new_name }),
        (1..=limits::LOG_TAIL_LINES).prop_map(|tail| OperationKind::GetLogs { tail }),
    ];
    (container_id(), kind).prop_map(|(container_id, kind)| Operation { container_id, kind })
}

fn port() -> impl Strategy<Value = Port> {
    (words(), any::<u16>(), of(any::<u16>()), words()).prop_map(
        |(ip, private_port, public_port, r#type)| Port {
            ip,
            private_port,
            public_port,
            r#type,
        },
    )
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    vec(words(), 5).prop_map(|texts| {
        let [
            network_id,
            ip_address,
            gateway,
            global_ipv6_address,
            mac_address,
        ] = texts.try_into().unwrap();
        Endpoint {
            network_id,
            ip_address,
            gateway,
            global_ipv6_address,
            mac_address,
        }
    })
}

fn mount() -> impl Strategy<Value = Mount> {
    (vec(words(), 5), any::<bool>()).prop_map(|(texts, is_writable)| {
        let [r#type, name, source, destination, mode] = texts.try_into().unwrap();
        Mount {
            r#type,
            name,
            source,
            destination,
            mode,
            is_writable,
        }
    })
}

pub(crate) fn text<const MAX: usize>(words: Option<&String>) -> Option<Text<MAX>> {
    words.and_then(|words| Text::cut_if_any(words))
}
