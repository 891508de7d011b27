//! The charts of history in Debian's Chromium, of a host that a raw peer plays.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pilotfish_lab::browser::PHONE;
use pilotfish_lab::wire::{Peer, register_message};
use pilotfish_lab::{Browser, Sample, Server, Stack, shared_engine};
use serde_json::{Value, json};

use crate::page::logged_in;

const DEADLINE: Duration = Duration::from_secs(20);

/// What the first page may cost, all its files together.
const FIRST_PAGE_BYTES: u64 = 150_000;

const CPU: &str = "[data-testid=chart][data-chart=cpu]";

/// A server, and a host on it that measures its CPU and says why it does not measure the rest.
struct Measured {
    server: Server,
    peer: Peer,
    host: String,
}

impl Measured {
    fn start() -> Result<Self> {
        let server = Server::start()?;
        let mut peer = server.dial_as_agent()?;
        let token = server.api()?.registration_token(false)?;
        let mut register = register_message(&token, "engine-1", "attic");
        register["capabilities"]["pilotfish_1"] = json!(true);
        peer.send(&register)?;
        let success = peer.json(DEADLINE)?;
        let host = success["host_id"]
            .as_str()
            .context("no host_id")?
            .to_owned();
        peer.send(&json!({
            "type": "collector", "containers": "cgroup_v2", "cgroup_driver": "systemd",
            "missing": [
                { "value": "container.memory", "why": "the kernel's memory controller is off", "remedy": "add cgroup_enable=memory to /boot/firmware/cmdline.txt" },
                { "value": "host.temperature", "why": "no sensor is shown in /sys/class/hwmon" },
            ],
        }))?;
        let mut measured = Self { server, peer, host };
        measured.sample(37.5)?;
        Ok(measured)
    }

    fn sample(&mut self, cpu_percent: f64) -> Result<()> {
        let stats =
            json!({ "cpu_percent": cpu_percent, "mem_percent": 40.25, "net_bytes_per_sec": 7.0 });
        self.peer.send(&json!({ "type": "stats", "stats": stats }))
    }

    fn open(&self, view: &str) -> Result<Browser> {
        let browser = logged_in(&self.server)?;
        let row = format!("[data-testid=host-row][data-host-id='{}']", self.host);
        browser.wait_for(&row, DEADLINE)?;
        browser.run(
            &format!("location.hash = '#/hosts/{}{view}'", self.host),
            &[],
        )?;
        Ok(browser)
    }
}

/// Waits until the script answers something other than `null` or `false`.
fn wait_run(browser: &Browser, what: &str, script: &str) -> Result<Value> {
    browser.wait(what, DEADLINE, || {
        let answer = browser.run(script, &[])?;
        ensure!(!answer.is_null() && answer != json!(false), "{answer}");
        Ok(answer)
    })
}

#[test]
fn a_chart_has_the_points_the_gap_and_the_live_values_of_a_host() -> Result<()> {
    let mut measured = Measured::start()?;
    let browser = measured.open("/history?range=1h")?;
    browser.wait_for(
        &format!("{CPU}:not([data-points='0'])[data-gaps='1'] canvas"),
        DEADLINE,
    )?;
    browser.wait_text("37.5", DEADLINE)?;

    // The cursor at the beginning is in the hour before the host was there.
    browser.run("document.querySelector('.chart-box').focus(); document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'Home' }))", &[])?;
    let tip = format!(
        "return document.querySelector('{CPU} .chart-tip').textContent.startsWith('no data ')"
    );
    wait_run(&browser, "the gap's name", &tip)?;
    browser.run("document.activeElement.blur()", &[])?;

    measured.sample(81.5)?;
    browser.wait_text("81.5", DEADLINE)?;
    let mut complaints = browser.complaints()?;
    complaints.retain(|line| !(line.contains("/api/v1/session") && line.contains("401")));
    assert_eq!(complaints, Vec::<String>::new());
    Ok(())
}

#[test]
fn what_is_dragged_over_is_zoomed_into_and_left_again() -> Result<()> {
    let measured = Measured::start()?;
    let browser = measured.open("/history?range=6h")?;
    browser.wait_for(&format!("{CPU} canvas"), DEADLINE)?;
    browser.run(
        "const over = document.querySelector('.u-over'), box = over.getBoundingClientRect();
         const at = (type, x) => (type === 'mouseup' ? document : over).dispatchEvent(new MouseEvent(type,
             { bubbles: true, button: 0, movementX: 9, clientX: box.left + x * box.width, clientY: box.top + 20 }));
         at('mousemove', 0.5); at('mousedown', 0.5); at('mousemove', 0.75); at('mouseup', 0.75);",
        &[],
    )?;
    let zoomed = wait_run(
        &browser,
        "a range that stands still",
        "const q = new URLSearchParams(location.hash.split('?')[1]); return q.has('from') && q.get('to') - q.get('from')",
    )?;
    let length_ms = zoomed.as_i64().context("no length")?;
    ensure!(
        (80 * 60_000..100 * 60_000).contains(&length_ms),
        "{length_ms}"
    );
    browser.click("[data-testid=range-back]", DEADLINE)?;
    browser.wait_for(
        "[data-testid=range-choice][data-range='6h'][aria-current]",
        DEADLINE,
    )
}

#[test]
fn what_cannot_be_measured_says_why_instead_of_a_number() -> Result<()> {
    let measured = Measured::start()?;
    let browser = measured.open("/history")?;
    let reason = browser.text_of(
        "[data-chart=temperatures] [data-testid=chart-empty]",
        DEADLINE,
    )?;
    ensure!(reason.contains("/sys/class/hwmon"), "{reason}");

    browser.run("location.hash = location.hash.replace('/history', '')", &[])?;
    browser.click("[data-testid=measuring] summary", DEADLINE)?;
    let reason = browser.text_of(
        "[data-testid=missing][data-value='container.memory']",
        DEADLINE,
    )?;
    ensure!(
        reason.contains("Add cgroup_enable=memory to /boot/firmware/cmdline.txt"),
        "{reason}"
    );
    Ok(())
}

#[test]
fn a_container_has_charts_of_its_own_that_fit_a_phone() -> Result<()> {
    let engine = shared_engine()?;
    engine.run(&Sample::busy("charted"))?;
    let stack = Stack::start(engine)?;
    let browser = logged_in(&stack.server)?;
    browser.resize(PHONE)?;
    browser.wait_for("[data-testid=host-row]", DEADLINE)?;
    browser.run(&format!("location.hash = '#/hosts/{}'", stack.host), &[])?;
    let row = "[data-testid=container-row][data-container-name=charted]";
    browser.click(&format!("{row} [data-testid=action-history]"), DEADLINE)?;
    for chart in ["cpu", "memory", "network", "pids"] {
        let drawn = format!("[data-chart={chart}]:not([data-points='0']) canvas");
        browser.wait_for(&drawn, DEADLINE)?;
    }
    let widths = browser.run(
        "return [document.documentElement.scrollWidth, window.innerWidth]",
        &[],
    )?;
    ensure!(widths[0].as_u64() <= widths[1].as_u64(), "{widths}");
    Ok(())
}

#[test]
fn the_first_page_is_small_and_does_without_the_library_for_charts() -> Result<()> {
    let server = Server::start()?;
    let browser = logged_in(&server)?;
    let files = browser.run(
        "return performance.getEntriesByType('resource').filter(({ name }) => !name.includes('/api/')).map(({ name, encodedBodySize }) => [name, encodedBodySize])",
        &[],
    )?;
    let files = files.as_array().context("no files")?;
    let bytes: u64 = files.iter().filter_map(|file| file[1].as_u64()).sum();
    ensure!(
        files.len() > 10 && bytes <= FIRST_PAGE_BYTES,
        "{bytes} bytes: {files:?}"
    );
    ensure!(
        files
            .iter()
            .all(|file| !file[0].to_string().contains("vendor")),
        "{files:?}"
    );
    Ok(())
}
