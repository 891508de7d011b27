//! Pure: everything the agent asks of an Engine, with how long it may take and how much may come back.

use std::fmt;
use std::time::Duration;

use pilotfish_protocol::limits;

/// One kind of request to the Engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// `GET /_ping`
    Ping,
    /// `GET /version`
    ReadVersion,
    /// `GET /info`
    ReadInfo,
    /// `GET /networks` and `GET /networks/NAME`
    ReadNetworks,
    /// `GET /events` without end
    FollowEvents,
    /// `GET /events` up to now
    ReadEvents,
    /// `GET /containers/json`
    ListContainers,
    /// `GET /containers/ID/json`
    InspectContainer,
    /// `GET /images/ID/json`
    InspectImage,
    /// `GET /containers/ID/stats`
    ReadStats,
    /// `GET /containers/ID/logs`
    ReadLogs,
    /// `POST /containers/ID/start`
    Start,
    /// `POST /containers/ID/stop`
    Stop,
    /// `POST /containers/ID/restart`
    Restart,
    /// `POST /containers/ID/kill`
    Kill,
    /// `POST /containers/ID/pause`
    Pause,
    /// `POST /containers/ID/unpause`
    Unpause,
    /// `DELETE /containers/ID`
    Remove,
    /// `POST /containers/ID/rename`
    Rename,
}

impl Op {
    /// How long the whole answer may take. Stop and restart get the container's own stop timeout on top.
    ///
    /// [`Op::FollowEvents`] has no end: for it this is how long the Engine may take to open the stream.
    #[must_use]
    pub const fn deadline(self) -> Duration {
        Duration::from_secs(match self {
            Self::Ping | Self::ReadStats => 5,
            Self::ReadVersion
            | Self::ReadInfo
            | Self::ReadNetworks
            | Self::FollowEvents
            | Self::ReadEvents
            | Self::InspectContainer
            | Self::InspectImage
            | Self::Pause
            | Self::Unpause
            | Self::Rename => 10,
            // 350 containers took an Engine 10 s.
            Self::ListContainers | Self::ReadLogs => 20,
            Self::Stop | Self::Restart => 15,
            Self::Start | Self::Kill | Self::Remove => 30,
        })
    }

    /// The most bytes that are read of an answer.
    #[must_use]
    pub const fn limit_bytes(self) -> usize {
        match self {
            Self::ReadLogs => limits::LOG_BYTES,
            Self::Ping
            | Self::ReadVersion
            | Self::ReadInfo
            | Self::ReadNetworks
            | Self::FollowEvents
            | Self::ReadEvents
            | Self::ListContainers
            | Self::InspectContainer
            | Self::InspectImage
            | Self::ReadStats
            | Self::Start
            | Self::Stop
            | Self::Restart
            | Self::Kill
            | Self::Pause
            | Self::Unpause
            | Self::Remove
            | Self::Rename => limits::ANSWER_BYTES,
        }
    }
}

impl fmt::Display for Op {
    /// The words after "cannot": `list containers`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ping => "ping the Engine",
            Self::ReadVersion => "read the Engine's version",
            Self::ReadInfo => "read the Engine's facts",
            Self::ReadNetworks => "read networks",
            Self::FollowEvents => "follow events",
            Self::ReadEvents => "read past events",
            Self::ListContainers => "list containers",
            Self::InspectContainer => "inspect container",
            Self::InspectImage => "inspect image",
            Self::ReadStats => "read container stats",
            Self::ReadLogs => "read container logs",
            Self::Start => "start container",
            Self::Stop => "stop container",
            Self::Restart => "restart container",
            Self::Kill => "kill container",
            Self::Pause => "pause container",
            Self::Unpause => "unpause container",
            Self::Remove => "remove container",
            Self::Rename => "rename container",
        })
    }
}
