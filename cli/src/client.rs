//! The local control of a running node, as a client.

use std::path::Path;

use anyhow::Context as _;
use proto::control::v1::{
    AboutRequest, bridge_client::BridgeClient, dispatcher_client::DispatcherClient,
    messenger_client::MessengerClient, node_client::NodeClient,
};
use runtime::{rpc::connect_unix, socket_path};
use tonic::transport::Channel;
use tonic_health::pb::health_client::HealthClient;

use crate::{
    data::{self, Kind},
    exit::{Failure, Fault},
    output,
};

/// The most that an answer of one's own node may hold.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// A connection to one node.
pub(crate) struct Client {
    channel: Channel,
}

impl Client {
    /// Connects to the node of a data directory, or to the only running one of a kind.
    pub(crate) async fn connect(given: Option<&Path>, kind: Option<Kind>) -> anyhow::Result<Self> {
        let data = data::of_running(given, kind)?;
        let channel = connect_unix(&socket_path::of(&data))
            .await
            .with_context(|| format!("cannot reach the node of {}", data.display()))?;
        let client = Self { channel };
        if let (Some(_), Some(kind)) = (given, kind) {
            client.expect(kind, &data).await?;
        }
        Ok(client)
    }

    /// A directory that was named may be one of another kind of node, which does not know what it would be asked.
    async fn expect(&self, kind: Kind, data: &Path) -> anyhow::Result<()> {
        let about = self.node().about(AboutRequest {}).await?.into_inner();
        let (found, wanted) = (output::kind(about.kind()), kind.word());
        if found == wanted {
            return Ok(());
        }
        let sentence = format!("{} belongs to a {found}, and this command asks a {wanted}", data.display());
        Err(Fault::error(Failure::Usage, sentence))
    }

    /// What every node answers.
    pub(crate) fn node(&self) -> NodeClient<Channel> {
        NodeClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    /// Whether the node is well, by its own word.
    pub(crate) fn health(&self) -> HealthClient<Channel> {
        HealthClient::new(self.channel.clone())
    }

    /// What a peer answers.
    pub(crate) fn messenger(&self) -> MessengerClient<Channel> {
        MessengerClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    /// What a dispatcher answers.
    pub(crate) fn dispatcher(&self) -> DispatcherClient<Channel> {
        DispatcherClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    /// What a bridge answers.
    pub(crate) fn bridge(&self) -> BridgeClient<Channel> {
        BridgeClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }
}
