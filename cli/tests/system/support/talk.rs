//! What tests ask of nodes and say through them.

use std::{path::Path, time::Duration};

use proto::control::v1::{PeopleRequest, Person, SendRequest, messenger_client::MessengerClient};
use runtime::{rpc::connect_unix, socket_path};
use serde_json::Value;
use tonic::transport::Channel;

use super::{GENEROUS, Node, eventually, eventually_within, json::text};

impl Node {
    /// `causeway status --json`.
    pub(crate) fn status(&self) -> Value {
        self.json(&["status"]).remove(0)
    }

    /// The port behind a name of what the node listens on, such as `link` or `proxy`.
    pub(crate) fn port(&self, name: &str) -> u16 {
        let status = self.status();
        let listening = status["listening"].as_array().unwrap_or_else(|| panic!("no listening in {status}"));
        listening
            .iter()
            .filter_map(|entry| entry.as_str()?.split_once(' '))
            .find(|(what, _)| *what == name)
            .and_then(|(_, address)| address.trim_end_matches("/udp").rsplit(':').next()?.parse().ok())
            .unwrap_or_else(|| panic!("no {name} in {status}"))
    }

    /// The URL by which a link to this bridge is made, at this address of it.
    pub(crate) fn link_url(&self, address: &str) -> String {
        format!("quic://{address}:{}/{}", self.port("link"), self.id())
    }

    /// Whom this node knows by a name, if anybody.
    pub(crate) fn known(&self, name: &str) -> Option<Value> {
        self.json(&["peers"]).into_iter().find(|peer| peer["name"] == name)
    }

    /// Waits until this node knows another as online.
    pub(crate) fn wait_online(&self, name: &str) -> Value {
        eventually(&format!("{} knows {name} as online", self.name()), || {
            self.known(name).filter(|peer| peer["state"] == "online")
        })
    }

    /// Waits until all links of a bridge are up, and there are that many.
    pub(crate) fn wait_links(&self, up: usize) {
        eventually(&format!("{up} links of {} are up", self.name()), || {
            let links = self.json(&["links"]);
            (links.iter().filter(|link| link["state"] == "up").count() >= up).then_some(())
        });
    }

    /// Sends and is content once the message is stored; its id.
    pub(crate) fn send(&self, to: &str, what: &str) -> String {
        text(&self.json(&["send", to, what])[0], "id").to_owned()
    }

    /// Sends many, one after the other; they need not be at the peer on return.
    pub(crate) fn send_all(&self, to: &str, texts: impl IntoIterator<Item = String>) {
        on_this_thread(async {
            let mut messenger = messenger_of(self.data()).await;
            for text in texts {
                let request = SendRequest { to: to.to_owned(), text, ..SendRequest::default() };
                messenger.send(request).await.expect("it is stored");
            }
        });
    }

    /// Everybody who is there or was talked to, as the control service tells it.
    pub(crate) fn people(&self) -> Vec<Person> {
        on_this_thread(async {
            let answer = messenger_of(self.data()).await.people(PeopleRequest {}).await;
            answer.expect("it runs").into_inner().people
        })
    }

    /// Sends and waits until it is at the peer; its line of JSON.
    pub(crate) fn deliver(&self, to: &str, what: &str) -> Value {
        let message = self.json(&["send", to, what, "--wait", "60"]).remove(0);
        assert_eq!(message["state"], "at_peer", "{message}");
        message
    }

    /// The texts received from a peer, in the order of the inbox.
    pub(crate) fn received(&self, from: &str) -> Vec<String> {
        self.texts(from, "in")
    }

    /// The texts sent to a peer, in the order of the inbox.
    pub(crate) fn sent(&self, to: &str) -> Vec<String> {
        self.texts(to, "out")
    }

    /// Waits until exactly these texts were received from a peer, in this order.
    pub(crate) fn wait_received(&self, from: &str, expected: &[String]) {
        self.wait_received_within(GENEROUS, from, expected);
    }

    /// [`Self::wait_received`] with a limit of one's own.
    pub(crate) fn wait_received_within(&self, limit: Duration, from: &str, expected: &[String]) {
        let what = format!("{} has {} messages of {from}", self.name(), expected.len());
        eventually_within(limit, &what, || (self.received(from).len() >= expected.len()).then_some(()));
        let received = self.received(from);
        assert!(received == expected, "{what}: {}", difference(&received, expected));
    }

    fn texts(&self, with: &str, direction: &str) -> Vec<String> {
        let items = self.json(&["inbox", "--from", with]);
        let wanted = items.iter().filter(|item| item["direction"] == direction);
        wanted.map(|item| text(item, "text").to_owned()).collect()
    }
}

/// The local control of the peer that keeps its data there.
pub(super) async fn messenger_of(data: &Path) -> MessengerClient<Channel> {
    MessengerClient::new(connect_unix(&socket_path::of(data)).await.expect("it runs"))
}

/// Runs asynchronous code to its end.
pub(super) fn on_this_thread<T>(code: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("there is memory").block_on(code)
}

/// Where two lists first differ: whole lists of hundreds of messages tell nobody anything.
fn difference(received: &[String], expected: &[String]) -> String {
    let at = received.iter().zip(expected).take_while(|(one, other)| one == other).count();
    format!(
        "received {} of {}, different from number {at} on: {:?} instead of {:?}",
        received.len(),
        expected.len(),
        received.get(at..(at + 3).min(received.len())),
        expected.get(at..(at + 3).min(expected.len()))
    )
}
