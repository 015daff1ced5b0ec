//! The configuration file: the same names as the options, in a table per command.

use std::{
    fmt::Display,
    io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::Context as _;
use discovery::consul::ConsulUrl;
use dispatcher::TrustedProxy;
use gateway::Congestion;
use identity::NodeId;
use serde::Deserialize;

use crate::{
    args::{Backend, Catalog, Listen, LogFormat, Retain, Ui, Url},
    exit::{Failure, Fault},
};

const FOLDER: &str = "causeway";
const FILE: &str = "config.toml";

/// The whole file. An unknown name is an error: a misspelt option that does nothing costs a night.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct File {
    pub(crate) log: Option<String>,
    pub(crate) log_format: Option<LogFormat>,
    pub(crate) otlp: Option<String>,
    pub(crate) bridge: BridgeTable,
    pub(crate) peer: PeerTable,
    pub(crate) dispatcher: DispatcherTable,
}

/// `[bridge]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct BridgeTable {
    #[serde(deserialize_with = "parsed")]
    pub(crate) consul: Option<ConsulUrl>,
    pub(crate) consul_token_file: Option<PathBuf>,
    pub(crate) name: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) interface: Vec<String>,
    pub(crate) discovery_port: Option<u16>,
    pub(crate) greeting_port: Option<u16>,
    #[serde(deserialize_with = "parsed")]
    pub(crate) listen: Option<Listen>,
    pub(crate) link: Vec<String>,
    #[serde(deserialize_with = "list")]
    pub(crate) trust: Vec<NodeId>,
    #[serde(deserialize_with = "list")]
    pub(crate) operator: Vec<NodeId>,
    pub(crate) proxy_port: Option<u16>,
    pub(crate) control_port: Option<u16>,
    pub(crate) metrics_port: Option<u16>,
    #[serde(deserialize_with = "parsed")]
    pub(crate) congestion: Option<Congestion>,
    #[serde(deserialize_with = "parsed")]
    pub(crate) retain: Option<Retain>,
    #[serde(deserialize_with = "parsed")]
    pub(crate) retain_journal: Option<Retain>,
    pub(crate) busy_poll: Option<u64>,
    pub(crate) grace: Option<u64>,
}

/// `[peer]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct PeerTable {
    #[serde(deserialize_with = "parsed")]
    pub(crate) consul: Option<ConsulUrl>,
    pub(crate) consul_token_file: Option<PathBuf>,
    pub(crate) entry_point: Vec<String>,
    pub(crate) name: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) interface: Vec<String>,
    pub(crate) discovery_port: Option<u16>,
    pub(crate) greeting_port: Option<u16>,
    #[serde(deserialize_with = "parsed")]
    pub(crate) listen: Option<Listen>,
    pub(crate) bridge: Vec<String>,
    pub(crate) peer: Vec<String>,
    #[serde(deserialize_with = "parsed")]
    pub(crate) ui: Option<Ui>,
    #[serde(deserialize_with = "list")]
    pub(crate) obey: Vec<NodeId>,
    #[serde(deserialize_with = "parsed")]
    pub(crate) login: Option<Url>,
    pub(crate) ui_domain: Option<String>,
    pub(crate) metrics_listen: Option<SocketAddr>,
}

/// `[dispatcher]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct DispatcherTable {
    #[serde(deserialize_with = "parsed")]
    pub(crate) consul: Option<ConsulUrl>,
    pub(crate) consul_token_file: Option<PathBuf>,
    pub(crate) entry_point: Vec<String>,
    pub(crate) name: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) backend: Option<Backend>,
    pub(crate) image: Option<String>,
    pub(crate) overlay: Option<String>,
    pub(crate) listen: Option<SocketAddr>,
    #[serde(deserialize_with = "parsed")]
    pub(crate) admin: Option<Ui>,
    pub(crate) domain: Option<String>,
    pub(crate) keys: Option<PathBuf>,
    pub(crate) pool: Option<usize>,
    pub(crate) max_peers: Option<usize>,
    #[serde(deserialize_with = "parsed")]
    pub(crate) idle: Option<Retain>,
    #[serde(deserialize_with = "parsed")]
    pub(crate) forget: Option<Retain>,
    pub(crate) logins_per_minute: Option<u32>,
    #[serde(deserialize_with = "list")]
    pub(crate) trusted_proxy: Vec<TrustedProxy>,
    pub(crate) bridge: Vec<String>,
    #[serde(deserialize_with = "list")]
    pub(crate) fellow: Vec<NodeId>,
    pub(crate) catalog: Option<Catalog>,
    pub(crate) peer_listen: Option<IpAddr>,
    pub(crate) interface: Vec<String>,
    pub(crate) discovery_port: Option<u16>,
    pub(crate) metrics_listen: Option<SocketAddr>,
}

/// Reads the file that was asked for, or the one in its usual place, which may be missing.
pub(crate) fn read(asked: Option<&Path>) -> anyhow::Result<File> {
    let usual = || directories::BaseDirs::new().map(|dirs| dirs.config_dir().join(FOLDER).join(FILE));
    let Some(path) = asked.map(PathBuf::from).or_else(usual) else { return Ok(File::default()) };
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && asked.is_none() => {
            return Ok(File::default());
        }
        read => read.with_context(|| format!("cannot read the configuration file {}", path.display()))?,
    };
    toml::from_str(&text).map_err(|error| {
        Fault::error(Failure::Usage, format!("{} cannot be understood: {error}", path.display()))
    })
}

fn parsed<'de, D, T>(source: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = String::deserialize(source)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

fn list<'de, D, T>(source: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let texts = Vec::<String>::deserialize(source)?;
    texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_docs_is_understood() {
        let file: File = toml::from_str(
            r#"
            log = "debug"
            [bridge]
            name = "attic"
            network = "home"
            listen = "192.168.1.5"
            metrics-port = 0
            retain = "30d"
            retain-journal = "7d"
            link = ["quic://cloud.example.org:30020/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
            "#,
        )
        .unwrap();
        assert_eq!(file.bridge.name.as_deref(), Some("attic"));
        assert_eq!(file.bridge.metrics_port, Some(0));
        assert_eq!(file.bridge.link.len(), 1);
        let days = |days: u64| Some(Retain(std::time::Duration::from_secs(days * 24 * 3_600)));
        assert_eq!((file.bridge.retain, file.bridge.retain_journal), (days(30), days(7)));
        let error = toml::from_str::<File>("[bridge]\nretain = \"30\"").unwrap_err().to_string();
        assert!(error.contains("30d or 12h"), "{error}");
    }

    #[test]
    fn a_misspelt_name_is_refused() {
        let error = toml::from_str::<File>("[peer]\nnetwrok = \"home\"").unwrap_err().to_string();
        assert!(error.contains("netwrok"), "{error}");
    }
}
