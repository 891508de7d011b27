//! What the Engine tells about itself and its host.

use std::path::PathBuf;

use pilotfish_protocol::{EngineId, Timestamp};
use serde::Deserialize;

use super::connection::Engine;
use super::error::EngineError;
use super::op::Op;

/// What an Engine answers to `GET /info`, as far as it is used. A text that is missing is empty, a number that is missing 0.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EngineFacts {
    /// The Engine's id; `None` when it has none or one of a form that is not known.
    #[serde(rename = "ID", default, deserialize_with = "engine_id")]
    pub id: Option<EngineId>,
    /// The host's name.
    #[serde(default)]
    pub name: String,
    /// `linux`.
    #[serde(rename = "OSType", default)]
    pub os_type: String,
    /// Such as `Debian GNU/Linux 12 (bookworm)`.
    #[serde(default)]
    pub operating_system: String,
    /// Such as `6.1.0-13-amd64`.
    #[serde(default)]
    pub kernel_version: String,
    /// The Engine's own version.
    #[serde(default)]
    pub server_version: String,
    /// Memory of the host in bytes.
    #[serde(rename = "MemTotal", default)]
    pub memory_bytes: i64,
    /// CPUs of the host.
    #[serde(rename = "NCPU", default)]
    pub cpus: i64,
    /// Where the Engine keeps its data.
    #[serde(default)]
    pub docker_root_dir: PathBuf,
}

fn engine_id<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<EngineId>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| EngineId::new(text).ok()))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    created: Option<String>,
    #[serde(rename = "IPAM", default)]
    ipam: Option<Ipam>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ipam {
    #[serde(default)]
    config: Option<Vec<IpamConfig>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IpamConfig {
    #[serde(default)]
    subnet: String,
}

impl Engine {
    /// Reads the Engine's facts: `GET /info`.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn facts(&self) -> Result<EngineFacts, EngineError> {
        self.read_json(Op::ReadInfo, "/info").await
    }

    /// When the network `bridge` was made, which Docker does at each start; `None` when there is no such network.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn bridge_created_at(&self) -> Result<Option<Timestamp>, EngineError> {
        let network: Result<Network, _> =
            self.read_json(Op::ReadNetworks, "/networks/bridge").await;
        match network {
            Ok(network) => Ok(network.created.as_deref().and_then(Timestamp::parse)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The subnets of all networks in CIDR form, such as `172.17.0.0/16`.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn network_subnets(&self) -> Result<Vec<String>, EngineError> {
        let networks: Vec<Network> = self.read_json(Op::ReadNetworks, "/networks").await?;
        Ok(subnets(networks))
    }
}

fn subnets(networks: Vec<Network>) -> Vec<String> {
    let configs = networks
        .into_iter()
        .filter_map(|network| network.ipam?.config);
    let subnets = configs.flatten().map(|config| config.subnet);
    subnets.filter(|subnet| !subnet.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_that_are_missing_are_empty() {
        let facts: EngineFacts = serde_json::from_str(r#"{"ID":"","Extra":[1]}"#).unwrap();
        assert_eq!(
            (facts.id, facts.name.as_str(), facts.memory_bytes),
            (None, "", 0)
        );
    }

    #[test]
    fn recorded_facts_are_read() {
        let facts: EngineFacts = serde_json::from_str(include_str!("fixtures/info.json")).unwrap();
        assert!(facts.id.is_some());
        assert_eq!(
            (facts.os_type.as_str(), facts.server_version.as_str()),
            ("linux", "20.10.24+dfsg1")
        );
        assert_eq!((facts.memory_bytes, facts.cpus), (25_276_510_208, 2));
    }

    #[test]
    fn subnets_are_taken_from_all_networks_that_have_some() {
        let networks = r#"[
            {"Name":"bridge","IPAM":{"Driver":"default","Options":null,"Config":[{"Subnet":"172.17.0.0/16","Gateway":"172.17.0.1"}]}},
            {"Name":"host","IPAM":{"Config":null}},
            {"Name":"none","IPAM":null},
            {"Name":"six","IPAM":{"Config":[{"Subnet":"10.0.0.0/24"},{"Subnet":"fd00::/64"},{}]}}
        ]"#;
        let found = subnets(serde_json::from_str(networks).unwrap());
        assert_eq!(found, ["172.17.0.0/16", "10.0.0.0/24", "fd00::/64"]);
    }
}
