//! How Traefik is told of pages: by tags of their services, which its provider `consulCatalog` reads.

use std::net::{IpAddr, SocketAddr};

use identity::NodeId;

use super::{
    Check, Service,
    catalog::{LOGINS, PAGES, VACANT, page_meta, reachable_at},
};

/// The least that Traefik takes: whatever else has a rule for a name comes first.
const LAST: u32 = 1;

/// Where people's browsers come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrance {
    /// Pages are at ID.DOMAIN, the login at DOMAIN.
    pub domain: String,
    /// Traefik's entry points that lead to pages; empty: its default ones.
    pub entry_points: Vec<String>,
}

/// The page of a kept peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The peer.
    pub id: NodeId,
    /// The name of its network.
    pub network: String,
    /// Where its page listens.
    pub page: SocketAddr,
    /// Where its chat listens.
    pub secure: SocketAddr,
    /// It is nobody's.
    pub vacant: bool,
}

impl Page {
    /// Its service. The agent looks at `/healthz` of the page.
    ///
    /// # Errors
    /// A sentence, when nobody at the agent's could reach the page: see [`reachable_at`].
    pub fn service(&self, entrance: &Entrance, from: IpAddr) -> Result<Service, String> {
        let id = format!("{PAGES}-{}", self.id);
        let rule = format!("Host(`{}.{}`)", self.id, entrance.domain.to_ascii_lowercase());
        let vacant = self.vacant.then(|| VACANT.to_owned());
        let tags = vacant.into_iter().chain(tags(&id, &rule, entrance, self.page.port()));
        let unreachable = |why| format!("the page has no route: {why}; say `--ui 0.0.0.0:30003`");
        Ok(Service {
            name: PAGES.into(),
            address: reachable_at(self.page.ip(), from).map_err(unreachable)?,
            port: self.page.port(),
            tags: tags.collect(),
            meta: page_meta(self.id, &self.network, self.secure).into_iter().collect(),
            check: Check::Http(health(self.page, from)),
            id,
        })
    }
}

/// The service of the page where people log in, of the dispatcher with this id. It has the last word on all names of
/// peers: whoever asks for a peer that sleeps comes here.
///
/// # Errors
/// A sentence, when nobody at the agent's could reach the page: see [`reachable_at`].
pub fn login(
    dispatcher: NodeId,
    listen: SocketAddr,
    entrance: &Entrance,
    from: IpAddr,
) -> Result<Service, String> {
    let domain = entrance.domain.to_ascii_lowercase();
    let peers = domain.replace('.', r"\.");
    let rule = format!(r"Host(`{domain}`) || HostRegexp(`^[a-z2-7]{{52}}\.{peers}$`)");
    let mut tags: Vec<_> = tags(LOGINS, &rule, entrance, listen.port()).collect();
    tags.push(format!("traefik.http.routers.{LOGINS}.priority={LAST}"));
    let unreachable = |why| format!("the login has no route: {why}; say `--listen 0.0.0.0:20000`");
    Ok(Service {
        id: format!("{LOGINS}-{dispatcher}"),
        name: LOGINS.into(),
        address: reachable_at(listen.ip(), from).map_err(unreachable)?,
        port: listen.port(),
        tags,
        meta: [("node", dispatcher.to_string())].into(),
        check: Check::Http(health(listen, from)),
    })
}

/// A router and a service of its own: by default Traefik spreads requests over all that have the same service's name.
fn tags(name: &str, rule: &str, entrance: &Entrance, port: u16) -> impl Iterator<Item = String> + use<> {
    let router = format!("traefik.http.routers.{name}");
    let entry_points = (!entrance.entry_points.is_empty())
        .then(|| format!("{router}.entrypoints={}", entrance.entry_points.join(",")));
    [
        "traefik.enable=true".to_owned(),
        format!("{router}.rule={rule}"),
        format!("{router}.service={name}"),
        format!("traefik.http.services.{name}.loadbalancer.server.port={port}"),
    ]
    .into_iter()
    .chain(entry_points)
}

/// Where the agent looks. What listens on all addresses is looked at where this node is met on the way to the agent.
fn health(listen: SocketAddr, from: IpAddr) -> String {
    let ip = if listen.ip().is_unspecified() { from } else { listen.ip() };
    format!("http://{}/healthz", SocketAddr::new(ip, listen.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entrance() -> Entrance {
        Entrance { domain: "Chat.Example.org".into(), entry_points: vec!["web".into(), "tls".into()] }
    }

    #[test]
    fn each_page_has_a_router_of_its_own() {
        let id = NodeId::from_bytes([7; 32]);
        let (page, secure) = ("0.0.0.0:30003".parse().unwrap(), "[::]:30000".parse().unwrap());
        let page = Page { id, network: "cloud".into(), page, secure, vacant: true };
        let service = page.service(&entrance(), "10.0.0.7".parse().unwrap()).unwrap();
        assert_eq!(service.address, Some("10.0.0.7".parse().unwrap()));
        assert_eq!(service.check, Check::Http("http://10.0.0.7:30003/healthz".into()));
        let router = format!("traefik.http.routers.causeway-page-{id}");
        for tag in [
            "vacant".to_owned(),
            format!("{router}.rule=Host(`{id}.chat.example.org`)"),
            format!("{router}.entrypoints=web,tls"),
            format!("{router}.service=causeway-page-{id}"),
            format!("traefik.http.services.causeway-page-{id}.loadbalancer.server.port=30003"),
        ] {
            assert!(service.tags.contains(&tag), "{tag} of {:?}", service.tags);
        }
        let taken = Page { vacant: false, ..page };
        let service = taken.service(&entrance(), "10.0.0.7".parse().unwrap()).unwrap();
        assert!(!service.tags.contains(&"vacant".to_owned()));
    }

    #[test]
    fn a_page_on_this_machine_has_no_route_from_another_one() {
        let (id, page) = (NodeId::from_bytes([7; 32]), "127.0.0.1:30003".parse().unwrap());
        let why = login(id, page, &entrance(), "10.0.0.7".parse().unwrap()).unwrap_err();
        assert!(why.contains("--listen 0.0.0.0:20000"), "{why}");
        let login = login(id, page, &entrance(), "127.0.0.1".parse().unwrap()).unwrap();
        assert!(login.tags.iter().any(|tag| tag.contains(r"\.chat\.example\.org$")), "{:?}", login.tags);
    }
}
