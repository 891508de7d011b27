//! Debian's Chromium, driven through its chromedriver as the WebDriver standard says, with nothing but HTTP and JSON.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use ureq::tls::TlsConfig;

use crate::program::Program;
use crate::{Scratch, until};

/// What the browser needs on Debian.
pub const INSTALL: &str = "apt-get install -y chromium chromium-driver";

const START_DEADLINE: Duration = Duration::from_secs(60);
const CALL_DEADLINE: Duration = Duration::from_secs(60);

/// The key under which WebDriver names an element (W3C WebDriver, section 12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A Chromium without a window and without a past.
#[derive(Debug)]
pub struct Browser {
    // Dropped first: chromedriver takes Chromium with it, the keeper the rest.
    driver: Program,
    http: ureq::Agent,
    session: String,
    scratch: Scratch,
}

/// The size of the page's window, in CSS pixels.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
}

/// A desktop's window.
pub const DESKTOP: Window = Window {
    width: 1280,
    height: 900,
};

/// A phone's window.
pub const PHONE: Window = Window {
    width: 390,
    height: 844,
};

impl Browser {
    /// Starts Chromium with a desktop's window.
    ///
    /// # Errors
    ///
    /// It is not installed (the message tells what to install) or does not start.
    pub fn start() -> Result<Self> {
        let scratch = Scratch::new()?;
        let mut command = Command::new("chromedriver");
        command
            .arg("--port=0")
            // Chromium's profile and caches go with the scratch.
            .env("TMPDIR", scratch.path())
            .env("HOME", scratch.path())
            .current_dir(scratch.path());
        let mut driver = Program::start("chromedriver", &scratch, &mut command)
            .with_context(|| format!("as root on Debian: {INSTALL}"))?;
        let port = until("chromedriver's port", START_DEADLINE, || {
            driver.ensure_runs()?;
            port_in(&driver.stdout()).with_context(|| driver.tail())
        })?;
        let http: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(CALL_DEADLINE))
            .tls_config(TlsConfig::default())
            .build()
            .into();
        let mut browser = Self {
            driver,
            http,
            session: format!("http://127.0.0.1:{port}/session"),
            scratch,
        };
        let made = browser.call("POST", "", Some(&browser.capabilities()))?;
        let id = made["sessionId"].as_str().context("no sessionId")?;
        browser.session = format!("{}/{id}", browser.session);
        browser.resize(DESKTOP)?;
        Ok(browser)
    }

    fn capabilities(&self) -> Value {
        let profile = self.scratch.path().join("profile");
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--disable-quic".to_owned(),
            format!("--user-data-dir={}", profile.display()),
        ];
        json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "acceptInsecureCerts": true,
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } })
    }

    /// Gives the page a window of this size.
    ///
    /// # Errors
    ///
    /// The browser refused.
    pub fn resize(&self, window: Window) -> Result<()> {
        let body = json!({ "width": window.width, "height": window.height });
        self.call("POST", "/window/rect", Some(&body)).map(drop)
    }

    /// Opens an address and waits until it has loaded.
    ///
    /// # Errors
    ///
    /// There is nothing to load.
    pub fn open(&self, url: &str) -> Result<()> {
        self.call("POST", "/url", Some(&json!({ "url": url })))
            .map(drop)
    }

    /// Runs JavaScript in the page: the body of a function, whose `return` value is the answer.
    ///
    /// # Errors
    ///
    /// The script threw.
    pub fn run(&self, script: &str, arguments: &[Value]) -> Result<Value> {
        let body = json!({ "script": script, "args": arguments });
        self.call("POST", "/execute/sync", Some(&body))
    }

    /// The text that the page shows, as a reader sees it.
    ///
    /// # Errors
    ///
    /// The browser refused.
    pub fn text(&self) -> Result<String> {
        let text = self.run("return document.body.innerText", &[])?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the page shows `text`.
    ///
    /// # Errors
    ///
    /// It does not within `deadline`; what it shows instead is in the message, and a picture of it under `target/`.
    pub fn wait_text(&self, text: &str, deadline: Duration) -> Result<()> {
        self.wait(&format!("the page shows {text:?}"), deadline, || {
            let shown = self.text()?;
            ensure!(shown.contains(text), "{shown}");
            Ok(())
        })
    }

    /// How many elements the CSS selector finds.
    ///
    /// # Errors
    ///
    /// The browser refused.
    pub fn count(&self, selector: &str) -> Result<u64> {
        let script = "return document.querySelectorAll(arguments[0]).length";
        let count = self.run(script, &[selector.into()])?;
        count.as_u64().context("no number")
    }

    /// Waits until the CSS selector finds something.
    ///
    /// # Errors
    ///
    /// Nothing is found within `deadline`; what the page shows is in the message, and a picture of it under `target/`.
    pub fn wait_for(&self, selector: &str, deadline: Duration) -> Result<()> {
        self.wait(&format!("an element {selector}"), deadline, || {
            ensure!(self.count(selector)? > 0, "no such element");
            Ok(())
        })
    }

    /// Waits until the CSS selector finds an element with text, and answers the text.
    ///
    /// # Errors
    ///
    /// Nothing is found within `deadline`; what the page shows is in the message, and a picture of it under `target/`.
    pub fn text_of(&self, selector: &str, deadline: Duration) -> Result<String> {
        self.wait(&format!("the text of {selector}"), deadline, || {
            let script = "return document.querySelector(arguments[0])?.innerText";
            let text = self.run(script, &[selector.into()])?;
            let text = text.as_str().unwrap_or_default();
            ensure!(!text.is_empty(), "no text");
            Ok(text.to_owned())
        })
    }

    /// Waits until the CSS selector finds an element that can be seen, and clicks it.
    ///
    /// # Errors
    ///
    /// None can be clicked within `deadline`; what the page shows is in the message, and a picture of it under `target/`.
    pub fn click(&self, selector: &str, deadline: Duration) -> Result<()> {
        self.wait(&format!("a click on {selector}"), deadline, || {
            let element = self.find(selector)?;
            self.call(
                "POST",
                &format!("/element/{element}/click"),
                Some(&json!({})),
            )
            .map(drop)
        })
    }

    /// Waits until the CSS selector finds a field, empties it and types `text`.
    ///
    /// # Errors
    ///
    /// None takes the text within `deadline`.
    pub fn type_into(&self, selector: &str, text: &str, deadline: Duration) -> Result<()> {
        self.wait(&format!("a field {selector}"), deadline, || {
            let element = self.find(selector)?;
            self.call(
                "POST",
                &format!("/element/{element}/clear"),
                Some(&json!({})),
            )?;
            let body = json!({ "text": text });
            self.call("POST", &format!("/element/{element}/value"), Some(&body))
                .map(drop)
        })
    }

    /// What the page's scripts and the browser itself complained about since the last call, one line each.
    ///
    /// # Errors
    ///
    /// The browser refused.
    pub fn complaints(&self) -> Result<Vec<String>> {
        let entries = self.call("POST", "/se/log", Some(&json!({ "type": "browser" })))?;
        let entries = entries.as_array().context("no log")?;
        Ok(entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE")
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect())
    }

    /// Writes a picture of the page to `path`, as PNG.
    ///
    /// # Errors
    ///
    /// The browser refused or the file cannot be written.
    pub fn picture(&self, path: &Path) -> Result<()> {
        let encoded = self.call("GET", "/screenshot", None)?;
        let bytes = decode_base64(encoded.as_str().unwrap_or_default())?;
        fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Waits for a condition of the page; when it does not come, a picture of the page is left under `target/`.
    ///
    /// # Errors
    ///
    /// As [`until`], with what the page shows.
    pub fn wait<T>(
        &self,
        what: &str,
        deadline: Duration,
        attempt: impl FnMut() -> Result<T>,
    ) -> Result<T> {
        until(what, deadline, attempt).map_err(|error| {
            let shown = self.text().unwrap_or_default();
            let picture = target_directory().join("page-failure.png");
            let taken = match self.picture(&picture) {
                Ok(()) => format!("picture: {}", picture.display()),
                Err(why) => format!("no picture: {why:#}"),
            };
            let complaints = self.complaints().unwrap_or_default().join("\n");
            error.context(format!("the page shows:\n{shown}\n{complaints}\n{taken}"))
        })
    }

    fn find(&self, selector: &str) -> Result<String> {
        let body = json!({ "using": "css selector", "value": selector });
        let element = self.call("POST", "/element", Some(&body))?;
        Ok(element[ELEMENT].as_str().context("no element")?.to_owned())
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.session));
        let answer = match body {
            Some(body) => self.http.run(
                request
                    .header("content-type", "application/json")
                    .body(body.to_string())?,
            ),
            None => self.http.run(request.body(())?),
        };
        let mut answer =
            answer.with_context(|| format!("{method} {path}: {}", self.driver.tail()))?;
        let status = answer.status();
        let text = answer
            .body_mut()
            .with_config()
            .limit(64 << 20)
            .read_to_string()?;
        let mut value: Value = serde_json::from_str(&text).context("WebDriver answers JSON")?;
        let value = value["value"].take();
        if !status.is_success() {
            bail!("{method} {path}: {}: {}", value["error"], value["message"]);
        }
        Ok(value)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium ends with its session; what does not is left to the keeper.
        self.call("DELETE", "", None).ok();
    }
}

/// Finds the port in `ChromeDriver was started successfully on port 12345.`
fn port_in(output: &str) -> Option<u16> {
    let (_, rest) = output.split_once("successfully on port ")?;
    let (port, _) = rest.split_once('.')?;
    port.parse().ok()
}

/// Where built things go, and so pictures of failures.
fn target_directory() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.ancestors()
        .find(|directory| directory.ends_with("target"))
        .map_or_else(std::env::temp_dir, Path::to_owned)
}

/// Decodes standard base64 (RFC 4648, section 4).
fn decode_base64(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let mut bits: u32 = 0;
    let mut bit_count = 0;
    for letter in text.bytes().filter(|&letter| letter != b'=') {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => bail!("{letter:#x} is no base64"),
        };
        bits = bits << 6 | u32::from(value);
        bit_count += 6;
        if bit_count >= 8 {
            bit_count -= 8;
            bytes.push(((bits >> bit_count) & 0xff) as u8);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_drivers_port() {
        let line = "Starting ChromeDriver 1 on port 0\nChromeDriver was started successfully on port 40123.\n";
        assert_eq!(port_in(line), Some(40123));
        assert_eq!(port_in("Starting ChromeDriver 1 on port 0\n"), None);
    }

    #[test]
    fn decodes_base64_of_every_length() {
        assert_eq!(decode_base64("").unwrap(), b"");
        assert_eq!(decode_base64("Zg==").unwrap(), b"f");
        assert_eq!(decode_base64("Zm8=").unwrap(), b"fo");
        assert_eq!(decode_base64("Zm9v+/A=").unwrap(), b"foo\xfb\xf0");
        assert!(decode_base64("Zm9v-").is_err());
    }
}
