//! A client of the server's REST API, as `docs/api.md` describes it, that knows none of the server's types.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rustls::ClientConfig;
use serde_json::{Value, json};
use ureq::http::{HeaderMap, Method, Request};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::wire::Peer;
use crate::{Server, tls, until};

const DEADLINE: Duration = Duration::from_secs(60);

/// A client with or without a session.
#[derive(Debug, Clone)]
pub struct Api {
    http: ureq::Agent,
    url: String,
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    cookie: Option<String>,
    csrf_token: Option<String>,
}

/// An answer of any status.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as JSON; text that is none becomes a string, an empty body `null`.
    pub body: Value,
}

impl Reply {
    /// The `kind` of a problem.
    pub fn kind(&self) -> &str {
        self.body["kind"].as_str().unwrap_or_default()
    }

    /// A header as text, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

impl Api {
    /// A client without a session.
    ///
    /// # Errors
    ///
    /// The server's certificate cannot be read.
    pub fn new(server: &Server) -> Result<Self> {
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(DEADLINE));
        if let Some(certificate) = server.certificate() {
            let root = Certificate::from_pem(&certificate.pem()?)?;
            let tls = TlsConfig::builder()
                .unversioned_rustls_crypto_provider(tls::provider())
                .root_certs(RootCerts::new_with_certs(&[root]))
                .build();
            config = config.tls_config(tls);
        }
        Ok(Self {
            http: config.build().into(),
            url: server.url(),
            address: server.address(),
            tls: server.tls_client()?,
            cookie: None,
            csrf_token: None,
        })
    }

    /// A client with a session of this user.
    ///
    /// # Errors
    ///
    /// The server refused.
    pub fn log_in(&self, username: &str, password: &str) -> Result<Self> {
        let body = json!({ "username": username, "password": password });
        let reply = self.try_call("POST", "/api/v1/session", Some(&body))?;
        ensure!(reply.status == 200, "no session: {reply:?}");
        let (cookie, _) = reply
            .header("set-cookie")
            .split_once(';')
            .context("no session cookie")?;
        let csrf_token = reply.body["csrf_token"].as_str().context("no csrf_token")?;
        let mut api = self.clone();
        api.cookie = Some(cookie.to_owned());
        api.csrf_token = Some(csrf_token.to_owned());
        Ok(api)
    }

    /// The same session without its CSRF token.
    #[must_use]
    pub fn without_csrf_token(&self) -> Self {
        let mut api = self.clone();
        api.csrf_token = None;
        api
    }

    /// The session's cookie, `name=value`.
    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// Sends a request and answers whatever comes back. `path` starts with a slash.
    ///
    /// # Errors
    ///
    /// The server does not answer HTTP.
    pub fn try_call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Reply> {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes())?)
            .uri(format!("{}{path}", self.url));
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        if let Some(csrf_token) = &self.csrf_token {
            request = request.header("x-csrf-token", csrf_token);
        }
        let answer = match body {
            Some(body) => self.http.run(
                request
                    .header("content-type", "application/json")
                    .body(body.to_string())?,
            ),
            None => self.http.run(request.body(())?),
        };
        let mut answer = answer.with_context(|| format!("{method} {path}"))?;
        let text = answer.body_mut().read_to_string()?;
        let body = match text.as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        };
        Ok(Reply {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body,
        })
    }

    /// Sends a request below `/api/v1` and expects success.
    ///
    /// # Errors
    ///
    /// Any status but 2xx; the problem is in the message.
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let reply = self.try_call(method, &format!("/api/v1{path}"), body)?;
        if !(200..300).contains(&reply.status) {
            bail!("{method} {path}: status {}: {}", reply.status, reply.body);
        }
        Ok(reply.body)
    }

    /// `GET` below `/api/v1`.
    ///
    /// # Errors
    ///
    /// As [`Api::call`].
    pub fn get(&self, path: &str) -> Result<Value> {
        self.call("GET", path, None)
    }

    /// All hosts.
    ///
    /// # Errors
    ///
    /// As [`Api::call`].
    pub fn hosts(&self) -> Result<Vec<Value>> {
        list(self.get("/hosts")?, "hosts")
    }

    /// One host.
    ///
    /// # Errors
    ///
    /// As [`Api::call`].
    pub fn host(&self, host: &str) -> Result<Value> {
        self.get(&format!("/hosts/{host}"))
    }

    /// Waits until `accept` is true for a host, and answers that host.
    ///
    /// # Errors
    ///
    /// None is accepted within `deadline`; the hosts last seen are in the message.
    pub fn wait_host(
        &self,
        what: &str,
        deadline: Duration,
        accept: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        until(what, deadline, || {
            let hosts = self.hosts()?;
            let seen = format!("{hosts:?}");
            hosts.into_iter().find(&accept).context(seen)
        })
    }

    /// Forgets a host.
    ///
    /// # Errors
    ///
    /// As [`Api::call`].
    pub fn remove_host(&self, host: &str) -> Result<()> {
        self.call("DELETE", &format!("/hosts/{host}"), None)
            .map(drop)
    }

    /// The last known containers of a host.
    ///
    /// # Errors
    ///
    /// As [`Api::call`].
    pub fn containers(&self, host: &str) -> Result<Vec<Value>> {
        list(
            self.get(&format!("/hosts/{host}/containers"))?,
            "containers",
        )
    }

    /// Waits until `accept` is true for the container `name` of a host, and answers that container.
    ///
    /// # Errors
    ///
    /// It is not within `deadline`; the containers last seen are in the message.
    pub fn wait_container(
        &self,
        host: &str,
        name: &str,
        deadline: Duration,
        accept: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        until(&format!("container {name}"), deadline, || {
            let containers = self.containers(host)?;
            let seen = format!("{containers:?}");
            containers
                .into_iter()
                .find(|container| container["name"] == name && accept(container))
                .context(seen)
        })
    }

    /// `POST …/containers/{id}/{operation}`; the reply is returned whatever its status is.
    ///
    /// # Errors
    ///
    /// The server does not answer HTTP.
    pub fn operate(
        &self,
        host: &str,
        container: &str,
        operation: &str,
        body: Option<&Value>,
    ) -> Result<Reply> {
        let path = format!("/api/v1/hosts/{host}/containers/{container}/{operation}");
        self.try_call("POST", &path, body)
    }

    /// `DELETE …/containers/{id}`; the reply is returned whatever its status is.
    ///
    /// # Errors
    ///
    /// The server does not answer HTTP.
    pub fn remove_container(&self, host: &str, container: &str, force: bool) -> Result<Reply> {
        let path = format!("/api/v1/hosts/{host}/containers/{container}?force={force}");
        self.try_call("DELETE", &path, None)
    }

    /// The last lines of a container's log: `{"lines":[{"at","text"}],"is_cut"}`.
    ///
    /// # Errors
    ///
    /// As [`Api::call`].
    pub fn logs(&self, host: &str, container: &str, tail: u32) -> Result<Value> {
        self.get(&format!(
            "/hosts/{host}/containers/{container}/logs?tail={tail}"
        ))
    }

    /// The newest events, newest first.
    ///
    /// # Errors
    ///
    /// As [`Api::call`].
    pub fn events(&self, limit: u32) -> Result<Vec<Value>> {
        list(self.get(&format!("/events?limit={limit}"))?, "events")
    }

    /// The newest audit entries, newest first.
    ///
    /// # Errors
    ///
    /// As [`Api::call`].
    pub fn audit(&self, limit: u32) -> Result<Vec<Value>> {
        list(self.get(&format!("/audit?limit={limit}"))?, "entries")
    }

    /// Makes a registration token and answers the token itself.
    ///
    /// # Errors
    ///
    /// As [`Api::call`].
    pub fn registration_token(&self, multi_use: bool) -> Result<String> {
        let body = json!({ "multi_use": multi_use });
        let made = self.call("POST", "/registration-tokens", Some(&body))?;
        Ok(made["token"].as_str().context("no token")?.to_owned())
    }

    /// Opens the live WebSocket of this session, as the page does.
    ///
    /// # Errors
    ///
    /// The server does not upgrade.
    pub fn live(&self) -> Result<Peer> {
        self.live_from(&self.url)
    }

    /// Opens the live WebSocket of this session as a page of `origin` would.
    ///
    /// # Errors
    ///
    /// The server does not upgrade.
    pub fn live_from(&self, origin: &str) -> Result<Peer> {
        let mut headers = vec![("origin", origin)];
        headers.extend(self.cookie().map(|cookie| ("cookie", cookie)));
        Peer::dial(self.address, "/api/v1/live", &headers, self.tls.clone())
    }
}

fn list(mut body: Value, name: &str) -> Result<Vec<Value>> {
    let Value::Array(items) = body[name].take() else {
        bail!("no list {name} in {body}");
    };
    Ok(items)
}
