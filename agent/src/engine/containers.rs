//! What the Engine tells about its containers: the list, one of them, their stats and logs.

use std::time::Duration;

use hyper::Method;
use pilotfish_protocol::{ContainerId, ContainerListing, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::connection::{Engine, within};
use super::error::EngineError;
use super::inspect::mask_env;
use super::listing::Missing;
use super::logs::{LogReader, LogText};
use super::op::Op;
use super::path::Encoded;
use super::version::ApiVersion;
use crate::identity::container_id::Neighbour;

/// How long completing a list may take in all, so that hundreds of slow questions do not outlast the server's patience (30 s).
const ADDITIONS_WAIT: Duration = Duration::from_secs(8);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: ContainerId,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedNeighbour {
    id: ContainerId,
    #[serde(default)]
    host_config: ListedHostConfig,
    #[serde(default)]
    mounts: Option<Vec<ListedMount>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedHostConfig {
    #[serde(default)]
    network_mode: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedMount {
    #[serde(default)]
    destination: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    state: InspectedState,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedState {
    #[serde(default)]
    started_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedImage {
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
}

impl Engine {
    /// Lists all containers, running or not, completed with when each was started and its image's digests.
    ///
    /// The additions are remembered from call to call; what cannot be learned about a container that is just going, or not within
    /// `ADDITIONS_WAIT`, is left out.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn list_containers(&self) -> Result<Vec<ContainerListing>, EngineError> {
        self.list_completed_within(ADDITIONS_WAIT).await
    }

    pub(super) async fn list_completed_within(
        &self,
        wait: Duration,
    ) -> Result<Vec<ContainerListing>, EngineError> {
        let path = "/containers/json?all=true";
        let mut containers: Vec<ContainerListing> =
            self.read_json(Op::ListContainers, path).await?;
        self.additions().keep_only(&containers);
        self.complete(&mut containers, wait).await?;
        Ok(containers)
    }

    /// Lists those of these containers that there are, running or not, completed as [`Engine::list_containers`] does.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn list_only(
        &self,
        ids: &[ContainerId],
    ) -> Result<Vec<ContainerListing>, EngineError> {
        let filters = serde_json::json!({ "id": ids }).to_string();
        let path = format!("/containers/json?all=true&filters={}", Encoded(&filters));
        let mut containers: Vec<ContainerListing> =
            self.read_json(Op::ListContainers, &path).await?;
        self.complete(&mut containers, ADDITIONS_WAIT).await?;
        Ok(containers)
    }

    async fn complete(
        &self,
        containers: &mut [ContainerListing],
        wait: Duration,
    ) -> Result<(), EngineError> {
        let missing = self.additions().missing(containers);
        let asked = within(Op::ListContainers, wait, self.ask(missing)).await;
        match asked {
            // What was learned counts; the rest is asked with the next list.
            Err(
                error @ EngineError::Timeout {
                    op: Op::ListContainers,
                    ..
                },
            ) => {
                log::debug!("list containers: not complete: {}", error.reason());
            }
            asked => asked?,
        }
        self.additions().complete(containers);
        Ok(())
    }

    /// The containers that run, paused ones among them, and nothing more about them.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn running_containers(&self) -> Result<Vec<ContainerId>, EngineError> {
        let listed: Vec<Listed> = self
            .read_json(Op::ListContainers, "/containers/json")
            .await?;
        Ok(listed.into_iter().map(|container| container.id).collect())
    }

    /// The containers that run, as far as it matters which of them the agent runs in.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn neighbours(&self) -> Result<Vec<Neighbour>, EngineError> {
        let listed: Vec<ListedNeighbour> = self
            .read_json(Op::ListContainers, "/containers/json")
            .await?;
        let neighbour = |listed: ListedNeighbour| {
            let mounts = listed.mounts.unwrap_or_default();
            Neighbour {
                id: listed.id,
                network_mode: listed.host_config.network_mode,
                mount_points: mounts.into_iter().map(|mount| mount.destination).collect(),
            }
        };
        Ok(listed.into_iter().map(neighbour).collect())
    }

    /// Learns what is `missing`, one after the other.
    async fn ask(&self, missing: Vec<Missing>) -> Result<(), EngineError> {
        for missing in missing {
            let asked = match missing {
                Missing::Start(id) => self
                    .started_at(&id)
                    .await
                    .map(|at| self.additions().started(&id, at)),
                Missing::Digests(image) => {
                    let digests = self.image_digests(&image).await;
                    digests.map(|digests| self.additions().digests(image, digests))
                }
            };
            match asked {
                Err(error) if error.is_unreachable() => return Err(error),
                Err(error) => log::debug!("list containers: {}", error.reason()),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Reads a container's inspect object as the Engine gives it, but for the values of its environment variables.
    ///
    /// # Errors
    ///
    /// [`EngineError`]; one larger than the cap is [`EngineError::TooLarge`].
    pub async fn inspect_container(&self, id: &ContainerId) -> Result<Box<RawValue>, EngineError> {
        let op = Op::InspectContainer;
        let path = format!("/containers/{id}/json");
        let object = self.call(op, Method::GET, &path, op.deadline()).await?;
        mask_env(&object).map_err(|source| EngineError::Json { op, source })
    }

    /// When a container was last started; `None` when it never was.
    async fn started_at(&self, id: &ContainerId) -> Result<Option<Timestamp>, EngineError> {
        let path = format!("/containers/{id}/json");
        let inspected: Inspected = self.read_json(Op::InspectContainer, &path).await?;
        let started_at = Timestamp::parse(&inspected.state.started_at);
        // The Engine writes 0001-01-01T00:00:00Z for never.
        Ok(started_at.filter(|at| at.unix_ms() > 0))
    }

    /// The digests under which registries know an image; empty for one that was never pulled or pushed, or is gone.
    async fn image_digests(&self, image_id: &str) -> Result<Vec<String>, EngineError> {
        let path = format!("/images/{}/json", Encoded(image_id));
        let image: Result<InspectedImage, _> = self.read_json(Op::InspectImage, &path).await;
        match image {
            Ok(image) => Ok(image.repo_digests.unwrap_or_default()),
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Reads a container's counters once, as the Engine's JSON; `sample::engine_stats` understands it.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn stats(&self, id: &ContainerId) -> Result<Vec<u8>, EngineError> {
        let op = Op::ReadStats;
        // Without `one-shot` the Engine takes a second sample first.
        let one_shot = if self.api().await? >= ApiVersion::ONE_SHOT_STATS {
            "&one-shot=true"
        } else {
            ""
        };
        let path = format!("/containers/{id}/stats?stream=false{one_shot}");
        self.call(op, Method::GET, &path, op.deadline()).await
    }

    /// Reads the last `tail` lines of a container's log, both streams in their true order, each line with the Engine's timestamp.
    ///
    /// Above the cap of [`Op::ReadLogs`] the first lines are kept, and the text says that it is cut.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn logs(&self, id: &ContainerId, tail: u32) -> Result<LogText, EngineError> {
        let op = Op::ReadLogs;
        let path =
            format!("/containers/{id}/logs?stdout=true&stderr=true&timestamps=true&tail={tail}");
        let read = within(op, op.deadline(), async {
            let mut answer = self.open(op, Method::GET, &path).await?;
            let mut reader = LogReader::new(op.limit_bytes());
            while !reader.is_done() {
                let piece = answer
                    .next()
                    .await
                    .map_err(|source| EngineError::Framing { op, source })?;
                let Some(piece) = piece else { break };
                reader.push(&piece);
            }
            Ok(reader.finish())
        });
        let log = read.await;
        self.learn(log.as_ref().err());
        log
    }
}
