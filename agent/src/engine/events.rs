//! Pure: the Engine's events, from bytes to values.
//!
//! Source: Docker Engine API, `GET /events`: one JSON object a line. API 1.52 has no `status`, `id` and `from` any more, so only `Action`,
//! `Actor` and `timeNano` are read.

pub mod cursor;
pub mod lines;
pub mod recall;

use std::borrow::Cow;
use std::collections::BTreeMap;

use pilotfish_protocol::subject::NAME_LEN;
use pilotfish_protocol::{ContainerEvent, ContainerId, Timestamp, limits};
use serde::Deserialize;

/// Most bytes of an event's action.
const ACTION_BYTES: usize = 128;
/// Most bytes of one attribute's value.
const VALUE_BYTES: usize = 256;
/// Most bytes of all attributes of an event.
const ATTRIBUTES_BYTES: usize = 4096;
/// What an event itself has to say; all other attributes are the container's labels.
const OWN_ATTRIBUTES: [&str; 6] = [
    "exitCode",
    "signal",
    "oldName",
    "execID",
    "execDuration",
    "containerExitCode",
];

/// What is told of a container, in the words of Docker and of Podman, and of the networks it is connected to.
///
/// The rest, above all the three events of an `exec`, comes with every health check of every container, and no server keeps it.
pub const TOLD: [&str; 19] = [
    "checkpoint",
    "connect",
    "create",
    "destroy",
    "die",
    "died",
    "disconnect",
    "health_status",
    "kill",
    "oom",
    "pause",
    "remove",
    "rename",
    "restart",
    "restore",
    "start",
    "stop",
    "unpause",
    "update",
];

/// Something that happened to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineEvent {
    /// When, by the Engine's clock, in nanoseconds since 1970.
    pub time_nano: i64,
    /// What.
    pub happened: Happened,
}

/// What happened to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// An event of its own.
    Event(ContainerEvent),
    /// It was connected to a network or disconnected from one, which changes its listing and is otherwise told to nobody.
    Rewired(ContainerId),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message<'a> {
    #[serde(borrow, rename = "Type")]
    subject: Cow<'a, str>,
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(borrow)]
    actor: Actor<'a>,
    #[serde(rename = "time", default)]
    time_seconds: i64,
    #[serde(rename = "timeNano", default)]
    time_nano: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Actor<'a> {
    #[serde(borrow, rename = "ID")]
    id: Cow<'a, str>,
    #[serde(default)]
    attributes: Option<BTreeMap<String, String>>,
}

impl EngineEvent {
    /// Tells whether anybody is told of it: an Engine that is asked for what it remembers gives everything.
    #[must_use]
    pub fn is_told(&self) -> bool {
        match &self.happened {
            Happened::Event(event) => {
                let word = event.action.split(':').next().unwrap_or_default();
                TOLD.contains(&word.trim_end())
            }
            Happened::Rewired(_) => true,
        }
    }

    /// Reads one line. `None` when nothing in it is about a container.
    ///
    /// Command lines of execs are left out, since they may hold secrets; attributes are bounded, the event's own ones kept first.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let message: Message<'_> = serde_json::from_slice(line).ok()?;
        let time_nano = match message.time_nano {
            0 => message.time_seconds.saturating_mul(1_000_000_000),
            nano => nano,
        };
        let mut attributes = message.actor.attributes.unwrap_or_default();
        if message.subject == "network" {
            let is_wiring = matches!(message.action.as_ref(), "connect" | "disconnect");
            let container = attributes.remove("container").filter(|_| is_wiring)?;
            let happened = Happened::Rewired(ContainerId::new(container).ok()?);
            return Some(Self {
                time_nano,
                happened,
            });
        }
        if message.subject != "container" {
            return None;
        }
        let container_id = ContainerId::new(message.actor.id).ok()?;
        let event = ContainerEvent {
            container_id,
            container_name: cut(attributes.remove("name").unwrap_or_default(), NAME_LEN),
            image: cut(attributes.remove("image").unwrap_or_default(), VALUE_BYTES),
            action: action(&message.action),
            timestamp: Some(Timestamp::from_unix_ms(time_nano / 1_000_000)),
            attributes: bound(attributes),
        };
        Some(Self {
            time_nano,
            happened: Happened::Event(event),
        })
    }
}

/// The action in Docker's words, without an exec's command line. Podman has a few words of its own.
fn action(text: &str) -> String {
    let text = match text.split_once(':') {
        Some((exec, _command)) if exec.starts_with("exec_") => exec,
        Some(_) | None => text,
    };
    match text {
        "died" => "die".to_owned(),
        "remove" => "destroy".to_owned(),
        "exec_died" => "exec_die".to_owned(),
        text => cut(text.to_owned(), ACTION_BYTES),
    }
}

fn bound(mut all: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut kept = BTreeMap::new();
    let mut room = ATTRIBUTES_BYTES;
    let own: Vec<_> = OWN_ATTRIBUTES
        .iter()
        .filter_map(|key| all.remove_entry(*key))
        .collect();
    for (key, value) in own.into_iter().chain(all) {
        let value = cut(value, VALUE_BYTES);
        if kept.len() < limits::EVENT_ATTRIBUTES && key.len() + value.len() <= room {
            room -= key.len() + value.len();
            kept.insert(key, value);
        }
    }
    kept
}

fn cut(mut text: String, limit_bytes: usize) -> String {
    if text.len() > limit_bytes {
        let fits = (0..=limit_bytes)
            .rev()
            .find(|at| text.is_char_boundary(*at));
        text.truncate(fits.unwrap_or_default());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "aea5816ccd31916ca81376b378a7ac2347f12cc4fc5da027809ca78c5ff91e43";

    fn line(action: &str, attributes: &str) -> String {
        format!(
            r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"{ID}","Attributes":{attributes}}},"time":1795468204,"timeNano":1795468204215906569}}"#
        )
    }

    fn parse(line: &str) -> ContainerEvent {
        match EngineEvent::parse(line.as_bytes()).unwrap().happened {
            Happened::Event(event) => event,
            Happened::Rewired(id) => panic!("{id:?} was only rewired"),
        }
    }

    #[track_caller]
    fn check_action(from_engine: &str, expected: &str) {
        assert_eq!(parse(&line(from_engine, "{}")).action, expected);
    }

    #[test]
    fn every_recorded_event_is_read() {
        let recorded = include_str!("fixtures/events/docker-20.10.jsonl");
        let actions: Vec<_> = recorded.lines().map(|line| parse(line).action).collect();
        let expected = include_str!("fixtures/events/docker-20.10.actions");
        assert_eq!(actions, expected.lines().collect::<Vec<_>>());
    }

    #[test]
    fn an_event_of_api_1_52_has_all_that_is_used() {
        let attributes = r#"{"name":"web","image":"nginx:1","exitCode":"137"}"#;
        let event = EngineEvent::parse(line("die", attributes).as_bytes()).unwrap();
        assert_eq!(event.time_nano, 1_795_468_204_215_906_569);
        let event = parse(&line("die", attributes));
        assert_eq!(event.container_id.as_str(), ID);
        assert_eq!(
            (event.container_name.as_str(), event.image.as_str()),
            ("web", "nginx:1")
        );
        assert_eq!(
            event.timestamp,
            Some(Timestamp::from_unix_ms(1_795_468_204_215))
        );
        assert_eq!(
            event.attributes,
            BTreeMap::from([("exitCode".to_owned(), "137".to_owned())])
        );
    }

    #[test]
    fn command_lines_of_execs_stay_on_the_host() {
        check_action(
            "exec_create: sh -c 'login --password hunter2'",
            "exec_create",
        );
        check_action("exec_start: mysql -phunter2: x", "exec_start");
        check_action("exec_detach: x", "exec_detach");
        check_action("health_status: healthy", "health_status: healthy");
    }

    #[test]
    fn podmans_words_become_dockers() {
        check_action("died", "die");
        check_action("remove", "destroy");
        check_action("exec_died", "exec_die");
        check_action("start", "start");
    }

    #[test]
    fn attributes_are_bounded_and_the_events_own_ones_survive() {
        let labels: Vec<_> = (0..200)
            .map(|i| format!(r#""a{i:03}":"{}""#, "ü".repeat(200)))
            .collect();
        let attributes = format!(r#"{{{},"exitCode":"1","oldName":"/x"}}"#, labels.join(","));
        let event = parse(&line("die", &attributes));
        assert_eq!(event.attributes["exitCode"], "1");
        assert_eq!(event.attributes["oldName"], "/x");
        assert_eq!(event.attributes["a000"].len(), VALUE_BYTES);
        let bytes: usize = event
            .attributes
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        assert!(
            (ATTRIBUTES_BYTES - 300..=ATTRIBUTES_BYTES).contains(&bytes),
            "{bytes}"
        );
    }

    #[test]
    fn missing_attributes_and_nanoseconds_are_tolerated() {
        let line = format!(
            r#"{{"Type":"container","Action":"start","Actor":{{"ID":"{ID}","Attributes":null}},"time":7}}"#
        );
        assert_eq!(
            EngineEvent::parse(line.as_bytes()).unwrap().time_nano,
            7_000_000_000
        );
    }

    #[test]
    fn a_container_that_is_connected_to_a_network_is_rewired() {
        for (action, attributes, is_rewired) in [
            (
                "connect",
                format!(r#"{{"container":"{ID}","name":"lan","type":"bridge"}}"#),
                true,
            ),
            ("disconnect", format!(r#"{{"container":"{ID}"}}"#), true),
            ("create", format!(r#"{{"container":"{ID}"}}"#), false),
            (
                "connect",
                r#"{"container":"endpoint of nobody"}"#.to_owned(),
                false,
            ),
            ("connect", r#"{"name":"lan"}"#.to_owned(), false),
        ] {
            let line =
                line(action, &attributes).replace("\"container\",\"Action", "\"network\",\"Action");
            let happened = EngineEvent::parse(line.as_bytes()).map(|event| event.happened);
            let rewired = Happened::Rewired(ContainerId::new(ID).unwrap());
            assert_eq!(happened, is_rewired.then_some(rewired), "{line}");
        }
    }

    #[test]
    fn what_is_no_container_event_is_nothing() {
        let network = line("connect", "{}").replace("\"container\"", "\"network\"");
        let odd_id = line("start", "{}").replace(ID, "web");
        for bad in [
            "",
            "{}",
            "null",
            "[]",
            "\u{0}",
            network.as_str(),
            odd_id.as_str(),
        ] {
            assert_eq!(EngineEvent::parse(bad.as_bytes()), None, "{bad}");
        }
        let good = line("start", "{}");
        for end in 0..good.len() {
            assert_eq!(EngineEvent::parse(&good.as_bytes()[..end]), None);
        }
    }
}
