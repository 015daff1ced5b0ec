//! One key of the key-value store: enough for marks that only one of many can make.

use bytes::Bytes;
use data_encoding::BASE64;
use hyper::Method;
use serde::Deserialize;

use super::{Client, ConsulError, client::Ask, service::encoded};

/// A key's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What was stored.
    pub value: Vec<u8>,
    /// Which change of the store it was: grows with each change of the key. Never 0.
    pub index: u64,
}

#[derive(Debug, Deserialize)]
struct Stored {
    #[serde(rename = "Value")]
    value: Option<String>,
    #[serde(rename = "ModifyIndex")]
    index: u64,
}

impl Client {
    /// What a key holds; none when there is no such key.
    ///
    /// # Errors
    /// [`ConsulError`].
    pub async fn value(&self, key: &str) -> Result<Option<Entry>, ConsulError> {
        let stored: Vec<Stored> = match self.get(&path(key, None)).await {
            Err(error) if error.is_unknown() => return Ok(None),
            stored => stored?,
        };
        let Some(Stored { value, index }) = stored.into_iter().next() else { return Ok(None) };
        let value = BASE64.decode(value.unwrap_or_default().as_bytes());
        Ok(Some(Entry { value: value.map_err(|error| self.garbled(&error))?, index }))
    }

    /// Stores a value. With `cas` only if the key is still as it was at that [`Entry::index`], 0: only if it is not
    /// there. True when it was stored.
    ///
    /// # Errors
    /// [`ConsulError`]; it may have been stored all the same.
    pub async fn set(
        &self,
        key: &str,
        value: impl Into<Bytes>,
        cas: Option<u64>,
    ) -> Result<bool, ConsulError> {
        let answer = self.put(&path(key, cas), value.into()).await?;
        self.read(&answer.body)
    }

    /// Removes a key; with `cas` only as it was at that index. True when it is not there any more.
    ///
    /// # Errors
    /// [`ConsulError`]; it may have been removed all the same.
    pub async fn remove(&self, key: &str, cas: Option<u64>) -> Result<bool, ConsulError> {
        let path = path(key, cas);
        let patience = std::time::Duration::ZERO;
        let ask = Ask { method: Method::DELETE, path: &path, body: Bytes::new(), patience };
        let answer = self.ask(ask).await?;
        self.read(&answer.body)
    }
}

fn path(key: &str, cas: Option<u64>) -> String {
    let key = key.split('/').map(encoded).collect::<Vec<_>>().join("/");
    match cas {
        Some(index) => format!("/v1/kv/{key}?cas={index}"),
        None => format!("/v1/kv/{key}"),
    }
}
