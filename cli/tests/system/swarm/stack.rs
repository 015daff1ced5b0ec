//! `deploy/stack.yaml`, deployed as an operator does, with a real Consul and a real Traefik in containers.

use std::{path::Path, process::Command, thread};

use serde_json::Value;

use super::{
    engine::{Engine, IMAGE, OVERLAY, PEER_IMAGE, told},
    eventually,
};
use crate::consul::fetched;

/// Where people log in.
pub(super) const DOMAIN: &str = "chat.test";

const STACK: &str = "causeway";
/// What the file calls the images of others, the program, and where in the image that is.
const OTHERS: [(&str, &str, &str); 2] = [
    ("hashicorp/consul:1.20", "consul", "/bin/consul"),
    ("traefik:v3.7", "traefik", "/usr/local/bin/traefik"),
];
/// The services of the file that are not ours, and those that are.
const THEIRS: [&str; 2] = ["consul", "traefik"];
const OURS: [&str; 2] = ["bridge", "dispatcher"];
/// The images of this version and of the next one: of the services, and of the peers.
const NOW: [&str; 2] = [IMAGE, PEER_IMAGE];
const NEXT: [&str; 2] = ["causeway-under-test:next", "causeway-under-test-peer:next"];
/// Logins of new people from one address in a minute.
pub(super) const LOGINS: usize = 2;
/// What the dispatcher alone may have.
const SOCKET: &str = "/var/run/docker.sock";

/// See the module.
pub(super) struct Stack<'a>(&'a Engine);

impl<'a> Stack<'a> {
    /// Deploys it, with peers that soon sleep and a certificate that nobody signed; none, said loudly, without Consul and
    /// Traefik. Gives it once all of it is well.
    pub(super) fn deploy(test: &str, engine: &'a Engine) -> Option<Self> {
        for (tag, program, inside) in OTHERS {
            engine.make_image_of(tag, &fetched(program, test)?, inside);
        }
        engine.make_images();
        let node = engine.docker(&["node", "ls", "--quiet"]);
        engine.docker(&["node", "update", "--label-add", "causeway=here", &node]);
        for (secret, value) in
            [("causeway-keys", "0123456789abcdef".repeat(4)), ("causeway-dns-token", "none".into())]
        {
            let script = format!("printf %s {value} | docker secret create {secret} -");
            told(Command::new("sh").args(["-c", &script]).env("DOCKER_HOST", engine.url())).unwrap();
        }
        let stack = Self(engine);
        stack.deploy_file(NOW);
        THEIRS.into_iter().chain(OURS).for_each(|service| stack.wait_until_well(service, ""));
        Some(stack)
    }

    /// Deploys the same with other images of ours. Gives those while it is under way, once the dispatcher is the new one.
    pub(super) fn upgrade(&self) -> [&'static str; 2] {
        for (now, next) in NOW.into_iter().zip(NEXT) {
            self.0.docker(&["tag", now, next]);
        }
        self.deploy_file(NEXT);
        self.wait_until_well("dispatcher", NEXT[0]);
        NEXT
    }

    fn deploy_file(&self, [image, peer_image]: [&str; 2]) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("deploy/stack.yaml");
        let mut command = Command::new("docker");
        // No registry can be asked which image a name means.
        command.args(["stack", "deploy", "--resolve-image", "never", "--compose-file"]).arg(file).arg(STACK);
        command.env("DOCKER_HOST", self.0.url()).env("DOCKER_SOCKET", self.0.socket());
        command.env("DOCKER_GROUP", self.0.group()).env("DOMAIN", DOMAIN).env("CERT_RESOLVER", "");
        command.env("OVERLAY_SUBNET", self.0.subnet()).env("LOGINS_PER_MINUTE", LOGINS.to_string());
        command.envs([("CAUSEWAY_IMAGE", image), ("CAUSEWAY_PEER_IMAGE", peer_image)]);
        command.envs([("IDLE", "5s"), ("POOL", "1"), ("MAX_PEERS", "2")]);
        told(&mut command).unwrap();
    }

    /// Waits until a service is well, in a container of that image.
    pub(super) fn wait_until_well(&self, service: &str, image: &str) {
        let format = ["ps", "--filter", "health=healthy", "--format", "{{.Names}} {{.Image}}"];
        let name = format!("{STACK}_{service}.");
        eventually(&format!("{service} is well with {image}"), || {
            let is_it = |line: &&str| line.starts_with(&name) && line.ends_with(image);
            self.0.docker(&format).lines().find(is_it).map(drop)
        });
    }

    /// The image in which a kept peer runs.
    pub(super) fn image_of(&self, id: &str) -> String {
        let label = format!("label=causeway.number={}", self.kept(id)["number"]);
        self.0.docker(&["ps", "--filter", &label, "--format", "{{.Image}}"])
    }

    /// What a command answers in the container of a service.
    pub(super) fn ask(&self, service: &str, arguments: &[&str]) -> String {
        let container = self.container(service);
        self.0.docker(&[&["exec", &container, "/causeway"], arguments].concat())
    }

    /// A kept peer, by its id.
    pub(super) fn kept(&self, id: &str) -> Value {
        let status = self.ask("dispatcher", &["dispatcher", "status", "--json"]);
        let status: Value = serde_json::from_str(&status).unwrap();
        let kept = status["peers"].as_array().unwrap().iter().find(|kept| kept["id"] == id);
        kept.unwrap_or_else(|| panic!("no {id} in {status}")).clone()
    }

    /// Waits until nothing of a peer runs.
    pub(super) fn wait_asleep(&self, id: &str) {
        let number = self.kept(id)["number"].to_string();
        eventually(&format!("{id} sleeps"), || {
            let sleeps = self.kept(id)["state"] == "asleep";
            let runs = self.0.list("ps", &format!("causeway.number={number}"));
            (sleeps && runs.is_empty()).then_some(())
        });
    }

    /// Docker's socket is the dispatcher's alone, and nobody runs with more than it needs.
    pub(super) fn assert_closed(&self) {
        for service in THEIRS.into_iter().chain(OURS) {
            let spec = self.0.spec(&format!("{STACK}_{service}")).unwrap();
            let container = &spec["TaskTemplate"]["ContainerSpec"];
            let has_socket = container["Mounts"].to_string().contains(SOCKET);
            assert_eq!(has_socket, service == "dispatcher", "{container}");
            if OURS.contains(&service) {
                assert!(
                    container["ReadOnly"] == true && container["CapabilityDrop"][0] == "ALL",
                    "{container}"
                );
            }
        }
        let networks =
            self.0.docker(&["network", "ls", "--filter", "driver=overlay", "--format", "{{.Name}}"]);
        assert!(networks.lines().any(|name| name == OVERLAY), "{networks}");
    }

    fn container(&self, service: &str) -> String {
        let label = format!("com.docker.swarm.service.name={STACK}_{service}");
        let containers = self.0.list("ps", &label);
        containers.into_iter().next().unwrap_or_else(|| panic!("{service} does not run"))
    }
}

impl Drop for Stack<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let tell = |arguments: &[&str]| {
                let mut command = Command::new("docker");
                let output = command.args(arguments).env("DOCKER_HOST", self.0.url()).output();
                let said = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
                eprintln!("--- docker {}:\n{}", arguments.join(" "), String::from_utf8_lossy(&said));
            };
            tell(&["service", "ls"]);
            for service in THEIRS.into_iter().chain(OURS) {
                tell(&["service", "ps", "--no-trunc", &format!("{STACK}_{service}")]);
                tell(&["service", "logs", "--tail", "15", &format!("{STACK}_{service}")]);
            }
        }
    }
}
