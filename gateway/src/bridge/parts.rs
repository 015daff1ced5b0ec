//! Putting a bridge together: bind, build, spawn.

use std::sync::Arc;

use discovery::{Announcer, Discovery};
use identity::Network;
use prometheus_client::registry::Registry;
use runtime::{BusyPoll, EventLoop, TaskGroup};
use storage::Store;
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};
use tracing::info_span;

use super::{
    AbortOnDrop, Bridge, StartError,
    ground::{Finding, Ground, Memory},
};
use crate::{
    actor::{Actor, ActorHandle, Change, Inbox, Parts},
    admin::{Admin, Lists, Own, target},
    config::BridgeConfig,
    endpoint::LinkEndpoint,
    greeting::Greeter,
    keeper::Keeper,
    limits::{ACTOR_QUEUE, CHANGES_QUEUE, LINK_EVENT_QUEUE},
    link::{
        DEFAULT_WINDOW_BYTES, Introduction, LinkEvent, LinkParts, Links, Trust, incoming_streams,
        limits::StreamLimits,
    },
    loading::Loaded,
    metrics::{self, Metrics},
    page::PageLinks,
    past::Source,
    ports::{self, Listeners},
    proxy::{Proxy, ProxyParts, limits::ProxyLimits},
    serve,
    shared::{Inner, Shared},
    stream,
    table::Table,
    waking::Waking,
    wall,
};

/// What carries peers' streams and the gossip.
struct Plane {
    links: Links,
    link_group: TaskGroup,
    events: mpsc::Receiver<LinkEvent>,
    proxy: Proxy,
    metrics: stream::Metrics,
}

/// What holds for now and may end: warnings for status.
type Sentences = watch::Receiver<Vec<String>>;

/// The actor, running.
struct Running {
    changes: broadcast::Sender<Change>,
    metrics: Metrics,
    keeper: oneshot::Receiver<Keeper>,
}

/// Listeners that are taken up last.
struct Doors {
    greeting: tokio::net::TcpListener,
    control: tokio::net::TcpListener,
    metrics: tokio::net::TcpListener,
}

pub(super) async fn start(config: BridgeConfig, group: &TaskGroup) -> Result<Bridge, StartError> {
    let mut ground = Ground::prepare(config).await?;
    let event_loop =
        EventLoop::start("causeway-links", ground.config.busy_poll).map_err(StartError::Thread)?;
    let Ground { config, identity, unkept, .. } = &mut ground;
    let listeners = ports::listen(config, identity, &event_loop, unkept)?;
    let finding = ground.find(&listeners.addresses, group).await?;
    let memory = ground.remember(&finding.network).await?;
    assemble(ground, (listeners, event_loop), finding, memory, group).await
}

/// Spawns everything. From here on the bridge serves.
async fn assemble(
    mut ground: Ground,
    (listeners, event_loop): (Listeners, EventLoop),
    finding: Finding,
    memory: Memory,
    group: &TaskGroup,
) -> Result<Bridge, StartError> {
    let Listeners { proxy, greeting, control, metrics, link, addresses } = listeners;
    let doors = Doors { greeting, control, metrics };
    let (commands, commanded) = mpsc::channel(ACTOR_QUEUE);
    let actor = ActorHandle::new(commands);
    let config = &ground.config;
    let own = ground.description.id();
    let (lists, trust) = Lists::open(&config.data, own, &config.links, &config.trust, actor.clone())?;
    let warnings = (warnings(&memory.loaded, &link), std::mem::take(&mut ground.unkept).spawn(group));
    let carrying = event_loop.group(group);
    let sockets = (link, proxy, event_loop.busy_poll().clone());
    let table = Table::default();
    let waking = Waking::new(ground.identity.clone(), table.clone(), group.clone(), actor.clone());
    let around = (&carrying, &table, &waking);
    let mut plane = Plane::spawn(&ground, &finding.network, sockets, (&lists, &trust), around);
    let events = std::mem::replace(&mut plane.events, mpsc::channel(1).1);
    let past = past_of(&ground, &memory);
    let inbox = |kept| Inbox { commands: commanded, links: events, discovery: finding.events, kept };
    let running =
        Running::spawn(memory, (&plane, &table), (beginning(&lists, &trust), warnings), inbox, group)?;
    let itself = own_of(&ground, &finding.network, addresses.link.port());
    let admin = Admin::new(itself, lists.clone(), plane.links.clone());
    let shared: Shared = Arc::new(Inner {
        description: ground.description.clone(),
        network: finding.network,
        addresses,
        operators: config.operators.iter().copied().collect(),
        started_ms: wall::now_ms(),
        retain: config.retained(),
        table: table.clone(),
        actor,
        changes: running.changes,
        links: plane.links.clone(),
        proxy: plane.proxy,
        waking,
        admin,
        metrics: running.metrics,
        streams: plane.metrics,
        page: PageLinks::new(ground.identity.key().clone(), addresses.metrics),
        past,
        group: group.child(),
        stop_asked: Notify::new(),
    });
    dial(&lists, &plane.links);
    let (discovery, announced) = (finding.discovery.clone(), (finding.announcer, finding.metrics));
    let socket = open(doors, &shared, (discovery, announced), &ground, group).await?;
    tracing::info!(bridge = %own, network = shared.network.name, "the bridge runs");
    Ok(Bridge {
        shared,
        group: group.clone(),
        links: plane.link_group,
        discovery: finding.discovery,
        keeper: running.keeper,
        store: ground.store,
        socket,
        _guard: AbortOnDrop(group.clone()),
        _event_loop: event_loop,
    })
}

/// Lets callers in. Gives the path of the local socket.
async fn open(
    doors: Doors,
    shared: &Shared,
    (discovery, (announcer, found)): (Discovery, (Announcer, discovery::Metrics)),
    ground: &Ground,
    group: &TaskGroup,
) -> Result<std::path::PathBuf, StartError> {
    serve::control(group, doors.control, &ground.identity, Arc::clone(shared)).await?;
    let greeter = Arc::new(Greeter { table: shared.table.clone(), discovery });
    serve::greeting(group, doors.greeting, announcer, greeter, found.clone()).await;
    let registry = registry(shared, &found, &ground.store);
    serve::page(group, doors.metrics, registry, Arc::clone(shared));
    let data = &ground.config.data;
    let socket = serve::console(group, data, Arc::clone(shared)).await;
    socket.map_err(|source| StartError::Socket { data: data.clone(), source })
}

impl Plane {
    fn spawn(
        ground: &Ground,
        network: &Network,
        (endpoint, proxy, busy_poll): (LinkEndpoint, tokio::net::TcpListener, BusyPoll),
        (lists, trust): (&Lists, &Trust),
        (group, table, waking): (&TaskGroup, &Table, &Waking),
    ) -> Self {
        let metrics = stream::Metrics::default();
        let link_group = group.child();
        let (link_events, events) = mpsc::channel(LINK_EVENT_QUEUE);
        let (streams, incoming) = incoming_streams();
        let parts = LinkParts {
            endpoint,
            introduction: Introduction { description: ground.description.clone(), network: network.clone() },
            trust: trust.clone(),
            admission: Arc::new(lists.clone()),
            events: link_events,
            streams,
            metrics: metrics.clone(),
            window_bytes: DEFAULT_WINDOW_BYTES,
            limits: StreamLimits::default(),
        };
        let links = Links::spawn(&link_group, parts);
        let parts = ProxyParts {
            listener: proxy,
            links: links.clone(),
            incoming,
            directory: Arc::new(table.clone()),
            wakes: Arc::new(waking.clone()),
            limits: ProxyLimits::default(),
            busy_poll,
            metrics: metrics.clone(),
        };
        let proxy = Proxy::spawn(group, parts);
        Self { links, link_group, events, proxy, metrics }
    }
}

impl Running {
    fn spawn(
        memory: Memory,
        (plane, table): (&Plane, &Table),
        (begin, (warnings, unkept)): (topology::Start, (Vec<String>, Sentences)),
        inbox: impl FnOnce(mpsc::Receiver<crate::keeper::Kept>) -> Inbox,
        group: &TaskGroup,
    ) -> Result<Self, StartError> {
        let (keeper, kept) = Keeper::spawn(memory.store, memory.logs.clone(), memory.retain_journal)
            .map_err(StartError::Thread)?;
        let (changes, _) = broadcast::channel(CHANGES_QUEUE);
        let metrics = Metrics::default();
        let parts = Parts {
            core: memory.core,
            peers: memory.peers,
            keeper,
            logs: memory.logs,
            links: plane.links.clone(),
            table: table.clone(),
            changes: changes.clone(),
            metrics: metrics.clone(),
            warnings,
            unkept,
        };
        let actor = Actor::start(parts, begin);
        let (ended, keeper) = oneshot::channel();
        let (inbox, token) = (inbox(kept), group.clone());
        group.spawn(info_span!("actor"), async move {
            // Nobody waits for it when the bridge was dropped.
            let _ = ended.send(actor.run(inbox, token).await);
        });
        Ok(Self { changes, metrics, keeper })
    }
}

/// Keeps the configured links up from now on.
fn dial(lists: &Lists, links: &Links) {
    for url in lists.look(|lists| lists.links.iter().cloned().collect::<Vec<_>>()) {
        links.add(target(&url));
    }
}

/// What was stored, to look back at while the bridge runs.
fn past_of(ground: &Ground, memory: &Memory) -> Source {
    let key = Arc::new(ground.identity.key().clone());
    let (logs, verifier) = (memory.logs.clone(), Arc::clone(&memory.verifier));
    let news = logs.grown();
    Source::live(Arc::new(logs), verifier, key, news)
}

/// What the core begins with.
fn beginning(lists: &Lists, trust: &Trust) -> topology::Start {
    topology::Start {
        seed: rand::random(),
        trusted: trust.borrow().iter().copied().collect(),
        policy: lists.look(|lists| lists.policy.in_force()),
    }
}

fn own_of(ground: &Ground, network: &Network, link_port: u16) -> Own {
    Own {
        key: Arc::new(ground.identity.key().clone()),
        name: ground.description.name().to_owned(),
        network: network.clone(),
        link_port,
        listen: ground.config.listen.filter(|address| !address.is_unspecified()),
    }
}

fn warnings(loaded: &Loaded, link: &LinkEndpoint) -> Vec<String> {
    let mut warnings = loaded.cut.clone();
    warnings.extend(link.small_buffers().map(|small| small.to_string()));
    warnings
}

fn registry(shared: &Inner, discovery: &discovery::Metrics, store: &Arc<Store>) -> Registry {
    let mut registry = Registry::with_prefix("causeway");
    discovery.register(&mut registry);
    let bridge = registry.sub_registry_with_prefix("bridge");
    shared.metrics.register(bridge);
    shared.streams.register(bridge);
    metrics::read_store(bridge.sub_registry_with_prefix("store"), store);
    metrics::read_invitations(bridge, shared.admin.clone());
    metrics::read_reach(bridge, shared.table.clone());
    registry
}
