//! The first process of a container, by which the kernel's files about it are found.

use pilotfish_protocol::ContainerId;
use serde::Deserialize;

use super::connection::Engine;
use super::error::EngineError;
use super::op::Op;

/// The first process of a running container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContainerProcess {
    /// Its id on the Engine's host.
    pub pid: u32,
    /// Whether the container was made with the host's network.
    pub has_hosts_network: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    state: InspectedState,
    #[serde(default)]
    host_config: InspectedHostConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedState {
    #[serde(default)]
    pid: u32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedHostConfig {
    #[serde(default)]
    network_mode: String,
}

impl Engine {
    /// Asks for a container's first process; `None` when it does not run.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn process(&self, id: &ContainerId) -> Result<Option<ContainerProcess>, EngineError> {
        let path = format!("/containers/{id}/json");
        let inspected: Inspected = self.read_json(Op::InspectContainer, &path).await?;
        Ok(inspected.process())
    }
}

impl Inspected {
    fn process(&self) -> Option<ContainerProcess> {
        (self.state.pid > 0).then(|| ContainerProcess {
            pid: self.state.pid,
            has_hosts_network: self.host_config.network_mode == "host",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_that_does_not_run_has_no_process() {
        #[track_caller]
        fn check(inspected: &str, expected: Option<(u32, bool)>) {
            let inspected: Inspected = serde_json::from_str(inspected).unwrap();
            let expected = expected.map(|(pid, has_hosts_network)| ContainerProcess {
                pid,
                has_hosts_network,
            });
            assert_eq!(inspected.process(), expected);
        }
        check(r#"{"State":{"Status":"exited","Pid":0}}"#, None);
        check(r#"{"State":{}}"#, None);
        check(
            r#"{"State":{"Pid":7},"HostConfig":{"NetworkMode":"none"}}"#,
            Some((7, false)),
        );
        check(
            r#"{"State":{"Pid":8},"HostConfig":{"NetworkMode":"host"}}"#,
            Some((8, true)),
        );
    }
}
