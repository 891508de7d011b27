//! Debian's Chromium, tried with a page of one line.

use std::fs;
use std::time::Duration;

use pilotfish_lab::{Browser, Scratch};

#[test]
fn reads_types_and_clicks_in_a_page() {
    let browser = Browser::start().unwrap();
    browser
        .open("data:text/html,<input id=a><button onclick=\"out.textContent='got '+a.value\">go</button><p id=out>")
        .unwrap();
    let deadline = Duration::from_secs(10);
    browser.type_into("#a", "words", deadline).unwrap();
    browser.click("button", deadline).unwrap();
    browser.wait_text("got words", deadline).unwrap();
    let scratch = Scratch::new().unwrap();
    let picture = scratch.path().join("page.png");
    browser.picture(&picture).unwrap();
    assert!(fs::read(picture).unwrap().starts_with(b"\x89PNG"));
    assert_eq!(browser.complaints().unwrap(), Vec::<String>::new());
}
