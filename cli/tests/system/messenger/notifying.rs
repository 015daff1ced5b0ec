//! Notifications: only if the person wants them, only while the page is hidden, the text only if they chose so.

use super::{open, wait_said};
use crate::support::Towns;

/// Notes what would be shown. What the system shows cannot be seen from here, and who looks neither.
const WATCHED: &str = r"
    window.shown = [];
    window.Notification = class {
        static permission = 'granted';
        static requestPermission() { return Promise.resolve('granted'); }
        constructor(title, options) { window.shown.push(`${title}: ${options.body}`); }
    };
    Object.defineProperty(document, 'visibilityState', { get: () => window.away ? 'hidden' : 'visible' });";

/// Switches a box of the profile, which is closed again.
fn switch(page: &crate::support::Browser, name: &str) {
    page.click("#me");
    page.click(&format!("#{name}"));
    page.wait_for(&format!("document.querySelector('#{name}').checked"));
    page.click("#profile [data-close]");
}

#[test]
fn a_message_is_notified_only_if_that_is_wanted_and_nobody_looks() {
    let towns = Towns::start();
    let (anna, ben) = (towns.at_home("anna"), towns.at_home("ben"));
    anna.wait_online("ben");
    ben.wait_online("anna");
    let Some(page) = open("notifying", &anna) else { return };
    page.script(WATCHED);
    let row = format!("#people [data-id=\"{}\"]", ben.id());
    page.wait_for(&format!("document.querySelector('{row}')"));
    page.click(&row);

    page.script("window.away = true");
    ben.deliver("anna", "not wanted");
    wait_said(&page, &["not wanted"]);
    page.script("window.away = false");
    switch(&page, "notify");
    ben.deliver("anna", "somebody looks");
    wait_said(&page, &["not wanted", "somebody looks"]);
    page.script("window.away = true");
    ben.deliver("anna", "a secret");
    page.wait_for("JSON.stringify(window.shown) === JSON.stringify(['ben: wrote to you'])");
    page.script("window.away = false");
    switch(&page, "notify-text");
    page.script("window.away = true");
    ben.deliver("anna", "with the text");
    page.wait_for("window.shown.length > 1");
    assert_eq!(page.script("return window.shown[1]"), "ben: with the text");
}
