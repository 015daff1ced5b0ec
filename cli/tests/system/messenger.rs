//! The page of a peer, in a real Chromium.

mod crowding;
mod entering;
mod failing;
mod notifying;
mod reading;
mod talking;
mod trusting;

use serde_json::json;

use crate::{
    page::link,
    support::{Browser, Node},
};

/// A desktop's window.
const DESKTOP: (u32, u32) = (1_280, 800);

/// The page of a peer, open and live.
fn open(test: &str, peer: &Node) -> Option<Browser> {
    let browser = Browser::start(test, DESKTOP)?;
    browser.open(&link(peer));
    wait_connection(&browser, "live");
    Some(browser)
}

pub(crate) fn wait_connection(browser: &Browser, state: &str) {
    browser.wait_for(&format!("document.querySelector('#connection').dataset.state === '{state}'"));
}

/// Opens the conversation with somebody, once they are in the list.
pub(crate) fn choose(browser: &Browser, peer: &Node) {
    let row = format!("#people [data-id=\"{}\"]", peer.id());
    browser.wait_for(&format!("document.querySelector('{row}')"));
    browser.click(&row);
    browser.wait_for(&format!("document.querySelector('{row}[aria-current=true]')"));
    browser.wait_for("document.activeElement.id === 'write'");
}

/// Writes a message as a person does.
pub(crate) fn write(browser: &Browser, text: &str) {
    browser.script("document.querySelector('#write').focus()");
    browser.write(&format!("{text}\u{e007}"));
    browser.wait_for("document.querySelector('#write').value === ''");
}

/// Waits until the newest own message is in a state.
pub(crate) fn wait_newest(browser: &Browser, state: &str) {
    browser.wait_for(&format!(
        "[...document.querySelectorAll('#thread .mine')].pop()?.dataset.state === '{state}'"
    ));
}

/// Waits until the conversation says exactly this.
pub(crate) fn wait_said(browser: &Browser, texts: &[&str]) {
    let texts = json!(texts);
    browser.wait_for(&format!(
        "JSON.stringify([...document.querySelectorAll('#thread .text')].map((it) => it.textContent)) === JSON.stringify({texts})"
    ));
}

/// Waits until an element says something.
fn wait_text(browser: &Browser, css: &str, part: &str) {
    browser.wait_for(&format!(
        "document.querySelector({})?.textContent.includes({})",
        json!(css),
        json!(part)
    ));
}
