//! Pure: what every message looks like from outside; its type tells how the inside is to be read.

use alloc::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::lenient;

/// The outside of a message in either direction. An odd field reads as absent, so that it does not cost the message.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    /// What kind of message it is.
    #[serde(borrow, default, deserialize_with = "lenient::name")]
    pub(crate) r#type: Option<Cow<'a, str>>,
    /// The command's or the event's name.
    #[serde(borrow, default, deserialize_with = "lenient::name")]
    pub(crate) command: Option<Cow<'a, str>>,
    /// Names the call.
    #[serde(borrow, default, deserialize_with = "lenient::name")]
    pub(crate) id: Option<Cow<'a, str>>,
    /// Names the call, too.
    #[serde(borrow, default, deserialize_with = "lenient::name")]
    pub(crate) correlation_id: Option<Cow<'a, str>>,
    /// The content of commands, events and answers.
    #[serde(borrow, default)]
    pub(crate) payload: Option<&'a RawValue>,
    /// The content of host stats.
    #[serde(borrow, default)]
    pub(crate) stats: Option<&'a RawValue>,
}
