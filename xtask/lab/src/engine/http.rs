//! The Engine API in its smallest form: one HTTP/1.0 request and its answer over a Unix socket.
//!
//! HTTP/1.0 because the Engine then sends neither chunks nor keeps the connection: the answer ends where the stream does.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(60);

/// What a request carries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Body<'a> {
    /// Its media type.
    pub(crate) content_type: &'a str,
    /// Its bytes.
    pub(crate) bytes: &'a [u8],
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    status: u16,
    body: Vec<u8>,
    request: String,
}

/// Sends one request and reads its answer to the end.
pub(crate) fn call(
    socket: &Path,
    method: &str,
    path: &str,
    body: Option<Body<'_>>,
) -> Result<Answer> {
    let request = format!("{method} {path}");
    exchange(socket, &request, body).with_context(|| format!("the Engine's {request}"))
}

fn exchange(socket: &Path, request: &str, body: Option<Body<'_>>) -> Result<Answer> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let mut head = format!("{request} HTTP/1.0\r\nHost: docker\r\n");
    let bytes = body.map_or(&[][..], |body| body.bytes);
    if let Some(body) = body {
        head.push_str(&format!("Content-Type: {}\r\n", body.content_type));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", bytes.len()));
    stream.write_all(head.as_bytes())?;
    stream.write_all(bytes)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let head_end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .context("no whole answer")?;
    let head = std::str::from_utf8(&answer[..head_end])?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .with_context(|| format!("no status in {head:?}"))?;
    Ok(Answer {
        status,
        body: answer.split_off(head_end + 4),
        request: request.to_owned(),
    })
}

impl Answer {
    /// Fails, with the Engine's message, unless the status is 2xx.
    pub(crate) fn ok(self) -> Result<()> {
        self.json().map(drop)
    }

    /// The body as JSON (text that is none becomes a string), unless the status is not 2xx.
    pub(crate) fn json(self) -> Result<Value> {
        let text = String::from_utf8_lossy(&self.body);
        if !(200..300).contains(&self.status) {
            bail!("{}: status {}: {}", self.request, self.status, text.trim());
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.into_owned())))
    }
}
