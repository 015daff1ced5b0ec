//! Notifications: only if the person wants them, only while the page is hidden, the text only if they chose so.

use serde_json::json;

use super::{choose, open, wait_said};
use crate::support::{Browser, Towns};

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
fn switch(page: &Browser, name: &str) {
    page.click("#me");
    page.click(&format!("#{name}"));
    page.wait_for(&format!("document.querySelector('#{name}').checked"));
    page.click("#profile [data-close]");
}

#[test]
fn a_message_is_notified_only_if_that_is_wanted_and_nobody_looks() {
    let towns = Towns::start();
    let (anna, ben, cleo) = (towns.at_home("anna"), towns.at_home("ben"), towns.at_home("cleo"));
    for other in [&ben, &cleo] {
        other.wait_online("anna");
    }
    let Some(page) = open("notifying", &anna) else { return };
    page.script(WATCHED);
    choose(&page, &cleo);

    // Of cleo nothing may be shown: what is shown of ben later would stand behind it.
    page.script("window.away = true");
    cleo.deliver("anna", "not wanted");
    wait_said(&page, &["not wanted"]);
    page.script("window.away = false");
    switch(&page, "notify");
    cleo.deliver("anna", "somebody looks");
    wait_said(&page, &["not wanted", "somebody looks"]);
    page.script("window.away = true");
    ben.deliver("anna", "a secret");
    page.wait_for("window.shown.includes('ben: wrote to you')");
    page.script("window.away = false");
    switch(&page, "notify-text");
    page.script("window.away = true");
    ben.deliver("anna", "with the text");
    page.wait_for("window.shown.includes('ben: with the text')");
    assert_eq!(page.script("return window.shown"), json!(["ben: wrote to you", "ben: with the text"]));
}
