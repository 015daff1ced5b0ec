//! A peer that a dispatcher keeps: claims over the secure port, and who gets to the page.

use std::{
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use discovery::{Announcer, Presence, greeting::greet};
use identity::{
    Description, Network, NodeId,
    tls::{ALPN_H2, Expected, Identity, client_config, server_name},
    token::LoginToken,
};
use peer::{Hosting, Ui, VACANT};
use proto::{
    claim::v1::{ClaimRequest, ClaimResponse, HolderRequest, HolderResponse, claims_client::ClaimsClient},
    control::v1::{MessengerStatusRequest, PeopleRequest},
    node::v1 as node,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{Code, Status, codec::CompressionEncoding};

use crate::support::{LIMIT, Node, config, eventually, start_with, until_online};

const LOGIN: &str = "http://localhost:20000/";

async fn start(data: &Path, dispatcher: &Identity) -> Node {
    let mut config = config("guest", data);
    config.ui = Ui::At(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.hosting = Some(Hosting {
        entry_points: Vec::new(),
        obey: vec![dispatcher.id()],
        login: LOGIN.into(),
        domain: Some("example.org".into()),
    });
    start_with(config).await
}

async fn claims(node: &Node, dispatcher: &Identity) -> ClaimsClient<tonic::transport::Channel> {
    let tls = client_config(dispatcher, Expected::Node(node.id()), ALPN_H2).unwrap();
    let address = node.peer.addresses().secure;
    let connected = runtime::rpc::connect_tls(address, Arc::new(tls), server_name(node.id()), LIMIT).await;
    ClaimsClient::new(connected.unwrap().0)
}

async fn claim(node: &Node, dispatcher: &Identity, id: u8) -> Result<ClaimResponse, Status> {
    let request = ClaimRequest { claim_id: Bytes::copy_from_slice(&[id; 16]), user: "user".into() };
    Ok(claims(node, dispatcher).await.claim(request).await?.into_inner())
}

async fn holder(node: &Node, dispatcher: &Identity) -> Result<HolderResponse, Status> {
    Ok(claims(node, dispatcher).await.holder(HolderRequest {}).await?.into_inner())
}

fn token(dispatcher: &Identity, audience: NodeId, claim: u8) -> LoginToken {
    LoginToken {
        issuer: dispatcher.id(),
        audience,
        user: "user".into(),
        claim: [claim; 16],
        id: rand::random(),
        expires: SystemTime::now() + Duration::from_secs(60),
    }
}

/// An answer of the page, in small letters but for what comes after the head.
async fn ask(node: &Node, path: &str, headers: &[&str]) -> String {
    let address = node.peer.addresses().page.unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let host = if headers.iter().any(|header| header.starts_with("host:")) {
        String::new()
    } else {
        format!("host: {}.localhost:20000\r\n", node.id())
    };
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let request = format!("GET {path} HTTP/1.1\r\n{host}{headers}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn cookie(answer: &str) -> String {
    let line = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a session");
    assert!(line.contains("HttpOnly") && line.contains("SameSite=Lax"), "{line}");
    format!("cookie: {}", line.split(';').next().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_peer_is_nobodys_until_it_is_claimed_and_then_one_persons() {
    let (data, dispatcher) = (tempfile::tempdir().unwrap(), Identity::ephemeral().unwrap());
    let mut node = start(data.path(), &dispatcher).await;
    let away = ask(&node, "/", &[]).await;
    assert!(away.starts_with("HTTP/1.1 401") && away.contains(LOGIN), "{away}");
    assert!(ask(&node, "/api/me", &[]).await.starts_with("HTTP/1.1 401"));
    let described = async || {
        let greeted = greet(node.greeting(), None, &announcer()).await;
        greeted.unwrap().description
    };
    assert!(described().await.attribute(VACANT).is_some());

    let stranger = Identity::ephemeral().unwrap();
    assert_eq!(claim(&node, &stranger, 1).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(holder(&node, &stranger).await.unwrap_err().code(), Code::PermissionDenied);
    assert!(claim(&node, &dispatcher, 1).await.unwrap().lease_ms > 0);
    assert_eq!(claim(&node, &dispatcher, 2).await.unwrap_err().code(), Code::AlreadyExists);
    eventually("others hear that it is taken", async || {
        described().await.attribute(VACANT).is_none().then_some(())
    })
    .await;

    let enter = format!("/enter?login={}", token(&dispatcher, node.id(), 1).sign(dispatcher.key()));
    let session = cookie(&ask(&node, &enter, &[]).await);
    assert!(ask(&node, "/", &[&session]).await.starts_with("HTTP/1.1 200"));
    let me = ask(&node, "/api/me", &[&session]).await;
    assert!(me.contains(&format!("\"kept_by\":\"{LOGIN}\"")), "{me}");
    let used = ask(&node, &enter, &[]).await;
    assert!(used.starts_with("HTTP/1.1 401") && used.contains("used already"), "{used}");
    let held = holder(&node, &dispatcher).await.unwrap();
    assert!(held.redeemed && held.user == "user" && held.claim_id[..] == [1; 16], "{held:?}");

    // All of it also after a restart.
    let node_id = node.id();
    node.client.status(MessengerStatusRequest {}).await.unwrap();
    node.peer.shutdown().await;
    let node = start(data.path(), &dispatcher).await;
    assert_eq!(node.id(), node_id);
    assert!(ask(&node, "/", &[&session]).await.starts_with("HTTP/1.1 200"));
    assert!(ask(&node, &enter, &[]).await.starts_with("HTTP/1.1 401"));
    assert_eq!(claim(&node, &dispatcher, 2).await.unwrap_err().code(), Code::AlreadyExists);
    assert_eq!(claim(&node, &dispatcher, 1).await.unwrap().lease_ms, 0);
    let left = ask(&node, "/leave", &[&session]).await;
    assert!(left.contains("Max-Age=0") && left.contains(&format!("location: {LOGIN}")), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_old_or_of_somebody_else_or_for_somebody_else_opens_nothing() {
    let (data, dispatcher) = (tempfile::tempdir().unwrap(), Identity::ephemeral().unwrap());
    let (stranger, other) = (Identity::ephemeral().unwrap(), Identity::ephemeral().unwrap());
    let node = start(data.path(), &dispatcher).await;
    claim(&node, &dispatcher, 1).await.unwrap();
    let good = token(&dispatcher, node.id(), 1);
    let old = LoginToken { expires: SystemTime::now() - Duration::from_secs(30), ..good.clone() };
    let user = LoginToken { user: "else".into(), ..good.clone() };
    let cases = [
        old.sign(dispatcher.key()),
        user.sign(dispatcher.key()),
        token(&dispatcher, other.id(), 1).sign(dispatcher.key()),
        token(&dispatcher, node.id(), 2).sign(dispatcher.key()),
        token(&stranger, node.id(), 1).sign(stranger.key()),
        LoginToken { issuer: dispatcher.id(), ..good.clone() }.sign(stranger.key()),
        String::new(),
        "%3Cscript%3Ealert(1)%3C/script%3E".into(),
    ];
    for text in cases {
        let answer = ask(&node, &format!("/enter?login={text}"), &[]).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        assert!(!answer.to_lowercase().contains("set-cookie") && !answer.contains("<script>"), "{answer}");
    }
    assert!(!holder(&node, &dispatcher).await.unwrap().redeemed);
    // By its own name, by a name that was not given, and by TLS in front.
    let enter = format!("/enter?login={}", good.sign(dispatcher.key()));
    let foreign = ask(&node, &enter, &["host: evil.example.org"]).await;
    assert!(foreign.starts_with("HTTP/1.1 403"), "{foreign}");
    let host = format!("host: {}.example.org", node.id());
    let named = ask(&node, &enter, &[&host, "x-forwarded-proto: https"]).await;
    assert!(named.starts_with("HTTP/1.1 303") && named.contains("; Secure"), "{named}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_nobodys_is_not_among_the_people_until_it_is_somebodys() {
    let (data, dispatcher) = (tempfile::tempdir().unwrap(), Identity::ephemeral().unwrap());
    let guest = start(data.path(), &dispatcher).await;
    let mut anna = crate::support::start("anna", &[guest.greeting()]).await;
    until_online(&mut anna, 1).await;
    let mut people = anna.client.clone();
    let mut names = async || {
        let people = people.people(PeopleRequest {}).await.unwrap().into_inner().people;
        people.into_iter().map(|person| person.name).collect::<Vec<_>>()
    };
    assert_eq!(names().await, [""; 0]);
    claim(&guest, &dispatcher, 1).await.unwrap();
    eventually("the people", async || {
        let names = names().await;
        names.iter().any(|name| name == "guest").then_some(())
    })
    .await;
}

/// Somebody who asks for a description.
fn announcer() -> Announcer {
    let identity = Identity::ephemeral().unwrap();
    let description = node::Description {
        kind: node::NodeKind::Peer.into(),
        name: "asker".into(),
        certificate: identity.certificate().clone(),
        ..node::Description::default()
    };
    let presence = Presence {
        network: Network::named("test"),
        ports: node::Ports { greeting: 1, ..node::Ports::default() },
        homes: Vec::new(),
        description: Description::sign(identity.key(), description).unwrap(),
    };
    Announcer::new(&identity, 1, presence).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatcher_that_compresses_is_understood() {
    let (data, dispatcher) = (tempfile::tempdir().unwrap(), Identity::ephemeral().unwrap());
    let node = start(data.path(), &dispatcher).await;
    for encoding in [CompressionEncoding::Zstd, CompressionEncoding::Gzip] {
        let client = claims(&node, &dispatcher).await;
        let mut client = client.send_compressed(encoding).accept_compressed(encoding);
        let request = ClaimRequest { claim_id: Bytes::from_static(&[1; 16]), user: "user".into() };
        client.claim(request).await.unwrap();
        client.holder(HolderRequest {}).await.unwrap();
    }
}
