//! The page in Debian's Chromium, on a real host. The hooks it looks for are listed in `server/web/dom.js`.

use std::time::Duration;

use anyhow::{Result, ensure};
use pilotfish_lab::browser::PHONE;
use pilotfish_lab::server::ADMIN;
use pilotfish_lab::{Browser, Engine, Sample, Server, Stack, shared_engine};

const DEADLINE: Duration = Duration::from_secs(20);

/// An Engine's loss is noticed within this time.
const ENGINE_DEADLINE: Duration = Duration::from_secs(60);

/// A browser that is logged in to a server.
pub(crate) fn logged_in(server: &Server) -> Result<Browser> {
    let browser = Browser::start()?;
    browser.open(&server.url())?;
    browser.type_into("[data-testid=login-name]", ADMIN, DEADLINE)?;
    browser.type_into("[data-testid=login-password]", server.password(), DEADLINE)?;
    browser.click("[data-testid=login-submit]", DEADLINE)?;
    browser.wait_for("[data-testid=log-out]", DEADLINE)?;
    Ok(browser)
}

fn open_host(browser: &Browser, stack: &Stack) -> Result<()> {
    let row = format!("[data-testid=host-row][data-host-id='{}']", stack.host);
    browser.wait_for(&format!("{row}[data-link=online]"), DEADLINE)?;
    browser.click(&format!("{row} [data-testid=host-name]"), DEADLINE)
}

#[test]
fn a_wrong_password_is_told_and_lets_nobody_in() -> Result<()> {
    let server = Server::start()?;
    let browser = Browser::start()?;
    browser.open(&server.url())?;
    browser.type_into("[data-testid=login-name]", ADMIN, DEADLINE)?;
    browser.type_into("[data-testid=login-password]", "guess", DEADLINE)?;
    browser.click("[data-testid=login-submit]", DEADLINE)?;
    browser.wait_for("[data-testid=login-error]:not([hidden])", DEADLINE)?;
    ensure!(browser.count("[data-testid=log-out]")? == 0);
    Ok(())
}

#[test]
fn a_host_is_seen_and_a_container_stopped_started_and_its_log_read() -> Result<()> {
    let engine = shared_engine()?;
    let container = engine.run(&Sample::talking("on-the-page", 6))?;
    let stack = Stack::start(engine)?;
    let browser = logged_in(&stack.server)?;
    open_host(&browser, &stack)?;

    let row = "[data-testid=container-row][data-container-name=on-the-page]";
    browser.wait_for(&format!("{row}[data-state=running]"), DEADLINE)?;
    browser.click(&format!("{row} [data-testid=action-stop]"), DEADLINE)?;
    browser.click("[data-testid=confirm-ok]", DEADLINE)?;
    browser.wait_for(&format!("{row}[data-state=exited]"), DEADLINE)?;
    assert_eq!(engine.state(&container.id)?, "exited");
    browser.click(&format!("{row} [data-testid=action-start]"), DEADLINE)?;
    browser.wait_for(&format!("{row}[data-state=running]"), DEADLINE)?;
    assert_eq!(engine.state(&container.id)?, "running");

    browser.click(&format!("{row} [data-testid=action-logs]"), DEADLINE)?;
    browser.wait_for("[data-testid=log-line]", DEADLINE)?;
    browser.wait_text("err 6", DEADLINE)?;
    let shown = browser.text()?;
    let order: Vec<Option<usize>> = ["out 1", "err 2", "out 3", "err 4"]
        .map(|line| shown.find(line))
        .into();
    ensure!(
        order.iter().all(Option::is_some) && order.is_sorted(),
        "{shown}"
    );
    // Before the log-in the page asks whether there is a session; the browser complains of the 401 that says no.
    let mut complaints = browser.complaints()?;
    complaints.retain(|line| !(line.contains("/api/v1/session") && line.contains("401")));
    assert_eq!(complaints, Vec::<String>::new());
    Ok(())
}

#[test]
fn an_engine_that_is_down_and_an_agent_that_is_gone_look_different() -> Result<()> {
    let mut engine = Engine::start()?;
    engine.run(&Sample::idle("left-behind"))?;
    let mut stack = Stack::start(&engine)?;
    let browser = logged_in(&stack.server)?;
    let row = format!("[data-testid=host-row][data-host-id='{}']", stack.host);
    browser.wait_for(
        &format!("{row}[data-link=online][data-engine=up]"),
        DEADLINE,
    )?;
    engine.stop()?;
    browser.wait_for(
        &format!("{row}[data-link=online][data-engine=down]"),
        ENGINE_DEADLINE,
    )?;
    stack.agent.program().kill()?;
    browser.wait_for(&format!("{row}[data-link=offline]"), DEADLINE)?;
    Ok(())
}

#[test]
fn a_host_is_added_with_the_line_the_page_gives() -> Result<()> {
    let server = Server::start()?;
    let browser = logged_in(&server)?;
    browser.click("[data-testid=add-host]", DEADLINE)?;
    browser.click("[data-testid=token-make]", DEADLINE)?;
    let line = browser.text_of("[data-testid=add-host-line]", DEADLINE)?;
    ensure!(line.contains("REGISTRATION_TOKEN"), "{line}");
    Ok(())
}

#[test]
fn the_page_fits_a_phone() -> Result<()> {
    let engine = shared_engine()?;
    engine.run(&Sample::idle(
        "a-container-with-a-name-that-is-longer-than-a-phone-is-wide",
    ))?;
    let stack = Stack::start(engine)?;
    let browser = logged_in(&stack.server)?;
    browser.resize(PHONE)?;
    open_host(&browser, &stack)?;
    browser.wait_for("[data-testid=container-row]", DEADLINE)?;
    let widths = browser.run(
        "return [document.documentElement.scrollWidth, window.innerWidth]",
        &[],
    )?;
    ensure!(widths[0].as_u64() <= widths[1].as_u64(), "{widths}");
    Ok(())
}
