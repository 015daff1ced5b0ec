//! The metrics port over a real socket.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

use runtime::{
    TaskGroup,
    metrics::{
        prometheus_client::{metrics::counter::Counter, registry::Registry},
        serve,
    },
    rpc::{PortChoice, bind_tcp},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

#[tokio::test]
async fn metrics_and_health_are_served() {
    let group = TaskGroup::new();
    let mut registry = Registry::default();
    let counter = Counter::<u64>::default();
    registry.register("stones", "Stones laid", counter.clone());
    counter.inc_by(7);
    let well = Arc::new(AtomicBool::new(true));
    let listener = bind_tcp(PortChoice::Default("127.0.0.1:0".parse().unwrap())).unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::clone(&well);
    let health =
        move || if asked.load(Ordering::SeqCst) { Ok(()) } else { Err("the disk is full".to_owned()) };
    serve(&group, listener, Arc::new(registry), Arc::new(health));

    let get = async |path: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    assert!(get("/metrics").await.contains("stones_total 7"));
    assert!(get("/healthz").await.starts_with("HTTP/1.1 200"));
    well.store(false, Ordering::SeqCst);
    let ill = get("/healthz").await;
    assert!(ill.starts_with("HTTP/1.1 503") && ill.contains("the disk is full"), "{ill}");
    assert!(get("/else").await.starts_with("HTTP/1.1 404"));
    assert!(group.shutdown(Duration::from_secs(30)).await);
}

#[tokio::test]
async fn a_default_port_gives_way_and_an_exact_one_does_not() {
    let first = bind_tcp(PortChoice::Default("127.0.0.1:0".parse().unwrap())).unwrap();
    let taken = first.local_addr().unwrap();
    let second = bind_tcp(PortChoice::Default(taken)).unwrap();
    assert_ne!(second.local_addr().unwrap(), taken);
    let refused = bind_tcp(PortChoice::Exact(taken)).unwrap_err();
    assert!(refused.to_string().contains("another program has it"), "{refused}");
}
