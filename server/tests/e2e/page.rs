//! The page in Debian's Chromium.

use std::time::Duration;

use anyhow::Result;
use pilotfish_lab::server::ADMIN;
use pilotfish_lab::{Browser, Sample, Server, Stack, shared_engine};

const DEADLINE: Duration = Duration::from_secs(20);

fn log_in(browser: &Browser, server: &Server) -> Result<()> {
    browser.open(&server.url())?;
    browser.type_into("[data-testid=login-name]", ADMIN, DEADLINE)?;
    browser.type_into("[data-testid=login-password]", server.password(), DEADLINE)?;
    browser.click("[data-testid=login-submit]", DEADLINE)
}

#[test]
fn the_page_logs_in_and_shows_the_host_and_its_containers() -> Result<()> {
    let engine = shared_engine()?;
    engine.run(&Sample::idle("on-the-page"))?;
    let stack = Stack::start(engine)?;
    let name = stack.host()?["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let browser = Browser::start()?;
    log_in(&browser, &stack.server)?;
    browser.wait_text(&name, DEADLINE)?;
    browser.click("[data-testid=host-name]", DEADLINE)?;
    browser.wait_text("on-the-page", DEADLINE)
}
