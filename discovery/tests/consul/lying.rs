//! What the client does with whatever else may answer at the agent's port: a listener that says what the test wants.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use discovery::consul::{ConsulError, Follower};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::client;

/// Answers the requests with these, one after the other, the last one again and again; and keeps what was asked.
struct Liar {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _serving: tokio::task::JoinSet<()>,
}

impl Liar {
    async fn start(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut serving = tokio::task::JoinSet::new();
        let heard = Arc::clone(&asked);
        serving.spawn(async move {
            for turn in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut bytes = [0; 4_096];
                let length = stream.read(&mut bytes).await.unwrap();
                heard.lock().unwrap().push(String::from_utf8_lossy(&bytes[..length]).into_owned());
                // Whoever is lied to may hang up.
                let _ = stream.write_all(&answers[turn.min(answers.len() - 1)]).await;
            }
        });
        Self { address, asked, _serving: serving }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn asked(&self, turn: usize) -> String {
        self.asked.lock().unwrap()[turn].clone()
    }
}

fn answer(status: &str, index: Option<u64>, body: &str) -> Vec<u8> {
    let index = index.map(|index| format!("X-Consul-Index: {index}\r\n")).unwrap_or_default();
    format!("HTTP/1.1 {status}\r\n{index}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[tokio::test]
async fn an_index_that_jumps_back_or_fails_begins_anew() {
    let answers = [Some(50), Some(60), Some(7), Some(8), Some(0), None];
    let mut answers: Vec<_> = answers.map(|index| answer("200 OK", index, "[]")).to_vec();
    answers.push(answer("500 Internal Server Error", None, "No cluster leader"));
    answers.push(answer("200 OK", Some(9), "[]"));
    let liar = Liar::start(answers).await;
    let mut follower = Follower::new(client(&liar.url()), "tests", None);
    let expected = [None, Some(50), Some(60), None, Some(8), None];
    for (turn, index) in expected.into_iter().enumerate() {
        follower.next().await.unwrap();
        let asked = liar.asked(turn);
        match index {
            Some(index) => assert!(asked.contains(&format!("&index={index}&wait=60s")), "{turn}: {asked}"),
            None => assert!(!asked.contains("index="), "{turn}: {asked}"),
        }
    }
    let error = follower.next().await.unwrap_err();
    assert!(matches!(error, ConsulError::Failing { .. }), "{error}");
    assert!(error.to_string().contains("No cluster leader"), "{error}");
    follower.next().await.unwrap();
    assert!(!liar.asked(7).contains("index="), "after a failure what is there is asked for anew");
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let mut endless = b"HTTP/1.1 200 OK\r\nX-Consul-Index: 5\r\n\r\n[\"".to_vec();
    endless.resize(discovery::limits::MAX_CONSUL_BODY_BYTES + 100_000, b'a');
    let liar = Liar::start(vec![endless]).await;
    let error = client(&liar.url()).healthy("tests", None).await.unwrap_err();
    assert!(matches!(error, ConsulError::Garbled { .. }), "{error}");
}

#[tokio::test]
async fn what_is_no_consul_is_said_to_be_none() {
    for body in ["<html>hello</html>", "{}", r#"[{"Node":1}]"#] {
        let liar = Liar::start(vec![answer("200 OK", Some(5), body)]).await;
        let error = client(&liar.url()).healthy("tests", None).await.unwrap_err();
        assert!(matches!(error, ConsulError::Garbled { .. }), "{error}");
    }
    let liar = Liar::start(vec![b"SSH-2.0-something\r\n".to_vec()]).await;
    let error = client(&liar.url()).leader().await.unwrap_err();
    assert!(matches!(error, ConsulError::Garbled { .. }), "{error}");
}

#[tokio::test]
async fn too_many_connections_are_named() {
    let said = "Your IP is issuing too many concurrent connections, please rate limit your calls\n";
    let liar = Liar::start(vec![answer("429 Too Many Requests", None, said)]).await;
    let error = client(&liar.url()).leader().await.unwrap_err().to_string();
    assert!(error.contains("http_max_conns_per_client"), "{error}");
    // Older ones just hang up.
    let liar = Liar::start(vec![Vec::new()]).await;
    let error = client(&liar.url()).leader().await.unwrap_err().to_string();
    assert!(error.contains("http_max_conns_per_client"), "{error}");
}

#[tokio::test]
async fn nobody_there_is_said() {
    let error = client("http://127.0.0.1:1").leader().await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1:1") && error.contains("does it run"), "{error}");
}
