//! Peers that end by themselves, or do not start.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

use rustix::process::Signal;

use crate::support::{GENEROUS, Lobby, Visitor, eventually, kill, signal, small_disk, text, visitor::Heard};

/// The process that takes the place of one that was killed, as soon as there is one.
fn next_process(lobby: &Lobby, before: u32) -> u32 {
    let end = Instant::now() + GENEROUS;
    loop {
        if let Some(process) = lobby.process_of(1).filter(|process| *process != before) {
            return process;
        }
        assert!(Instant::now() < end, "no process takes the place of {before}");
    }
}

#[test]
fn a_peer_that_is_killed_is_started_again_by_itself() {
    let lobby = Lobby::start("killed", &["--pool", "1"]);
    let port = lobby.port();
    let mut visitor = Visitor::default();
    let node = visitor.enter(port);
    lobby.wait_vacant(1);
    let numbers: Vec<_> = lobby.kept().iter().map(|peer| peer["number"].as_u64().unwrap()).collect();
    for number in numbers {
        let before = lobby.process_of(number).unwrap();
        kill(before);
        eventually("another process is that peer", || {
            lobby.process_of(number).filter(|process| *process != before)
        });
    }
    lobby.wait_state(&node, "held");
    lobby.wait_vacant(1);
    let page = visitor.page(port, &node, "/").unwrap();
    assert_eq!(page.status, 200, "the session is as it was: {page:?}");
    assert_eq!(visitor.enter(port), node);
}

#[test]
fn a_peer_that_hangs_is_started_anew() {
    // It is looked at more often where peers are to sleep soon.
    let lobby = Lobby::start("hanging", &["--pool", "1", "--idle", "1s"]);
    lobby.wait_vacant(1);
    let before = lobby.process_of(1).unwrap();
    signal(before, Signal::STOP);
    let id = text(&lobby.kept()[0], "id").to_owned();
    eventually("another process is that peer", || lobby.process_of(1).filter(|process| *process != before));
    lobby.wait_state(&id, "vacant");
    // The one that was made in its place is not needed any more.
    lobby.wait_vacant(1);
    assert_eq!(lobby.kept()[0]["id"], id.as_str());
    Visitor::default().enter(lobby.port());
}

#[test]
fn a_peer_that_still_starts_when_the_dispatcher_ends_is_waited_for_by_the_next_one() {
    let mut lobby = Lobby::start("starting", &["--pool", "1"]);
    lobby.wait_vacant(1);
    let before = lobby.process_of(1).unwrap();
    kill(before);
    let starting = next_process(&lobby, before);
    lobby.dispatcher.kill();
    // Not before: a stopped process whose parent ends is hung up.
    signal(starting, Signal::STOP);
    lobby.dispatcher.start_again();
    lobby.wait_count("starting", 1);
    signal(starting, Signal::CONT);
    eventually("the one that was waited for is vacant", || {
        lobby.kept().iter().any(|peer| peer["number"] == 1 && peer["state"] == "vacant").then_some(())
    });
    // While it rested another one may have been made in its place, which is not needed any more.
    lobby.wait_vacant(1);
    eventually("no other process is left", || (lobby.processes().len() == 1).then_some(()));
    assert_eq!(lobby.processes(), [(1, starting)]);
}

#[test]
fn who_waits_gets_in_although_the_peer_that_was_to_be_theirs_is_deleted_while_it_starts() {
    let lobby = Lobby::start("deleting", &["--pool", "1", "--max-peers", "1"]);
    let (port, mut visitor) = (lobby.port(), Visitor::default());
    lobby.wait_vacant(1);
    eventually("it stands still while it starts", || {
        let before = lobby.process_of(1)?;
        kill(before);
        signal(next_process(&lobby, before), Signal::STOP);
        (lobby.kept()[0]["state"] == "starting").then_some(())
    });
    assert!(visitor.ask(port).unwrap().json()["wait"].is_string());
    assert_eq!(lobby.dispatcher.causeway(&["dispatcher", "delete", "1"]).code, 0);
    let heard = visitor.log_in(port);
    assert!(heard.go().is_some(), "{heard:?}");
    eventually("the other one is gone", || lobby.process_of(1).is_none().then_some(()));
}

#[test]
fn a_peer_that_does_not_start_is_named_and_everybody_else_is_served() {
    let lobby = Lobby::start("broken", &["--pool", "1"]);
    let port = lobby.port();
    let mut unlucky = Visitor::default();
    let node = unlucky.enter(port);
    let number = lobby.number(&node);
    assert_eq!(lobby.dispatcher.causeway(&["dispatcher", "stop", &node]).code, 0);
    lobby.wait_state(&node, "asleep");
    let claim = lobby.data_of(number).join("claim");
    let good = fs::read(&claim).unwrap();
    fs::write(&claim, "\u{0}garbage").unwrap();

    let refused = unlucky.log_in(port);
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.why().contains("your peer does not start; whoever runs this place"), "{refused:?}");
    let page = unlucky.page(port, &node, "/").unwrap();
    assert!(page.status == 503 && page.body.contains("does not start"), "{page:?}");
    // What is wrong is for whoever can do something about it.
    let detail = format!("the claim in {} cannot be read", lobby.data_of(number).display());
    assert_tells_nothing(&[&refused, &page], &["the claim", lobby.folder().to_str().unwrap()]);
    let (status, broken) = (lobby.status(), lobby.kept_as(&node));
    let warning = status["warnings"][0].as_str().unwrap();
    assert!(warning.contains(&format!("peer {number} does not run")), "{status}");
    assert!(warning.contains(&detail) && text(&broken, "trouble").contains(&detail), "{status}");
    assert_eq!(broken["state"], "broken");

    // However often its person tries.
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                assert_eq!(unlucky.log_in(port).status, 503);
            }
        });
        let _ends = OverWhenDropped(&over);
        for _ in 0..4 {
            assert_ne!(Visitor::default().enter(port), node);
        }
        lobby.wait_vacant(1);
    });

    fs::write(&claim, good).unwrap();
    assert_eq!(unlucky.enter(port), node, "nothing of it was lost or given away");
    assert_eq!(lobby.status()["warnings"].as_array().unwrap().len(), 0);
}

#[test]
fn who_comes_while_no_peer_can_be_started_hears_that_and_nothing_of_the_machine() {
    let lobby = Lobby::start("impossible", &["--pool", "0"]);
    let (port, peers) = (lobby.port(), lobby.data_of(1).parent().unwrap().to_owned());
    fs::remove_dir(&peers).unwrap();
    fs::write(&peers, "no folder").unwrap();
    let refused = Visitor::default().log_in(port);
    assert!(refused.status == 503 && refused.why().contains("no peer can be started"), "{refused:?}");
    assert_tells_nothing(&[&refused], &[env!("CARGO_BIN_EXE_causeway"), "directory"]);
    let warnings = lobby.status()["warnings"].to_string();
    assert!(warnings.contains("no peer could be started") && warnings.contains("directory"), "{warnings}");

    fs::remove_file(&peers).unwrap();
    eventually("somebody gets in", || Visitor::default().log_in(port).go());
}

#[test]
fn who_comes_while_the_disk_is_full_hears_so_and_gets_in_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = small_disk("a dispatcher on a full disk", folder.path()) else { return };
    let lobby = Lobby::start_in("full", disk.path().join("lobby"), &["--pool", "0"]);
    let port = lobby.port();
    let mut known = Visitor::default();
    let node = known.enter(port);
    disk.fill();
    let refused = Visitor::default().log_in(port);
    assert!(refused.status == 503 && refused.why().contains("cannot write to its disk"), "{refused:?}");
    assert_tells_nothing(&[&refused], &[disk.path().to_str().unwrap()]);
    let warnings = lobby.status()["warnings"].to_string();
    assert!(warnings.contains("no peer can be made") && warnings.contains("disk is full"), "{warnings}");
    // Whoever has a peer sees its page; only the peer cannot note that a browser is let in, and says that.
    assert_eq!(known.page(port, &node, "/").unwrap().status, 200);
    let go = known.log_in(port).go().unwrap();
    let not_stored = known.follow(&go).unwrap();
    assert!(not_stored.body.contains("The login could not be stored: No space left"), "{not_stored:?}");

    disk.empty();
    eventually("somebody new gets in", || Visitor::default().log_in(port).go());
    assert_eq!(known.enter(port), node);
    assert_eq!(lobby.status()["warnings"].as_array().unwrap().len(), 0);
}

/// Of what is only for whoever runs the dispatcher.
fn assert_tells_nothing(heard: &[&Heard], secrets: &[&str]) {
    for heard in heard {
        assert!(!secrets.iter().any(|secret| heard.body.contains(secret)), "{heard:?}");
    }
}

/// Ends the other thread when an assertion fails, too.
struct OverWhenDropped<'a>(&'a AtomicBool);

impl Drop for OverWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
