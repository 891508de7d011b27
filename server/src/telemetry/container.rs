//! Pure: what is kept of a container, out of what an agent lists; bounded, and without environment variables.

use std::collections::BTreeMap;

use pilotfish_protocol::{ContainerListing, ContainerStats, ListHash, Percent};

use crate::telemetry::rates::Counter;
use crate::telemetry::sample::{ContainerSample, Rates, hundredths};

/// Longest name, image and status that is kept, in bytes.
const TEXT_LEN: usize = 512;
/// Most labels that are kept of one container, and the longest value.
const LABELS: usize = 128;
const LABEL_LEN: usize = 1024;
/// Most ports that are kept of one container.
const PORTS: usize = 128;

/// Images whose containers are agents: what stops one loses the host.
const AGENT_IMAGES: [&str; 2] = ["pilotfish-agent", "dockmon-agent"];

/// A container as it was last listed, with its latest sample.
#[derive(Debug, Clone)]
pub struct Container {
    /// Its own name, without slash.
    pub name: String,
    /// The image as given at creation.
    pub image: String,
    /// What it is doing.
    pub state: State,
    /// The Engine's words for that.
    pub status: String,
    /// When it was made.
    pub created_unix_ms: Option<u64>,
    /// When it was last started.
    pub started_unix_ms: Option<u64>,
    /// `8080:80/tcp` when published, else `80/tcp`.
    pub ports: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it looks like an agent.
    pub is_agent: bool,
    /// The hash of its listing, where the agent and this server compare what they hold.
    pub hash: Option<ListHash>,
    /// Its latest sample, while that is fresh and the container runs.
    pub sample: Option<Box<ContainerSample>>,
    counters: Option<Box<Counters>>,
}

/// What a container is doing, in the Engine's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running,
    /// Its processes are frozen.
    Paused,
    /// It ended and is started again.
    Restarting,
    /// It was never started.
    Created,
    /// It ended.
    Exited,
    /// It could not be removed as a whole.
    Dead,
    /// It is being removed.
    Removing,
    /// A word this program does not know.
    Unknown,
}

/// What the rates of an agent of the base dialect are counted from.
#[derive(Debug, Clone, Default)]
struct Counters {
    received: Counter,
    sent: Counter,
    read: Counter,
    written: Counter,
}

impl State {
    /// Reads the Engine's word.
    pub fn from_word(word: &str) -> Self {
        match word {
            "running" => Self::Running,
            "paused" => Self::Paused,
            "restarting" => Self::Restarting,
            // Podman says `configured` and `initialized` before the first start, and `stopped` after.
            "created" | "configured" | "initialized" => Self::Created,
            "exited" | "stopped" => Self::Exited,
            "dead" => Self::Dead,
            "removing" => Self::Removing,
            _ => Self::Unknown,
        }
    }

    /// Gives the API's word.
    pub fn as_word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Created => "created",
            Self::Exited => "exited",
            Self::Dead => "dead",
            Self::Removing => "removing",
            Self::Unknown => "unknown",
        }
    }

    /// Tells whether a container in this state has processes that can be measured.
    pub fn is_alive(self) -> bool {
        match self {
            Self::Running | Self::Paused | Self::Restarting => true,
            Self::Created | Self::Exited | Self::Dead | Self::Removing | Self::Unknown => false,
        }
    }
}

impl Container {
    /// Takes what is kept of a listed container. `before` is the same container of the list before: its sample goes on
    /// while the container lives, unless it was started again in between.
    pub fn of(listing: &ContainerListing, hash: Option<ListHash>, before: Option<Self>) -> Self {
        let state = State::from_word(&listing.state);
        let started_unix_ms = listing
            .started_at
            .and_then(|at| u64::try_from(at.unix_ms()).ok());
        let (sample, counters) = before
            .filter(|before| state.is_alive() && before.started_unix_ms == started_unix_ms)
            .map_or_else(Default::default, |before| (before.sample, before.counters));
        Self {
            name: cut(listing.name(), TEXT_LEN),
            image: cut(&listing.image, TEXT_LEN),
            state,
            status: cut(&listing.status, TEXT_LEN),
            created_unix_ms: u64::try_from(listing.created)
                .ok()
                .filter(|seconds| *seconds > 0)
                .map(|seconds| seconds.saturating_mul(1000)),
            started_unix_ms,
            ports: ports(listing),
            labels: listing
                .labels
                .iter()
                .take(LABELS)
                .map(|(name, value)| (cut(name, LABEL_LEN), cut(value, LABEL_LEN)))
                .collect(),
            is_agent: is_agent_image(&listing.image),
            hash,
            sample,
            counters,
        }
    }

    /// Takes a sample of the base dialect, received at `at_unix_ms`; `false` when a container in this state has none.
    pub fn measure(
        &mut self,
        stats: &ContainerStats,
        now: std::time::Instant,
        at_unix_ms: u64,
    ) -> bool {
        let counters = self.counters.get_or_insert_default();
        let rates = Rates {
            received: counters.received.rate(stats.network_rx, now),
            sent: counters.sent.rate(stats.network_tx, now),
            read: counters.read.rate(stats.disk_read, now),
            written: counters.written.rate(stats.disk_write, now),
        };
        let percent = |percent: Percent| hundredths(percent.as_f64());
        self.put(ContainerSample {
            at_unix_ms,
            cpu_percent: stats.cpu_percent.and_then(percent),
            memory_bytes: stats.memory_usage,
            // The Engine writes 0, some agents a number near 2⁶³, where there is no limit.
            memory_limit_bytes: stats
                .memory_limit
                .filter(|limit| (1..1 << 62).contains(limit)),
            memory_percent: stats.memory_percent.and_then(percent),
            network_rx_bytes: stats.network_rx,
            network_tx_bytes: stats.network_tx,
            disk_read_bytes: stats.disk_read,
            disk_write_bytes: stats.disk_write,
            rates,
            ..ContainerSample::default()
        })
    }

    /// Takes a sample; `false` when a container in this state has none.
    pub fn put(&mut self, sample: ContainerSample) -> bool {
        let is_alive = self.state.is_alive();
        if is_alive {
            self.sample = Some(Box::new(sample));
        }
        is_alive
    }

    /// Forgets what rates are counted from: the next sample comes over another connection.
    pub fn forget_counters(&mut self) {
        self.counters = None;
    }
}

/// Cuts `text` to at most `max` bytes at a character's border.
pub fn cut(text: &str, max: usize) -> String {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

fn is_agent_image(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or_default();
    let name = last.split([':', '@']).next().unwrap_or_default();
    AGENT_IMAGES.contains(&name)
}

/// Gives each port once: an Engine lists a published one for IPv4 and for IPv6.
fn ports(listing: &ContainerListing) -> Vec<String> {
    let mut ports: Vec<_> = listing
        .ports
        .iter()
        .map(|port| {
            let public = port.public_port.filter(|public| *public > 0);
            (port.private_port, public, port.r#type.as_str())
        })
        .collect();
    ports.sort_unstable();
    ports.dedup();
    let text = |(private, public, kind): (u16, Option<u16>, &str)| {
        let kind = cut(kind, 8);
        match public {
            Some(public) => format!("{public}:{private}/{kind}"),
            None => format!("{private}/{kind}"),
        }
    };
    ports.into_iter().take(PORTS).map(text).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn listing(json: &str) -> ContainerListing {
        serde_json::from_str(json).unwrap()
    }

    fn running(started: &str) -> ContainerListing {
        listing(&format!(
            r#"{{"Id":"0123456789ab","State":"running","StartedAt":"{started}"}}"#
        ))
    }

    fn stats(rx: u64) -> ContainerStats {
        serde_json::from_str(&format!(
            r#"{{"container_id":"0123456789ab","cpu_percent":1.5,"network_rx":{rx},"network_tx":0,"memory_limit":0}}"#
        ))
        .unwrap()
    }

    #[test]
    fn every_state_word_is_told_back() {
        for word in [
            "running",
            "paused",
            "restarting",
            "created",
            "exited",
            "dead",
            "removing",
        ] {
            assert_eq!(State::from_word(word).as_word(), word);
        }
        assert_eq!(State::from_word("stopped"), State::Exited);
        assert_eq!(State::from_word("on fire").as_word(), "unknown");
    }

    #[test]
    fn ports_are_told_once_and_in_order() {
        let listing = listing(
            r#"{"Id":"0123456789ab","Ports":[
                {"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},
                {"IP":"::","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},
                {"PrivatePort":53,"Type":"udp"}]}"#,
        );
        assert_eq!(
            Container::of(&listing, None, None).ports,
            ["53/udp", "8080:80/tcp"]
        );
    }

    #[test]
    fn agents_are_known_by_their_image() {
        for image in [
            "pilotfish-agent",
            "ghcr.io/x/pilotfish-agent:0.1",
            "a/dockmon-agent@sha256:1",
        ] {
            assert!(is_agent_image(image), "{image}");
        }
        for image in ["nginx", "pilotfish-agent/web", "my-pilotfish-agent", ""] {
            assert!(!is_agent_image(image), "{image}");
        }
    }

    #[test]
    fn unknown_numbers_stay_unknown() {
        let mut container = Container::of(&running("2026-01-01T00:00:00Z"), None, None);
        assert!(container.measure(&stats(5), crate::clock::now(), 7));
        let sample = container.sample.unwrap();
        assert_eq!(sample.cpu_percent, Some(1.5));
        assert_eq!(
            (sample.memory_bytes, sample.memory_limit_bytes),
            (None, None)
        );
        assert_eq!(sample.rates.network(), None);
    }

    #[test]
    fn a_sample_ends_with_the_run_it_belongs_to() {
        let now = crate::clock::now();
        let mut first = Container::of(&running("2026-01-01T00:00:00Z"), None, None);
        first.measure(&stats(0), now, 1);
        let mut same = Container::of(&running("2026-01-01T00:00:00Z"), None, Some(first));
        assert!(same.sample.is_some());
        same.measure(&stats(1000), now + Duration::from_secs(1), 2);
        assert_eq!(same.sample.as_ref().unwrap().rates.network(), Some(1000));
        let again = Container::of(&running("2026-01-01T00:00:05Z"), None, Some(same.clone()));
        assert!(again.sample.is_none());
        let exited =
            listing(r#"{"Id":"0123456789ab","State":"exited","StartedAt":"2026-01-01T00:00:00Z"}"#);
        let mut exited = Container::of(&exited, None, Some(same));
        assert!(exited.sample.is_none());
        assert!(!exited.measure(&stats(0), now, 3));
    }

    #[test]
    fn long_texts_are_cut_at_a_characters_border() {
        assert_eq!(cut("aü", 2), "a");
        assert_eq!(cut("aü", 3), "aü");
        assert_eq!(cut("", 3), "");
    }
}
