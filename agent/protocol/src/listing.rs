//! Pure: one element of the container list, the Engine's own shape with two additions.
//!
//! Source: Docker Engine API, `GET /containers/json`. Environment variables are not part of it: they stay on the host.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::ContainerId;
use crate::lenient;
use crate::time::{self, Timestamp};

/// One container as `list_containers` answers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerListing {
    /// Full id.
    pub id: ContainerId,
    /// Names with a leading slash; see [`ContainerListing::name`].
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub names: Vec<String>,
    /// The image as given at creation.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub image: String,
    /// The image's id.
    #[serde(
        default,
        rename = "ImageID",
        deserialize_with = "lenient::null_as_default"
    )]
    pub image_id: String,
    /// The command line.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub command: String,
    /// Unix seconds of its creation.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub created: i64,
    /// Ports it offers.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub ports: Vec<Port>,
    /// Its labels.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub labels: BTreeMap<String, String>,
    /// `running`, `exited`, `paused` …
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub state: String,
    /// The Engine's words for a person: `Up 3 minutes`.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub status: String,
    /// The little of its host configuration that a list holds.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub host_config: HostConfig,
    /// Networks it is connected to.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub network_settings: NetworkSettings,
    /// What is mounted into it.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub mounts: Vec<Mount>,
    /// Addition: digests under which registries know the image.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub repo_digests: Vec<String>,
    /// Addition: when it was last started.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "time::optional"
    )]
    pub started_at: Option<Timestamp>,
}

impl ContainerListing {
    /// The container's own name without slash; its short id when the Engine gave none.
    #[must_use]
    pub fn name(&self) -> &str {
        let mut names = self.names.iter().map(|name| name.trim_start_matches('/'));
        // A legacy link adds names of the form `other/alias`, and an Engine may put them first.
        names
            .find(|name| !name.is_empty() && !name.contains('/'))
            .unwrap_or_else(|| self.id.short())
    }
}

/// One port of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Port {
    /// Host address it is published on.
    #[serde(
        rename = "IP",
        skip_serializing_if = "String::is_empty",
        deserialize_with = "lenient::null_as_default"
    )]
    pub ip: String,
    /// Port inside the container.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub private_port: u16,
    /// Port on the host, when published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_port: Option<u16>,
    /// `tcp`, `udp`, `sctp`.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub r#type: String,
}

/// Host configuration as far as a list tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostConfig {
    /// `bridge`, `host`, `container:ID` …
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub network_mode: String,
}

/// Networks of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkSettings {
    /// Endpoints by the network's name.
    #[serde(deserialize_with = "networks")]
    pub networks: BTreeMap<String, Endpoint>,
}

/// Reads endpoints by name; the Engine may give `null` for one that is going.
fn networks<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Endpoint>, D::Error> {
    let all: BTreeMap<String, Option<Endpoint>> = lenient::null_as_default(deserializer)?;
    Ok(all
        .into_iter()
        .filter_map(|(name, endpoint)| Some((name, endpoint?)))
        .collect())
}

/// A container's place in one network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Endpoint {
    /// The network's id.
    #[serde(rename = "NetworkID", deserialize_with = "lenient::null_as_default")]
    pub network_id: String,
    /// IPv4 address, empty when it has none.
    #[serde(rename = "IPAddress", deserialize_with = "lenient::null_as_default")]
    pub ip_address: String,
    /// IPv4 gateway.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub gateway: String,
    /// IPv6 address, empty when it has none.
    #[serde(
        rename = "GlobalIPv6Address",
        deserialize_with = "lenient::null_as_default"
    )]
    pub global_ipv6_address: String,
    /// MAC address.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub mac_address: String,
}

/// One mount of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Mount {
    /// `bind`, `volume`, `tmpfs`.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub r#type: String,
    /// The volume's name.
    #[serde(
        skip_serializing_if = "String::is_empty",
        deserialize_with = "lenient::null_as_default"
    )]
    pub name: String,
    /// Path on the host.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub source: String,
    /// Path in the container.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub destination: String,
    /// Options such as `z`.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub mode: String,
    /// Whether it can be written.
    #[serde(rename = "RW", deserialize_with = "lenient::null_as_default")]
    pub is_writable: bool,
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[track_caller]
    fn listing(fields: &str) -> ContainerListing {
        serde_json::from_str(&format!(r#"{{"Id":"0123456789abcdef"{fields}}}"#)).unwrap()
    }

    #[track_caller]
    fn check_name(names: &str, expected: &str) {
        assert_eq!(listing(&format!(r#","Names":{names}"#)).name(), expected);
    }

    #[test]
    fn the_name_is_the_containers_own_one_or_its_short_id() {
        check_name(r#"["/web"]"#, "web");
        check_name(r#"["web"]"#, "web");
        check_name(r#"["/proxy/backend","/web"]"#, "web");
        check_name("[]", "0123456789ab");
        check_name("null", "0123456789ab");
        check_name(r#"["/"]"#, "0123456789ab");
    }

    #[test]
    fn a_null_is_an_absent_field_at_every_level() {
        let nulls = r#","Names":null,"Image":null,"ImageID":null,"Command":null,"Created":null,"Ports":null,"Labels":null,
            "State":null,"Status":null,"HostConfig":null,"NetworkSettings":null,"Mounts":null,"RepoDigests":null,"StartedAt":null"#;
        assert_eq!(listing(nulls), listing(""));
        let inner = r#","Ports":[{"IP":null,"PublicPort":null}],"HostConfig":{"NetworkMode":null},
            "NetworkSettings":{"Networks":null},"Mounts":[{"Name":null,"RW":null}]"#;
        let absent = r#","Ports":[{}],"HostConfig":{},"NetworkSettings":{},"Mounts":[{}]"#;
        assert_eq!(listing(inner), listing(absent));
    }

    #[test]
    fn an_endpoint_that_is_null_is_left_out() {
        let listing =
            listing(r#","NetworkSettings":{"Networks":{"gone":null,"bridge":{"NetworkID":"n"}}}"#);
        let names: Vec<&str> = listing
            .network_settings
            .networks
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(names, ["bridge"]);
    }
}
