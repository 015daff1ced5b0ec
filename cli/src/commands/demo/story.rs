//! What happens in the demo, told as it happens.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use proto::{
    bridge::v1::{KnownPeer, LinksRequest, OpenPageRequest, StatusRequest},
    control::v1::{
        DeliveryState, DispatcherStatusRequest, DispatcherStatusResponse, InboxItem, InboxRequest,
        InviteRequest, JoinRequest, MarkReadRequest,
    },
};

use super::{STEP_LIMIT, node::LOOK_EVERY, proof, world::World};
use crate::output::{self, line};

/// The bridge of the network `home`.
const ATTIC: &str = "attic";
/// The bridge of the network `cloud`.
const RACK: &str = "rack";

/// The dispatcher of the network `cloud`.
const LOBBY: &str = "lobby";

/// Times and texts that later steps need.
pub(super) struct Story {
    began: Instant,
    peers_started: Instant,
    secret: String,
    crossed_bytes: u64,
    /// A step could not be verified on this machine.
    unchecked: bool,
}

/// What was carried between the networks so far, bytes.
pub(super) struct Carried {
    /// Of peers' streams by each bridge, gossip and keep-alives apart.
    streams: [u64; 2],
    /// Of all there is on the link, both ways.
    link: u64,
}

impl Story {
    /// To be called at the beginning.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        // Random, so that finding it, or not, means something.
        let secret = format!("the key is under the {:016x}th flower pot", rand::random::<u64>());
        Self { began: now, peers_started: now, secret, crossed_bytes: 0, unchecked: false }
    }

    pub(super) async fn start_bridges(&self, world: &mut World) -> anyhow::Result<()> {
        line("Two networks on this machine, which know nothing of each other: `home` and `cloud`.")?;
        world.start_bridge(ATTIC, "home")?;
        world.start_bridge(RACK, "cloud")?;
        world.ready().await?;
        self.tell(&format!("A bridge runs in each: `{ATTIC}` at home, `{RACK}` in the cloud."))
    }

    pub(super) async fn link(&self, world: &World) -> anyhow::Result<()> {
        let asked = Instant::now();
        let (attic, rack) = (world.node(ATTIC)?, world.node(RACK)?);
        let invitation = rack.client()?.bridge().invite(InviteRequest::default()).await?.into_inner();
        attic.client()?.bridge().join(JoinRequest { token: invitation.token }).await?;
        loop {
            let links = attic.client()?.bridge().links(LinksRequest {}).await?.into_inner().links;
            if let Some(link) = links.iter().find(|link| link.state == "up") {
                let took = asked.elapsed().as_millis();
                return self.tell(&format!(
                    "`{RACK}` invited `{ATTIC}`, which joined: they are linked by QUIC at {} ({took} ms).",
                    link.address
                ));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub(super) async fn start_peers(&mut self, world: &mut World) -> anyhow::Result<()> {
        self.peers_started = Instant::now();
        for (name, network) in [("anna", "home"), ("ben", "home"), ("carla", "cloud"), ("dora", "cloud")] {
            world.start_peer(name, network)?;
        }
        world.ready().await?;
        self.tell("Two people in each: anna and ben at home, carla and dora in the cloud.")
    }

    pub(super) async fn find_each_other(&self, world: &World) -> anyhow::Result<()> {
        for (who, whom) in [("anna", "ben"), ("carla", "dora")] {
            let peer = world.node(who)?.knows(whom).await?;
            ensure!(peer.via.is_empty(), "{who} reaches {whom} via {}", output::via_text(true, &peer.via));
            self.discovered(who, whom, "on their own LAN")?;
        }
        for (who, whom) in [("anna", "carla"), ("carla", "anna"), ("ben", "dora")] {
            let peer = world.node(who)?.knows(whom).await?;
            ensure!(peer.via.len() == 2, "{who} reaches {whom} via {}", output::via_text(true, &peer.via));
            self.discovered(who, whom, &route(world, &peer)?)?;
        }
        Ok(())
    }

    /// What the bridges and their link have carried.
    pub(super) async fn carried(&self, world: &World) -> anyhow::Result<Carried> {
        let mut streams = [0; 2];
        for (bytes, name) in streams.iter_mut().zip([ATTIC, RACK]) {
            let status = world.node(name)?.client()?.bridge().status(StatusRequest {}).await?;
            *bytes = status.into_inner().bytes_relayed;
        }
        let links = world.node(ATTIC)?.client()?.bridge().links(LinksRequest {}).await?.into_inner().links;
        Ok(Carried { streams, link: links.iter().map(|link| link.bytes_in + link.bytes_out).sum() })
    }

    pub(super) async fn talk_at_home(&self, world: &World) -> anyhow::Result<()> {
        let said = world.node("anna")?.say("ben", "Is the kettle on?", STEP_LIMIT).await?;
        self.said(world, "anna", &said)?;
        ensure!(said.via.is_empty(), "a message within one LAN went over a bridge");
        Ok(())
    }

    pub(super) async fn talk_across(&mut self, world: &World) -> anyhow::Result<()> {
        let secret = self.secret.clone();
        let lines = [("anna", "carla", secret.as_str()), ("carla", "anna", "Found it, thank you!")];
        for (from, to, text) in lines {
            let said = world.node(from)?.say(to, text, STEP_LIMIT).await?;
            self.said(world, from, &said)?;
            ensure!(said.via.len() == 2, "the message took {} bridges instead of two", said.via.len());
            self.crossed_bytes += text.len() as u64;
        }
        Ok(())
    }

    pub(super) async fn read_receipt(&self, world: &World) -> anyhow::Result<()> {
        let carla = world.node("carla")?;
        let all = MarkReadRequest { peer: "anna".into(), ..MarkReadRequest::default() };
        carla.client()?.messenger().mark_read(all).await?;
        let request = InboxRequest { peer: "carla".into(), follow: true, last: 0 };
        let mut items = world.node("anna")?.client()?.messenger().inbox(request).await?.into_inner();
        while let Some(item) = items.message().await? {
            if item.text == self.secret && item.state() == DeliveryState::Read {
                return self.tell("carla has read it, and anna sees that.");
            }
        }
        anyhow::bail!("anna never saw that carla read the message")
    }

    pub(super) async fn prove_crossing(&self, world: &World, before: Carried) -> anyhow::Result<()> {
        let after = self.carried(world).await?;
        let [attic, rack] = [0, 1].map(|bridge| after.streams[bridge] - before.streams[bridge]);
        let link = after.link.saturating_sub(before.link);
        ensure!(
            attic.min(rack).min(link) >= self.crossed_bytes,
            "the bridges carried only {attic} and {rack} bytes of streams during the conversation, and their link {link}"
        );
        self.tell(&format!(
            "Checked: `{ATTIC}` carried {attic} bytes of peers' streams meanwhile and `{RACK}` {rack}, the conversation among \
             them; {link} bytes crossed their link."
        ))
    }

    pub(super) fn prove_no_direct_socket(&self, world: &World) -> anyhow::Result<()> {
        let id = |name| world.node(name)?.process_id();
        ensure!(
            !proof::are_connected(id("anna")?, id("carla")?)?,
            "anna and carla have a socket between them"
        );
        ensure!(proof::are_connected(id("anna")?, id(ATTIC)?)?, "anna has no connection to her bridge");
        ensure!(proof::are_connected(id("anna")?, id("ben")?)?, "anna and ben have no direct connection");
        self.tell(&format!(
            "Checked: the kernel knows of no socket between anna and carla; it does of anna's with `{ATTIC}` and with ben."
        ))
    }

    /// Where the kernel does not let us look, that is said; it is a failure if every step `must` be verified.
    pub(super) fn prove_blindness(&mut self, world: &World, must: bool) -> anyhow::Result<()> {
        let seen = |name: &str| proof::has_in_memory(world.node(name)?.process_id()?, self.secret.as_bytes());
        let (attic, rack, anna) = (seen(ATTIC)?, seen(RACK)?, seen("anna")?);
        ensure!(attic != Some(true) && rack != Some(true), "a bridge has the message in its memory");
        ensure!(anna != Some(false), "the search does not even find the message where it was written");
        if [anna, attic, rack].iter().all(Option::is_some) {
            return self.tell("Checked: the message is in anna's memory, and in neither bridge's: they saw only ciphertext.");
        }
        let why = "this machine does not let a process look into the memory of those that it started";
        ensure!(!must, "not checked, for {why}; see kernel.yama.ptrace_scope");
        self.unchecked = true;
        self.tell(&format!("Not checked, whether the bridges saw only ciphertext: {why}."))
    }

    pub(super) async fn open_lobby(&self, world: &mut World) -> anyhow::Result<()> {
        world.start_dispatcher(LOBBY, "cloud")?;
        world.ready().await?;
        loop {
            let status = lobby(world).await?;
            if status.peers.iter().any(|peer| peer.state == "vacant") {
                let url = status.url;
                return self.tell(&format!(
                    "A dispatcher, `{LOBBY}`, keeps a peer ready in the cloud for whoever has only a browser: {url}"
                ));
            }
            ensure!(status.warnings.is_empty(), "{}", status.warnings.join("; "));
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub(super) async fn end(&self, world: &World, exit: bool) -> anyhow::Result<()> {
        self.tell(if self.unchecked {
            "Every other step was verified."
        } else {
            "Every step was verified."
        })?;
        if exit {
            return Ok(());
        }
        let folder = world.folder().display();
        line("\nAll of it goes on running. In another terminal:")?;
        for example in [
            format!("causeway send carla \"hello\" --wait 5 --data {folder}/anna"),
            format!("causeway inbox --follow --data {folder}/carla"),
            format!("causeway peers --data {folder}/ben"),
            format!("causeway links --data {folder}/{ATTIC}"),
        ] {
            line(&format!("  {example}"))?;
        }
        line("\nIn a browser, each link good once:")?;
        for name in [ATTIC, RACK] {
            let page = world.node(name)?.client()?.bridge().open_page(OpenPageRequest {}).await?.into_inner();
            line(&format!("  {name:<8} {}", page.url))?;
        }
        for name in ["anna", "ben", "carla", "dora"] {
            let client = world.node(name)?.client()?;
            let page = client.messenger().open_page(OpenPageRequest {}).await?.into_inner();
            line(&format!("  {name:<8} {}", page.url))?;
        }
        line("\nFor a peer of your own, in any number of browsers on this machine, press the button there:")?;
        line(&format!("  {LOBBY:<8} {}", lobby(world).await?.url))?;
        line("\nCtrl-C here ends the demo and removes what it stored.")?;
        Ok(())
    }

    fn said(&self, world: &World, from: &str, item: &InboxItem) -> anyhow::Result<()> {
        ensure!(
            item.state() == DeliveryState::AtPeer || item.state() == DeliveryState::Read,
            "not delivered: {}",
            item.reason
        );
        let way = if item.via.is_empty() { "directly".into() } else { bridges(world, &item.via)? };
        let took = item.state_at_ms.saturating_sub(item.sent_at_ms);
        self.tell(&format!(
            "{from} > {}: \"{}\"  [stored by {} after {took} ms, {way}]",
            item.to_name, item.text, item.to_name
        ))
    }

    fn discovered(&self, who: &str, whom: &str, how: &str) -> anyhow::Result<()> {
        let took = self.peers_started.elapsed().as_millis();
        self.tell(&format!("{who} found {whom} {how}, within {took} ms of starting."))
    }

    fn tell(&self, what: &str) -> anyhow::Result<()> {
        Ok(line(&format!("{:>5} ms  {what}", self.began.elapsed().as_millis()))?)
    }
}

async fn lobby(world: &World) -> anyhow::Result<DispatcherStatusResponse> {
    let mut dispatcher = world.node(LOBBY)?.client()?.dispatcher();
    Ok(dispatcher.status(DispatcherStatusRequest {}).await?.into_inner())
}

fn route(world: &World, peer: &KnownPeer) -> anyhow::Result<String> {
    bridges(world, &peer.via)
}

fn bridges(world: &World, ids: &[bytes::Bytes]) -> anyhow::Result<String> {
    let mut names = Vec::new();
    for id in ids {
        let name = [ATTIC, RACK].into_iter().find(|name| {
            let about = identity::keyfile::load(&world.folder().join(name));
            about.is_ok_and(|key| key.node_id().as_bytes().as_slice() == id.as_ref())
        });
        names.push(format!("`{}`", name.context("an unknown bridge is on the way")?));
    }
    Ok(format!("across {}", names.join(" and ")))
}
