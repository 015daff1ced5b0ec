//! The page for whoever runs the dispatcher, on a port of its own: no proxy that shows people the login shows them this.

use std::{net::SocketAddr, sync::Arc, time::SystemTime};

use data_encoding::HEXLOWER;
use identity::{NodeId, NodeKey};
use proto::{bridge::v1::OpenPageResponse, control::v1::KeptPeer};
use runtime::{
    TaskGroup,
    web::{
        self, Admission, Gate, KeySeal, LINK_LIFETIME, PageFile, answer,
        axum::{
            Router,
            extract::{DefaultBodyLimit, State},
            http::{HeaderMap, header::CONTENT_TYPE},
            response::Response,
            routing::{get, post},
        },
    },
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
};
use tonic::Status;

use crate::{
    keeper::{Act, Command},
    limits::MAX_ADMIN_BODY_BYTES,
};

/// The subject of all sessions: whoever may open the data directory.
const OWNER: &str = "owner";

const FILES: &[PageFile] = &[
    PageFile { name: "admin.css", text: include_str!("../page/admin/admin.css") },
    PageFile { name: "admin.js", text: include_str!("../page/admin/admin.js") },
    PageFile { name: "icon.svg", text: include_str!("../page/icon.svg") },
];

/// The links to the page.
#[derive(Debug, Clone)]
pub(crate) struct AdminLinks {
    gate: Gate,
    address: SocketAddr,
}

/// What the routes share. Cheap to clone.
#[derive(Debug, Clone)]
struct Admin {
    gate: Gate,
    commands: mpsc::Sender<Command>,
    /// What does not change: where people log in, and the bounds.
    about: Arc<Value>,
}

/// What is done to a peer.
#[derive(Debug, Deserialize)]
struct Asked {
    peer: String,
    act: String,
}

impl AdminLinks {
    pub(crate) fn new(key: NodeKey, address: SocketAddr) -> Self {
        let name = format!("{}", key.node_id().short());
        Self { gate: Gate::new(&name, Arc::new(KeySeal::new(key))), address }
    }

    /// A link that is good once.
    pub(crate) fn link(&self) -> OpenPageResponse {
        let secret = self.gate.link(OWNER, SystemTime::now());
        OpenPageResponse {
            url: web::link(self.address, &secret),
            valid_s: u32::try_from(LINK_LIFETIME.as_secs()).unwrap_or(u32::MAX),
        }
    }
}

impl Admission for Admin {
    fn gate(&self) -> &Gate {
        &self.gate
    }

    fn refusal(&self, _subject: &str) -> Option<&'static str> {
        None
    }
}

/// Serves the page.
pub(crate) fn serve(
    group: &TaskGroup,
    listener: TcpListener,
    links: &AdminLinks,
    (commands, about): (mpsc::Sender<Command>, Value),
) {
    let admin = Admin { gate: links.gate.clone(), commands, about: Arc::new(about) };
    let files = web::files(include_str!("../page/admin/index.html"), FILES, "here is only /\n");
    let api = Router::new()
        .route("/api/peers", get(peers))
        .route("/api/act", post(act))
        .layer(DefaultBodyLimit::max(MAX_ADMIN_BODY_BYTES));
    web::serve(group, listener, web::admitted(files, api, admin));
}

async fn peers(State(admin): State<Admin>) -> Response {
    let view = admin.ask(|reply| Command::Status { reply }).await;
    answer::json(view.map(|view| {
        json!({
            "about": &*admin.about,
            "waiting": view.waiting,
            "warnings": view.warnings,
            "peers": view.peers.iter().map(peer).collect::<Vec<_>>(),
        })
    }))
}

async fn act(State(admin): State<Admin>, headers: HeaderMap, body: String) -> Response {
    answer::json(admin.act(&headers, &body).await)
}

impl Admin {
    async fn act(&self, headers: &HeaderMap, body: &str) -> Result<Value, Status> {
        // A form of another site can only send other types.
        if headers.get(CONTENT_TYPE).is_none_or(|kind| kind != "application/json") {
            return Err(Status::invalid_argument("this takes JSON"));
        }
        let asked: Asked =
            serde_json::from_str(body).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let act = match asked.act.as_str() {
            "stop" => Act::Stop,
            "wake" => Act::Wake,
            "delete" => Act::Delete,
            other => return Err(Status::invalid_argument(format!("{other} cannot be done"))),
        };
        self.ask(|reply| Command::Act { peer: asked.peer, act, reply }).await??;
        Ok(json!({}))
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Status> {
        let stopping = || Status::unavailable("this dispatcher is stopping");
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())
    }
}

fn peer(peer: &KeptPeer) -> Value {
    let id =
        NodeId::try_from(&peer.node_id).map_or_else(|_| HEXLOWER.encode(&peer.node_id), |id| id.to_string());
    json!({
        "number": peer.number,
        "id": id,
        "state": peer.state,
        "user": peer.user,
        "age_s": peer.age_s,
        "visited_s": peer.visited_s,
        "resident_kib": peer.resident_kib,
        "trouble": peer.trouble,
    })
}
