//! A server's model of the list beside the roll that feeds it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// What a server holds: the listings as they came.
#[derive(Debug, Default)]
struct Model {
    held: BTreeMap<ContainerId, String>,
}

impl Model {
    fn apply(&mut self, change: &ListChange) {
        if change.is_full {
            self.held.clear();
        }
        for listing in &change.set {
            let read: ContainerListing = serde_json::from_str(listing.get()).unwrap();
            self.held.insert(read.id, listing.get().to_owned());
        }
        for id in &change.gone {
            assert!(self.held.remove(id).is_some(), "{id:?} was never there");
        }
        assert_eq!(self.hash(), change.hash);
    }

    fn hash(&self) -> ListHash {
        self.held
            .values()
            .map(|text| ListHash::of(text.as_bytes()))
            .fold(ListHash::default(), ListHash::plus)
    }
}

fn id(n: u8) -> ContainerId {
    ContainerId::new(format!("{n:064x}")).unwrap()
}

/// A container in one of its states; `version` is anything else about it.
fn listing(n: u8, state: &str, version: u8) -> ContainerListing {
    let status = match state {
        "running" => "Up 5 minutes",
        "paused" => "Up 2 hours (Paused)",
        _ => "Exited (0) About an hour ago",
    };
    let text = format!(
        r#"{{"Id":"{}","Names":["/c{n}v{version}"],"State":"{state}","Status":"{status}"}}"#,
        id(n)
    );
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_first_list_is_all_new_and_the_same_list_again_is_no_change() {
    let mut roll = Roll::default();
    let list = || vec![listing(1, "running", 0), listing(2, "exited", 0)];
    let change = roll.replace(list()).unwrap();
    assert_eq!((change.set.len(), change.gone.len()), (2, 0));
    assert!(!change.is_full);
    assert!(roll.replace(list()).is_none());
    assert!(roll.update(&[id(1), id(2)], list()).is_none());
}

#[test]
fn a_container_that_only_grew_older_or_came_in_another_order_is_no_change() {
    let mut young = listing(1, "running", 0);
    let more = r#"{"Ports":[{"PrivatePort":80,"PublicPort":8080,"Type":"tcp","IP":"0.0.0.0"},
        {"PrivatePort":80,"PublicPort":8080,"Type":"tcp","IP":"::"},{"PrivatePort":53,"Type":"udp"}],
        "Mounts":[{"Type":"bind","Destination":"/b"},{"Type":"bind","Destination":"/a"}],"Id":"0123456789ab"}"#;
    let more: ContainerListing = serde_json::from_str(more).unwrap();
    (young.ports, young.mounts) = (more.ports, more.mounts);
    young.names = vec!["/other/alias".into(), "/own".into()];
    young.repo_digests = vec!["b@sha256:2".into(), "a@sha256:1".into()];
    let mut old = young.clone();
    old.status = "Up 2 weeks".into();
    old.ports.reverse();
    old.mounts.reverse();
    old.names.reverse();
    old.repo_digests.reverse();
    let mut roll = Roll::default();
    let set = roll.replace(vec![young]).unwrap().set;
    assert!(set[0].get().contains(r#""Status":"Up""#), "{}", set[0]);
    assert!(roll.replace(vec![old]).is_none());
    assert_eq!(&*roll.running()[0].name, "own");
}

#[test]
fn who_was_asked_and_not_found_is_gone_and_who_was_not_asked_stays() {
    let mut roll = Roll::default();
    let all = [1, 2, 3].map(|n| listing(n, "running", 0)).into();
    roll.replace(all).unwrap();
    let asked = [id(1), id(2), id(9)];
    let change = roll.update(&asked, vec![listing(2, "exited", 0)]).unwrap();
    assert_eq!(change.gone, [id(1)]);
    assert_eq!(change.set.len(), 1);
    let running: Vec<_> = roll.running().into_iter().map(|c| c.id).collect();
    assert_eq!(running, [id(3)]);
}

#[test]
fn a_paused_container_runs_and_a_new_name_is_told() {
    let mut roll = Roll::default();
    roll.replace(vec![listing(1, "paused", 0)]).unwrap();
    assert_eq!(&*roll.running()[0].name, "c1v0");
    roll.update(&[id(1)], vec![listing(1, "running", 1)])
        .unwrap();
    assert_eq!(&*roll.running()[0].name, "c1v1");
}

#[test]
fn a_list_of_nothing_is_told_only_to_a_server_that_wants_all() {
    let mut roll = Roll::default();
    assert!(roll.replace(Vec::new()).is_none());
    let change = roll.restate(Vec::new());
    assert!(change.is_full && change.set.is_empty());
    assert_eq!(change.hash, ListHash::default());
}

/// The Engine's side: version and state of each container there is.
type World = BTreeMap<u8, (u8, bool)>;

fn list_of(world: &World, ids: impl Fn(u8) -> bool) -> Vec<ContainerListing> {
    let listed = world.iter().filter(|(n, _)| ids(**n));
    listed
        .map(|(n, (version, is_running))| {
            listing(*n, if *is_running { "running" } else { "exited" }, *version)
        })
        .collect()
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8, bool),
    Remove(u8),
    AskAll,
    AskSome(BTreeSet<u8>),
    Restate,
    /// The answer names a container twice, or one that was not asked.
    AskOddly(BTreeSet<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let some = || prop::collection::btree_set(0_u8..12, 0..8);
    prop_oneof![
        8 => (0_u8..12, 0_u8..3, any::<bool>()).prop_map(|(n, v, r)| Step::Put(n, v, r)),
        4 => (0_u8..12).prop_map(Step::Remove),
        2 => Just(Step::AskAll),
        4 => some().prop_map(Step::AskSome),
        1 => Just(Step::Restate),
        1 => some().prop_map(Step::AskOddly),
    ]
}

proptest! {
    #[test]
    fn a_server_that_applies_the_changes_holds_the_engines_list(steps in prop::collection::vec(step(), 0..60)) {
        let mut world = World::new();
        let (mut roll, mut model) = (Roll::default(), Model::default());
        let is_one_of = |ids: &BTreeSet<u8>| { let ids = ids.clone(); move |n| ids.contains(&n) };
        let named = |ids: &BTreeSet<u8>| ids.iter().map(|n| id(*n)).collect::<Vec<_>>();
        for step in steps.into_iter().chain([Step::AskAll]) {
            let change = match step {
                Step::Put(n, version, is_running) => {
                    world.insert(n, (version, is_running));
                    None
                }
                Step::Remove(n) => {
                    world.remove(&n);
                    None
                }
                Step::AskAll => roll.replace(list_of(&world, |_| true)),
                Step::AskSome(ids) => roll.update(&named(&ids), list_of(&world, is_one_of(&ids))),
                Step::Restate => Some(roll.restate(list_of(&world, |_| true))),
                Step::AskOddly(ids) => {
                    let mut found = list_of(&world, |_| true);
                    found.extend(list_of(&world, is_one_of(&ids)));
                    roll.update(&named(&ids), found)
                }
            };
            if let Some(change) = change {
                model.apply(&change);
            }
            prop_assert_eq!(model.hash(), roll.hash());
        }
        let mut fresh = Roll::default();
        let whole = fresh.restate(list_of(&world, |_| true));
        let expected: Vec<_> = whole.set.iter().map(|listing| listing.get().to_owned()).collect();
        prop_assert_eq!(model.held.into_values().collect::<Vec<_>>(), expected);
        prop_assert_eq!(roll.hash(), fresh.hash());
        prop_assert_eq!(roll.running(), fresh.running());
    }
}

#[test]
fn of_a_name_without_end_only_what_is_told_is_kept() {
    let mut roll = Roll::default();
    let name = "ü".repeat(5000);
    let text = format!(
        r#"{{"Id":"{}","Names":["/{name}"],"State":"running"}}"#,
        id(1)
    );
    assert!(
        roll.replace(vec![serde_json::from_str(&text).unwrap()])
            .is_some()
    );
    assert_eq!(&*roll.running()[0].name, &name[..NAME_LEN - 1]);
}
