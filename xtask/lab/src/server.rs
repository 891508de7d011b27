//! The real pilotfish-server on a free port, with its data in a scratch directory.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustls::ClientConfig;

use crate::program::{self, Program};
use crate::tls::Certificate;
use crate::wire::{self, Peer};
use crate::{Api, Scratch, until};

/// The name of the admin that the server makes at its first start.
pub const ADMIN: &str = "admin";

const START_DEADLINE: Duration = Duration::from_secs(30);
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// What a server is started with.
#[derive(Debug, Default)]
pub struct ServerBuilder {
    tls: bool,
    listen: Option<SocketAddr>,
    data: Option<PathBuf>,
    binary: Option<PathBuf>,
    password: Option<String>,
}

/// A running (or stopped) server.
#[derive(Debug)]
pub struct Server {
    // Dropped first, so that the server ends before its files go.
    program: Option<Program>,
    binary: PathBuf,
    address: SocketAddr,
    data: PathBuf,
    password: String,
    certificate: Option<Certificate>,
    scratch: Scratch,
}

impl ServerBuilder {
    /// Serves TLS with a certificate made for the occasion.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Listens on this address instead of a free port of 127.0.0.1.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = Some(address);
        self
    }

    /// Keeps the server's data here instead of in a scratch directory.
    #[must_use]
    pub fn data(mut self, data: &Path) -> Self {
        self.data = Some(data.to_owned());
        self
    }

    /// Starts this binary instead of the one beside the running test.
    #[must_use]
    pub fn binary(mut self, binary: &Path) -> Self {
        self.binary = Some(binary.to_owned());
        self
    }

    /// Gives the admin this password.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// Starts the server and waits until it listens.
    ///
    /// # Errors
    ///
    /// It is not built, or does not come up; its output is in the message.
    pub fn start(self) -> Result<Server> {
        let scratch = Scratch::new()?;
        let binary = self
            .binary
            .map_or_else(|| program::find("pilotfish-server"), Ok)?;
        let certificate = self
            .tls
            .then(|| Certificate::make(scratch.path()))
            .transpose()?;
        let mut server = Server {
            program: None,
            binary,
            address: self
                .listen
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0))),
            data: self.data.unwrap_or_else(|| scratch.path().join("data")),
            password: self
                .password
                .unwrap_or_else(|| "correct horse battery staple".to_owned()),
            certificate,
            scratch,
        };
        fs::write(server.password_file(), &server.password)?;
        server.start_again()?;
        Ok(server)
    }
}

impl Server {
    /// What a server is started with.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// Starts a server without TLS on a free port.
    ///
    /// # Errors
    ///
    /// As [`ServerBuilder::start`].
    pub fn start() -> Result<Self> {
        Self::builder().start()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address for a browser or the API, without a trailing slash.
    pub fn url(&self) -> String {
        let scheme = if self.certificate.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    /// The admin's password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The certificate it shows, when it speaks TLS.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// The directory of its data.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Logs in as admin.
    ///
    /// # Errors
    ///
    /// The server refused.
    pub fn api(&self) -> Result<Api> {
        let api = Api::new(self)?;
        api.log_in(ADMIN, &self.password)
            .with_context(|| self.tail())
    }

    /// Dials the agents' door as a raw peer.
    ///
    /// # Errors
    ///
    /// The server does not upgrade.
    pub fn dial_as_agent(&self) -> Result<Peer> {
        wire::dial_as_agent(self.address, self.tls_client()?)
    }

    /// A TLS client that trusts this server, when it speaks TLS.
    ///
    /// # Errors
    ///
    /// The certificate's file is gone.
    pub fn tls_client(&self) -> Result<Option<Arc<ClientConfig>>> {
        self.certificate
            .as_ref()
            .map(Certificate::client)
            .transpose()
    }

    /// The process.
    ///
    /// # Errors
    ///
    /// It is stopped.
    pub fn program(&mut self) -> Result<&mut Program> {
        self.program.as_mut().context("the server is stopped")
    }

    /// The end of its output, without the questions that a waiting test asks over and over.
    pub fn tail(&self) -> String {
        self.program.as_ref().map_or_else(
            || "the server is stopped".to_owned(),
            |program| program.tail_where(|line| !line.contains(" GET /api/v1/")),
        )
    }

    /// Asks it to end and expects that it does so in order.
    ///
    /// # Errors
    ///
    /// It does not end, or not with status 0.
    pub fn stop(&mut self) -> Result<()> {
        self.program
            .take()
            .map_or(Ok(()), |mut program| program.terminate(STOP_DEADLINE))
    }

    /// Kills it as a power cut would.
    ///
    /// # Errors
    ///
    /// It does not end.
    pub fn kill(&mut self) -> Result<()> {
        self.program
            .take()
            .map_or(Ok(()), |mut program| program.kill())
    }

    /// Stops it and starts it again on the same data and the same port.
    ///
    /// # Errors
    ///
    /// It does not end or does not come up again.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.start_again()
    }

    /// Starts it, when stopped, on the same data and the same port.
    ///
    /// # Errors
    ///
    /// As [`ServerBuilder::start`].
    pub fn start_again(&mut self) -> Result<()> {
        if self.program.is_some() {
            return Ok(());
        }
        let mut command = Command::new(&self.binary);
        command
            .arg("serve")
            .arg("--listen")
            .arg(self.address.to_string())
            .arg("--data")
            .arg(&self.data)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LOG_LEVEL", "debug")
            .env("PILOTFISH_ADMIN_PASSWORD_FILE", self.password_file())
            .current_dir(self.scratch.path());
        if let Some(certificate) = &self.certificate {
            command
                .arg("--tls-cert")
                .arg(&certificate.certificate)
                .arg("--tls-key")
                .arg(&certificate.key);
        }
        let mut program = Program::start("pilotfish-server", &self.scratch, &mut command)?;
        let earlier = program.stdout().len();
        self.address = until("the server's address", START_DEADLINE, || {
            program.ensure_runs()?;
            let output = program.stdout();
            listening_on(output.get(earlier..).unwrap_or(&output)).with_context(|| program.tail())
        })?;
        self.program = Some(program);
        Ok(())
    }

    fn password_file(&self) -> PathBuf {
        self.scratch.path().join("password")
    }
}

/// Finds the line `listening on http://ADDRESS` (or https).
fn listening_on(output: &str) -> Option<SocketAddr> {
    let complete = &output[..output.rfind('\n')? + 1];
    complete.lines().find_map(|line| {
        let (_, url) = line.split_once("listening on ")?;
        let (_, address) = url.split_once("://")?;
        address.split_whitespace().next()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(output: &str, expected: Option<&str>) {
        let expected = expected.map(|address| address.parse().unwrap());
        assert_eq!(listening_on(output), expected);
    }

    #[test]
    fn finds_the_address_in_a_whole_line_only() {
        check("", None);
        check("listening on http://127.0.0.1:80", None);
        check(
            "listening on http://127.0.0.1:8080\n",
            Some("127.0.0.1:8080"),
        );
        check(
            "hello\nlistening on https://127.0.0.1:9\nbye",
            Some("127.0.0.1:9"),
        );
    }
}
