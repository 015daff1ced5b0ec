//! Which containers of the peers run, by Docker's events.

use std::{
    collections::{BTreeMap, HashMap},
    time::{SystemTime, UNIX_EPOCH},
};

use bollard::{
    models::EventMessage,
    query_parameters::{EventsOptionsBuilder, ListContainersOptionsBuilder},
};
use data_encoding::HEXLOWER;
use futures_util::StreamExt as _;
use identity::NodeId;
use runtime::Backoff;
use tokio::{sync::watch, time::sleep};

use super::{
    engine::Engine,
    service::{NUMBER, owned_by},
    trouble::sentence,
};
use crate::limits::HEAR_AGAIN;

/// A container's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id([u8; 32]);

/// What is known of the containers.
#[derive(Debug)]
pub(super) struct Seen {
    /// Docker answers, and what stands here is how it is.
    pub(super) heard: bool,
    /// Why not.
    pub(super) why: String,
    /// By the peer's number.
    pub(super) running: BTreeMap<u64, Id>,
}

impl Id {
    fn parse(text: &str) -> Option<Self> {
        HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self { heard: false, why: "Docker was not asked yet".into(), running: BTreeMap::new() }
    }
}

impl Seen {
    /// Takes over what an event says.
    fn apply(&mut self, event: &EventMessage) {
        let Some((number, container)) = about(event) else { return };
        match event.action.as_deref() {
            Some("start") => drop(self.running.insert(number, container)),
            // The next one may run already.
            Some("die") if self.running.get(&number) == Some(&container) => {
                self.running.remove(&number);
            }
            _ => {}
        }
    }
}

/// Of which peer an event tells, and of which container.
fn about(event: &EventMessage) -> Option<(u64, Id)> {
    let actor = event.actor.as_ref()?;
    let number = actor.attributes.as_ref()?.get(NUMBER)?.parse().ok()?;
    Some((number, Id::parse(actor.id.as_deref()?)?))
}

/// Listens for ever; an engine that goes away is asked again.
pub(super) async fn follow(engine: &Engine, owner: NodeId, seen: &watch::Sender<Seen>) {
    let mut again = Backoff::new(HEAR_AGAIN.0, HEAR_AGAIN.1);
    loop {
        let why = listen(engine, owner, seen, &mut again).await;
        let was_heard = seen.borrow().heard;
        seen.send_modify(|seen| (seen.heard, seen.why) = (false, why.clone()));
        if was_heard {
            tracing::warn!(why, "the peers are not seen until Docker is heard again");
        }
        sleep(again.next()).await;
    }
}

/// Listens until Docker is not heard any more; gives why.
async fn listen(engine: &Engine, owner: NodeId, seen: &watch::Sender<Seen>, again: &mut Backoff) -> String {
    // From before the listing: nothing falls in between, and what is told twice says the same.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let running = match running(engine, owner).await {
        Ok(running) => running,
        Err(why) => return why,
    };
    let filters = HashMap::from([
        ("type", vec!["container".to_owned()]),
        ("event", vec!["start".to_owned(), "die".to_owned()]),
        ("label", vec![owned_by(owner)]),
    ]);
    let since = format!("{}.{:09}", since.as_secs(), since.subsec_nanos());
    let options = EventsOptionsBuilder::new().since(&since).filters(&filters).build();
    let docker = match engine.docker().await {
        Ok(docker) => docker,
        Err(why) => return why,
    };
    let mut events = docker.events(Some(options));
    tracing::debug!(running = running.len(), "Docker is heard");
    seen.send_modify(|seen| (seen.heard, seen.running) = (true, running));
    again.reset();
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => seen.send_modify(|seen| seen.apply(&event)),
            Err(error) => return sentence(&error),
        }
    }
    "Docker ended its stream of events; is it being restarted?".into()
}

async fn running(engine: &Engine, owner: NodeId) -> Result<BTreeMap<u64, Id>, String> {
    let filters = HashMap::from([("label", vec![owned_by(owner)])]);
    let options = ListContainersOptionsBuilder::new().filters(&filters).build();
    let docker = engine.docker().await?;
    let listed = docker.list_containers(Some(options)).await.map_err(|error| sentence(&error))?;
    let entry = |labels: HashMap<String, String>, id: Option<String>| {
        Some((labels.get(NUMBER)?.parse().ok()?, Id::parse(&id?)?))
    };
    Ok(listed.into_iter().filter_map(|it| entry(it.labels?, it.id)).collect())
}

#[cfg(test)]
mod tests {
    use bollard::models::EventActor;

    use super::*;

    fn event(action: &str, container: u8) -> EventMessage {
        let attributes = HashMap::from([(NUMBER.to_owned(), "7".to_owned())]);
        let actor = EventActor { id: Some(Id([container; 32]).to_string()), attributes: Some(attributes) };
        EventMessage { action: Some(action.into()), actor: Some(actor), ..EventMessage::default() }
    }

    #[test]
    fn the_late_end_of_an_earlier_container_does_not_hide_the_next_one() {
        let mut seen = Seen::default();
        seen.apply(&event("start", 1));
        seen.apply(&event("start", 2));
        seen.apply(&event("die", 1));
        assert_eq!(seen.running, BTreeMap::from([(7, Id([2; 32]))]));
        seen.apply(&event("die", 2));
        assert!(seen.running.is_empty());
    }

    #[test]
    fn events_of_others_change_nothing() {
        let mut seen = Seen::default();
        let mut foreign = event("start", 1);
        foreign.actor.as_mut().unwrap().attributes = Some(HashMap::new());
        seen.apply(&foreign);
        seen.apply(&EventMessage::default());
        assert!(seen.running.is_empty());
    }
}
