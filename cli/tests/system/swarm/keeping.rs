//! A person's peer, through all that happens to it.

use std::time::Instant;

use serde_json::Value;

use super::{
    browser::{Answer, Browser},
    can_run_docker,
    engine::Engine,
    eventually,
    lobby::{Lobby, known_to_the_bridge, start_bridge},
};

/// The first engine API in which a service can be told to gain no privileges.
const KNOWS_PRIVILEGES: &str = "1.44";

/// Whose peer all of it happens to.
struct Story<'a> {
    engine: &'a Engine,
    browser: Browser<'a>,
    /// The name below which its page is, which begins with its id.
    peer: String,
    /// The label that its service, containers and volume have.
    label: String,
}

#[test]
fn a_person_keeps_a_peer_while_tasks_die_and_dispatchers_end_and_it_sleeps() {
    if !can_run_docker("a person keeps a peer") {
        return;
    }
    let engine = Engine::running();
    engine.make_images();
    let began = Instant::now();
    start_bridge(&engine);
    let lobby = Lobby::start(&engine, &["--pool", "1"]);
    let mut story = Story::begin(&engine, &lobby);
    eprintln!("logged in after {:?}", began.elapsed());
    assert!(lobby.ask(&["health"]).contains("answers"));
    story.its_service_is_bounded();
    story.how_much_memory_it_has_is_known(&lobby);
    story.others_can_reach_it_by_the_bridge();
    story.a_task_that_dies_is_followed_by_one_with_the_same_identity();
    lobby.kill();
    let lobby = story.the_next_dispatcher_takes_up_what_runs();
    story.what_nobody_uses_sleeps_and_is_woken();
    story.what_is_deleted_is_gone(&lobby);
    eprintln!("all of it after {:?}", began.elapsed());
}

impl<'a> Story<'a> {
    fn begin(engine: &'a Engine, lobby: &Lobby<'_>) -> Self {
        let mut browser = Browser::new(engine);
        let peer = browser.log_in();
        assert_is_its_page(&browser.open(&peer));
        assert_eq!(browser.open_as_a_stranger(&peer).status, 401);
        let status = lobby.status();
        let is_it = |it: &&Value| it["id"] == peer.trim_end_matches(".localhost");
        let kept = status["peers"].as_array().unwrap().iter().find(is_it).expect("it is one of the kept");
        let label = format!("causeway.number={}", kept["number"]);
        Self { engine, browser, peer, label }
    }

    fn its_service_is_bounded(&self) {
        let spec = self.engine.spec(&self.service()).unwrap();
        let (task, labels) = (&spec["TaskTemplate"], &spec["Labels"]);
        let (limits, container) = (&task["Resources"]["Limits"], &task["ContainerSpec"]);
        assert!(limits["MemoryBytes"].as_u64().unwrap() >= 64 << 20, "{limits}");
        assert!(limits["NanoCPUs"].as_u64().unwrap() > 0 && limits["Pids"].as_u64().unwrap() > 0, "{limits}");
        assert_eq!(container["ReadOnly"], true);
        assert_eq!(container["CapabilityDrop"][0], "ALL");
        if self.engine.docker(&["version", "--format", "{{.Server.APIVersion}}"]).as_str() >= KNOWS_PRIVILEGES
        {
            assert_eq!(container["Privileges"]["NoNewPrivileges"], true);
        }
        assert_eq!(spec["EndpointSpec"]["Mode"], "dnsrr");
        assert_eq!(labels["causeway.state"], "awake");
        assert_eq!(task["RestartPolicy"]["Condition"], "any");
    }

    fn how_much_memory_it_has_is_known(&self, lobby: &Lobby<'_>) {
        eventually("all peers say how much memory they have", || {
            let status = lobby.status();
            let is_known = |it: &Value| it["resident_kib"].as_u64().is_some_and(|kib| kib > 1024);
            status["peers"].as_array()?.iter().all(is_known).then_some(())
        });
        assert!(!lobby.ask(&["dispatcher", "status"]).contains("unknown"));
    }

    fn others_can_reach_it_by_the_bridge(&self) {
        let id = self.peer.trim_end_matches(".localhost");
        eventually("the bridge knows it", || known_to_the_bridge(self.engine).contains(id).then_some(()));
    }

    fn a_task_that_dies_is_followed_by_one_with_the_same_identity(&mut self) {
        let before = self.containers();
        self.engine.docker(&["kill", &before[0]]);
        eventually("another container runs", || {
            self.containers().into_iter().find(|now| !before.contains(now))
        });
        assert_is_its_page(&self.browser.open(&self.peer));
        assert_eq!(self.browser.log_in(), self.peer);
    }

    fn the_next_dispatcher_takes_up_what_runs(&mut self) -> Lobby<'a> {
        let (containers, services) = (self.all("ps"), self.all("service ls"));
        let lobby = Lobby::start(self.engine, &["--pool", "1", "--idle", "3s"]);
        assert_eq!(self.browser.log_in(), self.peer);
        eventually("it knows all of its peers", || {
            let status = lobby.status();
            let is_up = |it: &Value| it["state"] == "vacant" || it["state"] == "held";
            status["peers"].as_array()?.iter().all(is_up).then_some(())
        });
        assert_eq!(self.all("service ls"), services);
        assert_eq!(self.all("ps"), containers);
        lobby
    }

    fn what_nobody_uses_sleeps_and_is_woken(&mut self) {
        let service = self.service();
        eventually("it sleeps", || {
            let spec = self.engine.spec(&service)?;
            let is_told = spec["Labels"]["causeway.state"] == "asleep";
            let sleeps = is_told && spec["Mode"]["Replicated"]["Replicas"] == 0;
            (sleeps && self.containers().is_empty()).then_some(())
        });
        let began = Instant::now();
        assert_is_its_page(&self.browser.open(&self.peer));
        eprintln!("woken in {:?}", began.elapsed());
        assert_eq!(self.engine.spec(&service).unwrap()["Labels"]["causeway.state"], "awake");
        assert_eq!(self.browser.log_in(), self.peer);
    }

    fn what_is_deleted_is_gone(&self, lobby: &Lobby<'_>) {
        let left = || ["service ls", "volume ls"].map(|what| self.engine.list(what, &self.label).len());
        assert_eq!(left(), [1, 1]);
        let number = self.label.trim_start_matches("causeway.number=");
        lobby.ask(&["dispatcher", "delete", number]);
        eventually("service and volume are gone", || (left() == [0, 0]).then_some(()));
    }

    fn service(&self) -> String {
        let services = self.engine.list("service ls", &self.label);
        assert_eq!(services.len(), 1, "one service for one peer");
        services[0].clone()
    }

    /// Those that run.
    fn containers(&self) -> Vec<String> {
        self.engine.list("ps", &self.label)
    }

    /// What there is of a kind for all peers.
    fn all(&self, what: &str) -> Vec<String> {
        let mut all = self.engine.list(what, "causeway.number");
        all.sort();
        all
    }
}

fn assert_is_its_page(answer: &Answer) {
    assert!(answer.status == 200 && answer.body.contains("<!doctype html>"), "{answer:?}");
}
