//! Who is registered and well, and how that changes.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use bytes::Bytes;
use hyper::Method;
use serde::Deserialize;

use super::{
    Client, ConsulError,
    client::{Answer, Ask},
    service::encoded,
};
use crate::limits::{CONSUL_WAIT, MAX_CONSUL_INSTANCES};

/// The header that says at which change of the catalog an answer was made.
const INDEX: &str = "x-consul-index";

/// A service that is well, as the catalog has it. Anybody who may write to the catalog may have put it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// Its tags.
    pub tags: Vec<String>,
    /// What else is told of it.
    pub meta: BTreeMap<String, String>,
}

/// Follows all healthy instances of one service by blocking queries.
#[derive(Debug)]
pub struct Follower {
    client: Client,
    service: String,
    tag: Option<String>,
    index: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    node: FoundNode,
    service: FoundService,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FoundNode {
    address: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FoundService {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    port: u32,
    tags: Option<Vec<String>>,
    meta: Option<BTreeMap<String, String>>,
}

impl Follower {
    /// Will begin with what is there now. With a tag: those that have it.
    pub fn new(client: Client, service: impl Into<String>, tag: Option<&str>) -> Self {
        Self { client, service: service.into(), tag: tag.map(str::to_owned), index: 0 }
    }

    /// The instances: at first at once, then when they may have changed, or after a minute. At most
    /// [`MAX_CONSUL_INSTANCES`]; what cannot be read is left out. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// [`ConsulError`]; the next call begins anew, with what is there then.
    pub async fn next(&mut self) -> Result<Vec<Instance>, ConsulError> {
        let answer = match self.ask().await {
            Ok(answer) => answer,
            Err(error) => {
                self.index = 0;
                return Err(error);
            }
        };
        let found: Vec<Found> = self.client.read(&answer.body)?;
        self.index = next_index(self.index, told_index(&answer));
        let instances = found.into_iter().filter_map(Found::read);
        Ok(instances.take(MAX_CONSUL_INSTANCES).collect())
    }

    async fn ask(&self) -> Result<Answer, ConsulError> {
        let mut path = format!("/v1/health/service/{}?passing", encoded(&self.service));
        if let Some(tag) = &self.tag {
            path = format!("{path}&tag={}", encoded(tag));
        }
        let mut patience = Duration::ZERO;
        if self.index > 0 {
            path = format!("{path}&index={}&wait={}s", self.index, CONSUL_WAIT.as_secs());
            // Consul adds up to a sixteenth, so that not all who wait come back at once.
            patience = CONSUL_WAIT + CONSUL_WAIT / 16;
        }
        self.client.ask(Ask { method: Method::GET, path: &path, body: Bytes::new(), patience }).await
    }
}

impl Client {
    /// The healthy instances of a service now; with a tag, those that have it.
    ///
    /// # Errors
    /// [`ConsulError`].
    pub async fn healthy(&self, service: &str, tag: Option<&str>) -> Result<Vec<Instance>, ConsulError> {
        Follower::new(self.clone(), service, tag).next().await
    }
}

impl Found {
    fn read(self) -> Option<Instance> {
        let FoundService { id, address, port, tags, meta } = self.service;
        let address = if address.is_empty() { self.node.address } else { address };
        Some(Instance {
            id,
            address: address.parse().ok()?,
            port: u16::try_from(port).ok()?,
            tags: tags.unwrap_or_default(),
            meta: meta.unwrap_or_default(),
        })
    }
}

fn told_index(answer: &Answer) -> u64 {
    let told = answer.headers.get(INDEX).and_then(|value| value.to_str().ok()?.parse().ok());
    told.unwrap_or(0)
}

/// An index that goes back is of a catalog that was made anew, or restored: to wait for the old one could take for ever.
/// One of 0 would not wait at all, says Consul's documentation, and is to be taken for 1.
const fn next_index(before: u64, told: u64) -> u64 {
    if told < before {
        0
    } else if told == 0 {
        1
    } else {
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_goes_back_begins_anew() {
        assert_eq!(next_index(7, 9), 9);
        assert_eq!(next_index(7, 7), 7);
        assert_eq!(next_index(7, 6), 0);
        assert_eq!(next_index(7, 0), 0);
        assert_eq!(next_index(0, 0), 1);
    }

    #[test]
    fn an_instance_without_an_address_is_at_its_agents() {
        let text = r#"{"Node":{"Address":"10.0.0.9"},"Service":{"ID":"a","Address":"","Port":5,"Tags":null,"Meta":null}}"#;
        let found: Found = serde_json::from_str(text).unwrap();
        let instance = found.read().unwrap();
        assert_eq!((instance.address.to_string().as_str(), instance.port), ("10.0.0.9", 5));
        let named = text.replace("\"Address\":\"\"", "\"Address\":\"peer.example\"");
        assert_eq!(serde_json::from_str::<Found>(&named).unwrap().read(), None);
    }
}
