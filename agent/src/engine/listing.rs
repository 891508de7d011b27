//! Pure: what the container list needs beyond the Engine's list, remembered so that it is asked once.

use std::collections::{BTreeMap, BTreeSet};

use pilotfish_protocol::{ContainerEvent, ContainerId, ContainerListing, Timestamp};

/// When containers were started and under which digests registries know their images.
///
/// Holds no more than the list read last does.
#[derive(Debug, Default)]
pub struct Additions {
    started: BTreeMap<ContainerId, Option<Timestamp>>,
    digests: BTreeMap<String, Vec<String>>,
}

/// Something that has to be asked to complete a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// When this container was started.
    Start(ContainerId),
    /// The digests of the image with this id.
    Digests(String),
}

impl Additions {
    /// What is not known of `containers`, each named once. Forgets whatever the list does not mention.
    #[must_use]
    pub fn missing(&mut self, containers: &[ContainerListing]) -> Vec<Missing> {
        let mut before = std::mem::take(self);
        let mut images = BTreeSet::new();
        let mut missing = Vec::new();
        for container in containers {
            match before.started.remove(&container.id) {
                // A start whose event has not been read yet.
                Some(None) if container.state == "running" => {
                    missing.push(Missing::Start(container.id.clone()));
                }
                Some(known) => self.started(container.id.clone(), known),
                None => missing.push(Missing::Start(container.id.clone())),
            }
            let image = container.image_id.as_str();
            if image.is_empty() || !images.insert(image) {
                continue;
            }
            match before.digests.remove(image) {
                Some(known) => self.digests(image.to_owned(), known),
                None => missing.push(Missing::Digests(image.to_owned())),
            }
        }
        missing
    }

    /// Remembers when a container was started, `None` for never.
    pub fn started(&mut self, id: ContainerId, at: Option<Timestamp>) {
        self.started.insert(id, at);
    }

    /// Remembers an image's digests.
    pub fn digests(&mut self, image_id: String, digests: Vec<String>) {
        self.digests.insert(image_id, digests);
    }

    /// Puts what is known into the list.
    pub fn complete(&self, containers: &mut [ContainerListing]) {
        for container in containers {
            container.started_at = self.started.get(&container.id).copied().flatten();
            let digests = self.digests.get(&container.image_id);
            container.repo_digests = digests.cloned().unwrap_or_default();
        }
    }

    /// Forgets what an event made untrue.
    pub fn note(&mut self, event: &ContainerEvent) {
        if matches!(event.action.as_str(), "start" | "restart" | "destroy") {
            self.started.remove(&event.container_id);
        }
    }

    /// Forgets everything: events may have been missed.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(id: char, image: &str, state: &str) -> ContainerListing {
        let id = String::from(id).repeat(64);
        let text = format!(r#"{{"Id":"{id}","ImageID":"{image}","State":"{state}"}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn event(container: &ContainerListing, action: &str) -> ContainerEvent {
        let text = format!(
            r#"{{"container_id":"{}","action":"{action}"}}"#,
            container.id
        );
        serde_json::from_str(&text).unwrap()
    }

    fn at() -> Timestamp {
        Timestamp::from_unix_ms(1000)
    }

    #[test]
    fn each_container_and_each_image_is_asked_once() {
        let list = [
            container('a', "img", "running"),
            container('b', "img", "running"),
        ];
        let mut additions = Additions::default();
        let [a, b] = [&list[0].id, &list[1].id];
        let expected = [
            Missing::Start(a.clone()),
            Missing::Digests("img".into()),
            Missing::Start(b.clone()),
        ];
        assert_eq!(additions.missing(&list), expected);
        additions.started(a.clone(), Some(at()));
        additions.started(b.clone(), Some(at()));
        additions.digests("img".into(), vec!["x@sha256:1".into()]);
        assert_eq!(additions.missing(&list), []);
        let mut done = list;
        additions.complete(&mut done);
        assert!(
            done.iter()
                .all(|c| c.started_at == Some(at()) && c.repo_digests == ["x@sha256:1"])
        );
    }

    #[test]
    fn a_start_is_asked_again_when_an_event_or_the_list_says_so() {
        let mut list = [container('a', "", "created")];
        let mut additions = Additions::default();
        let asked = [Missing::Start(list[0].id.clone())];
        assert_eq!(additions.missing(&list), asked);
        additions.started(list[0].id.clone(), None);
        assert_eq!(additions.missing(&list), [], "never started is an answer");
        list[0].state = "running".into();
        assert_eq!(additions.missing(&list), asked);
        additions.started(list[0].id.clone(), Some(at()));
        additions.note(&event(&list[0], "die"));
        assert_eq!(additions.missing(&list), []);
        additions.note(&event(&list[0], "start"));
        assert_eq!(additions.missing(&list), asked);
    }

    #[test]
    fn what_left_the_list_is_forgotten() {
        let list = [container('a', "img", "running")];
        let mut additions = Additions::default();
        let asked = additions.missing(&list);
        additions.started(list[0].id.clone(), Some(at()));
        additions.digests("img".into(), Vec::new());
        assert_eq!(additions.missing(&[]), []);
        assert!(additions.started.is_empty() && additions.digests.is_empty());
        assert_eq!(additions.missing(&list), asked);
    }

    #[test]
    fn a_recorded_list_is_read() {
        let recorded = include_str!("fixtures/list.json");
        let list: Vec<ContainerListing> = serde_json::from_str(recorded).unwrap();
        let names: Vec<_> = list.iter().map(ContainerListing::name).collect();
        assert_eq!(names, ["neverrun", "tty", "web"]);
        assert_eq!(list[2].labels["a"], "b");
    }
}
