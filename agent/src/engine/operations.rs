//! What can be done to a container, as the Engine API does it.
//!
//! Source: Docker Engine API, "Containers". Each call succeeds as well when the container is in the wished state already (status 304).

use std::time::Duration;

use hyper::Method;
use pilotfish_protocol::ContainerId;

use super::connection::Engine;
use super::error::EngineError;
use super::op::Op;
use super::path::Encoded;

/// Room for the stop timeout of a container's own, which the agent does not know: the answer comes before a server's 30 s are over.
const OWN_STOP_TIMEOUT: Duration = Duration::from_secs(13);

fn with_timeout(verb: &str, timeout: Option<Duration>) -> String {
    timeout.map_or_else(
        || verb.to_owned(),
        |timeout| format!("{verb}?t={}", timeout.as_secs()),
    )
}

impl Engine {
    /// Starts a container.
    ///
    /// # Errors
    ///
    /// [`EngineError`], as every call of this file.
    pub async fn start(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.post(Op::Start, id, "start", Duration::ZERO).await
    }

    /// Stops a container, killing it when it has not ended after `timeout` (whole seconds), or after its own stop timeout.
    ///
    /// # Errors
    ///
    /// [`EngineError`]; the deadline is `timeout` later than that of other calls.
    pub async fn stop(
        &self,
        id: &ContainerId,
        timeout: Option<Duration>,
    ) -> Result<(), EngineError> {
        self.post(
            Op::Stop,
            id,
            &with_timeout("stop", timeout),
            timeout.unwrap_or(OWN_STOP_TIMEOUT),
        )
        .await
    }

    /// Stops a container as [`Engine::stop`] does and starts it again.
    ///
    /// # Errors
    ///
    /// [`EngineError`]; the deadline is `timeout` later than that of other calls.
    pub async fn restart(
        &self,
        id: &ContainerId,
        timeout: Option<Duration>,
    ) -> Result<(), EngineError> {
        self.post(
            Op::Restart,
            id,
            &with_timeout("restart", timeout),
            timeout.unwrap_or(OWN_STOP_TIMEOUT),
        )
        .await
    }

    /// Sends SIGKILL to a container.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn kill(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.post(Op::Kill, id, "kill?signal=SIGKILL", Duration::ZERO)
            .await
    }

    /// Freezes a container's processes.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn pause(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.post(Op::Pause, id, "pause", Duration::ZERO).await
    }

    /// Thaws a container's processes.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn unpause(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.post(Op::Unpause, id, "unpause", Duration::ZERO).await
    }

    /// Renames a container.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn rename(&self, id: &ContainerId, new_name: &str) -> Result<(), EngineError> {
        let verb = format!("rename?name={}", Encoded(new_name));
        self.post(Op::Rename, id, &verb, Duration::ZERO).await
    }

    /// Removes a container, a running one only with `force`. Its volumes stay.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    pub async fn remove(&self, id: &ContainerId, force: bool) -> Result<(), EngineError> {
        let path = format!("/containers/{id}?v=false&force={force}");
        let deadline = Op::Remove.deadline();
        self.call(Op::Remove, Method::DELETE, &path, deadline)
            .await
            .map(drop)
    }

    async fn post(
        &self,
        op: Op,
        id: &ContainerId,
        verb: &str,
        extra: Duration,
    ) -> Result<(), EngineError> {
        let path = format!("/containers/{id}/{verb}");
        let deadline = op.deadline() + extra;
        self.call(op, Method::POST, &path, deadline).await.map(drop)
    }
}
