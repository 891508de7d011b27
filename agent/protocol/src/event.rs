//! Pure: what happened to a container, as the Engine tells it.

use alloc::collections::BTreeMap;
use alloc::string::String;

use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::ContainerId;
use crate::lenient::{self, Scalar};
use crate::limits;
use crate::time::{self, Timestamp};

/// One Engine event of type container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerEvent {
    /// The container's full id.
    pub container_id: ContainerId,
    /// Its name at that moment, without slash.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub container_name: String,
    /// The image it was made from, as given.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub image: String,
    /// The Engine's word: `start`, `die`, `kill`, `health_status: healthy` …
    pub action: String,
    /// When it happened, by the Engine's clock.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "time::optional"
    )]
    pub timestamp: Option<Timestamp>,
    /// The event's own details, such as `exitCode` of a `die`.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "attributes"
    )]
    pub attributes: BTreeMap<String, String>,
}

fn attributes<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let all =
        Option::<BTreeMap<String, Scalar<'de>>>::deserialize(deserializer)?.unwrap_or_default();
    let texts = all
        .into_iter()
        .filter_map(|(key, value)| Some((key, value.into_text()?.into_owned())));
    Ok(texts.take(limits::EVENT_ATTRIBUTES).collect())
}
