//! A session that moves from the bridges to the LAN and back, in mid conversation and without loss.
//!
//! ```text
//!  anna  attic --- house 10.1.0.0/24      garden 10.1.0.0/24 --- shed  ben
//!          |                                                      |
//!          +------------- between 198.51.100.0/24 ----------------+
//! ```
//! One network of two LANs, each with a bridge. Nothing but the bridges' link leads from one to the other.

use std::{cell::OnceCell, fs};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::steady::talk_while;
use crate::support::{Cable, Host, Lan, Node, World, eventually};

/// Where a bridge keeps the id of its network.
const NETWORK: &str = "network.json";
/// Messages that pass before, between and after the moves.
const CALM: usize = 20;

/// See the module. Nodes come first: they end before their world does.
struct TwoLans {
    attic: Node,
    shed: Node,
    anna: Node,
    ben: Node,
    annas_cable: Cable,
    house: Lan,
    garden: Lan,
    _world: World,
    _folder: TempDir,
}

impl TwoLans {
    fn set(test: &str) -> Option<Self> {
        let world = World::new(test)?;
        let folder = TempDir::new().unwrap();
        let (house, garden, between) = (world.lan("house"), world.lan("garden"), world.lan("between"));
        let on = |name: &str, lan: &Lan, address: &str| -> (Host, Cable) {
            let host = world.host(name);
            let cable = host.plug("eth0", lan, &[address]);
            (host, cable)
        };
        let (annas, annas_cable) = on("anna", &house, "10.1.0.3/24");
        let (bens, _) = on("ben", &garden, "10.1.0.4/24");
        let (attics, _) = on("attic", &house, "10.1.0.2/24");
        let (sheds, _) = on("shed", &garden, "10.1.0.5/24");
        attics.plug("eth1", &between, &["198.51.100.2/24"]);
        sheds.plug("eth1", &between, &["198.51.100.5/24"]);

        let bridge = |name: &str, host: &Host| {
            Node::bridge(name, "home", folder.path()).on(host).with(&["--interface", "eth0"])
        };
        let (attic, shed) = (bridge("attic", &attics), bridge("shed", &sheds));
        let attic = attic.with(&["--trust", &shed.id()]).start();
        // What a second bridge takes over from the first when it starts beside it on one LAN.
        fs::copy(attic.data().join(NETWORK), shed.data().join(NETWORK)).unwrap();
        let shed = shed.with(&["--link", &attic.link_url("198.51.100.2")]).start();
        attic.wait_links(1);
        let anna = Node::peer("anna", "home", folder.path()).on(&annas).start();
        let ben = Node::peer("ben", "home", folder.path()).on(&bens).start();
        let all = Self { attic, shed, anna, ben, annas_cable, house, garden, _world: world, _folder: folder };
        all.wait_across();
        Some(all)
    }

    /// Each knows the other across both bridges.
    fn wait_across(&self) {
        let (attic, shed) = (self.attic.id(), self.shed.id());
        self.wait_via(&json!([attic, shed]), &json!([shed, attic]));
    }

    fn wait_via(&self, from_anna: &Value, from_ben: &Value) {
        for (node, other, wanted) in [(&self.anna, "ben", from_anna), (&self.ben, "anna", from_ben)] {
            eventually(&format!("{} has {other} via {wanted}", node.name()), || {
                node.known(other).filter(|row| row["state"] == "online" && row["via"] == *wanted).map(drop)
            });
        }
    }

    /// The session has moved to the LAN: both say so, and the link carries nothing of what they write.
    fn wait_on_lan(&self, arrives: &dyn Fn(usize)) {
        let lan = json!("lan");
        self.wait_via(&lan, &lan);
        let carried = || [&self.attic, &self.shed].map(|bridge| bridge.status()["bytes_relayed"].clone());
        // What was under way on the old session when it moved may still be on the link.
        eventually("the link carries no more of it", || {
            let before = carried();
            arrives(CALM);
            (before == carried()).then_some(())
        });
        self.wait_via(&lan, &lan);
    }

    fn carried(&self) -> u64 {
        self.attic.status()["bytes_relayed"].as_u64().unwrap()
    }

    /// Both talk while their ways change.
    fn talk_both_ways(&self, happens: impl FnOnce(&dyn Fn(usize))) {
        talk_while(&self.anna, &self.ben, |at_ben| {
            talk_while(&self.ben, &self.anna, |at_anna| {
                happens(&|more| {
                    at_ben(more);
                    at_anna(more);
                });
            });
        });
    }

    /// Over the bridges, on one LAN, and over the bridges again.
    fn roam(&self, meet: impl FnOnce(), part: impl FnOnce()) {
        self.talk_both_ways(|arrive| {
            let before = self.carried();
            arrive(CALM);
            assert!(self.carried() > before, "the bridges carried nothing, so nothing is shown");
            meet();
            self.wait_on_lan(arrive);
            part();
            arrive(CALM);
            self.wait_across();
            let before = self.carried();
            arrive(CALM);
            assert!(self.carried() > before, "the bridges carry nothing again");
        });
    }
}

#[test]
fn a_session_moves_to_the_lan_and_back_while_its_bridges_go_on() {
    let Some(lans) = TwoLans::set("joined") else { return };
    // Both ways are there at once: the session moves because one is better.
    let patch = OnceCell::new();
    lans.roam(|| drop(patch.set(lans.house.join(&lans.garden))), || patch.get().unwrap().pull());
}

#[test]
fn a_laptop_carried_to_the_others_lan_and_home_again_loses_nothing() {
    let Some(lans) = TwoLans::set("carried") else { return };
    lans.roam(|| lans.annas_cable.carry_to(&lans.garden), || lans.annas_cable.carry_to(&lans.house));
}
