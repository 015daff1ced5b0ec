//! What is registered with the agent.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use serde_json::{Value, json};

use super::{Client, ConsulError};
use crate::limits::{CONSUL_CHECK_EVERY, CONSUL_CHECK_TIMEOUT, CONSUL_DEREGISTER_AFTER, CONSUL_TTL};

/// A service of this node, as it is to stand in the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its id, unique at the agent.
    pub id: String,
    /// Its name: letters, digits, dashes.
    pub name: String,
    /// Where it is; none: at the agent's own address.
    pub address: Option<IpAddr>,
    /// Its port.
    pub port: u16,
    /// Words by which it is found.
    pub tags: Vec<String>,
    /// What else is told of it: values of at most 512 bytes.
    pub meta: BTreeMap<&'static str, String>,
    /// How the agent knows that it is well.
    pub check: Check,
}

/// How an agent knows that a service is well. Either way a service that is not well for a minute is removed (the
/// shortest time that Consul takes; it looks every 30 s).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// The service says so itself, within 15 s each time.
    Ttl,
    /// The agent asks this address every few seconds, and wants to see a status of 200 to 299.
    Http(String),
}

impl Service {
    /// The id of its check.
    pub(super) fn check_id(&self) -> String {
        format!("service:{}", self.id)
    }

    fn to_json(&self) -> Value {
        let seconds = |time: Duration| format!("{}s", time.as_secs());
        let mut check = match &self.check {
            Check::Ttl => json!({ "TTL": seconds(CONSUL_TTL) }),
            Check::Http(url) => json!({
                "HTTP": url,
                "Interval": seconds(CONSUL_CHECK_EVERY),
                "Timeout": seconds(CONSUL_CHECK_TIMEOUT),
            }),
        };
        check["CheckID"] = self.check_id().into();
        // It runs, or it would not register: nobody has to wait for the first look.
        check["Status"] = "passing".into();
        check["DeregisterCriticalServiceAfter"] = seconds(CONSUL_DEREGISTER_AFTER).into();
        let mut service = json!({
            "ID": self.id,
            "Name": self.name,
            "Port": self.port,
            "Tags": self.tags,
            "Meta": self.meta,
            "Check": check,
        });
        if let Some(address) = self.address {
            service["Address"] = address.to_string().into();
        }
        service
    }
}

impl Client {
    /// Registers a service, or changes its registration.
    ///
    /// # Errors
    /// [`ConsulError`]: not registered, or as before.
    pub async fn register(&self, service: &Service) -> Result<(), ConsulError> {
        self.put_json("/v1/agent/service/register?replace-existing-checks=true", &service.to_json())
            .await
            .map(drop)
    }

    /// Says that a service with [`Check::Ttl`] is well, or that it is not and why.
    ///
    /// # Errors
    /// [`ConsulError`]; also when the agent does not know the service any more.
    pub async fn report(&self, service: &Service, outcome: Result<(), &str>) -> Result<(), ConsulError> {
        let (status, output) = match outcome {
            Ok(()) => ("passing", ""),
            Err(why) => ("critical", why),
        };
        let path = format!("/v1/agent/check/update/{}", encoded(&service.check_id()));
        self.put_json(&path, &json!({ "Status": status, "Output": output })).await.map(drop)
    }

    /// Whether the agent has a service of this id.
    ///
    /// # Errors
    /// [`ConsulError`]: nobody knows.
    pub async fn has(&self, id: &str) -> Result<bool, ConsulError> {
        match self.get::<Value>(&format!("/v1/agent/service/{}", encoded(id))).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_unknown() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes a service. One that is not there is no error.
    ///
    /// # Errors
    /// [`ConsulError`]: it may be there still.
    pub async fn deregister(&self, id: &str) -> Result<(), ConsulError> {
        match self.put(&format!("/v1/agent/service/deregister/{}", encoded(id)), "").await {
            Err(error) if !error.is_unknown() => Err(error),
            _ => Ok(()),
        }
    }
}

/// As a part of a path: everything that is not a letter, digit, dash, dot, colon or underline in hexadecimal.
pub(super) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':' | b'_');
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_a_path_is_encoded() {
        assert_eq!(encoded("service:a-1_2.x"), "service:a-1_2.x");
        assert_eq!(encoded("a/b?c&d e%ü"), "a%2Fb%3Fc%26d%20e%25%C3%BC");
    }
}
