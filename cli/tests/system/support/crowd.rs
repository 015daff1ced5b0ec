//! Many peers that are there and say nothing: real identities, registered with a bridge over its control port.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use identity::{NodeId, tls::Identity};
use tokio::{
    sync::{Semaphore, oneshot},
    task::JoinSet,
    time::sleep,
};

use super::{
    raw::{Control, describe_as},
    talk::on_this_thread,
};

/// Each renews its registration once in this time, a third of its lease of 15 s. A thousand make 200 requests a second,
/// half of what a bridge takes of one address.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// Connections that are made at once.
const CONNECTING: usize = 32;
/// Before whoever was refused tries again.
const PAUSE: Duration = Duration::from_millis(500);
/// Nobody listens there: whoever calls them is refused.
const PORT: u16 = 9;

/// See the module. They fall silent when it is dropped.
#[derive(Debug)]
pub(crate) struct Crowd {
    over: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    people: Vec<(NodeId, String)>,
}

impl Crowd {
    /// Begins to register as many as there are names with a bridge.
    pub(crate) fn gather(control: &Control, names: impl IntoIterator<Item = String>) -> Self {
        let named: Vec<_> =
            names.into_iter().map(|name| (Identity::ephemeral().expect("keys can be made"), name)).collect();
        let people = named.iter().map(|(identity, name)| (identity.id(), name.clone())).collect();
        let (over, is_over) = oneshot::channel();
        let control = control.clone();
        let thread = thread::spawn(move || {
            on_this_thread(async {
                let connecting = Arc::new(Semaphore::new(CONNECTING));
                let mut running = JoinSet::new();
                for (identity, name) in named {
                    running.spawn(stay(control.clone(), identity, name, Arc::clone(&connecting)));
                }
                let _ = is_over.await;
            });
        });
        Self { over: Some(over), thread: Some(thread), people }
    }

    /// Their ids and names, in the order of the names given.
    pub(crate) fn people(&self) -> &[(NodeId, String)] {
        &self.people
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        drop(self.over.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Is registered, whatever happens to its connection.
async fn stay(control: Control, identity: Identity, name: String, connecting: Arc<Semaphore>) {
    let description = describe_as(&identity, &name);
    loop {
        let place = connecting.acquire().await.expect("it is never closed");
        let connected = control.connect(&identity).await;
        drop(place);
        let mut client = match connected {
            Ok(client) => client,
            Err(error) => {
                eprintln!("{name} does not reach the bridge: {error}");
                sleep(PAUSE).await;
                continue;
            }
        };
        loop {
            let request = control.registration_as(&identity, &description, PORT, false);
            if let Err(status) = client.register(request).await {
                eprintln!("{name} is not registered: {status}");
                break sleep(PAUSE).await;
            }
            sleep(RENEW_EVERY).await;
        }
    }
}
