//! When something is away, full, or tells another time: nothing is lost, nothing is doubled, and the page says why.

use super::{choose, open, wait_connection, wait_newest, wait_said, wait_text, write};
use crate::{
    clocks::{other_clock, with_clock},
    support::{Towns, small_disk},
};

#[test]
fn a_peer_that_is_killed_is_found_again_without_a_reload_a_loss_or_a_doubling() {
    let towns = Towns::start();
    let (mut anna, carla) = (towns.at_home_with_a_lasting_page("anna"), towns.in_cloud("carla"));
    anna.wait_online("carla");
    carla.wait_online("anna");
    let Some(page) = open("killed", &anna) else { return };
    page.script("window.before = true");
    choose(&page, &carla);
    write(&page, "one");
    wait_newest(&page, "at_peer");
    anna.kill();
    wait_connection(&page, "lost");
    wait_text(&page, "#notices", "The connection to your peer is lost");
    write(&page, "two");
    write(&page, "three");
    wait_text(&page, "#pending", "Not handed to your peer yet");
    let answers = ["four".to_owned(), "five".to_owned()];
    for answer in &answers {
        carla.send("anna", answer);
    }
    anna.start_again();
    wait_connection(&page, "live");
    page.wait_for("document.querySelectorAll('#thread .text').length === 5");
    let mut texts = page.texts("#thread .text");
    carla.wait_received("anna", &["one".into(), "two".into(), "three".into()]);
    anna.wait_received("carla", &answers);
    // The order of the two sides' messages is as they came; each side's own stays.
    let own: Vec<_> = ["one", "two", "three"].map(str::to_owned).to_vec();
    assert_eq!(texts.iter().filter(|text| own.contains(text)).cloned().collect::<Vec<_>>(), own);
    texts.retain(|text| answers.contains(text));
    assert_eq!(texts, answers);
    assert_eq!(page.script("return document.querySelectorAll('#pending li').length"), 0);
    assert_eq!(page.script("return window.before"), true, "the page was loaded again");
}

#[test]
fn a_bridge_that_is_killed_is_named_as_the_reason_and_what_waits_goes_when_it_is_back() {
    let mut towns = Towns::start();
    let (anna, carla) = (towns.at_home("anna"), towns.in_cloud("carla"));
    anna.wait_online("carla");
    carla.wait_online("anna");
    let Some(page) = open("bridgeless", &anna) else { return };
    choose(&page, &carla);
    write(&page, "before");
    wait_newest(&page, "at_peer");
    towns.attic.kill();
    write(&page, "during");
    wait_newest(&page, "queued");
    wait_text(&page, "#waiting", "One message waits");
    page.wait_for("/bridge|not reached|away/.test(document.querySelector('#waiting').textContent)");
    towns.attic.start_again();
    wait_newest(&page, "at_peer");
    page.wait_for("document.querySelector('#waiting').hidden");
    carla.wait_received("anna", &["before".into(), "during".into()]);
}

#[test]
fn a_full_disk_is_said_and_what_was_written_is_sent_once_there_is_room() {
    let towns = Towns::start();
    let Some(disk) = small_disk("a full disk", towns.folder()) else { return };
    let (anna, ben) = (towns.at_home_on("anna", disk.path()), towns.at_home("ben"));
    anna.wait_online("ben");
    ben.wait_online("anna");
    let Some(page) = open("full", &anna) else { return };
    choose(&page, &ben);
    write(&page, "there is room");
    wait_newest(&page, "at_peer");
    disk.fill();
    write(&page, "there is none");
    wait_text(&page, "#pending", "Tried again by itself: the message could not be stored: the disk is full");
    wait_text(&page, "#notices", "Nothing can be stored at present");
    disk.empty();
    page.wait_for("!document.querySelector('#notices').textContent.includes('Nothing can be stored')");
    wait_said(&page, &["there is room", "there is none"]);
    wait_newest(&page, "at_peer");
    ben.wait_received("anna", &["there is room".into(), "there is none".into()]);
}

#[test]
fn a_clock_that_is_wrong_by_a_day_is_told_and_changes_no_order() {
    let Some(library) = other_clock() else { return };
    let towns = Towns::start();
    let anna = towns.at_home("anna");
    let ben = with_clock(towns.stopped_at_home("ben"), &library, "+1d").start();
    anna.wait_online("ben");
    ben.wait_online("anna");
    anna.deliver("ben", "first");
    ben.deliver("anna", "second");
    anna.deliver("ben", "third");
    let Some(page) = open("clock", &anna) else { return };
    choose(&page, &ben);
    wait_said(&page, &["first", "second", "third"]);
    wait_text(&page, "#way", "their clock is 24 hours ahead: times shown mislead");
}
