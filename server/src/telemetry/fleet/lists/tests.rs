//! Changes of a list against a plain map.

use pilotfish_protocol::AgentId;
use proptest::prelude::*;

use super::*;
use crate::telemetry::fleet::{Agent, Facts, System};

const SESSION: SessionId = SessionId(1);

fn host() -> HostId {
    HostId::new("h1").unwrap()
}

fn online() -> Fleet {
    let mut fleet = Fleet::default();
    let facts = Facts {
        name: "pi".to_owned(),
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
    };
    fleet.learn(&host(), facts);
    fleet.attach(&host(), SESSION, 10);
    fleet
}

fn id(digit: u8) -> ContainerId {
    ContainerId::new(format!("{digit:012}{:052}", 0)).unwrap()
}

/// A listing with its hash: one container in one of two states.
fn listing(digit: u8, is_running: bool) -> (ListHash, ContainerListing) {
    let state = if is_running { "running" } else { "exited" };
    let text = format!(r#"{{"Id":"{}","State":"{state}"}}"#, id(digit));
    let listing = serde_json::from_str(&text).unwrap();
    (ListHash::of(text.as_bytes()), listing)
}

fn change(is_full: bool, set: &[(u8, bool)], gone: &[u8]) -> Change {
    Change {
        is_full,
        set: set
            .iter()
            .map(|(digit, state)| listing(*digit, *state))
            .collect(),
        gone: gone.iter().copied().map(id).collect(),
        hash: ListHash::default(),
    }
}

/// What the fleet holds: digits and whether they run.
fn held(fleet: &Fleet) -> BTreeMap<ShortId, bool> {
    let list = fleet.find(&host()).unwrap().list.as_ref().unwrap();
    let containers = list.containers.iter();
    containers
        .map(|(id, container)| (*id, container.state == State::Running))
        .collect()
}

#[test]
fn without_a_list_a_change_is_not_taken_and_nothing_is_held() {
    let mut fleet = online();
    let changed = fleet.change(&host(), SESSION, &change(false, &[(1, true)], &[]), 11);
    assert_eq!(changed.unwrap().held, None);
    assert!(fleet.find(&host()).unwrap().list.is_none());
    let full = fleet.change(&host(), SESSION, &change(true, &[], &[]), 12);
    assert_eq!(full.unwrap().held, Some(ListHash::default()));
}

#[test]
fn a_change_of_another_session_does_not_count() {
    let mut fleet = online();
    let change = change(true, &[(1, true)], &[]);
    assert_eq!(fleet.change(&host(), SessionId(2), &change, 11), None);
}

#[test]
fn a_change_says_whether_the_numbers_are_others() {
    let mut fleet = online();
    let mut are_other = |set: &[(u8, bool)], gone: &[u8]| {
        let is_full = set.len() > 1;
        let changed = fleet.change(&host(), SESSION, &change(is_full, set, gone), 11);
        changed.unwrap().are_counts_other
    };
    assert!(are_other(&[(1, true), (2, true)], &[]));
    assert!(!are_other(&[(1, true)], &[]));
    assert!(are_other(&[(1, false)], &[]));
    assert!(are_other(&[], &[2]));
    assert!(!are_other(&[(1, false)], &[2]));
}

proptest! {
    #[test]
    fn any_changes_end_with_the_list_and_the_hash_of_a_plain_map(
        changes in prop::collection::vec(
            (
                any::<bool>(),
                prop::collection::vec((0_u8..8, any::<bool>()), 0..6),
                prop::collection::vec(0_u8..8, 0..4),
            ),
            1..12,
        ),
    ) {
        let mut fleet = online();
        let mut model: Option<BTreeMap<u8, bool>> = None;
        for (is_full, set, gone) in changes {
            let told = change(is_full, &set, &gone);
            let changed = fleet.change(&host(), SESSION, &told, 11).unwrap();
            if is_full {
                model = Some(BTreeMap::new());
            }
            let Some(model) = &mut model else {
                prop_assert_eq!(changed.held, None);
                continue;
            };
            for digit in gone {
                model.remove(&digit);
            }
            model.extend(set);
            let of_model: BTreeMap<ShortId, bool> = model
                .iter()
                .map(|(digit, state)| (ShortId::of(&id(*digit)), *state))
                .collect();
            prop_assert_eq!(held(&fleet), of_model);
            let hashes = model.iter().map(|(digit, state)| listing(*digit, *state).0);
            let sum = hashes.fold(ListHash::default(), ListHash::plus);
            prop_assert_eq!(changed.held, Some(sum));
        }
    }
}
