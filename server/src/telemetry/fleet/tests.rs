//! Sessions that come, go and replace each other, and what they tell of their hosts.

use std::time::Duration;

use pilotfish_protocol::{ContainerListing, ContainerStats, EngineState, HostStats, Text};

use super::*;

const FIRST: SessionId = SessionId(1);
const SECOND: SessionId = SessionId(2);

fn host() -> HostId {
    HostId::new("h1").unwrap()
}

fn facts(name: &str) -> Facts {
    Facts {
        name: name.to_owned(),
        agent: Agent {
            id: AgentId::new("a1").unwrap(),
            version: "1".to_owned(),
            os: None,
            arch: None,
            protocol: "1.1".to_owned(),
            is_ours: true,
        },
        system: System::default(),
        engine_version: None,
        enrolled_unix_ms: 1,
        heard_unix_ms: None,
    }
}

/// A fleet of one host whose session [`FIRST`] came at 10.
fn online() -> Fleet {
    let mut fleet = Fleet::default();
    assert!(fleet.learn(&host(), facts("pi")));
    assert_eq!(fleet.attach(&host(), FIRST, 10), Some(true));
    fleet
}

fn listing(digit: u8, state: &str) -> ContainerListing {
    let id = format!("{digit:012}{:052}", 0);
    serde_json::from_str(&format!(r#"{{"Id":"{id}","State":"{state}"}}"#)).unwrap()
}

fn stats(digit: u8) -> ContainerStats {
    let id = format!("{digit:012}{:052}", 0);
    serde_json::from_str(&format!(r#"{{"container_id":"{id}","cpu_percent":1}}"#)).unwrap()
}

fn up() -> EngineState {
    EngineState::Up { version: None }
}

fn down(why: &str) -> EngineState {
    EngineState::Down {
        why: Text::cut(why),
    }
}

#[test]
fn a_host_is_offline_until_a_session_comes_and_after_it_went() {
    let mut fleet = Fleet::default();
    fleet.learn(&host(), facts("pi"));
    assert_eq!(fleet.find(&host()).unwrap().link_since_unix_ms, None);
    assert_eq!(fleet.attach(&host(), FIRST, 10), Some(true));
    let link = |fleet: &Fleet| {
        let host = fleet.find(&host()).unwrap();
        (host.session, host.link_since_unix_ms)
    };
    assert_eq!(link(&fleet), (Some(FIRST), Some(10)));
    assert!(fleet.detach(&host(), FIRST, 20));
    assert_eq!(link(&fleet), (None, Some(20)));
    assert!(!fleet.detach(&host(), FIRST, 30));
}

#[test]
fn the_end_of_a_replaced_session_does_not_take_the_link_down() {
    let mut fleet = online();
    assert_eq!(fleet.attach(&host(), SECOND, 20), Some(false));
    assert!(!fleet.detach(&host(), FIRST, 30));
    let found = fleet.find(&host()).unwrap();
    assert_eq!(
        (found.session, found.link_since_unix_ms),
        (Some(SECOND), Some(10))
    );
}

#[test]
fn an_older_session_that_comes_late_is_turned_away() {
    let mut fleet = online();
    fleet.attach(&host(), SECOND, 20);
    assert_eq!(fleet.attach(&host(), FIRST, 30), None);
    fleet.detach(&host(), SECOND, 40);
    assert_eq!(fleet.attach(&host(), FIRST, 50), None);
}

#[test]
fn a_deleted_host_takes_no_session() {
    let mut fleet = online();
    assert!(fleet.remove(&host()).is_some());
    assert_eq!(fleet.attach(&host(), SECOND, 20), None);
    assert!(!fleet.detach(&host(), FIRST, 20));
}

#[test]
fn a_replaced_session_changes_nothing_any_more() {
    let mut fleet = online();
    fleet.attach(&host(), SECOND, 20);
    fleet
        .list(&host(), SECOND, &[listing(1, "running")], 21)
        .unwrap();
    assert_eq!(fleet.list(&host(), FIRST, &[], 30), None);
    assert_eq!(
        fleet.engine(&host(), FIRST, &down("x"), 30),
        EngineChange::Nothing
    );
    assert!(!fleet.measure_host(&host(), FIRST, HostStats::default(), 30));
    let now = crate::clock::now();
    assert!(
        fleet
            .measure_container(&host(), FIRST, &stats(1), now, 30)
            .is_none()
    );
    fleet.heard(&host(), FIRST, 30);
    assert_eq!(fleet.find(&host()).unwrap().heard_unix_ms, Some(20));
}

#[test]
fn an_engine_is_unknown_up_down_and_unknown_again() {
    let mut fleet = online();
    assert_eq!(fleet.find(&host()).unwrap().engine.health, Health::Unknown);
    assert_eq!(
        fleet.engine(&host(), FIRST, &up(), 11),
        EngineChange::Up { was_down: false }
    );
    assert_eq!(
        fleet.engine(&host(), FIRST, &up(), 12),
        EngineChange::Nothing
    );
    let gone = EngineChange::Down("gone".to_owned());
    assert_eq!(fleet.engine(&host(), FIRST, &down("gone"), 13), gone);
    assert_eq!(
        fleet.engine(&host(), FIRST, &down("gone"), 14),
        EngineChange::Nothing
    );
    assert_eq!(
        fleet.engine(&host(), FIRST, &down("still gone"), 15),
        EngineChange::Detail
    );
    assert_eq!(fleet.find(&host()).unwrap().engine.since_unix_ms, Some(13));
    assert_eq!(
        fleet.engine(&host(), FIRST, &up(), 16),
        EngineChange::Up { was_down: true }
    );
    fleet.detach(&host(), FIRST, 17);
    assert_eq!(fleet.find(&host()).unwrap().engine.health, Health::Unknown);
}

#[test]
fn the_engines_version_is_kept_when_a_later_word_lacks_it() {
    let mut fleet = online();
    let told = EngineState::Up {
        version: Text::cut_if_any("29.0"),
    };
    fleet.engine(&host(), FIRST, &told, 11);
    fleet.engine(&host(), FIRST, &up(), 12);
    fleet.engine(&host(), FIRST, &down("x"), 13);
    assert_eq!(
        fleet.find(&host()).unwrap().engine.version.as_deref(),
        Some("29.0")
    );
}

#[test]
fn a_list_says_whether_the_numbers_changed() {
    let mut fleet = online();
    let list =
        |fleet: &mut Fleet, listings: &[ContainerListing]| fleet.list(&host(), FIRST, listings, 11);
    assert_eq!(list(&mut fleet, &[]), Some(true));
    assert_eq!(list(&mut fleet, &[]), Some(false));
    assert_eq!(list(&mut fleet, &[listing(1, "running")]), Some(true));
    assert_eq!(list(&mut fleet, &[listing(1, "exited")]), Some(true));
    assert_eq!(list(&mut fleet, &[listing(2, "exited")]), Some(false));
}

#[test]
fn containers_are_known_by_12_digits_and_bounded() {
    let mut fleet = online();
    let many: Vec<ContainerListing> = (0..=CONTAINERS)
        .map(|n| serde_json::from_str(&format!(r#"{{"Id":"{n:012}{n:052}"}}"#)).unwrap())
        .collect();
    fleet.list(&host(), FIRST, &many, 11);
    let list = fleet.find(&host()).unwrap().list.as_ref().unwrap();
    assert_eq!(list.containers.len(), CONTAINERS);
    assert!(list.containers.keys().all(|id| id.to_string().len() == 12));
}

#[test]
fn samples_of_unlisted_or_stopped_containers_do_not_count() {
    let mut fleet = online();
    let now = crate::clock::now();
    fleet.list(
        &host(),
        FIRST,
        &[listing(0, "running"), listing(1, "exited")],
        11,
    );
    assert!(
        fleet
            .measure_container(&host(), FIRST, &stats(1), now, 12)
            .is_none()
    );
    assert!(
        fleet
            .measure_container(&host(), FIRST, &stats(0), now, 12)
            .is_some()
    );
    fleet.list(&host(), FIRST, &[], 13);
    assert!(
        fleet
            .measure_container(&host(), FIRST, &stats(0), now, 14)
            .is_none()
    );
}

#[test]
fn samples_are_dropped_when_they_are_stale() {
    let mut fleet = online();
    let now = crate::clock::now();
    fleet.list(&host(), FIRST, &[listing(0, "running")], 11);
    fleet.measure_container(&host(), FIRST, &stats(0), now, 1000);
    fleet.measure_host(&host(), FIRST, HostStats::default(), 2000);
    assert!(fleet.sweep(1000 + SAMPLE_LIFE_MS).is_empty());
    assert_eq!(fleet.sweep(1001 + SAMPLE_LIFE_MS), [host()]);
    assert!(fleet.find(&host()).unwrap().sample.is_some());
    assert_eq!(fleet.sweep(2001 + SAMPLE_LIFE_MS), [host()]);
    assert!(fleet.find(&host()).unwrap().sample.is_none());
    assert!(fleet.sweep(u64::MAX).is_empty());
    fleet.measure_host(&host(), FIRST, HostStats::default(), 2000 + SAMPLE_LIFE_MS);
    assert!(fleet.sweep(2000).is_empty());
    assert_eq!(fleet.sweep(1999), [host()]);
}

#[test]
fn rates_start_again_with_each_connection() {
    let mut fleet = online();
    let start = crate::clock::now();
    let sample = |rx: u64| -> ContainerStats {
        let id = format!("{:064}", 0);
        let json = format!(r#"{{"container_id":"{id}","network_rx":{rx},"network_tx":0}}"#);
        serde_json::from_str(&json).unwrap()
    };
    let rate = |fleet: &mut Fleet, session, rx, after| {
        let now = start + Duration::from_secs(after);
        let sample = fleet.measure_container(&host(), session, &sample(rx), now, after);
        sample.unwrap().rates.network()
    };
    fleet.list(&host(), FIRST, &[listing(0, "running")], 11);
    assert_eq!(rate(&mut fleet, FIRST, 0, 0), None);
    assert_eq!(rate(&mut fleet, FIRST, 500, 1), Some(500));
    fleet.attach(&host(), SECOND, 20);
    assert_eq!(rate(&mut fleet, SECOND, 9000, 2), None);
    assert_eq!(rate(&mut fleet, SECOND, 9100, 3), Some(100));
}

#[test]
fn new_facts_change_a_host_and_the_same_ones_do_not() {
    let mut fleet = online();
    assert!(!fleet.learn(&host(), facts("pi")));
    assert!(fleet.learn(&host(), facts("pi-4")));
    let found = fleet.find(&host()).unwrap();
    assert_eq!(
        (found.facts.name.as_str(), found.session),
        ("pi-4", Some(FIRST))
    );
}

#[test]
fn nothing_that_an_older_session_tells_counts_once_another_has_shown_its_token() {
    let mut fleet = online();
    fleet.supersede(&host(), SECOND);
    assert!(fleet.live(&host(), FIRST).is_none());
    assert_eq!(fleet.list(&host(), FIRST, &[], 11), None);
    // It still ends, and the other one may never come.
    assert!(fleet.detach(&host(), FIRST, 12));
    assert_eq!(fleet.attach(&host(), FIRST, 13), None);
    assert_eq!(fleet.attach(&host(), SECOND, 14), Some(true));
    assert!(fleet.live(&host(), SECOND).is_some());
}
