//! Two people, two pages, two networks with bridges between them.

use super::{choose, open, wait_connection, wait_newest, wait_said, wait_text, write};
use crate::support::Towns;

#[test]
fn two_pages_talk_across_the_bridges_and_say_truly_what_became_of_each_message() {
    let towns = Towns::start();
    let (anna, carla) = (towns.at_home("anna"), towns.in_cloud("carla"));
    anna.wait_online("carla");
    carla.wait_online("anna");
    let Some(page) = open("talking", &anna) else { return };
    let Some(other) = open("talking", &carla) else { return };
    choose(&page, &carla);
    wait_text(&page, "#way", "across attic and another bridge");
    write(&page, "are you there?");
    wait_newest(&page, "at_peer");
    // At the other side it is unread, until somebody looks.
    let row = format!("#people [data-id=\"{}\"]", anna.id());
    other.wait_for(&format!("document.querySelector('{row}')?.dataset.unread === '1'"));
    assert_eq!(other.script("return document.title"), "(1) Causeway");
    choose(&other, &anna);
    wait_said(&other, &["are you there?"]);
    wait_newest(&page, "read");
    other.wait_for(&format!("document.querySelector('{row}').dataset.unread === '0'"));
    other.script("document.querySelector('#write').focus()");
    other.write("I a");
    wait_text(&page, "#typing", "carla is writing");
    other.write("m\u{e008}\u{e007}\u{e000}and here I stay\u{e007}");
    wait_said(&page, &["are you there?", "I am\nand here I stay"]);
    page.wait_for("document.querySelector('#typing').hidden");
    wait_newest(&other, "read");
    // With a round trip measured, the way says it.
    wait_text(&page, "#way", " ms");
    page.click("#thread .mine .state");
    wait_text(&page, "#thread .mine .details", "across 2 bridges");
}

#[test]
fn drafts_and_conversations_survive_a_reload_and_the_search_finds_what_was_said() {
    let towns = Towns::start();
    let (anna, ben) = (towns.at_home("anna"), towns.at_home("ben"));
    anna.wait_online("ben");
    ben.wait_online("anna");
    for number in 0..3 {
        ben.deliver("anna", &format!("note {number}"));
    }
    ben.deliver("anna", "the Harbour at seven");
    let Some(page) = open("drafts", &anna) else { return };
    choose(&page, &ben);
    wait_text(&page, "#way", "on this network");
    page.write("half a thou");
    page.script("location.reload()");
    page.wait_for("document.querySelector('#people [data-id]')");
    wait_connection(&page, "live");
    choose(&page, &ben);
    assert_eq!(page.script("return document.querySelector('#write').value"), "half a thou");
    page.script("document.querySelector('#find').focus()");
    page.write("HARBOUR seven");
    page.wait_for("document.querySelectorAll('#found [data-found]').length === 1");
    page.click("#found [data-found]");
    page.wait_for("document.querySelector('#thread .found')?.textContent.includes('Harbour')");
    // A name and the beginning of an id find people.
    page.script("document.querySelector('#find').select()");
    page.write(&ben.id()[..10]);
    page.wait_for("document.querySelectorAll('#people [data-id]').length === 1");
}

#[test]
fn one_changes_ones_name_and_others_see_it() {
    let towns = Towns::start();
    let (anna, carla) = (towns.at_home("anna"), towns.in_cloud("carla"));
    anna.wait_online("carla");
    carla.wait_online("anna");
    let Some(page) = open("renaming", &anna) else { return };
    page.click("#me");
    page.wait_for("document.querySelector('#profile').open");
    assert_eq!(page.text("#own-id"), anna.id());
    page.script("document.querySelector('#rename').value = 'Annette'");
    page.click("#save-name");
    wait_text(&page, "#own-name", "Annette");
    carla.wait_online("Annette");
    let mut anna = anna;
    anna.kill();
    anna.start_again();
    assert_eq!(anna.status()["name"], "Annette", "the name lasts");
}
