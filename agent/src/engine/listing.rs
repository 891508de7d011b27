//! Pure: what the container list needs beyond the Engine's list, remembered so that it is asked once.

use std::collections::{BTreeMap, BTreeSet};

use pilotfish_protocol::{ContainerEvent, ContainerId, ContainerListing, Timestamp};

/// When containers were started and under which digests registries know their images.
///
/// Holds no more than the list read last does.
#[derive(Debug, Default)]
pub struct Additions {
    started: BTreeMap<ContainerId, Start>,
    digests: BTreeMap<String, Vec<String>>,
}

/// What is known of a container's last start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// It is being asked; an event that makes the answer untrue takes this mark away.
    Asked,
    /// When it was; `None`: it was never started.
    Known(Option<Timestamp>),
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
    /// What is not known of `containers`, each named once.
    #[must_use]
    pub fn missing(&mut self, containers: &[ContainerListing]) -> Vec<Missing> {
        let mut images = BTreeSet::new();
        let mut missing = Vec::new();
        for container in containers {
            let is_known = match self.started.get(&container.id) {
                // A start whose event has not been read yet.
                Some(Start::Known(None)) => container.state != "running",
                Some(Start::Known(Some(_))) => true,
                Some(Start::Asked) | None => false,
            };
            if !is_known {
                self.started.insert(container.id.clone(), Start::Asked);
                missing.push(Missing::Start(container.id.clone()));
            }
            let image = container.image_id.as_str();
            if !image.is_empty() && !self.digests.contains_key(image) && images.insert(image) {
                missing.push(Missing::Digests(image.to_owned()));
            }
        }
        missing
    }

    /// Forgets whatever `containers`, which are all there are, do not mention.
    pub fn keep_only(&mut self, containers: &[ContainerListing]) {
        let ids: BTreeSet<&ContainerId> = containers.iter().map(|c| &c.id).collect();
        let images: BTreeSet<&str> = containers.iter().map(|c| c.image_id.as_str()).collect();
        self.started.retain(|id, _| ids.contains(id));
        self.digests
            .retain(|image, _| images.contains(image.as_str()));
    }

    /// Remembers when a container was started, `None` for never, unless an event came in between.
    pub fn started(&mut self, id: &ContainerId, at: Option<Timestamp>) {
        if let Some(start @ Start::Asked) = self.started.get_mut(id) {
            *start = Start::Known(at);
        }
    }

    /// Remembers an image's digests.
    pub fn digests(&mut self, image_id: String, digests: Vec<String>) {
        self.digests.insert(image_id, digests);
    }

    /// Puts what is known into the list.
    pub fn complete(&self, containers: &mut [ContainerListing]) {
        for container in containers {
            container.started_at = match self.started.get(&container.id) {
                Some(Start::Known(at)) => *at,
                Some(Start::Asked) | None => None,
            };
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
        additions.started(a, Some(at()));
        additions.started(b, Some(at()));
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
        additions.started(&list[0].id, None);
        assert_eq!(additions.missing(&list), [], "never started is an answer");
        list[0].state = "running".into();
        assert_eq!(additions.missing(&list), asked);
        additions.started(&list[0].id, Some(at()));
        additions.note(&event(&list[0], "die"));
        assert_eq!(additions.missing(&list), []);
        additions.note(&event(&list[0], "start"));
        assert_eq!(additions.missing(&list), asked);
    }

    #[test]
    fn an_answer_that_an_event_overtook_is_not_remembered() {
        let list = [container('a', "", "running")];
        let mut additions = Additions::default();
        let asked = additions.missing(&list);
        additions.note(&event(&list[0], "start"));
        additions.started(&list[0].id, Some(at()));
        let mut done = list.clone();
        additions.complete(&mut done);
        assert_eq!(done[0].started_at, None);
        assert_eq!(additions.missing(&list), asked);
    }

    #[test]
    fn what_left_the_list_is_forgotten() {
        let list = [container('a', "img", "running")];
        let mut additions = Additions::default();
        let asked = additions.missing(&list);
        additions.started(&list[0].id, Some(at()));
        additions.digests("img".into(), Vec::new());
        additions.keep_only(&list);
        assert_eq!(additions.missing(&list), []);
        additions.keep_only(&[]);
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
